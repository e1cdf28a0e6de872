"""Captions that go round in circles, and what keeps a search from them, without torch."""

import numpy as np


class Circles:
    """Which tokens must not follow captions, as in `condcap_sk.text.circles`.

    All captions have equally many tokens.

    Parameters
    ----------
    repeats : list of k int or None
        How often an n-gram of 1, 2, … k tokens may stand in a row. None: any number of times.
    recurs : bool or None
        Whether the same three tokens may stand twice. None: they may.
    returns : list of n_tokens int or None
        The least distance at which each token may come back. None: any.
    n : int
        Captions, each of one token.
    """

    def __init__(self, repeats, recurs, returns, n):
        self._are_once = recurs is not None and not recurs
        self._returns = None if returns is None else np.array(returns)
        self._most = None
        if repeats is not None:
            self._most = np.array(repeats) * np.arange(1, len(repeats) + 1)
            # For each period, how many of the last tokens equal those so many positions before.
            self._equal = np.zeros((n, len(repeats)), dtype=np.int64)

    def close(self, values, ids):
        """Set `values` (n, n_tokens) of tokens that must not follow captions (n, t) to −inf."""
        length = ids.shape[1]
        if self._most is not None:
            last = ids[:, ::-1][:, : len(self._most)]
            rows, periods = np.nonzero((self._equal + 1 >= self._most)[:, : last.shape[1]])
            values[rows, last[rows, periods]] = -np.inf
        if self._are_once and length > 2:
            # The last two tokens, wherever they stand before, and what follows them there.
            same = (ids[:, :-2] == ids[:, -2:-1]) & (ids[:, 1:-1] == ids[:, -1:])
            rows, columns = np.nonzero(same)
            values[rows, ids[rows, columns + 2]] = -np.inf
        if self._returns is not None:
            distances = np.arange(length, 0, -1)
            rows, columns = np.nonzero(distances < self._returns[ids])
            values[rows, ids[rows, columns]] = -np.inf

    def keep(self, rows):
        """Leave out all captions but these."""
        if self._most is not None:
            self._equal = self._equal[rows]

    def go_on(self, rows, ids):
        """Follow the captions `rows`, whose tokens are `ids` (m, t) now."""
        if self._most is None:
            return
        equal = np.zeros((len(ids), len(self._most)), dtype=bool)
        before = ids[:, -2::-1][:, : equal.shape[1]] == ids[:, -1:]
        equal[:, : before.shape[1]] = before
        self._equal = (self._equal[rows] + 1) * equal
