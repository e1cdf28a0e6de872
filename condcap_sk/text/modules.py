"""The recurrent encoder-decoder: token ids ↔ sentence vectors."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..training.dropout import dropout
from .vocabulary import END, UNKNOWN

# Of a decoder that is trained on images, of which there are never enough.
N_EMBEDDING = 256
WORD_DROPOUT = 0.3
OUTPUT_DROPOUT = 0.5
LABEL_SMOOTHING = 0.1


class CaptionEncoder(nn.Module):
    """Token ids (n, length) → sentence vectors (n, n_components) of norm √n_components.

    They are read off the mean over the recurrence's states, which forgets no early word.
    """

    def __init__(self, n_tokens, n_components, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, hidden_size)
        self.recurrence = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.to_vector = nn.Linear(hidden_size, n_components)
        self.radius = n_components**0.5

    def forward(self, tokens):
        told = tokens != END
        states = _states(self.recurrence, self.embedding(tokens), told)
        return self._vector((states * told[:, :, None]).sum(1), told)

    def stepwise(self, tokens):
        """Return what `forward` returns, one token of all captions at a time.

        Which matrix products there are does not depend on how long the other captions are.
        """
        tokens = trimmed(tokens)
        mask = tokens != END
        state = self.embedding.weight.new_zeros(1, len(tokens), self.embedding.embedding_dim)
        total = torch.zeros_like(state[0])
        for position in range(tokens.shape[1]):
            # Words of one position by themselves: a product reads them the same, however far apart
            # they lie in captions of this length.
            _, state = self.recurrence(self.embedding(tokens[:, position, None]), state)
            total += state[0] * mask[:, position, None]
        return self._vector(total, mask)

    def _vector(self, total, mask):
        mean = total / mask.sum(1, keepdim=True).clamp(min=1)
        return self.radius * F.normalize(self.to_vector(mean), dim=1)


class CaptionDecoder(nn.Module):
    """Sentence vectors → next-token logits; the vector is fed again at every step."""

    def __init__(self, n_tokens, n_components, hidden_size, max_length, n_embedding=None):
        super().__init__()
        n_embedding = n_embedding or hidden_size
        self.start = n_tokens
        self.max_length = max_length
        self.embedding = nn.Embedding(n_tokens + 1, n_embedding)
        self.to_state = nn.Linear(n_components, hidden_size)
        self.recurrence = nn.GRU(n_embedding + n_components, hidden_size, batch_first=True)
        self.to_logits = nn.Linear(hidden_size, n_tokens)

    def log_probability(self, vectors, tokens):
        """Return the log-probability (n,) of whole captions."""
        tokens = trimmed(tokens)
        told = counted(tokens)
        missed = F.cross_entropy(self._logits_of(vectors, tokens), tokens[told], reduction="none")
        return -missed.new_zeros(tokens.shape).masked_scatter(told, missed).sum(1)

    def stepwise_log_probability(self, vectors, tokens):
        """Return what `log_probability` returns, as `CaptionEncoder.stepwise` does."""
        tokens = trimmed(tokens)
        mask = counted(tokens)
        state = self._initial_state(vectors)
        total = vectors.new_zeros(len(tokens))
        for position, previous in enumerate(self._shifted(tokens).T):
            logits, state = self._step(vectors, previous[:, None], state)
            missed = F.cross_entropy(logits[:, 0], tokens[:, position], reduction="none")
            total -= missed * mask[:, position]
        return total

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
            steps, following = _likeliest(logits[:, 0], width, first=position == 0)
            # A finished beam goes on only as itself: END, at no cost.
            ended = ~alive.reshape(-1, 1)
            steps = steps.masked_fill(ended, -torch.inf)
            steps[:, :1] = steps[:, :1].masked_fill(ended, 0)
            following = following.masked_fill(ended, END)
            total = (scores.reshape(-1, 1) + steps).view(n, -1)
            n_steps, before = steps.shape[1], beams
            beams = min(width, total.shape[1])
            scores, chosen = total.topk(beams, dim=1)
            parent = chosen // n_steps
            previous = following.view(n, -1).gather(1, chosen)
            tokens = torch.cat(
                [
                    tokens.gather(1, parent[:, :, None].expand(-1, -1, position)),
                    previous[:, :, None],
                ],
                dim=2,
            )
            alive = alive.gather(1, parent) & (previous != END)
            rows = parent + torch.arange(n, device=parent.device)[:, None] * before
            state = state[:, rows.flatten()]
            if not alive.any():
                break
        missing = self.max_length - tokens.shape[2]
        return F.pad(tokens, (0, missing), value=END), scores

    @torch.no_grad()
    def sample(self, vectors, rng):
        """Draw one caption (n, max_length) for each vector, word by word."""
        n, device = len(vectors), vectors.device
        tokens = torch.full((n, self.max_length), END, device=device)
        unfinished = torch.arange(n, device=device)
        previous = torch.full((n, 1), self.start, device=device)
        state = self._initial_state(vectors)
        for position in range(self.max_length):
            logits, state = self._step(vectors[unfinished], previous, state)
            # One number is drawn for a row; multinomial draws one for every word, which takes long.
            mass = _allowed(logits[:, 0], first=position == 0).softmax(1).cumsum(1)
            drawn = mass[:, -1:] * torch.rand(len(mass), 1, generator=rng, device=device)
            previous = torch.searchsorted(mass, drawn, right=True).clamp(max=mass.shape[1] - 1)
            tokens[unfinished, position] = previous[:, 0]
            goes_on = previous[:, 0] != END
            unfinished, previous, state = unfinished[goes_on], previous[goes_on], state[:, goes_on]
            if not len(unfinished):
                break
        return tokens

    def _logits_of(self, vectors, tokens):
        told = counted(tokens)
        return self._logits(self._outputs(vectors, self.embedding(self._shifted(tokens)), told))

    def _outputs(self, vectors, words, told):
        """The outputs (m, hidden_size) at the m tokens that count."""
        heard = vectors[:, None].expand(-1, words.shape[1], -1)
        inputs = torch.cat([words, heard], dim=2)
        return _states(self.recurrence, inputs, told, self._initial_state(vectors))[told]

    def cross_entropy(self, vectors, tokens):
        """Mean over the tokens that count; the others' logits are not even computed."""
        return F.cross_entropy(self._logits_of(vectors, tokens), tokens[counted(tokens)])

    def _shifted(self, tokens):
        return torch.cat([tokens.new_full((len(tokens), 1), self.start), tokens[:, :-1]], dim=1)

    def _initial_state(self, vectors):
        return torch.tanh(self.to_state(vectors))[None]

    def _step(self, vectors, previous, state):
        repeated = vectors[:, None].expand(-1, previous.shape[1], -1)
        inputs = torch.cat([self.embedding(previous), repeated], dim=2)
        outputs, state = self.recurrence(inputs, state)
        return self._logits(outputs), state

    def _logits(self, outputs):
        return self.to_logits(outputs)


