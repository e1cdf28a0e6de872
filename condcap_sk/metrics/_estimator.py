"""What metrics ask of a fitted estimator."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ..gan.prior import Prior

Analyzer = str | Callable[[str], Sequence[str]]
Default = TypeVar("Default", str, None)


def last_step(estimator: BaseEstimator, X: ArrayLike) -> tuple[BaseEstimator, ArrayLike]:
    """Return the captioner in a pipeline or fitted search, and `X` as it comes to it."""
    return captioner_in(estimator), stages_of(estimator, X)[-1]


def captioner_in(estimator: BaseEstimator) -> BaseEstimator:
    """Return the captioner in a pipeline or fitted search."""
    return _unwrap(estimator)[0]


def stages_of(estimator: BaseEstimator, X: ArrayLike) -> list[ArrayLike]:
    """Return `X` as it is given, and after each step of a pipeline before the captioner."""
    stages = [X]
    for step in _unwrap(estimator)[1]:
        stages.append(step.transform(stages[-1]))
    return stages


def analyzer_of(estimator: BaseEstimator, default: Default) -> Analyzer | Default:
    """Return how a captioner's answers fall into tokens; `default` where it has no codec."""
    codec = getattr(captioner_in(estimator), "codec_", None)
    return getattr(codec, "analyzer_", default)


def _unwrap(estimator: BaseEstimator) -> tuple[BaseEstimator, list[Pipeline]]:
    """Return the captioner in a pipeline or fitted search, and the steps before it."""
    steps: list[Pipeline] = []
    while True:
        if isinstance(estimator, Pipeline):
            steps += _single_steps(estimator.steps[:-1])
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator, steps


def _single_steps(steps: list[tuple[str, BaseEstimator]]) -> list[Pipeline]:
    """Return steps, and those of pipelines among them, as pipelines of one."""
    found: list[Pipeline] = []
    for name, step in steps:
        # Not the step itself, which may be "passthrough".
        found += (
            _single_steps(step.steps) if isinstance(step, Pipeline) else [Pipeline([(name, step)])]
        )
    return found


def has_labels(estimator: BaseEstimator, default: bool) -> bool:
    """Whether an estimator was fitted on labels; `default` where it has no codec."""
    return analyzer_of(estimator, "label" if default else "word") == "label"


def split_latents(
    estimator: BaseEstimator, latents: ArrayLike
) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """Return categories (n, n_categorical) and the Gaussian part of an estimator's latents.

    Those of one that cannot split them are Gaussian.
    """
    if hasattr(estimator, "split_latents"):
        return estimator.split_latents(latents)
    latents = np.asarray(latents)
    return np.empty((len(latents), 0), dtype=int), latents


def numbers_of_categories(estimator: BaseEstimator) -> tuple[int, ...]:
    """Return how many categories each categorical latent of an estimator has."""
    # The parameter may have been set anew since fit.
    fitted = getattr(estimator, "gan_", estimator)
    return Prior(1, getattr(fitted, "n_categories", None)).n_categories


def in_categories(
    estimator: BaseEstimator, gaussian: NDArray[np.floating], categories: ArrayLike | None = None
) -> NDArray[np.floating]:
    """Return latents of Gaussian parts (n, n_latents), all of the same categories.

    `categories` has one for each categorical latent; None: the first ones.
    """
    n_categorical = len(numbers_of_categories(estimator))
    if not n_categorical:
        if categories is not None:
            raise ValueError(
                f"categories={categories!r:.80}, but the estimator has no categorical latents. "
                "Pass None, or fit it with n_categories=2 or more."
            )
        return gaussian
    row = np.zeros(n_categorical, dtype=int) if categories is None else np.asarray(categories)
    if row.size != n_categorical:
        raise ValueError(
            f"categories={categories!r:.80}, but the estimator has {n_categorical} categorical "
            "latents. Pass one category for each of them."
        )
    return estimator.join_latents(row.reshape(1, -1), gaussian)


def check_labels(estimator: BaseEstimator, instead: str) -> None:
    """Raise, pointing to `instead`, if an estimator was fitted on captions."""
    if not has_labels(estimator, default=True):
        raise ValueError(
            "estimator was fitted on captions, but labels are needed. Fit it on labels (or set "
            f"analyzer='label'), or use {instead}."
        )


def caption_analyzer(estimator: BaseEstimator, instead: str) -> Analyzer:
    """Return what captions are split by; raise, pointing to `instead`, if there are only labels."""
    if has_labels(estimator, default=False):
        raise ValueError(
            "estimator was fitted on labels, but captions are needed. Fit it on sentences (or set "
            f"analyzer='word'), or use `{instead}`."
        )
    return analyzer_of(estimator, "word")
