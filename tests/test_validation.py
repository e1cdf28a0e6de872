"""Checks of images, latents and rows of floats."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from condcap_sk._validation import (
    as_rows,
    check_given,
    check_images,
    check_latents,
    check_probability,
    check_same_images,
    for_torch,
)
from condcap_sk.gan.prior import Prior


def test__for_torch__read_only_and_strided__is_copied():
    array = np.broadcast_to(np.arange(6).reshape(2, 3).T, (3, 2))
    found = for_torch(array)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 2.0]], r"c has 2 columns, but 3 are expected.*shape \(n, 3\)"),
        ([1.0, 2.0, 3.0], "c: Expected 2D array"),
        ([[np.nan] * 3], "Input c contains NaN"),
        ([[1e300] * 3], "Input c contains infinity"),
        ([["a", "b", "c"]], "c: could not convert"),
    ],
)
def test__as_rows__what_is_none__error_names_the_argument(values, message):
    with pytest.raises(ValueError, match=message):
        as_rows(values, 3, "c")


def test__check_given__no_y__error_names_the_estimator():
    with pytest.raises(ValueError, match="BaseEstimator requires y to be passed"):
        check_given(None, BaseEstimator())


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((4, 9, 8), None, (4, 1, 9, 8)),
        ((4, 9, 8, 3), None, (4, 3, 9, 8)),
        ((4, 3, 9, 8), None, (4, 3, 9, 8)),
        ((4, 72), (9, 8), (4, 1, 9, 8)),
        ((4, 216), (9, 8, 3), (4, 3, 9, 8)),
        ((4, 5), None, (4, 5)),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8", bool])
def test__check_images__every_layout__has_channels_first(shape, image_shape, expected, dtype):
    X = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = check_images(X, image_shape=image_shape)
    assert found.shape == expected
    assert found.dtype == ("u1" if dtype == "u1" else "f4")
    if image_shape is None and expected == shape:
        np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize(
    ("X", "image_shape", "message"),
    [
        (np.zeros(3), None, r"X has 1 dimension\(s\).*X\[None\]"),
        (np.zeros((4, 9, 8, 5)), None, r"X holds images of shape \(9, 8, 5\).*neither last nor"),
        (np.zeros((4, 6)), (2, 2), "image_shape=.* needs 4 columns, but X has 6"),
        (np.zeros((4, 6)), (6,), "image_shape=.* is no size of images"),
        (np.full((4, 6), 1e300), None, "X (holds values|contains infinity).* too large"),
        ([np.zeros((2, 2)), np.zeros((2, 3))], None, "images of different sizes"),
    ],
)
def test__check_images__what_are_none__error_names_what_to_pass(X, image_shape, message):
    with pytest.raises(ValueError, match=message):
        check_images(X, image_shape=image_shape)


def test__check_images__columns_of_a_data_frame__are_kept_in_fit_and_compared_later():
    estimator = BaseEstimator()
    X = pd.DataFrame(np.eye(3), columns=list("abc"))
    check_images(X, estimator, reset=True)
    assert estimator.feature_names_in_.tolist() == list("abc")
    with pytest.raises(ValueError, match="feature names should match"):
        check_images(X[["c", "b", "a"]], estimator)


def test__check_same_images__other_size_or_one_image__error_names_what_to_pass():
    check_same_images(np.zeros((2, 3, 9, 8)), (3, 9, 8))
    with pytest.raises(ValueError, match="X holds 9x7 images .* fit saw 9x8 images"):
        check_same_images(np.zeros((2, 3, 9, 7)), (3, 9, 8))
    with pytest.raises(ValueError, match=r"X is one image of shape \(9, 8, 3\).*X\[None\]"):
        check_same_images(np.zeros((9, 1, 8, 3)), (3, 9, 8), given=(9, 8, 3))


@pytest.mark.parametrize("c", [[1.0, 2.0], [[1.0, 2.0]], [[1.0, 2.0]] * 3])
def test__check_latents__one_or_one_each__has_a_row_for_each_image(c):
    found = check_latents(c, 3, Prior(2))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[1, 2]] * 3)


@pytest.mark.parametrize("far", [1e30, -1e30])
def test__check_latents__too_large_to_compute_with__error_names_what_to_pass(far):
    with pytest.raises(ValueError, match="c holds values up to 1e\\+30.*sample_latents"):
        check_latents([0.0, far], 3, Prior(2))


def test__check_latents__other_shape__error_names_what_to_pass():
    with pytest.raises(ValueError, match=r"c has shape \(2, 2\). Pass one latent of shape \(2,\)"):
        check_latents(np.zeros((2, 2)), 3, Prior(2))


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test__check_probability__from_0_to_1__passes(value):
    check_probability(value, "p")


@pytest.mark.parametrize("value", [-1e-9, 2, np.nan, True, np.False_, None, "1", 0.5j, [0.5]])
def test__check_probability__anything_else__is_named(value):
    with pytest.raises(ValueError, match="p=.* is no probability. Pass a number from 0 to 1"):
        check_probability(value, "p")
