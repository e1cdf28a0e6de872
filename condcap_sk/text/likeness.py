"""How much captions have in common."""

import numpy as np
from scipy.sparse import csr_array

from .vocabulary import END

ALL_ALIKE = 1.0, 1.0, 1.0, 1.0  # weights of n-grams, n from 1 to 4


def without_end(tokens):
    """Return the captions of `tokens` (n, max_length) as lists, without what fills them up."""
    return [row[: row.index(END)] if END in row else row for row in tokens.tolist()]


class SharedNGrams:
    """Which share of each caption's n-grams is found in each other one.

    Shares are the weighted mean over n, as far as a caption has so many tokens.

    Parameters
    ----------
    tokens : ndarray of shape (k, max_length), int
        Captions of one token or more, filled up with END.
    weights : sequence of float
        Of n-grams of 1, 2, … tokens.
    """

    def __init__(self, tokens, weights=ALL_ALIKE):
        captions = without_end(tokens)
        self._weights = weights
        self._has = [_incidence(captions, n) for n in range(1, len(weights) + 1)]
        self._counts = [np.diff(has.indptr)[:, None] for has in self._has]
        known = sum(w * (counts > 0) for w, counts in zip(weights, self._counts, strict=True))
        self._known = np.where(known > 0, known, 1)

    def of_all_in(self, rows):
        """Return the shares (k, m) of every caption's n-grams that are in the captions `rows`."""
        total = 0
        for weight, has, counts in zip(self._weights, self._has, self._counts, strict=True):
            total = total + weight * (has @ has[rows].T).toarray() / np.maximum(counts, 1)
        return total / self._known

    def likeness(self, row):
        """Return the shares (k,) of one caption in every one or of that in it, the larger."""
        total = 0
        for weight, has, counts in zip(self._weights, self._has, self._counts, strict=True):
            total = total + weight * (has @ has[[row]].T).toarray() / max(counts[row, 0], 1)
        return np.maximum(total / self._known[row], self.of_all_in([row]))[:, 0]


def _incidence(captions, n):
    columns: dict = {}
    indices: list = []
    ends = [0]
    for caption in captions:
        grams = {tuple(caption[i : i + n]) for i in range(len(caption) - n + 1)}
        indices += [columns.setdefault(gram, len(columns)) for gram in grams]
        ends.append(len(indices))
    return csr_array((np.ones(len(indices)), indices, ends), (len(captions), len(columns)))


def pick_diverse(tokens, merits, n_picked, weight):
    """Pick captions that are good, and not like those picked before.

    Maximal marginal relevance [1]_: the next one has the largest merit − `weight` · the share of
    n-grams that it has in common with the most alike of those picked.

    Parameters
    ----------
    tokens : ndarray of shape (k, max_length), int
        Distinct captions.
    merits : ndarray of shape (k,)
    n_picked : int
    weight : float

    Returns
    -------
    picked : ndarray of shape (min(k, n_picked),), int
        Rows, the best first.

    References
    ----------
    .. [1] J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
       Documents and Producing Summaries", SIGIR 1998.
    """
    shared = SharedNGrams(tokens)
    nearest, left = np.zeros(len(tokens)), merits.astype(float)
    picked: list[int] = []
    while len(picked) < min(n_picked, len(tokens)):
        best = int((left - weight * nearest).argmax())
        picked.append(best)
        left[best] = -np.inf
        nearest = np.maximum(nearest, shared.likeness(best))
    return np.array(sorted(picked, key=lambda row: -merits[row]))
