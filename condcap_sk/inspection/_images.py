"""The images that displays draw."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._validation import check_images


def first_images(stages: list[ArrayLike], captioner: BaseEstimator) -> ArrayLike:
    """Return the first of the stages of a pipeline that can be drawn, or else the last."""
    for stage in stages:
        if getattr(stage, "ndim", None) in (3, 4) or (
            isinstance(stage, list | tuple) and np.ndim(stage[0]) > 1
        ):
            return stage
    shape = getattr(captioner, "fitted_params_", {}).get("image_shape")
    return np.asarray(check_images(stages[-1], image_shape=shape))


def pictures(images: ArrayLike, example: str) -> NDArray[np.floating]:
    """Return images (n, H, W, C) from 0 to 1; of vectors, an error names the `example`."""
    checked = np.asarray(check_images(images))
    if checked.ndim != 4:
        raise ValueError(
            f"images holds vectors of {checked.shape[1]} features, which cannot be drawn. Pass "
            f"images, for example {example}."
        )
    low, high = checked.min(), checked.max()
    return (checked.transpose(0, 2, 3, 1) - low) / max(high - low, 1e-12)
