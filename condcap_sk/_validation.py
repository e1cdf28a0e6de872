"""Checks of images, latents and rows of floats.

Each error names the argument, what it got and what to type.
"""

import math
import numbers
import re
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import validate_data

from ._stored import Source, StoredImages, source_of
from ._typing import Function

_CHANNELS = (1, 3, 4)
# Latents, and standardised features of images: by hand, far beyond what means anything, and far
# below what float32 cannot square.
FARTHEST = 1e12


def checks_arguments(constraints: dict[str, list[Any]]) -> Callable[[Function], Function]:
    """Decorate a function whose arguments scikit-learn, which has no types, is to check."""
    return validate_params(constraints, prefer_skip_nested_validation=False)


def checks_params(fit: Function) -> Function:
    """Decorate a `fit` before which scikit-learn is to check the estimator's parameters."""
    return _fit_context(prefer_skip_nested_validation=False)(fit)


@contextmanager
def _naming(name):
    """Let errors that are raised inside name the argument, as NumPy's do not."""
    try:
        # What is infinite, or becomes it in float32, gets an error; NumPy would warn first.
        with np.errstate(invalid="ignore", over="ignore"):
            yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def for_torch(array):
    """Return `array` contiguous and writable: torch shares no read-only memory (of a memmap)."""
    return np.require(array, requirements=["C", "W"])


def as_rows(values, n_columns, name):
    """Return `values` as a finite float32 array of shape (n, n_columns)."""
    with _naming(name):
        values = check_array(values, dtype=np.float32, input_name=name)
    if values.shape[1] != n_columns:
        raise ValueError(
            f"{name} has {values.shape[1]} columns, but {n_columns} are expected: "
            f"pass an array of shape (n, {n_columns})."
        )
    return for_torch(values)


def check_given(y, estimator):
    """Raise, in the words that scikit-learn's tools expect, if there is no `y`."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Pass "
            "the right answers of each row of X."
        )


def as_array(X):
    """Return `X`, as an array if it is none; rows that are arrays themselves become one array.

    What is not in memory becomes a `Source`.
    """
    if isinstance(X, StoredImages):
        return X
    if (source := source_of(X)) is not None:
        return source
    if hasattr(X, "dataset") and not hasattr(X, "__getitem__"):
        raise ValueError(
            f"X is a {type(X).__name__}, which gives batches in an order of its own. Pass its "
            "dataset, which is read batch by batch, too: X=loader.dataset."
        )
    if np.ma.is_masked(X):
        raise ValueError("X is a masked array, of which some is masked. Fill it: X.filled(0).")
    try:
        if not hasattr(X, "ndim"):
            X = np.asarray(X)
        if X.ndim == 1 and X.dtype == object:
            rows = [np.asarray(row) for row in X]
            if any(row.ndim for row in rows):
                X = np.stack(rows)
    except ValueError as error:
        raise ValueError(
            "X holds rows or images of different sizes. Bring all to one size first; of files, "
            "LoadImages(size=…) does."
        ) from error
    return X


def check_images(X, estimator=None, image_shape=None, reset=False, channels_first=False):
    """Return images as (n, C, H, W) and feature vectors as (n, d); uint8 or float32, finite.

    Feature vectors in float16 stay so. What is not in memory becomes `StoredImages`.

    `estimator` keeps what is known of the columns of a 2-D `X`; with `reset`, in fit, it learns
    that. With `image_shape`, (H, W) or (H, W, C), the rows of a 2-D `X` are flattened images.
    With `channels_first`, a 4-D `X` can be nothing but (n, C, H, W): of narrow images one could not
    tell.
    """
    X = as_array(X)
    if isinstance(X, StoredImages):
        return X
    if isinstance(X, Source):
        return _stored(X, estimator, image_shape, reset, channels_first)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if X.ndim == 2 and estimator is not None:
        with _naming("X"):
            X = validate_data(estimator, X, dtype="numeric", reset=reset)
    if not 2 <= X.ndim <= 4:
        raise ValueError(
            f"X has {X.ndim} dimension(s). Expected 2D array of features (n, d) or images of shape "
            "(n, H, W), (n, H, W, C) or (n, C, H, W). Reshape your data: X.reshape(-1, 1) for a "
            "single feature, X[None] for a single sample."
        )
    with _naming("X"):
        X = check_array(X, dtype="numeric", allow_nd=True, input_name="X")
    if reset:
        _check_several(X)
    # Regions of many images would take twice the memory in float32, and say no more.
    if X.dtype != np.uint8 and not (X.ndim == 2 and X.dtype == np.float16 and image_shape is None):
        with np.errstate(over="ignore"):
            X = X.astype(np.float32)
        if not np.isfinite(X).all():
            raise ValueError("X holds values too large for float32. Scale it down first.")
    if X.ndim == 2 and image_shape is not None:
        sizes = [int(size) for size in image_shape if isinstance(size, numbers.Integral)]
        if not 2 <= len(sizes) == len(image_shape) <= 3 or min(sizes) < 1:
            raise ValueError(
                f"image_shape={image_shape!r} is no size of images. Pass (H, W) or (H, W, C)."
            )
        if X.shape[1] != np.prod(image_shape):
            raise ValueError(
                f"image_shape={tuple(image_shape)} needs {np.prod(image_shape)} columns, but X has "
                f"{X.shape[1]}. Set `image_shape` to (H, W) or (H, W, C) of your images."
            )
        X = X.reshape(len(X), *image_shape)
    if X.ndim == 3:
        X = X[:, None]
    elif X.ndim == 4 and X.shape[3] in _CHANNELS and not channels_first:
        X = X.transpose(0, 3, 1, 2)
    elif X.ndim == 4 and X.shape[1] not in _CHANNELS and not channels_first:
        raise ValueError(
            f"X holds images of shape {X.shape[1:]}, with 1, 3 or 4 channels neither last nor "
            "first. Pass images as (n, H, W, C) or (n, C, H, W)."
        )
    return for_torch(X)


def _check_several(X):
    if len(X) == 1:
        raise ValueError(
            "X holds one image (n_samples=1). Nothing can be compared: pass at least two."
        )


def _stored(source, estimator, image_shape, reset, channels_first):
    """Return `StoredImages` as `check_images` returns images."""
    if reset:
        _check_several(source)
    some = source[:2]
    # What is wrong with the shape is wrong with that of each row, and columns are their number.
    check_images(some, estimator, image_shape, reset, channels_first)
    form = partial(check_images, image_shape=image_shape, channels_first=channels_first)
    return StoredImages(source, form)


def check_same_images(X, shape, given=None, name="X"):
    """Raise if the images of `X` (or feature vectors) are not of the `shape` in fit.

    `given` is the shape that the user's array had.
    """
    if X.shape[1:] == tuple(shape):
        return
    was, now = _describe(shape), _describe(X.shape[1:])
    channels, *size = shape
    single = {(*size, channels), (channels, *size), *([tuple(size)] if channels == 1 else [])}
    if given in single:
        raise ValueError(
            f"{name} is one image of shape {given}, where a batch of images is expected. Pass "
            f"{name}[None]."
        )
    if shape == (math.prod(X.shape[1:]),):
        raise ValueError(
            f"{name} holds {now}, but fit saw {was}. Pass {name}.reshape(len({name}), -1)."
        )
    if len(shape) == 1:
        remedy = f"Pass feature vectors (n, {shape[0]}), as in fit"
    elif X.ndim == 2:
        remedy = "Pass images, as in fit: (n, H, W), (n, H, W, C) or (n, C, H, W)"
    else:
        remedy = f"Resize {name} to what fit saw"
    raise ValueError(f"{name} holds {now}, but fit saw {was}. {remedy}, or fit again.")


def _describe(shape):
    if len(shape) == 1:
        return f"vectors of {shape[0]} features"
    channels, height, width = shape
    return f"{height}x{width} images with {channels} channel(s)"


def as_latents(values, prior, name):
    """Return `values` as float32 latents (n, n_latents) of a `Prior`."""
    latents = as_rows(values, prior.n_latents, name)
    if (np.abs(latents) > FARTHEST).any():
        raise ValueError(
            f"{name} holds values up to {np.abs(latents).max():.3g}, where latents are of N(0, 1). "
            "Pass such as `sample_latents` draws, or `infer_latent` returns."
        )
    prior.check(latents, name)
    return latents


def check_latents(c, n_images, prior, name="c"):
    """Return latents as float32 (n_images, n_latents); one latent stands for all images."""
    n_latents = prior.n_latents
    with _naming(name):
        c = np.atleast_2d(np.asarray(c))
    if c.shape not in {(1, n_latents), (n_images, n_latents)}:
        raise ValueError(
            f"{name} has shape {c.shape}. Pass one latent of shape ({n_latents},) for all images, "
            f"or one each, shape ({n_images}, {n_latents}); `sample_latents` draws some"
            + (", `join_latents` makes them of categories." if prior.n_one_hot else ".")
        )
    c = as_latents(c, prior, name)
    return np.tile(c, (n_images // len(c), 1))


def check_probability(value: object, name: str) -> None:
    """Raise if `value` is no number from 0 to 1."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"{name}={value!r} is no probability. Pass a number from 0 to 1.")


