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

    def cpu(self) -> "StoredTensor":
        """Return itself: it is no accelerator's."""
        return self

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Read all rows, `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def tensor_of(images: Images) -> Any:
    """Return images as a tensor that shares their memory or, of stored ones, reads them."""
    if isinstance(images, StoredImages):
        return StoredTensor(images)
    return torch.from_numpy(images)
