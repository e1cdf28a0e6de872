"""What one wishes of answers, and how far answers under latents are from it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Errors = NDArray[np.float64]


class Wish:
    """A property of each answer, and the value that it is wished to have.

    Parameters
    ----------
    name : str
    wished : bool or float
        A bool is compared with whether the property is not 0.
    measure : callable
        Returns the property of an answer.
    """

    def __init__(self, name: str, wished: Any, measure: Callable[[Any], float]) -> None:
        self.name = name
        self.wished = wished
        self._measure = measure
        self._is_bool = isinstance(wished, bool | np.bool_)

    def values(self, grid: NDArray[Any]) -> Errors:
        """Return the property of answers (n, k)."""
        found = np.array([float(self._measure(answer)) for answer in grid.ravel()])
        return (found != 0 if self._is_bool else found).reshape(grid.shape).astype(float)

    def check(self, reference: NDArray[Any]) -> None:
        """Raise if none of the answers to images under random latents comes up to it."""
        values = self.values(reference)
        low, high = values.min(), values.max()
        if low <= self.wished <= high and (low < high or not self._is_bool):
            return
        if self._is_bool:
            raise ValueError(
                f"{self.name}={self.wished}, but {self.name} is {bool(low)} for every answer, "
                "whatever the latent. Leave this wish out."
            )
        raise ValueError(
            f"{self.name}={self.wished}, but the answers have {low:g} to {high:g}, whatever the "
            "latent. Wish for a value in this range."
        )

    def errors(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        """Return how far answers (n, k) are from the wish, nan where it does not apply.

        `reference` (n, m) are the answers to the same images under random latents.
        """
        return np.abs(self.values(grid) - float(self.wished))

    def losses(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        """Return one loss (k,) for each latent, comparable between wishes.

        An answer that is off by more than the spread of all answers is wrong, and no worse the
        farther it is off: so many more of the others come near.
        """
        return np.square(self.deviations(grid, reference)).clip(max=1).mean(axis=0)

    def deviations(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        """Return by how much answers (n, k) have too much, comparable between wishes."""
        spread = self.values(reference).std() or 1.0
        return (self.values(grid) - float(self.wished)) / spread

    def judged(self, grid: NDArray[Any], reference: NDArray[Any]) -> dict[str, Any]:
        """Return how far answers meet the wish, beside those under random latents."""
        return _row(self, grid, reference) | {"mean": float(self.values(grid).mean())}


class Preference:
    """Labels in the order in which they are preferred.

    It applies to images that have one of them: to which one is answered under some latent.
    """

    name = "prefer"

    def __init__(self, wished: Sequence[Any]) -> None:
        self.wished = list(wished)

    def check(self, reference: NDArray[Any]) -> None:
        missing = [label for label in self.wished if not (reference == label).any()]
        if missing:
            raise ValueError(
                f"prefer={self.wished!r}, but none of the images in X is answered with {missing!r} "
                "under any latent. Pass images that have these labels, or leave them out."
            )

    def first(self, reference: NDArray[Any]) -> NDArray[np.int64]:
        """Return which of the labels is the first one that each image has, −1 for none."""
        has = np.stack([(reference == label).any(axis=1) for label in self.wished], axis=1)
        return np.where(has.any(axis=1), has.argmax(axis=1), -1)

    def errors(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        first = self.first(reference)
        right = np.asarray(self.wished)[first]
        return np.where(first[:, None] < 0, np.nan, (grid != right[:, None]).astype(float))

    def losses(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        errors, first = self.errors(grid, reference), self.first(reference)
        # Each label counts the same, however many images have it and none before it, and squares
        # keep one from being given up for another.
        shares = [errors[first == i].mean(axis=0) for i in np.unique(first[first >= 0])]
        return np.square(shares).mean(axis=0)

    def deviations(self, grid: NDArray[Any], reference: NDArray[Any]) -> Errors:
        """Return the errors of those images that have one of the labels."""
        errors = self.errors(grid, reference)
        return errors[~np.isnan(errors).any(axis=1)]

    def judged(self, grid: NDArray[Any], reference: NDArray[Any]) -> dict[str, Any]:
        return _row(self, grid, reference)


def _row(wish: Any, grid: NDArray[Any], reference: NDArray[Any]) -> dict[str, Any]:
    every = np.concatenate([grid, reference], axis=1)
    return {
        "wished": wish.wished,
        "error": _mean(wish.errors(grid, every)),
        "random": _mean(wish.errors(reference, every)),
    }


def _mean(errors: Errors) -> float:
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else np.nan