def check_regions(n_regions, shape):
    """Raise if images of `shape` are not their own vectors and those of `n_regions` regions."""
    n_vectors = 1 + n_regions
    if len(shape) > 1:
        raise ValueError(
            f"n_regions={n_regions} is for feature vectors, but X holds images of shape {shape}. "
            "Pass n_regions=None for images, in which regions are found; and vectors of regions "
            "flattened, as X.reshape(len(X), -1), with image_shape=None."
        )
    if shape[0] % n_vectors:
        raise ValueError(
            f"n_regions={n_regions} needs {n_vectors} vectors of equal length in each row, but X "
            f"has {shape[0]} columns. Pass what PretrainedFeatures(n_regions={n_regions}) returns: "
            "the image's own vector, then those of its regions."
        )


def check_columns(X, estimator, n_regions):
    """Raise if rows of another width than in fit hold, or should hold, vectors of regions.

    `n_regions` is that of fit, None where rows were image vectors alone. What else is wrong with
    columns, scikit-learn finds, and names those that are missing.
    """
    found, expected = X.shape[1], estimator.n_features_in_
    if found == expected:
        return
    if n_regions is not None:
        remedy = (
            f": {1 + n_regions} vectors of {expected // (1 + n_regions)}, of an image and of its "
            "regions. Pass what the same PretrainedFeatures returns as in fit, with "
            f"n_regions={n_regions}."
        )
    elif found and found % expected == 0:
        n = found // expected
        remedy = (
            f". If these are {n} vectors of {expected}, of an image and of its regions: pass those "
            f"of the images alone, X[:, :{expected}], or fit again with n_regions={n - 1}."
        )
    else:
        return
    raise ValueError(
        f"X has {found} features, but {type(estimator).__name__} is expecting {expected} features "
        f"as input{remedy}"
    )
