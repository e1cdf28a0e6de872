"""Captions that go round in circles, and what keeps a search from them."""

import math

import numpy as np
import torch

from ..answers.ngrams import n_grams, with_end
from ..answers.tokens import END

ONE_IN = 100  # captions that an oddity must be found in to be no slip; by hand


class Circles:
    """Which tokens would let an n-gram follow itself too often, three tokens stand twice, or a
    token come back too soon.

    Parameters
    ----------
    repeats : Tensor of shape (k,) or None
        How often an n-gram of 1, 2, … k tokens may stand in a row. None: any number of times.
    recurs : Tensor of shape () or None
        Whether the same three tokens may stand twice. None: they may.
    returns : Tensor of shape (n_tokens,) or None
        The least distance at which each token may come back. None: any.
    n : int
        Beams.
    """

    def __init__(self, repeats, recurs, returns, n):
        self.are_once = recurs is not None and not recurs
        self.returns = returns
        self.most = None
        if repeats is not None:
            self.periods = torch.arange(1, len(repeats) + 1, device=repeats.device)
            self.most = repeats * self.periods
            # For each period, how many of the last tokens equal those so many positions before.
            self.equal = torch.zeros(n, len(repeats), device=repeats.device)

    def begin(self, slots, n_slots):
        """Forget the beams in some of the slots that all beams are in."""
        if self.most is not None:
            self.equal.view(n_slots, -1, self.equal.shape[1])[slots] = 0

    def closed_by(self, ids):
        """Return tokens that must not follow beams, (n, k); −1 is none.

        The beams' tokens (n, length) stand at the end of each row, and −1 before them.
        """
        found = []
        if self.most is not None:
            closing = self.equal + 1 >= self.most
            found.append(ids.flip(1)[:, : len(self.most)].masked_fill(~closing, -1))
        if self.are_once:
            # The last two tokens, wherever they stand before, and what follows them there.
            same = (ids[:, :-2] == ids[:, -2:-1]) & (ids[:, 1:-1] == ids[:, -1:])
            found.append(ids[:, 2:].masked_fill(~same, -1))
        if self.returns is not None:
            distances = torch.arange(ids.shape[1], 0, -1, device=ids.device)
            is_far = distances >= self.returns[ids.clamp(min=0)]
            found.append(ids.masked_fill(is_far, -1))
        return torch.cat(found, dim=1) if found else None

    def go_on(self, rows, ids):
        """Follow the beams `rows`, whose tokens are `ids` now, as in `closed_by`."""
        if self.most is None:
            return
        equal = ids[:, :-1].flip(1)[:, : len(self.most)] == ids[:, -1:]
        self.equal = (self.equal[rows] + 1) * equal


def most_repeats(ids):
    """Return how often an n-gram of 1, 2, … tokens stands in a row in captions (m, length).

    So often as one in `ONE_IN` captions has it, or any of fewer.
    """
    m, length = ids.shape
    found = np.ones(length // 2, dtype=np.float32)
    for period in range(1, len(found) + 1):
        equal = (ids[:, period:] == ids[:, :-period]) & (ids[:, period:] != END)
        in_a_row, most = np.zeros((2, m), dtype=np.int64)
        for column in equal.T:
            in_a_row = (in_a_row + 1) * column
            most = np.maximum(most, in_a_row)
        found[period - 1] += np.sort(most)[-math.ceil(m / ONE_IN)] // period
    return found


def recurring(ids):
    """Return whether the same three tokens stand twice in captions (m, length).

    That is, in more than one in `ONE_IN` captions, by more than two standard deviations of the
    number that is expected (chosen by hand): 9 of 750 captions are chance, after which a model
    would repeat itself in many of its own.
    """
    triples = [list(n_grams(tokens, 3)) for tokens in with_end(ids)]
    expected = len(ids) / ONE_IN
    n_found = sum(len(set(row)) < len(row) for row in triples)
    return n_found > expected + 2 * math.sqrt(expected)


def nearest_returns(ids, n_tokens):
    """Return the least distance at which each token comes back in captions (m, length).

    That is, the least within which more than one in `ONE_IN` of the captions with this token have
    it again; `length`, which is never, where there is none.
    """
    length = ids.shape[1]
    in_order = np.sort(ids, axis=1)
    is_first = np.diff(in_order, axis=1, prepend=-1) > 0
    n_captions = np.bincount(in_order[is_first], minlength=n_tokens)
    # Captions of one token have none.
    pairs, distances = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for distance in range(1, length):
        equal = (ids[:, distance:] == ids[:, :-distance]) & (ids[:, distance:] != END)
        rows, columns = equal.nonzero()
        pairs.append(rows * n_tokens + ids[rows, columns])
        distances.append(np.full(len(rows), distance))
    # Of each caption and token, the first one, which is the least distance.
    found, first = np.unique(np.concatenate(pairs), return_index=True)
    counts = np.zeros((n_tokens, length))
    np.add.at(counts, (found % n_tokens, np.concatenate(distances)[first]), 1)
    are_enough = counts.cumsum(axis=1) > n_captions[:, None] / ONE_IN
    return np.where(are_enough.any(axis=1), are_enough.argmax(axis=1), length).astype(np.float32)
