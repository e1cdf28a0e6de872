"""Dropout from a generator of its own."""

import pytest
import torch

from condcap_sk._torch.dropout import dropout, glimpse
from condcap_sk._torch.seeding import make_rng


def test__dropout__many_values__keeps_the_mean_and_leaves_out_the_share():
    values = torch.full((200, 200), 3.0)
    left = dropout(values, 0.4, make_rng(0))
    assert abs((left == 0).float().mean().item() - 0.4) < 0.02
    assert abs(left.mean().item() - 3.0) < 0.1


def test__dropout__same_seed__same_values_and_global_stream_untouched():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    values = torch.ones(50)
    assert torch.equal(dropout(values, 0.5, make_rng(1)), dropout(values, 0.5, make_rng(1)))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("n_components", "share"), [(6, 0), (128, 0), (300, 0.2), (1000, 0.4)])
def test__glimpse__many_components__leaves_out_more_of_them(n_components, share):
    left = glimpse(torch.ones(200, n_components), make_rng(0))
    assert abs((left == 0).float().mean().item() - share) < 0.02
    assert abs(left.mean().item() - 1) < 0.02
    # Of several vectors, flattened, the size of one counts.
    several = glimpse(torch.ones(200, 8 * n_components), make_rng(0), n_components)
    assert abs((several == 0).float().mean().item() - share) < 0.02
