"""The recurrent encoder-decoder: token ids ↔ sentence vectors."""

import torch
from torch import nn
from torch.nn import functional as F

from .vocabulary import END, UNKNOWN


class CaptionEncoder(nn.Module):
    """Token ids (n, length) → sentence vectors (n, n_components) of norm √n_components."""

    def __init__(self, n_tokens, n_components, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, hidden_size)
        self.recurrence = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.to_vector = nn.Linear(hidden_size, n_components)
        self.radius = n_components**0.5

    def forward(self, tokens):
        states, _ = self.recurrence(self.embedding(tokens))
        last = ((tokens != END).sum(1) - 1).clamp(min=0)
        vectors = self.to_vector(states[torch.arange(len(tokens)), last])
        return self.radius * F.normalize(vectors, dim=1)


class CaptionDecoder(nn.Module):
    """Sentence vectors → next-token logits; the vector is fed again at every step."""

    def __init__(self, n_tokens, n_components, hidden_size, max_length):
        super().__init__()
        self.start = n_tokens
        self.max_length = max_length
        self.embedding = nn.Embedding(n_tokens + 1, hidden_size)
        self.to_state = nn.Linear(n_components, hidden_size)
        self.recurrence = nn.GRU(hidden_size + n_components, hidden_size, batch_first=True)
        self.to_logits = nn.Linear(hidden_size, n_tokens)

    def forward(self, vectors, tokens):
        """Logits (n, length, n_tokens) of each token given the true ones before it."""
        start = tokens.new_full((len(tokens), 1), self.start)
        previous = torch.cat([start, tokens[:, :-1]], dim=1)
        return self._step(vectors, previous, self._initial_state(vectors))[0]

    def _initial_state(self, vectors):
        return torch.tanh(self.to_state(vectors))[None]

    def _step(self, vectors, previous, state):
        repeated = vectors[:, None].expand(-1, previous.shape[1], -1)
        inputs = torch.cat([self.embedding(previous), repeated], dim=2)
        outputs, state = self.recurrence(inputs, state)
        return self.to_logits(outputs), state

    def log_probability(self, vectors, tokens):
        """Return the log-probability (n,) of whole captions."""
        steps = self(vectors, tokens).log_softmax(2).gather(2, tokens[:, :, None])[:, :, 0]
        return (steps * counted(tokens)).sum(1)

    def candidates(self, vectors, width):
        """Find the likeliest token sequences by beam search.

        Parameters
        ----------
        vectors : Tensor of shape (n, n_components)
        width : int
            Beam width.

        Returns
        -------
        tokens : Tensor of shape (n, k, max_length), k ≤ width
            Likeliest first.
        log_probabilities : Tensor of shape (n, k)
            −inf where there are fewer than k sequences.
        """
        n = len(vectors)
        beams = 1
        tokens = torch.full((n, 1, 0), END, device=vectors.device)
        scores = vectors.new_zeros((n, 1))
        alive = torch.ones((n, 1), dtype=torch.bool, device=vectors.device)
        previous = torch.full((n, 1), self.start, device=vectors.device)
        state = self._initial_state(vectors)
        for position in range(self.max_length):
            repeated = vectors.repeat_interleave(beams, dim=0)
            logits, state = self._step(repeated, previous.reshape(-1, 1), state)
            steps = _allowed(logits[:, 0], first=position == 0).log_softmax(1).view(n, beams, -1)
            # A finished beam goes on only as itself: END, at no cost.
            ended = torch.full_like(steps, -torch.inf)
            ended[:, :, END] = 0
            steps = torch.where(alive[:, :, None], steps, ended)
            total = (scores[:, :, None] + steps).flatten(1)
            n_tokens = steps.shape[2]
            beams = min(width, total.shape[1])
            scores, chosen = total.topk(beams, dim=1)
            parent, previous = chosen // n_tokens, chosen % n_tokens
            tokens = torch.cat(
                [
                    tokens.gather(1, parent[:, :, None].expand(-1, -1, position)),
                    previous[:, :, None],
                ],
                dim=2,
            )
            alive = alive.gather(1, parent) & (previous != END)
            rows = parent + torch.arange(n, device=parent.device)[:, None] * (steps.shape[1])
            state = state[:, rows.flatten()]
            if not alive.any():
                break
        missing = self.max_length - tokens.shape[2]
        return F.pad(tokens, (0, missing), value=END), scores


def counted(tokens):
    """The tokens that are answers: up to the first END ("stop here"); what follows is filling."""
    return F.pad(tokens[:, :-1] != END, (1, 0), value=True)


def _allowed(logits, first):
    """Never answer with the unknown token or with nothing at all."""
    banned = [UNKNOWN, END] if first else [UNKNOWN]
    return logits.index_fill(1, torch.tensor(banned, device=logits.device), -torch.inf)


class CaptionAutoencoder(nn.Module):
    """Encoder and decoder, trained to undo Gaussian noise on the sentence vector.

    The noise makes the surroundings of every sentence vector decode to its caption, which is what
    a generator that is never exact needs.
    """

    def __init__(self, encoder, decoder, noise, generator):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.noise = noise
        self.generator = generator

    def loss(self, tokens):
        vectors = self.encoder(tokens)
        noise = torch.empty_like(vectors).normal_(generator=self.generator)
        logits = self.decoder(vectors + self.noise * noise, tokens)
        told = counted(tokens)
        return {"cross_entropy": F.cross_entropy(logits[told], tokens[told])}