class CaptionSpeaker(CaptionDecoder):
    """The decoder that learns to tell what G makes of an image.

    It reads and says a word by the same vector (Press and Wolf, "Using the Output Embedding to
    Improve Language Models", EACL 2017).
    """

    def __init__(self, n_tokens, n_components, hidden_size, max_length):
        super().__init__(n_tokens, n_components, hidden_size, max_length, N_EMBEDDING)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.to_logits = nn.Linear(hidden_size, N_EMBEDDING)
        self.bias = nn.Parameter(torch.zeros(n_tokens))

    def _logits(self, outputs):
        return F.linear(self.to_logits(outputs), self.embedding.weight[: self.start], self.bias)

    def loss(self, vectors, tokens, rng):
        words, told = self.embedding(self._shifted(tokens)), counted(tokens)
        outputs = self._outputs(vectors, dropout(words, WORD_DROPOUT, rng), told)
        logits = self._logits(dropout(outputs, OUTPUT_DROPOUT, rng))
        cross_entropy = F.cross_entropy(
            logits, tokens[told], label_smoothing=LABEL_SMOOTHING, reduction="sum"
        )
        return cross_entropy / len(tokens)


def trimmed(tokens):
    """Token ids without the columns that only fill, but for one."""
    longest = int((tokens != END).sum(1).max())
    return tokens[:, : longest + 1]


def counted(tokens):
    """The tokens that are answers: up to the first END ("stop here"); what follows is filling."""
    return F.pad(tokens[:, :-1] != END, (1, 0), value=True)


def _states(recurrence, inputs, told, initial=None):
    """A recurrence's states (n, length, hidden_size), as far as each row of `told` goes.

    Most captions are half as long as the longest one: what fills them up would cost as much again.
    """
    lengths = told.sum(1).clamp(min=1).cpu()
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    states, _ = recurrence(packed, initial)
    return pad_packed_sequence(states, batch_first=True, total_length=inputs.shape[1])[0]


def _likeliest(logits, width, first):
    """The log-probabilities of the likeliest tokens, and these."""
    logits = _allowed(logits, first)
    best, tokens = logits.topk(min(width, logits.shape[1]), dim=1)
    return best - logits.logsumexp(1, keepdim=True), tokens


def _allowed(logits, first):
    """Logits without the unknown token, and without an END at the beginning."""
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
        tokens = trimmed(tokens)
        vectors = self.encoder(tokens)
        noise = torch.empty_like(vectors).normal_(generator=self.generator)
        return {"cross_entropy": self.decoder.cross_entropy(vectors + self.noise * noise, tokens)}
