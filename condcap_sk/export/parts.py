"""What a `FittedModel` is made of, as exported networks: codec, sight and GAN."""

from types import SimpleNamespace

import numpy as np

from ..answers.tokens import END, N_SPECIAL, distinct_answers
from ..model.core import FittedModel
from ..model.kinds import answerer_of
from .decoder import Decoder

FARTHEST = 1e12  # standardised features: beyond, they mean nothing, as in `_validation`
PAIRS = 2048  # of images and answers whose relevance is computed together; by hand


def model_of(manifest, networks):
    """Return the `FittedModel` of an export.

    Parameters
    ----------
    manifest : Manifest
    networks : dict of {str: Network}
    """
    gan = Gan(manifest, networks)
    codec = CODECS[manifest.kind](manifest, networks, gan)
    sight = SIGHTS[manifest.images](manifest, networks)
    answerer = answerer_of(codec, sight, gan, manifest.relevance_weight, manifest.beam_width)
    return FittedModel(codec, sight, gan, answerer, manifest.bank, provenance=None)


class LabelCodec:
    """Sentence vectors of labels and back."""

    def __init__(self, manifest, networks, gan):
        self.vocabulary_ = manifest.vocabulary()
        self._encoder, self._decoder = networks["encoder"], networks["decoder"]

    def encode_tokens(self, ids):
        """Return the sentence vectors of ids (n, 1)."""
        return self._encoder(ids[:, 0])[0]

    def candidates(self, vectors, n_candidates):
        """Return ids (n, k, 1) of the likeliest labels, and their log-probabilities."""
        (scores,) = self._decoder(vectors)
        columns = np.argsort(-scores, axis=1, kind="stable")[:, :n_candidates]
        return (columns + N_SPECIAL)[:, :, None], np.take_along_axis(scores, columns, axis=1)


class SentenceCodec:
    """Sentence vectors of captions and back, one token at a time."""

    def __init__(self, manifest, networks, gan):
        self.vocabulary_ = manifest.vocabulary()
        self._step, self._end = networks["encoder_step"], networks["encoder_end"]
        self._state = manifest.sizes.encoder_state
        self._decoder = gan.decoder_

    def encode_tokens(self, ids):
        """Return the sentence vectors of ids (n, max_length)."""
        distinct, which = distinct_answers(ids)
        # The longest ones first, so that those that go on are the first rows.
        lengths = (distinct != END).sum(axis=1)
        order = np.argsort(-lengths, kind="stable")
        distinct, lengths = distinct[order], lengths[order]
        states = np.zeros((len(distinct), self._state), dtype=np.float32)
        total = np.zeros_like(states)
        for position in range(lengths.max(initial=0)):
            n = int((lengths > position).sum())
            (states,) = self._step(distinct[:n, position], states[:n])
            total[:n] += states
        means = total / np.maximum(lengths, 1)[:, None]
        in_place = np.empty_like(order)
        in_place[order] = np.arange(len(order))
        return self._end(means)[0][in_place[which]]

    def candidates(self, vectors, n_candidates):
        """Return the likeliest captions of vectors, as `CaptionCodec.candidates`."""
        return [part[:, 0] for part in self._decoder.likeliest(vectors[:, None], n_candidates)]


CODECS = {"labels": LabelCodec, "sentences": SentenceCodec}


class Sight:
    """What G, D and Q get of images, and how well captions fit them."""

    encoder = None
    is_costly = False
    weight_of_sentences = 1  # the manifest has the weight that counts

    def __init__(self, manifest, networks):
        self._image, self._relevance = networks.get("image"), networks["relevance"]
        self._reads = manifest.relevance_reads

    def __call__(self, X):
        """Return images as G, D and Q get them; regions come after image vectors."""
        found = np.concatenate(self._image(X), axis=1)
        # NaN is not between them, either.
        if not -FARTHEST <= found.min(initial=0) <= found.max(initial=0) <= FARTHEST:
            raise ValueError(
                f"X holds values up to {np.abs(X).max():.3g}, on another scale than those in fit. "
                "Scale X as it was there."
            )
        return found

    def relevance(self, images, ids, codec, gan):
        """Return the log-odds (n, k) that captions (n, k, max_length) belong to images."""
        n, k, length = ids.shape
        images = gan._without_regions(images)
        captions = ids
        if self._reads == "sentence_vectors":
            captions = codec.encode_tokens(ids.reshape(n * k, length)).reshape(n, k, -1)
        at_once = max(1, PAIRS // k)
        parts = [
            self._relevance(images[start : start + at_once], captions[start : start + at_once])[0]
            for start in range(0, n, at_once)
        ]
        return np.concatenate(parts)


class PixelSight(Sight):
    """The images themselves."""

    is_costly = True

    def __call__(self, X):
        return X


class IgnoredSight(Sight):
    """Nothing: a constant."""

    def __call__(self, X):
        return np.zeros((len(X), 1), dtype=np.float32)


SIGHTS = {"matched": Sight, "end-to-end": PixelSight, "ignored": IgnoredSight}


class Gan:
    """Sentence vectors of latents, and latents of sentence vectors."""

    def __init__(self, manifest, networks):
        self._prior, self.objective = manifest.columns, manifest.objective
        self._generator, self._recogniser = networks["generator"], networks["recogniser"]
        self._n_image = manifest.sizes.vector
        self._memory = networks.get("memory")
        self._consensus = networks.get("consensus")
        self.decoder_ = self.consensus_ = None
        if "step" in networks:
            self.decoder_ = _decoder("", "decoder", manifest, networks)
        if manifest.has_consensus:
            decoder = _decoder("consensus_", "consensus", manifest, networks)
            self.consensus_ = SimpleNamespace(decoder=decoder)

    def generate(self, images, latents):
        """Return the sentence vectors G(c, X)."""
        return self._generator(images, latents)[0]

    def infer(self, images, vectors):
        """Return the latents Q(s, X) of sentence vectors, and their spreads."""
        return self._recogniser(self._without_regions(images), vectors)

    def _without_regions(self, images):
        return images[:, : self._n_image] if self._n_image else images

    def _plans(self, images, latents):
        """Return what the decoder turns into captions of images under their latents."""
        own = self._without_regions(images)
        k = len(latents) // len(images)
        vectors = self.generate(np.repeat(own, k, axis=0), latents)
        if self._memory is None:
            return vectors
        (memory,) = self._memory(images[:, self._n_image :])
        return np.concatenate([vectors, np.repeat(memory, k, axis=0)], axis=1)

    def _consensus_plans(self, images):
        inputs = [self._without_regions(images)]
        if self._memory is not None:
            inputs.append(images[:, self._n_image :])
        return np.concatenate(self._consensus(*inputs), axis=1)

    @staticmethod
    def _decoding(decoder):
        return decoder


def _decoder(prefix, name, manifest, networks):
    start, step = networks[f"{prefix}start"], networks[f"{prefix}step"]
    circles = manifest.circles[name]
    return Decoder(start, step, circles, manifest.sizes, manifest.max_length)
