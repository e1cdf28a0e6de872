"""Whether captions tell their image from others, by an estimator's own relevance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._torch.environment import own_environment

RANKS = (1, 5, 10)  # as is usual
MOST_IMAGES = 1000  # every caption is compared with every image: a million pairs


@own_environment()
def self_retrieval(
    estimator: BaseEstimator, X: ArrayLike, captions: Sequence[str]
) -> dict[str, float]:
    """Return recall at `RANKS` of each caption's image, among the first `MOST_IMAGES`.

    Empty where there is no image encoder. D could compare, but only one image with one caption at a
    time, and images="ignored" leaves it none.
    """
    encoder = getattr(estimator, "image_encoder_", None)
    if encoder is None:
        return {}
    # Flattened images take their shape, and are not read anew as `transform` would do.
    images = estimator._check_images(X)[:MOST_IMAGES]
    codec = estimator.codec_
    ids = codec.vocabulary_.encode(captions[:MOST_IMAGES])
    read = encoder.matcher_.read(ids[None], codec.encode_tokens)[0]
    relevance = encoder.relevance(encoder._encode(images), read)
    return {f"recall_at_{k}": float(recall_at(k, relevance)) for k in RANKS}


def recall_at(k: int, relevance: NDArray[np.floating]) -> np.floating:
    """Return how often a caption's own image is among the `k` most relevant; ties by chance.

    `relevance` (n, n) is that of images, in rows, for captions, in columns.
    """
    own = np.diag(relevance)
    better = (relevance > own).sum(axis=0)
    equal = (relevance == own).sum(axis=0)  # with the own image itself
    return np.clip((k - better) / equal, 0, 1).mean()
