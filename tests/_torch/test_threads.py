"""How many threads a training computes with."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import joblib
import pytest
import torch

from condcap_sk import ConditionalCaptioner
from condcap_sk._torch.threads import limited_threads


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 4), (1, 1), (3, 3)])
def test__limited_threads__inside__as_many_as_asked_for(n_jobs, expected, four_threads):
    with joblib.parallel_config("threading", n_jobs=2), limited_threads(n_jobs):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 4


def test__limited_threads__none_beside_other_threads__is_one(four_threads):
    def inside():
        with limited_threads(None):
            return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == 1


def test__limited_threads__minus_one__all_there_are():
    with limited_threads(-1):
        assert torch.get_num_threads() == joblib.cpu_count()


def test__limited_threads__an_error_inside__restores(four_threads):
    with pytest.raises(ZeroDivisionError), limited_threads(1):
        _ = 1 / 0
    assert torch.get_num_threads() == 4


def test__limited_threads__side_by_side__each_leaves_the_other_alone(four_threads):
    both_in, one_out = Barrier(2), Barrier(2)

    def work(leaves_first):
        with limited_threads(1):
            both_in.wait(timeout=10)
            if not leaves_first:
                one_out.wait(timeout=10)
            inside = torch.get_num_threads()
        if leaves_first:
            one_out.wait(timeout=10)
        return inside

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [1, 1]
    assert torch.get_num_threads() == 4


def test__limited_threads__workers_used_again__leave_torch_as_it_was(four_threads):
    both_in = Barrier(2)

    def train(together):
        with limited_threads(1):
            if together:
                both_in.wait(timeout=10)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(train, [True, True]))
        list(pool.map(train, [True, True]))
        list(pool.map(train, [False, False]))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 4
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all"])
def test__fit__impossible_number_of_jobs__names_the_parameter(n_jobs):
    with pytest.raises(ValueError, match="n_jobs"):
        ConditionalCaptioner(n_jobs=n_jobs).fit([[0.0], [1.0]], [[1], [2]])
