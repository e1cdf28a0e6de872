"""HeldOutMatches."""

from types import SimpleNamespace

import numpy as np
import torch

from condcap_sk.answers import EncodedAnswers
from condcap_sk.vision.held_out import HeldOutMatches


class Products(torch.nn.Module):
    """A matcher whose log-odds are products of images and captions as they are."""

    def image_vectors(self, images):
        return images

    def forward(self, images, captions):
        return images @ captions.T


def precision(images, index):
    answers = EncodedAnswers(np.eye(3, dtype="f4"), np.array(index))
    measure = HeldOutMatches(images, answers, "vectors", 2, torch.device("cpu"))
    return measure(SimpleNamespace(average_=Products()))["valid_average_precision"]


def test__held_out__right_answers_first__is_1():
    assert precision(np.eye(3, dtype="f4"), [[0], [1], [2]]) == 1
    images = np.array([[1, 1, 0], [0, 0, 1]], dtype="f4")
    assert precision(images, [[0, 1], [2, -1]]) == 1


def test__held_out__wrong_answers_first__is_low():
    assert precision(np.eye(3, dtype="f4"), [[1], [2], [0]]) < 0.5
