"""LabelAnswerer: labels by probability and relevance."""

import numpy as np

from condcap_sk.model.answerer import log_relevance
from condcap_sk.model.labels import LabelAnswerer


class Codec:
    def candidates(self, vectors, width):
        n = len(vectors)
        ids = np.tile(np.arange(width)[:, None], (n, 1, 1))
        return ids, np.tile(-np.arange(width, dtype=float), (n, 1))


class Sight:
    """Holds only label 2 for relevant."""

    def relevance(self, images, ids, codec, gan):
        return np.where(ids[:, :, 0] == 2, 4.0, -4.0)


class Gan:
    def generate(self, images, latents):
        return images


def choose(weight):
    answerer = LabelAnswerer(Codec(), Sight(), Gan(), weight, 1)
    return answerer.choose(np.zeros((3, 1)), np.zeros((3, 1)))[:, 0].tolist()


def test__choose__without_relevance__is_the_likeliest():
    assert choose(0) == [0, 0, 0]


def test__choose__relevance__outweighs_probability_by_its_weight():
    assert choose(1.0) == [2, 2, 2]
    # Label 2 has a log-probability of −2 against 0.
    gain = log_relevance(np.array(4.0)) - log_relevance(np.array(-4.0))
    assert choose(2 / gain * 1.01) == [2, 2, 2]
    assert choose(2 / gain * 0.99) == [0, 0, 0]
