"""Rows in batches: the same bits in any company, and memory named for what it is."""

import pytest
import torch
from torch import nn

from condcap_sk.training.batches import in_batches

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(131, 128), nn.LeakyReLU(), nn.Linear(128, 1))


@pytest.mark.parametrize("size", [1, 3, 32, 100, 1000])
def test__rows__alone_and_together__have_the_same_bits(network, size):
    rows = torch.randn(70, 131, generator=torch.Generator().manual_seed(0))
    expected = in_batches(network, rows, size=1000, device=CPU)
    for n in (1, 2, 5, 33, 70):
        actual = in_batches(network, rows[-n:], size=size, device=CPU)
        assert torch.equal(actual, expected[-n:])


def test__several_inputs_and_outputs__stay_aligned():
    a, b = torch.arange(7.0), -torch.arange(7.0)
    total, swapped = in_batches(lambda a, b: (a + b, b), a, b, size=3, device=CPU)
    assert torch.equal(total, torch.zeros(7))
    assert torch.equal(swapped, b)


def test__no_filling__shows_exactly_the_rows():
    sizes = []

    def watch(rows):
        sizes.append(len(rows))
        return rows

    in_batches(watch, torch.zeros(5, 1), size=2, device=CPU, fill=False)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test__memory_is_short__error_names_batch_size(error):
    def greedy(rows):
        raise error

    with pytest.raises(MemoryError, match="for 2 rows.*Lower batch_size"):
        in_batches(greedy, torch.zeros(5, 1), size=2, device=CPU)


def test__memory_really_short__error_names_batch_size():
    def greedy(rows):
        return torch.empty(2**60)

    with pytest.raises(MemoryError, match="Lower batch_size"):
        in_batches(greedy, torch.zeros(5, 1), size=2, device=CPU)


def test__other_errors__pass():
    def wrong(rows):
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        in_batches(wrong, torch.zeros(5, 1), size=2, device=CPU)
