"""Checks of what an exported captioner is asked, without scikit-learn.

Each error names the argument, what it got and what to type.
"""

import math

import numpy as np

from .._pixels import warn_of_scale
from ..answers.labels import check_answers

CHANNELS = (1, 3, 4)
FARTHEST = 1e12  # latents: far beyond what means anything, as in `_validation`


def as_images(X, manifest):
    """Return images (n, C, H, W) or feature vectors (n, d), float32, of the shape of the fit."""
    given = _numbers(X, "X")
    shape, flat = manifest.shape, manifest.image_shape
    images = given
    if given.ndim == 2 and flat is not None and given.shape[1] == math.prod(flat):
        images = given.reshape(len(given), *flat)
    if len(shape) == 3:
        if images.ndim == 3:
            images = images[:, None]
        elif images.ndim == 4 and images.shape[3] in CHANNELS:
            images = images.transpose(0, 3, 1, 2)
    if images.shape[1:] != shape:
        remedy = f"(n, {shape[0]})"
        if len(shape) == 3:
            channels, height, width = shape
            remedy = f"(n, {height}, {width}, {channels}) or (n, {channels}, {height}, {width})"
            if channels == 1:
                remedy = f"(n, {height}, {width})"
        raise ValueError(
            f"X has the shape {given.shape}. Pass images of the shape in fit, {remedy}; of a "
            "single one, X[None]."
        )
    if not len(images):
        raise ValueError("X holds no image. Pass one at least.")
    if len(shape) == 3:
        warn_of_scale(images, manifest.pixel_range)
    return np.ascontiguousarray(images, dtype=np.float32)


def as_latents(values, columns, name):
    """Return latents (n, n_latents), float32."""
    latents = _numbers(values, name).astype(np.float32)
    if latents.ndim != 2 or latents.shape[1] != columns.n_latents or not len(latents):
        raise ValueError(
            f"{name} has shape {latents.shape}. Pass latents of shape (k, {columns.n_latents}); "
            "`sample_latents` draws some."
        )
    if (np.abs(latents) > FARTHEST).any():
        raise ValueError(
            f"{name} holds values up to {np.abs(latents).max():.3g}, where latents are of N(0, 1). "
            "Pass such as `sample_latents` draws, or `infer_latent` returns."
        )
    columns.check(latents, name)
    return latents


def as_latents_of_each(c, n_images, columns):
    """Return latents (n_images, n_latents), float32; one latent stands for all images."""
    latents = np.atleast_2d(_numbers(c, "c"))
    if latents.shape not in {(1, columns.n_latents), (n_images, columns.n_latents)}:
        raise ValueError(
            f"c has shape {np.shape(c)}. Pass one latent of shape ({columns.n_latents},) for all "
            f"images, or one each, shape ({n_images}, {columns.n_latents}); `sample_latents` "
            "draws some."
        )
    latents = as_latents(latents, columns, "c")
    return np.tile(latents, (n_images // len(latents), 1))


def as_ids(labels, n_images, vocabulary, name):
    """Return the token ids (n_images, max_length) of answers."""
    answers = check_answers(labels, name)
    if len(answers) != n_images:
        raise ValueError(
            f"X holds {n_images} images, but {name} holds {len(answers)} answers. Pass one answer "
            "for each image."
        )
    return vocabulary.encode_given(answers, name)


def _numbers(values, name):
    """Return finite numbers, such as float32 can hold, as an array."""
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}. Pass rows of one length.") from error
    if found.dtype.kind == "O":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} holds objects, where numbers are expected.") from error
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {found.dtype}, where numbers are expected.")
    with np.errstate(over="ignore", invalid="ignore"):
        if found.dtype.kind == "f" and not np.isfinite(found.astype(np.float32)).all():
            raise ValueError(
                f"{name} contains NaN, infinity or a value too large for float32. Leave them out."
            )
    return found
