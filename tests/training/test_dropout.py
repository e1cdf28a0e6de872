"""Dropout from a generator of its own."""

import torch

from condcap_sk.training.dropout import dropout
from condcap_sk.training.seeding import generator


def test__dropout__many_values__keeps_the_mean_and_leaves_out_the_share():
    values = torch.full((200, 200), 3.0)
    left = dropout(values, 0.4, generator(0))
    assert abs((left == 0).float().mean().item() - 0.4) < 0.02
    assert abs(left.mean().item() - 3.0) < 0.1


def test__dropout__same_seed__same_values_and_global_stream_untouched():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    values = torch.ones(50)
    assert torch.equal(dropout(values, 0.5, generator(1)), dropout(values, 0.5, generator(1)))
    assert torch.equal(torch.rand(1), expected)
