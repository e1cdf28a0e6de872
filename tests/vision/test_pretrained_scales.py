"""PretrainedFeatures: images on every scale and in every form, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import zoom
from sklearn import config_context
from torch import nn

from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.vision import PretrainedFeatures

IMAGES = make_captioned_shapes(5, size=64, random_state=0).images


def scaled(images):
    return images / 255


def transform(X):
    """Return the mean of each channel, from 0 to 1."""
    return PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(X)


class Never(nn.Module):
    """A network that must not be used."""

    def forward(self, images):
        raise AssertionError


def test__not_finite__unchecked_by_scikit_learn__is_an_error():
    with config_context(assume_finite=True), pytest.raises(ValueError, match="X contains NaN"):
        transform(np.full((2, 5, 5, 3), np.nan))


@pytest.mark.parametrize("row", [0, 4])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test__not_finite__anywhere__is_an_error_before_the_network_runs(row, bad):
    images = IMAGES.astype(float)
    images[row, 5, 5, 1] = bad
    with pytest.raises(ValueError, match="X.*(NaN|infinity|too large)"):
        PretrainedFeatures(Never(), preprocess=scaled).transform(images)


def test__list_of_images__of_different_sizes__is_an_error():
    with pytest.raises(ValueError, match="X holds rows or images of different sizes"):
        transform([IMAGES[0], IMAGES[1, :9]])


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
SHARP = np.repeat(255 * load_grid_digits(n_train=5).images[..., None] / 16, 3, axis=3)
STARS = np.where(np.random.RandomState(0).rand(5, 24, 24, 3) < 0.004, 255, 20)
# Images of another scale, made from 0 to 255: what to type for them. None: prose.
OTHER_SCALES = {
    "0 to 1": (lambda x: x / 255, "X * 255.0"),
    "0 to 1, float16": (lambda x: (x / 255).astype(np.float16), "X * 255.0"),
    "0 to 1, big-endian": (lambda x: (x / 255).astype(">f4"), "X * 255.0"),
    "0 to 1, objects": (lambda x: (x / 255).astype(object), "X * 255.0"),
    "0 to 1, dark": (lambda x: x / 255 / 9, "X * 255.0"),
    "0 to 1 and a little beyond": (lambda x: x / 250, "X * 255.0"),
    "-1 to 1": (lambda x: x / 127.5 - 1, "(X + 1) * 127.5"),
    "ImageNet": (lambda x: (x / 255 - MEAN) / STD, None),
    "ImageNet, dark": (lambda x: (x / 2550 - MEAN) / STD, None),
    "ImageNet, bright": (lambda x: (1 - x / 2550 - MEAN) / STD, None),
    "MNIST": (lambda x: (x / 255 - 0.1307) / 0.3081, None),
    "of mean 0 and variance 1": (lambda x: (x - x.mean()) / x.std(), None),
    "of mean 0": (lambda x: x - x.mean(), None),
    "less ImageNet's mean": (lambda x: x - 255 * MEAN, None),
    "16 bits": (lambda x: x.astype(np.uint16) * 257, "X / 257"),
    "16 bits, big-endian": (lambda x: (x.astype(np.uint16) * 257).astype(">u2"), "X / 257"),
    "16 bits, float": (lambda x: x * 257.0, "X / 257"),
    "32 bits": (lambda x: (x * 257).astype(np.uint32), "X / 257"),
    "12 bits": (lambda x: (x * 16).astype(np.uint16), None),
    "8 bits with sign": (lambda x: (x - 128.0).astype(np.int8), None),
    "bool": (lambda x: x > 100, "X.astype(np.uint8) * 255"),
    "list of bool": (lambda x: (x > 100).tolist(), None),
    "0 and 1": (lambda x: (x > 100).astype(np.int64), "X * 255.0"),
    "0 and 1, signed": (lambda x: (x > 100).astype(np.int8), "X * 255.0"),
    "logarithms": (np.log1p, None),
}


@pytest.mark.parametrize("images", [SHARP, STARS, IMAGES], ids=["digits", "stars", "scenes"])
@pytest.mark.parametrize("scale", OTHER_SCALES)
def test__another_scale__is_an_error_with_the_range_and_a_remedy(scale, images):
    convert, remedy = OTHER_SCALES[scale]
    X = convert(images.astype(float))
    never = PretrainedFeatures(Never(), preprocess=scaled)
    with pytest.raises(ValueError, match="X holds .*where values from 0 to 255 are expected. Pass"):
        never.transform(X)
    for form in (np.moveaxis(np.asarray(X), 3, 1), np.asarray(X)[..., 1]):
        with pytest.raises(ValueError, match="are expected. Pass "):
            never.transform(form)
    if remedy is not None and not (remedy.startswith("(X") and images is not SHARP):
        with pytest.raises(ValueError, match=rf"Pass {re.escape(remedy)}\.$"):
            never.transform(X)
        expected = images if "bool" not in scale and "and 1" not in scale else 255 * (images > 100)
        if scale == "0 to 1, dark":
            expected = images / 9
        found = transform(eval(remedy, {"X": X, "np": np}))
        wanted = transform(expected.astype(float))
        np.testing.assert_allclose(found, wanted, atol=1e-3 if "beyond" not in scale else 0.03)


def test__another_scale__error_names_the_lowest_and_the_highest():
    X = np.zeros((70, 3, 5, 5), dtype=np.float32)
    X[3, 0, 0, 0], X[66, 1, 2, 3] = -2.5, 3000
    with pytest.raises(ValueError, match=r"X holds float32 values from -2.5 to 3000, .*16 bits or"):
        transform(X)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 4, 4, 3)),
        np.zeros((1, 4, 4, 3), dtype=np.int64),
        np.ones((1, 4, 4, 3), dtype=np.uint8),
        IMAGES.astype(np.float16),
        IMAGES.astype(">u2"),
        IMAGES.astype(">f8"),
        IMAGES.astype(object),
        (IMAGES // 20).astype(np.int32),
        IMAGES.tolist(),
        list(IMAGES),
        IMAGES[:, ::-1, ::2],
        np.asfortranarray(IMAGES),
        zoom(SHARP, (1, 4, 4, 1), order=3).clip(-68, 323),
        zoom(IMAGES.astype(float), (1, 2, 2, 1), order=3),
        zoom(np.where(STARS > 99, STARS, 0.0), (1, 2, 2, 1), order=3),
    ],
    ids=range(15),
)
def test__0_to_255_in_any_form__is_fine(images):
    features = transform(images)
    expected = np.asarray(images, dtype=float).mean((1, 2)) / 255
    np.testing.assert_allclose(features, expected, atol=1e-4)


@given(
    arrays(np.uint8, (3, 5, 6, 3)),
    st.sampled_from([np.float16, np.float32, np.float64, np.int16, np.uint16, ">u4", ">f4", "O"]),
)
def test__dtype__values_from_0_to_255__means_nothing(images, dtype):
    assume(images.max() >= 8 or not images.any())
    expected = transform(images)
    np.testing.assert_allclose(transform(images.astype(dtype)), expected, rtol=1e-5)


def test__8_bits__are_not_looked_through_before(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr("condcap_sk.vision.pretrained.count_below_zero", never)
    transform(IMAGES)


@pytest.mark.parametrize("shape", [(64, 48, 3), (64, 48, 4), (9, 8, 1)])
def test__single_image__is_an_error_with_a_remedy(shape):
    with pytest.raises(ValueError, match=r"X is one image of shape .* Pass X\[None\]"):
        transform(np.full(shape, 200, dtype=np.uint8))


@pytest.mark.parametrize(
    "X",
    [
        np.full((2, 8, 8, 3), 1j),
        np.full((2, 8, 8, 3), "a"),
        np.zeros((2, 8, 8, 2)),
        np.zeros((0, 8, 8, 3)),
        pd.DataFrame(np.zeros((3, 5), dtype=bool)),
    ],
    ids=["complex", "str", "two channels", "none", "DataFrame"],
)
def test__no_pixels__is_an_error_that_names_X(X):
    with pytest.raises(ValueError, match=r"\bX\b"):
        transform(X)


def test__grey_images__are_read_as_rgb():
    grey = IMAGES[..., 0]
    features = transform(grey)
    np.testing.assert_allclose(features, np.repeat(grey.mean((1, 2))[:, None] / 255, 3, 1), 1e-4)


@pytest.mark.parametrize("X", [np.zeros((3, 5)), np.zeros((3, 8, 8, 4))])
def test__not_images__is_an_error_with_a_remedy(X):
    with pytest.raises(ValueError, match="Pass images of 3 channels or 1"):
        transform(X)
