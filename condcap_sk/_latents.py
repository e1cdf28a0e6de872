"""The latents of a `ConditionalCaptioner`: drawn, made of their parts, and split into them."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_scalar

from ._validation import as_latents, as_rows
from .gan.prior import Prior
from .model.core import FittedModel


class Latents:
    """The methods that know what the columns of a latent are."""

    n_latents: int
    n_categories: int | Sequence[int] | None
    model_: FittedModel

    def sample_latents(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.float32]:
        """Draw latents from the prior: N(0, I), and categories that are equally likely.

        Parameters
        ----------
        n_samples : int, default=1
            Number of latents.
        random_state : int, RandomState instance or None, default=None
            Seed; None draws others each time.

        Returns
        -------
        c : ndarray of shape (n_samples, n_latents), float32
            The latents. With `n_categories`, columns of their one-hot parts come first.
        """
        check_scalar(n_samples, "n_samples", Integral, min_val=0)
        return self._prior.draw(n_samples, random_state)

    def join_latents(
        self, categories: ArrayLike, gaussian: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Make latents of categories and of the Gaussian part.

        Parameters
        ----------
        categories : int or array-like of int of shape (n,) or (n, n_categorical)
            The category of each latent, from 0; of several categorical latents, one column each. A
            single one, or a single row, stands for all rows of `gaussian`.
        gaussian : array-like of shape (n_latents,) or (n, n_latents), default=None
            The Gaussian part. None: zeros, its mean. A single row stands for all `categories`.

        Returns
        -------
        c : ndarray of shape (n, n_columns), float32
            Latents, as `predict` and `predict_grid` take them.

        Raises
        ------
        ValueError
            If there are no such categories, or `gaussian` is of another shape.

        Examples
        --------
        >>> from condcap_sk import ConditionalCaptioner
        >>> est = ConditionalCaptioner(n_latents=2, n_categories=3)
        >>> est.join_latents([0, 2], [0.5, -1.0])
        array([[ 1. ,  0. ,  0. ,  0.5, -1. ],
               [ 0. ,  0. ,  1. ,  0.5, -1. ]], dtype=float32)
        """
        prior = self._prior
        rows = _as_categories(categories, prior.n_categories)
        numbers = np.zeros((1, prior.n_gaussian), dtype=np.float32)
        if gaussian is not None:
            numbers = as_rows(np.atleast_2d(gaussian), prior.n_gaussian, "gaussian")
        if 1 not in (len(rows), len(numbers)) and len(rows) != len(numbers):
            raise ValueError(
                f"categories has {len(rows)} rows, and gaussian {len(numbers)}. Pass as many, or "
                "one for all."
            )
        n = len(rows) if len(numbers) == 1 else len(numbers)
        rows = np.repeat(rows, n if len(rows) == 1 else 1, axis=0)
        numbers = np.repeat(numbers, n if len(numbers) == 1 else 1, axis=0)
        return prior.join(rows.T, numbers).astype(np.float32)

    def split_latents(self, c: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the categories and the Gaussian part of latents.

        Parameters
        ----------
        c : array-like of shape (n_columns,) or (n, n_columns)
            Latents, such as `sample_latents` draws and `infer_latent` returns.

        Returns
        -------
        categories : ndarray of shape (n, n_categorical), int
            The category of each categorical latent, from 0.
        gaussian : ndarray of shape (n, n_latents), float32
            The Gaussian part.

        Raises
        ------
        ValueError
            If `c` has other columns, or its categories are no one-hot rows.

        Examples
        --------
        >>> from condcap_sk import ConditionalCaptioner
        >>> est = ConditionalCaptioner(n_latents=1, n_categories=(2, 3))
        >>> categories, gaussian = est.split_latents([0, 1, 1, 0, 0, -0.5])
        >>> categories, gaussian
        (array([[1, 0]]), array([[-0.5]], dtype=float32))
        """
        *one_hot, gaussian = self._prior.split(as_latents(np.atleast_2d(c), self._prior, "c"))
        categories = [part.argmax(axis=1) for part in one_hot]
        return np.array(categories, dtype=np.int64).reshape(len(one_hot), len(gaussian)).T, gaussian

    @property
    def _prior(self) -> Prior:
        return self.model_.prior if hasattr(self, "model_") else Prior.of(self)


def _as_categories(values: ArrayLike, n_categories: tuple[int, ...]) -> NDArray[np.int64]:
    """Return categories as rows of one for each categorical latent."""
    if not n_categories:
        raise ValueError(
            "The model has no categorical latents, so that the Gaussian part itself is the latent. "
            "Pass it as `c`, or fit with n_categories=2 or more."
        )
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"categories is {values!r:.80}: {error}") from error
    rows = given.reshape(-1, 1) if given.ndim < 2 and len(n_categories) == 1 else given
    rows = np.atleast_2d(rows)
    if rows.ndim != 2 or rows.shape[1] != len(n_categories) or rows.dtype.kind not in "iu":
        raise ValueError(
            f"categories is {values!r:.80}. Pass whole numbers, for each latent "
            f"{len(n_categories)} of them, as the model has n_categories={n_categories}."
        )
    for column, n in zip(rows.T, n_categories, strict=True):
        wrong = column[(column < 0) | (column >= n)]
        if len(wrong):
            raise ValueError(
                f"categories holds {wrong[0]}, but the model has n_categories={n_categories}. Pass "
                f"numbers from 0 to {n - 1} there."
            )
    return rows
