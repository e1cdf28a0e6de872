"""How much captions have in common."""

import numpy as np

from .vocabulary import END

ALL_ALIKE = 1.0, 1.0, 1.0, 1.0  # weights of n-grams, n from 1 to 4


def without_end(tokens):
    """Return the captions of `tokens` (n, max_length) as lists, without what fills them up."""
    return [row[: row.index(END)] if END in row else row for row in tokens.tolist()]


def shared_ngrams(tokens, weights=ALL_ALIKE):
    """Tell which share of each caption's n-grams is found in each other one.

    Parameters
    ----------
    tokens : ndarray of shape (k, max_length), int
        Captions of one token or more, filled up with END.
    weights : sequence of float
        Of n-grams of 1, 2, … tokens.

    Returns
    -------
    shares : ndarray of shape (k, k)
        Row i, column j: of caption i in caption j; the weighted mean over n, as far as caption i
        has so many words.
    """
    captions = without_end(tokens)
    total, known = np.zeros((len(captions), len(captions))), np.zeros((len(captions), 1))
    for n, weight in enumerate(weights, 1):
        columns: dict = {}
        places = [
            {columns.setdefault(tuple(c[i : i + n]), len(columns)) for i in range(len(c) - n + 1)}
            for c in captions
        ]
        has = np.zeros((len(captions), len(columns)))
        for row, held in zip(has, places, strict=True):
            row[list(held)] = 1
        counts = has.sum(axis=1, keepdims=True)
        total += weight * (has @ has.T) / np.maximum(counts, 1)
        known += weight * (counts > 0)
    return total / np.where(known > 0, known, 1)


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
    shares = shared_ngrams(tokens)
    likeness = np.maximum(shares, shares.T)
    nearest, left = np.zeros(len(tokens)), merits.astype(float)
    picked: list[int] = []
    while len(picked) < min(n_picked, len(tokens)):
        best = int((left - weight * nearest).argmax())
        picked.append(best)
        left[best] = -np.inf
        nearest = np.maximum(nearest, likeness[best])
    return np.array(sorted(picked, key=lambda row: -merits[row]))
