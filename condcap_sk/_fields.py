"""The fields of a JSON object out of a file that may be anybody's."""

import numpy as np

from .exceptions import ModelFileError


class Fields:
    """The fields of a JSON object, each taken once and checked."""

    def __init__(self, values, where):
        if not isinstance(values, dict):
            raise ModelFileError(f"{where} is {values!r:.80}, not a JSON object.")
        self.values = dict(values)
        self.where = where

    def __contains__(self, name):
        return name in self.values

    def take(self, name, kind):
        value = self.values.pop(name, self)
        if value is self or not isinstance(value, kind) or (kind is int and value is bool(value)):
            found = "is missing" if value is self else f"is {value!r:.80}"
            raise ModelFileError(f"{self.where}.{name} {found}; {kind.__name__} is expected.")
        return value

    def inner(self, name):
        return Fields(self.take(name, dict), f"{self.where}.{name}")

    def size(self, name):
        """Take a number of things, one at least."""
        value = self.take(name, int)
        if not 1 <= value < 2**31:
            raise ModelFileError(f"{self.where}.{name} is {value!r:.80}, not a possible size.")
        return value

    def numbers(self, name, n_columns):
        """Take rows of numbers."""
        rows = self.take(name, list)
        try:
            with np.errstate(over="ignore"):
                found = np.array(rows, dtype=np.float64).astype(np.float32)
            if found.ndim != 2 or not len(found) or found.shape[1] != n_columns:
                raise ValueError(f"their shape is {found.shape}, not (n, {n_columns})")
            if not np.isfinite(found).all():
                raise ValueError("some are infinite, no numbers or too large for float32")
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelFileError(
                f"{self.where}.{name} is not rows of numbers: {error!s:.200}"
            ) from error
        return found

    def end(self):
        if self.values:
            names = ", ".join(map(repr, list(self.values)[:5]))
            raise ModelFileError(f"{self.where} holds {names:.200}, which no version of it has.")
