"""Circles without torch close the same tokens as those of the search of torch."""

import numpy as np
import pytest
import torch

from condcap_sk.export.circles import Circles
from condcap_sk.text.circles import Circles as TorchCircles

N, N_TOKENS, LENGTH = 200, 4, 9
RETURNS = [0, 1, 2, 3]


def closed_by_torch(circles, ids, width):
    padded = np.full((len(ids), width), -1)
    padded[:, width - ids.shape[1] :] = ids
    found = circles.closed_by(torch.from_numpy(padded))
    closed = np.zeros((len(ids), N_TOKENS), dtype=bool)
    if found is not None:
        rows, columns = np.nonzero(found.numpy() >= 0)
        closed[rows, found.numpy()[rows, columns]] = True
    return closed


@pytest.mark.parametrize("repeats", [None, [1, 1, 2, 1], [2, 1, 1, 1]], ids=str)
@pytest.mark.parametrize("recurs", [None, False, True])
@pytest.mark.parametrize("returns", [None, RETURNS], ids=["any", "returns"])
def test__close__random_captions__as_in_torch(repeats, recurs, returns):
    rng = np.random.RandomState(0)
    ids = rng.randint(N_TOKENS, size=(N, 1))
    ours = Circles(repeats, recurs, returns, N)
    tensors = (
        None if value is None else torch.tensor(value, dtype=torch.float32)
        for value in (repeats, recurs, returns)
    )
    theirs = TorchCircles(*tensors, N)
    n_closed = 0
    for _ in range(LENGTH - 1):
        values = np.zeros((len(ids), N_TOKENS))
        ours.close(values, ids)
        closed = closed_by_torch(theirs, ids, LENGTH)
        np.testing.assert_array_equal(values == -np.inf, closed)
        n_closed += closed.sum()
        # Some captions go on in the place of others.
        parents = rng.randint(len(ids), size=len(ids))
        ids = np.concatenate([ids[parents], rng.randint(N_TOKENS, size=(len(ids), 1))], axis=1)
        ours.go_on(parents, ids)
        padded = np.full((len(ids), LENGTH), -1)
        padded[:, LENGTH - ids.shape[1] :] = ids
        theirs.go_on(torch.from_numpy(parents), torch.from_numpy(padded))
    assert n_closed or (repeats is None and recurs is not False and returns is None)


def test__keep__some_captions__forgets_the_others():
    ids = np.array([[2, 2], [2, 3]])
    circles = Circles([2], None, None, 2)
    circles.go_on(np.arange(2), ids)
    circles.keep(np.array([True, False]))
    values = np.zeros((1, 4))
    circles.close(values, ids[:1])
    assert np.flatnonzero(values[0]).tolist() == [2]
