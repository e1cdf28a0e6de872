"""Randomness from `random_state` only."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from condcap_sk._torch.seeding import check_seed, make_rng, seeded_init, spawn_seeds


def weights(seed):
    with seeded_init(seed):
        return torch.nn.Linear(50, 50).weight.detach()


def test__seeded_init__inside__depends_on_the_seed_only():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same, other = weights(1), weights(1), weights(2)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test__seeded_init__many_threads__do_not_disturb_each_other():
    expected = [weights(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(weights, list(range(8)) * 20))
    assert all(torch.equal(one, expected[i % 8]) for i, one in enumerate(found))


def test__check_seed__none__is_fresh_and_leaves_numpys_stream():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    assert check_seed(None).rand() != check_seed(None).rand()
    assert np.random.rand() == expected


def test__spawn_seeds__int_and_random_state__are_repeatable():
    assert spawn_seeds(3, 4) == spawn_seeds(np.random.RandomState(3), 4)
    assert len(set(spawn_seeds(3, 4))) == 4


def test__make_rng__same_seed__same_draws():
    assert torch.equal(torch.rand(3, generator=make_rng(1)), torch.rand(3, generator=make_rng(1)))


def test__make_rng__its_draws__are_a_matter_of_the_seed():
    one, same, other = (torch.rand(3, generator=make_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
