"""The recurrent encoder-decoder: token ids ↔ sentence vectors."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .._torch.config import keeps_config
from .._torch.dropout import dropout, glimpse
from ..answers.tokens import END
from .beams import allowed
from .circles import most_repeats, nearest_returns, recurring
from .recurrence import Layout, gates_of, gates_of_words, states_of
from .steps import Steps

# Of `TiedDecoder`, which overfits: images are few. Chosen on held-out training photographs of
# Flickr8k (benchmarks/flickr8k.py).
N_EMBEDDING = 256  # dimension of word vectors
N_HEADS, HEAD_SIZE = 4, 64  # of the attention to regions; by hand
EMBEDDING_SCALE = 0.1  # that word vectors begin with, so that first logits are small; by hand
WORD_DROPOUT = 0.3  # of their components
OUTPUT_DROPOUT = 0.5  # of the recurrence's outputs, and of what they attend to
LABEL_SMOOTHING = 0.1  # of the cross-entropy of words


class CaptionEncoder(nn.Module):
    """Token ids (n, length) → sentence vectors (n, n_components) of norm √n_components.

    They are read off the mean over the recurrence's states, which forgets no early word.
    """

    @keeps_config
    def __init__(self, n_tokens: int, n_components: int, hidden_size: int):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, hidden_size)
        self.recurrence = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.to_vector = nn.Linear(hidden_size, n_components)
        self.radius = n_components**0.5

    def forward(self, ids):
        mask = ids != END
        layout = Layout(mask)
        gates = gates_of_words(self.recurrence, self.embedding, layout.of(ids))
        states = layout.padded(states_of(self.recurrence, gates, layout), ids.shape[1])
        return self._vector((states * mask[:, :, None]).sum(1), mask)

    def stepwise(self, ids):
        """Return what `forward` returns, one token of all captions at a time.

        Which matrix products there are does not depend on how long the other captions are.
        """
        ids = trimmed(ids)
        mask = ids != END
        state = self.embedding.weight.new_zeros(1, len(ids), self.embedding.embedding_dim)
        total = torch.zeros_like(state[0])
        for position in range(ids.shape[1]):
            # Words of one position by themselves: a product reads them the same, however far apart
            # they lie in captions of this length.
            _, state = self.recurrence(self.embedding(ids[:, position, None]), state)
            total += state[0] * mask[:, position, None]
        return self._vector(total, mask)

    def _vector(self, total, mask):
        mean = total / mask.sum(1, keepdim=True).clamp(min=1)
        return self.radius * F.normalize(self.to_vector(mean), dim=1)


class Attention(nn.Module):
    """Multi-head attention of the recurrence's outputs to the regions of an image.

    The heads are those of A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017. It comes
    after the recurrence, so that all words read at once (global attention, M.-T. Luong et al.,
    "Effective Approaches to Attention-based Neural Machine Translation", EMNLP 2015).
    """

    @keeps_config
    def __init__(self, n_outputs: int, region_size: int, n_read: int):
        super().__init__()
        self.region_size = region_size
        self.norm = nn.LayerNorm(region_size)
        self.keys_and_values = nn.Linear(region_size, 2 * N_HEADS * HEAD_SIZE, bias=False)
        self.query = nn.Linear(n_outputs, N_HEADS * HEAD_SIZE)
        self.read = nn.Linear(N_HEADS * HEAD_SIZE, n_read)

    def memory(self, regions):
        """Return the keys and values of flattened regions, flattened: what `forward` looks up."""
        n = regions.shape[0]
        found = self.keys_and_values(self.norm(regions.view(n, -1, self.region_size)))
        # In the order in which `weights` multiplies them without a copy.
        return found.view(n, -1, 2, N_HEADS, HEAD_SIZE).permute(0, 3, 2, 1, 4).flatten(1)

    def weights(self, outputs, memory):
        """Return how far outputs (n, length, n_outputs) look at each region, and the values.

        Weights are (n, n_heads, length, n_regions), values (n, n_heads, n_regions, head_size).
        """
        n, length, _ = outputs.shape
        keys, values = memory.view(n, N_HEADS, 2, -1, HEAD_SIZE).unbind(2)
        queries = self.query(outputs).view(n, length, N_HEADS, HEAD_SIZE).transpose(1, 2)
        return (queries @ keys.transpose(2, 3) / HEAD_SIZE**0.5).softmax(3), values

    def forward(self, outputs, memory):
        """Return the weighted means of the values (n, length, n_heads * head_size)."""
        weights, values = self.weights(outputs, memory)
        return (weights @ values).transpose(1, 2).flatten(2)


class RecurrentDecoder(nn.Module):
    """Plans → next-token logits.

    A plan is a sentence vector, which is fed again at every step, and after it, where there is
    `attention` to the regions of an image, their keys and values: what to say, and the evidence.
    """

    def __init__(self, n_tokens, n_components, hidden_size, max_length, n_embedding):
        super().__init__()
        self.start = n_tokens
        # How often n-grams may stand in a row, see `Circles`; None is any number of times.
        self.register_buffer("repeats", None)
        self.register_buffer("recurs", None)  # whether three tokens may stand twice; None: they may
        self.register_buffer("returns", None)  # how soon tokens may come back; None: at once
        self.max_length = max_length
        self.attention: Any = None  # over the regions of an image, where it has any
        self.embedding = nn.Embedding(n_tokens + 1, n_embedding)
        self.to_state = nn.Linear(n_components, hidden_size)
        self.recurrence = nn.GRU(n_embedding + n_components, hidden_size, batch_first=True)

    def logits(self, outputs, evidence=None):
        """Return the logits (…, n_tokens) of the recurrence's outputs."""
        raise NotImplementedError

    def plans(self, vectors, regions):
        """Return the plans of sentence vectors for images.

        Parameters
        ----------
        vectors : Tensor of shape (n * k, n_components)
            k of each image, one after the other.
        regions : Tensor of shape (n, n_regions * region_size)
            Flattened; without `attention`, they are not used.
        """
        if self.attention is None:
            return vectors
        memory = self.attention.memory(regions)
        return torch.cat([vectors, self._repeated(memory, len(vectors))], dim=1)

    def vectors_of(self, plans):
        """Return the sentence vectors in plans."""
        return plans[:, : self.to_state.in_features]

    def memory_of(self, plans):
        """Return the keys and values in plans; without `attention`, of width 0."""
        return plans[:, self.to_state.in_features :]

    def evidence(self, outputs, memory):
        """Return what outputs (n * k, …, hidden_size) attend to in the regions, or None.

        `memory` (n, …) is of the images; the first k outputs are of the first one, and so on.
        """
        if self.attention is None:
            return None
        # All of an image at once: its regions are looked up in one product.
        found = self.attention(outputs.reshape(len(memory), -1, outputs.shape[-1]), memory)
        return found.view(*outputs.shape[:-1], -1)

    def initial_states(self, plans):
        """Return the recurrence's states (n, hidden_size) before the first token."""
        return torch.tanh(self.to_state(self.vectors_of(plans)))

    def steps(self, plans):
        """Return the `Steps` of captions that are yet to begin."""
        return Steps(self, plans)

    @staticmethod
    def _repeated(values, n_rows):
        return values.repeat_interleave(n_rows // len(values), 0)

    def log_probability(self, plans, ids, temperature=1.0, drawn=False):
        """Return the log-probability (n · k,) of whole captions, k for each of n plans.

        Logits are divided by `temperature`. `drawn` is for captions out of a search or of `draw`,
        among which there is no unknown token and no END at the beginning: else, in training by
        reward, nothing would keep these from becoming more and more probable.
        """
        ids = trimmed(ids)
        layout = Layout(counted(ids))
        outputs = self.outputs(plans, self.gates_of_previous(ids, layout), layout)
        evidence = self.evidence_of_tokens(outputs, plans, layout, ids.shape[1])
        logits = self.logits(outputs, evidence) / temperature
        if drawn:
            first, others = logits.tensor_split([len(ids)])  # in the order of `Layout`
            logits = torch.cat([allowed(first, first=True), allowed(others, first=False)])
        missed = F.cross_entropy(logits, layout.of(ids), reduction="none")
        return -layout.padded(missed, ids.shape[1]).sum(1)

    def stepwise_log_probability(self, plans, ids):
        """Return what `log_probability` returns, as `CaptionEncoder.stepwise` does."""
        ids = trimmed(ids)
        mask = counted(ids)
        steps = self.steps(plans)
        total = plans.new_zeros(len(ids))
        for position, previous in enumerate(self.shifted(ids).T):
            missed = F.cross_entropy(steps(previous), ids[:, position], reduction="none")
            total -= missed * mask[:, position]
        return total

    def stepwise_attention(self, plans, ids):
        """Return the weights (n, length, n_regions) by which captions (n, length) are predicted.

        Each token, with all tokens before it as they are in `ids`, has the mean over the heads of
        `attention`, which must be there; what comes after the first END has zeros. As in
        `stepwise_log_probability`, the length of other captions does not count.
        """
        mask = counted(ids)
        n_steps = trimmed(ids).shape[1]
        steps = self.steps(plans)
        found = [
            steps.attended(previous).mean(1)[:, 0] for previous in self.shifted(ids).T[:n_steps]
        ]
        # As long for all captions, as they may be computed in several batches.
        weights = F.pad(torch.stack(found, dim=1), (0, 0, 0, ids.shape[1] - n_steps))
        return weights * mask[:, :, None]

    def evidence_of_tokens(self, outputs, plans, layout, length):
        """Return what outputs (m, hidden_size) of tokens attend to in the regions, or None."""
        if self.attention is None:
            return None
        return layout.of(self.evidence(layout.padded(outputs, length), self.memory_of(plans)))

    def shifted(self, ids):
        """Return the ids that precede each one; the first follow `start`."""
        return torch.cat([ids.new_full((len(ids), 1), self.start), ids[:, :-1]], dim=1)

    def gates_of_previous(self, ids, layout):
        """Return what the token before each one of `layout` adds to the recurrence's gates."""
        previous = layout.of(self.shifted(ids))
        return gates_of_words(self.recurrence, self.embedding, previous)

    def outputs(self, plans, gates, layout):
        """Return the recurrence's outputs (m, hidden_size); `gates` are of the tokens before."""
        first = self.embedding.embedding_dim
        of_vectors = gates_of(self.recurrence, self.vectors_of(plans), first=first)
        n_rows = len(layout.order)
        gates = gates + F.embedding(layout.rows, self._repeated(of_vectors, n_rows))
        initial = self._repeated(self.initial_states(plans), n_rows)
        return states_of(self.recurrence, gates, layout, initial)


class CaptionDecoder(RecurrentDecoder):
    """The decoder of the caption autoencoder."""

    @keeps_config
    def __init__(self, n_tokens: int, n_components: int, hidden_size: int, max_length: int):
        super().__init__(n_tokens, n_components, hidden_size, max_length, hidden_size)
        self.to_logits = nn.Linear(hidden_size, n_tokens)

    def logits(self, outputs, evidence=None):
        return self.to_logits(outputs)

    def cross_entropy(self, vectors, ids):
        """Mean over the tokens that count; the others' logits are not even computed."""
        layout = Layout(counted(ids))
        outputs = self.outputs(vectors, self.gates_of_previous(ids, layout), layout)
        return F.cross_entropy(self.logits(outputs), layout.of(ids))


class TiedDecoder(RecurrentDecoder):
    """The decoder of the vectors that G makes, trained with G.

    One matrix embeds the words and gives their logits (O. Press and L. Wolf, "Using the Output
    Embedding to Improve Language Models", EACL 2017).
    """

    repeats: torch.Tensor
    recurs: torch.Tensor
    returns: torch.Tensor

    @keeps_config
    def __init__(
        self,
        n_tokens: int,
        n_components: int,
        hidden_size: int,
        max_length: int,
        attention: nn.Module | None = None,
    ):
        super().__init__(n_tokens, n_components, hidden_size, max_length, N_EMBEDDING)
        self.attention = attention
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_SCALE)
        self.to_logits = nn.Linear(hidden_size, N_EMBEDDING)
        self.bias = nn.Parameter(torch.zeros(n_tokens))
        # As often as in a caption that was learned from. Floats are what averages keep exactly.
        self.register_buffer("repeats", torch.ones(max_length // 2))
        self.register_buffer("recurs", torch.ones(()))
        self.register_buffer("returns", torch.ones(n_tokens))

    def keep_to(self, ids):
        """Let a search find only captions that repeat themselves as `ids` (m, max_length) do."""
        self.repeats.copy_(torch.from_numpy(most_repeats(ids)))
        self.recurs.fill_(recurring(ids))
        self.returns.copy_(torch.from_numpy(nearest_returns(ids, self.start)))

    def logits(self, outputs, evidence=None):
        words = self.to_logits(outputs)
        if evidence is not None:
            words = words + self.attention.read(evidence)
        return F.linear(words, self.embedding.weight[: self.start], self.bias)

    def glimpse(self, regions, rng):
        """Return regions, or none, with some of their components left out."""
        if self.attention is None:
            return regions
        return glimpse(regions, rng, self.attention.region_size)

    def loss(self, plans, ids, rng):
        """Return the cross-entropy of captions, summed over words, with dropout drawn by `rng`."""
        layout = Layout(counted(ids))
        words = self.embedding(layout.of(self.shifted(ids)))
        gates = gates_of(self.recurrence, dropout(words, WORD_DROPOUT, rng))
        outputs = self.outputs(plans, gates, layout)
        evidence = self.evidence_of_tokens(outputs, plans, layout, ids.shape[1])
        if evidence is not None:
            evidence = dropout(evidence, OUTPUT_DROPOUT, rng)
        logits = self.logits(dropout(outputs, OUTPUT_DROPOUT, rng), evidence)
        cross_entropy = F.cross_entropy(
            logits, layout.of(ids), label_smoothing=LABEL_SMOOTHING, reduction="sum"
        )
        return cross_entropy / len(ids)


def trimmed(ids):
    """Return token ids without the columns that only fill, but for one."""
    longest = int((ids != END).sum(1).max())
    return ids[:, : longest + 1]


def counted(ids):
    """Return the mask of the tokens to be predicted: up to the first END, which is one of them."""
    return F.pad(ids[:, :-1] != END, (1, 0), value=True)


class CaptionAutoencoder(nn.Module):
    """Encoder and decoder, trained to undo Gaussian noise on the sentence vector.

    The noise makes the surroundings of every sentence vector decode to its caption, which is what
    a generator that is never exact needs.
    """

    def __init__(self, encoder, decoder, noise):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.noise = noise

    def noisy(self, ids, rng):
        """Return the sentence vectors of token ids, with noise on them."""
        vectors = self.encoder(ids)
        return vectors + self.noise * torch.empty_like(vectors).normal_(generator=rng)

    def loss(self, ids, rng):
        ids = trimmed(ids)
        return {"cross_entropy": self.decoder.cross_entropy(self.noisy(ids, rng), ids)}
