"""Stored images as tensors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .._stored import Images, StoredImages


class StoredTensor:
    """Rows of `StoredImages`, each read when it is needed: what of a tensor a training asks for.

    Parameters
    ----------
    images : StoredImages
    """

    def __init__(self, images: StoredImages) -> None:
        self._images = images
        self.shape = torch.Size(images.shape)
        self.ndim = images.ndim
        self.nbytes = images.nbytes
        self.dtype = torch.from_numpy(images[:0]).dtype

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Any) -> torch.Tensor:
        rows = rows if isinstance(rows, slice) else np.asarray(rows)
        return torch.from_numpy(self._images[rows])

    def later(self, rows: torch.Tensor) -> "PendingRows":
        """Return rows that are not read yet."""
        return PendingRows(self, rows)

    def cpu(self) -> "StoredTensor":
        """Return itself: it is no accelerator's."""
        return self

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Read all rows, `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


class PendingRows:
    """Some rows of a `StoredTensor`, read once, by whoever needs them.

    Parameters
    ----------
    tensor : StoredTensor
    rows : Tensor of shape (n,), int
    """

    def __init__(self, tensor: StoredTensor, rows: torch.Tensor) -> None:
        self._tensor, self._rows = tensor, rows
        self._device = torch.device("cpu")
        self._found: torch.Tensor | None = None
        self._parts: dict[int, list[PendingRows]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def to(self, device: torch.device) -> "PendingRows":
        """Let rows be brought to a device when they are read; return itself."""
        self._device = device
        return self

    def tensor_split(self, n: int) -> "list[PendingRows]":
        """Return `n` parts, the same ones each time."""
        if n not in self._parts:
            parts = self._rows.tensor_split(n)
            self._parts[n] = [PendingRows(self._tensor, rows).to(self._device) for rows in parts]
        return self._parts[n]

    def read(self) -> torch.Tensor:
        """Return the rows."""
        if self._found is None:
            self._found = self._tensor[self._rows].to(self._device)
        return self._found


def tensor_of(images: Images) -> Any:
    """Return images as a tensor that shares their memory or, of stored ones, reads them."""
    if isinstance(images, StoredImages):
        return StoredTensor(images)
    return torch.from_numpy(images)
