"""Processes: what they send each other."""

import numpy as np
import pytest
import torch

from condcap_sk._processes import joined, joining, sharing, sharing_work
from condcap_sk.exceptions import ProcessGroupError

SIZES = [2, 3, 4]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 7, 100])
def test__part__of_all_processes__is_everything_once(as_processes, size, n):
    parts = as_processes(size, lambda processes: processes.part(n))
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    lengths = [len(range(n)[part]) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert as_processes(size, lambda processes: processes.part(n, 1)) == [parts[1]] * size


def test__exchange__several_tensors__come_from_all(as_processes):
    def give(processes):
        return processes.exchange(torch.tensor([processes.rank]), torch.full((2, 2), 0.5))

    for numbers, halves in as_processes(3, give):
        assert torch.cat(numbers).tolist() == [0, 1, 2]
        assert all((half == 0.5).all() for half in halves)


def test__exchange_values__of_different_lengths__are_whole(as_processes):
    values = [{"a": [1, None]}, "ä" * 100]
    found = as_processes(2, lambda processes: processes.exchange_values(values[processes.rank]))
    assert found == [values, values]


@pytest.mark.parametrize("content", [None, b"", b"some bytes"])
def test__bytes_of_first__every_process__has_them(as_processes, content):
    def get(processes):
        return processes.bytes_of_first(None if processes.rank else content)

    assert as_processes(2, get) == [content, content]


def test__send_first__a_transposed_tensor__is_that_of_the_first(as_processes):
    def get(processes):
        tensor = (torch.arange(6.0).view(2, 3) + processes.rank).T
        processes.send_first(tensor)
        return tensor

    assert all(torch.equal(t, torch.arange(6.0).view(2, 3).T) for t in as_processes(3, get))


@pytest.mark.parametrize("at_once", [1, 8, 1000])
def test__share_rows__each_computes_its_part__all_have_all(as_processes, monkeypatch, at_once):
    monkeypatch.setattr("condcap_sk._processes.AT_ONCE", at_once)
    computed = []

    def compute(rows):
        computed.extend(range(7)[rows])
        return [np.arange(7)[rows], np.arange(14.0).reshape(7, 2)[rows]]

    for numbers, pairs in as_processes(3, lambda processes: processes.share_rows(7, compute)):
        np.testing.assert_array_equal(numbers, np.arange(7))
        np.testing.assert_array_equal(pairs, np.arange(14.0).reshape(7, 2))
    assert sorted(computed) == list(range(7))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"X": "float32 (3, 2)"}, 'X: "float32 (4, 2)" and "float32 (3, 2)"'),
        ({"X": "float32 (4, 2)", "more": 1}, "more: none and 1"),
        ({"X": "float32 (4, 2)", "the values of X": {"sha256": "b"}}, "the values of X differ"),
    ],
)
def test__compare__other_values__are_named_in_all_processes(as_processes, values, message):
    first = {
        "X": "float32 (4, 2)",
        **({"the values of X": {"sha256": "a"}} if "sha" in str(values) else {}),
    }
    errors = as_processes(
        2, lambda processes: processes.compare(values if processes.rank else first)
    )
    assert all(isinstance(error, ProcessGroupError) for error in errors)
    assert all(f"Processes 0 and 1 do not make the same fit: {message}." in str(e) for e in errors)


def test__compare__same_values__says_nothing(as_processes):
    assert as_processes(3, lambda processes: processes.compare({"a": 1})) == [None] * 3


def test__lost_process__is_an_error_of_the_others(as_processes):
    def fail(processes):
        if processes.rank:
            raise ZeroDivisionError
        processes.exchange(torch.zeros(1))

    first, second = as_processes(2, fail)
    assert isinstance(second, ZeroDivisionError)
    assert isinstance(first, ProcessGroupError)
    assert "Process 0 of 2 waits for another one in vain" in str(first)


def test__joining_and_sharing__outside__are_none(as_processes):
    assert joined() is sharing() is None
    for switch, current in ((joining, joined), (sharing_work, sharing)):
        with switch("the processes"):
            assert current() == "the processes"
            with switch(None):
                assert current() is None
        assert current() is None
