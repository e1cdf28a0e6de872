"""Rows in batches: the same bits in any company, and memory named for what it is."""

import tempfile
import time
from functools import partial
from threading import Barrier

import numpy as np
import pytest
import torch
from torch import nn

from condcap_sk._torch import batches
from condcap_sk._torch.batches import in_batches, rows_of_vectors

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


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 5, 40])
def test__on_a_cpu__any_rows_and_threads__batches_of_one_size_by_one_thread_each(
    n, n_threads, request
):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(n_threads)
    found = []

    def watch(rows):
        found.append((len(rows), torch.get_num_threads()))
        return rows

    rows = torch.arange(n)[:, None]
    assert torch.equal(in_batches(watch, rows, size=1000, device=CPU, rows=4), rows)
    assert found == [(4, 1)] * -(-n // 4)
    assert torch.get_num_threads() == n_threads


def test__on_a_cpu__several_threads__work_side_by_side(request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(2)
    both = Barrier(2)

    def meet(rows):
        both.wait(timeout=10)
        return rows

    in_batches(meet, torch.zeros(4, 1), size=1000, device=CPU, rows=1)


@pytest.mark.parametrize("n_threads", [1, 2])
def test__gradients__in_every_thread__are_off(n_threads, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(n_threads)
    found = []

    def watch(rows):
        found.append(torch.is_grad_enabled())
        return rows

    in_batches(watch, torch.zeros(3, 1), size=1, device=CPU, rows=1)
    assert found == [False] * 3


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test__error_in_one_batch__ends_all_and_leaves_torch_as_it_was(error, n_threads, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(n_threads)
    n_calls = []

    def fail(rows):
        n_calls.append(1)
        time.sleep(0.001)  # so that the thread that tells all to end has its turn
        raise error

    with pytest.raises(error):
        in_batches(fail, torch.zeros(1000, 1), size=1, device=CPU, rows=1)
    assert len(n_calls) < 500
    assert torch.get_num_threads() == n_threads


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

    with pytest.raises(MemoryError, match="for 256 rows.*Lower batch_size"):
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test__many_results__lie_in_a_file__and_are_the_same(monkeypatch, tmp_path, dtype):
    rows = torch.randn(70, 5, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def both(x):
        return x.to(dtype), (2 * x).sum(1)

    expected = in_batches(both, rows, size=8, device=CPU, rows=8)
    monkeypatch.setattr(batches, "MOST_IN_MEMORY", 0)
    found = in_batches(both, rows, size=8, device=CPU, rows=8)
    assert all(map(torch.equal, found, expected))
    assert not list(tmp_path.iterdir())
    found[0][0] = 7  # as any other tensor
    assert (found[0][0] == 7).all()


def test__many_results__no_room_on_the_disk__names_the_remedy(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batches, "MOST_IN_MEMORY", 0)
    monkeypatch.setattr(batches.os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="GB of vectors find no room.*No space left.*TMPDIR"):
        in_batches(lambda x: x, torch.zeros(3, 2), size=8, device=CPU)


def test__rows_of_vectors__integer_of_few_bits__does_not_overflow():
    assert rows_of_vectors(np.int8(100)) == 100 * rows_of_vectors(1)
