"""What is asked, checked without scikit-learn: as the estimator checks it."""

from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk.answers.vocabulary import make_vocabulary
from condcap_sk.exceptions import UnknownWordsWarning
from condcap_sk.export.checks import as_ids, as_images, as_latents, as_latents_of_each
from condcap_sk.gan.columns import LatentColumns

COLUMNS = LatentColumns(1, (2,))


def about(shape, image_shape=None):
    return SimpleNamespace(shape=shape, image_shape=image_shape, pixel_range=(0.0, 255.0))


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int64])
def test__images__any_form__are_channels_first(dtype):
    rng = np.random.RandomState(0)
    expected = rng.randint(0, 256, size=(2, 3, 4, 5)).astype(np.float32)
    last = expected.transpose(0, 2, 3, 1).astype(dtype)
    for X in (expected.astype(dtype), last, last.tolist()):
        found = as_images(X, about((3, 4, 5)))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    flat = as_images(last.reshape(2, -1), about((3, 4, 5), (4, 5, 3)))
    np.testing.assert_array_equal(flat, expected)
    grey = as_images(expected[:, 0].astype(dtype), about((1, 4, 5)))
    np.testing.assert_array_equal(grey, expected[:, :1])
    vectors = as_images(expected.reshape(2, -1).astype(dtype), about((60,)))
    assert vectors.shape == (2, 60)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.zeros((4, 5, 3)), r"Pass images of the shape in fit, \(n, 4, 5, 3\)"),
        (np.zeros((2, 9, 5, 3)), r"X has the shape \(2, 9, 5, 3\)"),
        (np.zeros((2, 60)), "X has the shape"),
        (np.zeros(3), "X has the shape"),
        (np.zeros((0, 4, 5, 3)), "X holds no image"),
        (np.full((2, 4, 5, 3), np.nan), "X contains NaN"),
        (np.full((2, 4, 5, 3), 1e39), "too large for float32"),
        ([["a"]], "X holds .*numbers are expected"),
        ([[1, 2], [3]], "X: .*rows of one length"),
        (np.zeros((2, 4, 5, 3), dtype=complex), "X holds complex"),
    ],
)
def test__images__wrong_ones__are_named(X, match):
    with pytest.raises(ValueError, match=match):
        as_images(X, about((3, 4, 5)))


def test__latents__one_for_all_or_one_each():
    one = [0, 1, 0.5]
    np.testing.assert_array_equal(as_latents_of_each(one, 3, COLUMNS), [one] * 3)
    each = [[1, 0, 2], [0, 1, 3]]
    np.testing.assert_array_equal(as_latents_of_each(each, 2, COLUMNS), each)
    assert as_latents(each, COLUMNS, "latents").dtype == np.float32


@pytest.mark.parametrize(
    ("c", "match"),
    [
        ([0, 1], r"c has shape \(2,\). Pass one latent of shape \(3,\)"),
        ([[0, 1, 2]] * 3, r"or one each, shape \(2, 3\)"),
        ([0, 0, 1], "c holds .* which are a category"),
        ([0, 1, 1e13], "c holds values up to 1e.13"),
        ([0, 1, np.inf], "c contains NaN, infinity"),
    ],
)
def test__latents__wrong_ones__are_named(c, match):
    with pytest.raises(ValueError, match=match):
        as_latents_of_each(c, 2, COLUMNS)


def test__latents__no_rows__are_named():
    with pytest.raises(ValueError, match=r"latents has shape \(0, 3\)"):
        as_latents(np.zeros((0, 3)), COLUMNS, "latents")


def test__ids__one_answer_for_each_image():
    vocabulary = make_vocabulary("label").know(np.array([3, 5]), 1)
    assert as_ids([5, 3], 2, vocabulary, "labels").tolist() == [[3], [2]]
    with pytest.raises(ValueError, match="X holds 3 images, but labels holds 2 answers"):
        as_ids([5, 3], 3, vocabulary, "labels")


def test__ids__of_captions_without_a_known_word__come_with_a_warning():
    vocabulary = make_vocabulary("word", 1, None, None).fit(["a dog"])
    with pytest.warns(UnknownWordsWarning, match=r"1 of 2 captions.*captions\[1\]='zebra'"):
        as_ids(["a zebra", "zebra"], 2, vocabulary, "captions")
