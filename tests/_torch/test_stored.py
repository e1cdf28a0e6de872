"""Stored images as tensors."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.stored import StoredTensor, tensor_of
from condcap_sk._validation import check_images


@pytest.fixture
def both(tmp_path):
    X = np.random.RandomState(0).randint(255, size=(20, 6, 5), dtype=np.uint8)
    np.save(tmp_path / "X.npy", X)
    stored = check_images(np.load(tmp_path / "X.npy", mmap_mode="r"))
    return tensor_of(check_images(X)), tensor_of(stored)


def test__tensor_of__stored__is_like_that_in_memory(both):
    tensor, stored = both
    assert isinstance(stored, StoredTensor)
    assert (len(stored), stored.shape, stored.ndim, stored.dtype, stored.nbytes) == (
        len(tensor), tensor.shape, tensor.ndim, tensor.dtype, tensor.nbytes,
    )  # fmt: skip
    assert stored.cpu() is stored


def test__stored_tensor__rows__are_those_in_memory(both):
    tensor, stored = both
    for rows in (slice(3, 9), slice(None, None, 3), torch.tensor([5, 1])):
        assert torch.equal(stored[rows], tensor[rows])
    assert all(map(torch.equal, stored.split(7), tensor.split(7)))
