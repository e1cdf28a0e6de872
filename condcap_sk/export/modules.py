"""The networks of a fitted model as they are exported: tensors in, tensors out.

Inputs and outputs are those of `signatures_of`. Recurrent networks are exported one step at a time:
a search goes on with some captions and not with others, and whole GRUs were exported wrongly
before.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..answers.tokens import N_SPECIAL, UNKNOWN
from ..text.recurrence import gates_of


class Image(nn.Module):
    """Images → image vectors, and regions where there are some."""

    def __init__(self, matcher, has_regions):
        super().__init__()
        self.matcher = matcher
        self.has_regions = has_regions

    def forward(self, images):
        if not self.has_regions:
            return self.matcher.image_vectors(images)
        found = self.matcher.image_vectors_and_regions(images)
        n_features = self.matcher.network.n_features
        return found[:, :n_features], found[:, n_features:]


class Recogniser(nn.Module):
    """Images, sentence vectors → latents and their spreads, as `LatentGAN.infer` returns them.

    Parameters
    ----------
    recogniser : torch.nn.Module
    n_categories : tuple of int
    n_gaussian : int
    calibration : tuple of three float
    """

    def __init__(self, recogniser, n_categories, n_gaussian, calibration):
        super().__init__()
        self.recogniser = recogniser
        self.parts = [*n_categories, n_gaussian]
        self.calibration = calibration

    def forward(self, images, sentence_vectors):
        scale, spread, sharpness = self.calibration
        found, log_variance = self.recogniser(images, sentence_vectors)
        *logits, means = found.split(self.parts, dim=1)
        stds = spread * (0.5 * log_variance.split(self.parts, dim=1)[-1]).exp()
        one_hot = [F.one_hot(part.argmax(1), part.shape[1]).to(found.dtype) for part in logits]
        probabilities = [(sharpness * part).softmax(1) for part in logits]
        return torch.cat([*one_hot, scale * means], dim=1), torch.cat([*probabilities, stds], dim=1)


class Relevance(nn.Module):
    """Image vectors, captions (n, k, …) → log-odds (n, k), by the image encoder."""

    def __init__(self, matcher):
        super().__init__()
        self.matcher = matcher

    def forward(self, images, captions):
        return self.matcher(images, captions)


class BagRelevance(nn.Module):
    """Image vectors, token ids (n, k, length) → log-odds (n, k), by a matcher of words.

    Without the sum of embeddings in one operator, which ONNX has not.
    """

    def __init__(self, matcher):
        super().__init__()
        self.matcher = matcher

    def forward(self, images, ids):
        bag = self.matcher.embed_caption
        mask = (ids > 0).to(images.dtype)
        total = (mask[:, :, None] @ bag.words(ids))[:, :, 0]
        mean = total / mask.sum(-1, keepdim=True).clamp(min=1).sqrt()
        theirs = F.normalize(bag.project(mean), dim=-1)
        return self.matcher.log_odds(self.matcher.image_embeddings(images), theirs)


class Discrimination(nn.Module):
    """Images, sentence vectors (n, k, …) → D's log-odds (n, k)."""

    def __init__(self, discriminator):
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images, sentence_vectors):
        n, k, _ = sentence_vectors.shape
        inputs = sentence_vectors.transpose(0, 1).flatten(0, 1)
        return self.discriminator(images, inputs).view(k, n).T


class LabelVectors(nn.Module):
    """Ids of labels (n,) → their sentence vectors."""

    vectors: torch.Tensor

    def __init__(self, vectors):
        super().__init__()
        nothing = vectors.new_zeros(N_SPECIAL, vectors.shape[1])
        self.register_buffer("vectors", torch.cat([nothing, vectors]))

    def forward(self, ids):
        return F.embedding(ids, self.vectors)


class LabelDecoder(nn.Module):
    """Sentence vectors → log-probabilities of all labels."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, sentence_vectors):
        decoder = self.decoder
        start = decoder.embedding.weight[decoder.start :]
        first = decoder.embedding.embedding_dim
        gates = gates_of(decoder.recurrence, sentence_vectors, first=first)
        gates = gates + gates_of(decoder.recurrence, start)
        states = _next_states(decoder.recurrence, gates, decoder.initial_states(sentence_vectors))
        return decoder.logits(states)[:, N_SPECIAL:].log_softmax(1)


class Start(nn.Module):
    """Sentence vectors → what they add to a decoder's gates, and its first states."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, sentence_vectors):
        first = self.decoder.embedding.embedding_dim
        gates = gates_of(self.decoder.recurrence, sentence_vectors, first=first)
        return gates, self.decoder.initial_states(sentence_vectors)


class Step(nn.Module):
    """Ids (n, k), states, gates and memory of n plans → what follows them.

    Log-probabilities of all tokens but the unknown one, the next states and, with `attention`, the
    mean weights of its heads.
    """

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder
        banned = torch.zeros(decoder.start)
        banned[UNKNOWN] = -torch.inf
        self.register_buffer("banned", banned)

    def forward(self, ids, states, gates, memory=None):
        decoder, (n, k) = self.decoder, ids.shape
        words = gates_of(decoder.recurrence, decoder.embedding(ids.flatten()))
        every = (words.unflatten(0, (n, k)) + gates[:, None]).flatten(0, 1)
        flat = _next_states(decoder.recurrence, every, states.flatten(0, 1))
        outputs = flat.unflatten(0, (n, k))
        if memory is None:
            return self._scores(decoder.logits(outputs)), outputs
        weights, values = decoder.attention.weights(outputs, memory)
        evidence = (weights @ values).transpose(1, 2).flatten(2)
        return self._scores(decoder.logits(outputs, evidence)), outputs, weights.mean(1)

    def _scores(self, logits):
        return (logits + self.banned).log_softmax(2)


class Memory(nn.Module):
    """Regions → the keys and values that the decoder looks up."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, regions):
        return self.attention.memory(regions)


class Consensus(nn.Module):
    """Image vectors and regions → plans of the consensus decoder."""

    def __init__(self, consensus):
        super().__init__()
        self.consensus = consensus

    def forward(self, vectors, regions=None):
        sentence_vectors = self.consensus.vectors(vectors)
        if regions is None:
            return sentence_vectors
        return sentence_vectors, self.consensus.decoder.attention.memory(regions)


class EncoderStep(nn.Module):
    """Ids (n,), states → the encoder's states after them."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids, states):
        recurrence = self.encoder.recurrence
        return _next_states(recurrence, gates_of(recurrence, self.encoder.embedding(ids)), states)


class EncoderEnd(nn.Module):
    """The mean of the encoder's states → sentence vectors."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, means):
        return self.encoder.radius * F.normalize(self.encoder.to_vector(means), dim=1)


def _next_states(recurrence, gates, states):
    """Return the states that follow, as `text.recurrence` computes them, in few operators."""
    products = F.linear(states, recurrence.weight_hh_l0, recurrence.bias_hh_l0)
    of_reset, of_update, of_new = products.chunk(3, dim=1)
    to_reset, to_update, to_new = gates.chunk(3, dim=1)
    update = (to_update + of_update).sigmoid()
    new = (to_new + (to_reset + of_reset).sigmoid() * of_new).tanh()
    return new + update * (states - new)
