"""What processes send each other of a training step."""

import pytest
import torch
from torch import nn

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.training.packets import norms_of, pack, unpack
from condcap_sk.training.shards import Shards


def make():
    with seeded_init(0):
        return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 1), nn.Linear(1, 1))


def terms(replica, rng, x):
    noise = torch.empty_like(x).normal_(generator=rng)
    return {"mean": replica[:3](x).mean(), "square": replica[:3](x + noise).square().mean()}


def state(shards):
    """All that a step changes."""
    return [
        *(rng.get_state() for rng in shards.rngs),
        *(buffer for replica in shards.replicas for buffer in replica.buffers()),
    ]


@pytest.mark.parametrize("size", [2, 3, 4])
def test__exchange__after_steps__every_process_is_where_one_alone_would_be(as_processes, size):
    x = torch.randn(70, 3, generator=make_rng(0))

    def train(processes):
        module = make()
        optimizer = torch.optim.Adam(module.parameters(), fused=True)
        with Shards(module, 0, 1, 16, processes) as shards:
            for n_rows in (70, 20, 50):  # of which the second is one shard
                optimizer.zero_grad()
                found = shards.descend(terms, x=x[:n_rows])
                optimizer.step()
        assert module[3].weight.grad is None
        return [*state(shards), *module.state_dict().values(), *found.values()]

    alone = train(None)
    for found in as_processes(size, train):
        assert all(map(torch.equal, alone, found))


@pytest.mark.parametrize("place", [0, 1])
def test__unpack__whatever_comes_before__is_what_was_packed(place):
    module, rng = make(), make_rng(5)
    torch.rand(3, generator=rng)
    module(torch.randn(9, 3))
    # An odd number of values of four bytes.
    packet = pack(module, rng, {"a": torch.tensor(2.0)})
    assert len(packet) % 8 == 0
    other, other_rng = make(), make_rng(6)
    found = unpack(torch.stack([packet, packet])[place], other, other_rng, 1)
    assert found.tolist() == [2]
    assert torch.equal(other_rng.get_state(), rng.get_state())
    assert all(map(torch.equal, module.buffers(), other.buffers()))


def test__norms_of__are_those_with_running_statistics():
    module = make()
    assert norms_of(module) == [module[1]]
    assert norms_of(nn.LayerNorm(3)) == []
