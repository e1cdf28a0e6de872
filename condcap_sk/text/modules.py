"""The recurrent encoder-decoder: token ids ↔ sentence vectors."""

from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn import functional as F

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
        states, _ = self.recurrence(self.embedding(tokens))
        told = (tokens != END).to(states.dtype)
        mean = (states * told[:, :, None]).sum(1) / told.sum(1, keepdim=True).clamp(min=1)
        return self.radius * F.normalize(self.to_vector(mean), dim=1)


class _Teller(nn.Module, ABC):
    """What any decoder can do: tell how likely captions are, and find the likeliest."""

    start: int
    max_length: int

    @abstractmethod
    def _logits_of(self, vectors, tokens):
        """The logits (m, n_tokens) of each counted token given the true ones before it."""

    @abstractmethod
    def _initial_state(self, vectors):
        """The state (n_layers, n, size) before the first token."""

    @abstractmethod
    def _step(self, vectors, previous, state):
        """The logits (n, k, n_tokens) after the tokens `previous` (n, k), and the next state."""

    def log_probability(self, vectors, tokens):
        """Return the log-probability (n,) of whole captions."""
        tokens = trimmed(tokens)
        told = counted(tokens)
        missed = F.cross_entropy(self._logits_of(vectors, tokens), tokens[told], reduction="none")
        return -missed.new_zeros(tokens.shape).masked_scatter(told, missed).sum(1)

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


class CaptionDecoder(_Teller):
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

    def _logits_of(self, vectors, tokens):
        outputs = self._outputs(vectors, self.embedding(self._shifted(tokens)))
        return self._logits(outputs[counted(tokens)])

    def _outputs(self, vectors, words):
        heard = vectors[:, None].expand(-1, words.shape[1], -1)
        inputs = torch.cat([words, heard], dim=2)
        return self.recurrence(inputs, self._initial_state(vectors))[0]

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


class CaptionSpeaker(_Teller):
    """The decoders that learn to tell what the members of a generator make of an image.

    Each hears its own member, (n, n_members, n_components); they speak as one, by the geometric
    mean of what they expect.
    """

    def __init__(self, n_tokens, n_components, n_members, hidden_size, max_length):
        super().__init__()
        self.start = n_tokens
        self.max_length = max_length
        self.voices = nn.ModuleList(
            _Voice(n_tokens, n_components, hidden_size, max_length) for _ in range(n_members)
        )

    def _logits_of(self, vectors, tokens):
        return _agreed([voice._logits_of(heard, tokens) for voice, heard in self._pairs(vectors)])

    def loss(self, vectors, tokens, rng):
        """Cross-entropy of the captions, summed over their tokens, in nats; with dropout."""
        tokens = trimmed(tokens)
        losses = [voice.loss(heard, tokens, rng) for voice, heard in self._pairs(vectors)]
        return torch.stack(losses).mean()

    def _pairs(self, vectors):
        return zip(self.voices, vectors.unbind(1), strict=True)

    def _initial_state(self, vectors):
        return torch.cat([voice._initial_state(heard) for voice, heard in self._pairs(vectors)])

    def _step(self, vectors, previous, state):
        logits, states = zip(*(
            voice._step(heard, previous, own[None])
            for (voice, heard), own in zip(self._pairs(vectors), state, strict=True)
        ), strict=True)  # fmt: skip
        return _agreed(logits), torch.cat(states)


class _Voice(CaptionDecoder):
    """One decoder that is trained on images.

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
        words = dropout(self.embedding(self._shifted(tokens)), WORD_DROPOUT, rng)
        outputs, told = self._outputs(vectors, words), counted(tokens)
        logits = self._logits(dropout(outputs[told], OUTPUT_DROPOUT, rng))
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


def _agreed(logits):
    """The logits of the geometric mean."""
    return sum(logits) / len(logits)


def _likeliest(logits, width, first):
    """The log-probabilities of the likeliest tokens, and these; never the unknown one.

    A caption has a first token: it does not begin with END.
    """
    banned = [UNKNOWN, END] if first else [UNKNOWN]
    logits = logits.index_fill(1, torch.tensor(banned, device=logits.device), -torch.inf)
    best, tokens = logits.topk(min(width, logits.shape[1]), dim=1)
    return best - logits.logsumexp(1, keepdim=True), tokens


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
