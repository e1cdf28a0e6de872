"""Shards: the same bits from any number of threads."""

import threading

import pytest
import torch
from torch import nn

from condcap_sk._torch.seeding import seeded_init
from condcap_sk.training.shards import N_SHARDS, Shards, pairwise_sum, replica_of

N_ROWS = 50  # shards of different sizes
LEAST = 8  # rows of a shard


class Small(nn.Module):
    """A loss of every row by itself, and one that draws."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 300), nn.Tanh(), nn.Linear(300, 1))

    def terms(self, rng, x, y):
        noise = torch.empty_like(x).normal_(generator=rng)
        return {
            "squared": (self.layers(x)[:, 0] - y).square().mean(),
            "noisy": self.layers(x + noise).square().mean(),
        }


def make(kind=Small):
    with seeded_init(0):
        return kind()


@pytest.fixture
def rows():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(N_ROWS, 5, generator=rng)
    return {"x": x, "y": x.sum(1)}


def descend(rows, n_threads, n_steps=3, module=None, processes=None):
    """Terms and gradients after a few steps of training."""
    module = make() if module is None else module
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    with Shards(module, 0, n_threads, LEAST, processes) as shards:
        for _ in range(n_steps):
            optimizer.zero_grad()
            terms = shards.descend(Small.terms, **rows)
            optimizer.step()
    return [*terms.values(), *(p.grad for p in module.parameters()), *module.parameters()]


@pytest.mark.parametrize("n_threads", [2, 3, 4, 99])
def test__descend__any_number_of_threads__same_bits(rows, n_threads):
    one, other = descend(rows, 1), descend(rows, n_threads)
    assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("n_rows", [LEAST, 2 * LEAST, 3 * LEAST, N_ROWS])
def test__descend__any_number_of_processes__same_bits(rows, as_processes, size, n_rows):
    rows = {name: tensor[:n_rows] for name, tensor in rows.items()}
    alone = descend(rows, 1)
    for found in as_processes(size, lambda processes: descend(rows, 1, processes=processes)):
        assert all(map(torch.equal, alone, found))


@pytest.mark.parametrize("n_rows", [LEAST - 1, 2 * LEAST, 3 * LEAST - 1, N_ROWS])
def test__batch_size__of_few_rows__fewer_replicas_and_same_bits(rows, n_rows):
    rows = {name: tensor[:n_rows] for name, tensor in rows.items()}
    found = []
    for batch_size in (None, n_rows):
        with Shards(make(), 0, 2, LEAST, batch_size=batch_size) as shards:
            terms = shards.descend(Small.terms, **rows)
        found.append([*terms.values(), *(p[0].grad for p in shards.parameters)])
    assert all(map(torch.equal, *found))
    assert len(shards.replicas) == min(N_SHARDS, max(1, n_rows // LEAST))


@pytest.mark.parametrize("n_shards", range(1, 10))
def test__pairwise_sum__whatever_is_known__same_bits(n_shards):
    rng = torch.Generator().manual_seed(n_shards)
    # Of many sizes, so that another order is another sum.
    values = torch.randn(n_shards, 50, generator=rng) * 10 ** torch.arange(n_shards)[:, None]
    single = {range(i, i + 1): value.clone() for i, value in enumerate(values)}
    whole = pairwise_sum(dict(single), range(n_shards))
    torch.testing.assert_close(whole, values.double().sum(0).float())
    middle = (n_shards + 1) // 2
    known = {}
    for part in (range(middle), range(middle, n_shards)):
        if len(part):
            own = {range(i, i + 1): values[i].clone() for i in part}
            known[part] = pairwise_sum(own, part)
    assert torch.equal(pairwise_sum(known, range(n_shards)), whole)


def test__descend__mean_over_rows__is_that_of_the_whole_batch(rows):
    module = make()
    with Shards(module, 0, 2, LEAST) as shards:
        terms = shards.descend(
            lambda small, rng, x, y: {"squared": (small.layers(x)[:, 0] - y).square().mean()},
            **rows,
        )
    whole = (make().layers(rows["x"])[:, 0] - rows["y"]).square().mean()
    torch.testing.assert_close(terms["squared"], whole.detach())
    whole = make()
    (whole.layers(rows["x"])[:, 0] - rows["y"]).square().mean().backward()
    for parameter, other in zip(module.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(1, [1]), (LEAST, [LEAST]), (2 * LEAST - 1, [2 * LEAST - 1]), (2 * LEAST, [LEAST] * 2),
     (N_SHARDS * LEAST + 1, [LEAST + 1] + [LEAST] * (N_SHARDS - 1)), (1000, [250] * 4)],
)  # fmt: skip
def test__descend__number_of_rows__decides_into_how_many_shards_they_fall(n_rows, expected):
    sizes = []
    with Shards(make(), 0, 1, LEAST) as shards:
        shards.descend(
            lambda small, rng, x: sizes.append(len(x)) or {"sum": small.layers(x).mean()},
            x=torch.ones(n_rows, 5),
        )
    assert sizes == expected


def test__descend__several_terms__gradient_is_that_of_their_sum(rows):
    def both(small, rng, x, y):
        outputs = small.layers(x)[:, 0]
        return {"squared": (outputs - y).square().mean(), "small": outputs.square().mean()}

    module, whole = make(), make()
    with Shards(module, 0, 1, LEAST) as shards:
        shards.descend(both, **rows)
    sum(both(whole, None, **rows).values()).backward()
    for parameter, other in zip(module.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)


def test__descend__no_least_number_of_rows__is_one_shard(rows):
    sizes = []
    with Shards(make(), 0, 4) as shards:
        shards.descend(
            lambda small, rng, x, y: sizes.append(len(x)) or {"sum": small.layers(x).mean()}, **rows
        )
    assert sizes == [N_ROWS]


def test__descend__shards__draw_from_streams_of_their_own(rows):
    drawn = []

    def terms(small, rng, x, y):
        drawn.append(torch.rand(3, generator=rng).tolist())
        return {"sum": small.layers(x).mean()}

    for seed in (0, 0, 1):
        with Shards(make(), seed, 1, LEAST) as shards:
            shards.descend(terms, **rows)
    assert drawn[:4] == drawn[4:8]
    assert len({tuple(numbers) for numbers in drawn[:4]}) == 4
    assert drawn[0] != drawn[8]


def test__descend__again__adds_to_the_gradients_and_leaves_none_in_replicas(rows):
    module = make()
    with Shards(module, 0, 2, LEAST) as shards:
        terms = {"terms_of": lambda small, rng, x, y: {"mean": small.layers(x).mean()}, **rows}
        shards.descend(**terms)
        once = [p.grad.clone() for p in module.parameters()]
        shards.descend(**terms)
    for parameter, grad in zip(module.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * grad)
    assert all(p.grad is None for replica in shards.replicas for p in replica.parameters())


def test__descend__parameters_that_are_not_used__get_no_gradient(rows):
    module = make()
    with Shards(module, 0, 2, LEAST) as shards:
        shards.descend(lambda small, rng, x, y: {"mean": small.layers[:2](x).mean()}, **rows)
    assert module.layers[0].weight.grad is not None
    assert module.layers[2].weight.grad is None


@pytest.mark.parametrize("n_threads", [1, 3])
def test__batch_norms__running_statistics__are_the_mean_over_shards(n_threads):
    module = nn.Sequential(nn.BatchNorm1d(3, momentum=1.0), nn.Linear(3, 1))
    x = torch.randn(64, 3) + 5
    with Shards(module, 0, n_threads, LEAST) as shards:
        shards.descend(lambda replica, rng, x: {"mean": replica(x).mean()}, x=x)
    norm = module[0]
    torch.testing.assert_close(norm.running_mean, x.mean(0))
    variances = torch.stack([part.var(0) for part in x.chunk(N_SHARDS)])
    torch.testing.assert_close(norm.running_var, variances.mean(0))


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test__descend__a_shard_fails__raises_and_no_thread_is_left(rows, n_threads, error):
    before = threading.active_count()

    def terms(small, rng, x, y):
        if len(x) < N_ROWS / N_SHARDS:  # the later shards
            raise error("as planned")
        return {"mean": small.layers(x).mean()}

    with pytest.raises(error, match="as planned"), Shards(make(), 0, n_threads, LEAST) as shards:
        shards.descend(terms, **rows)
    assert threading.active_count() == before


def test__threads__compute_with_one_thread_each(rows):
    found = []
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    def terms(small, rng, x, y):
        found.append(torch.get_num_threads())
        return {"mean": small.layers(x).mean()}

    with Shards(make(), 0, 2, LEAST) as shards:
        shards.descend(terms, **rows)
    torch.set_num_threads(before)
    assert found == [1] * N_SHARDS


def test__replica_of__a_module__shares_parameters_and_no_buffers():
    module = nn.Sequential(nn.GRU(2, 3), nn.BatchNorm1d(3))
    replica = replica_of(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.5)
    module[1].running_mean.fill_(7)
    assert all((parameter == 0.5).all() for parameter in replica.parameters())
    assert not replica[1].running_mean.any()
    states, _ = replica[0](torch.ones(1, 1, 2))
    states.sum().backward()
    assert module[0].weight_ih_l0.grad is None
    assert replica[0].weight_ih_l0.grad is not None
