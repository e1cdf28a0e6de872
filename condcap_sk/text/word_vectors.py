"""Word vectors that were learned elsewhere."""

from collections.abc import Mapping

import numpy as np


def vectors_of(vocabulary, word_vectors):
    """Return the vectors of a vocabulary's ids, (n_tokens, d) float32, NaN where there is none.

    Standardised over the words that have one. None, if there are not two of them.
    """
    if not isinstance(word_vectors, Mapping):
        raise ValueError(
            f"word_vectors={word_vectors!r:.80} is no mapping. Pass a dict from words to vectors."
        )
    rows = {
        i: _as_numbers(word_vectors[token], token)
        for token, i in vocabulary.ids_.items()
        if token in word_vectors
    }
    if len(rows) < 2:
        return None
    shapes = {row.shape for row in rows.values()}
    known: np.ndarray = np.stack(list(rows.values())) if len(shapes) == 1 else np.zeros(0)
    if known.ndim != 2 or not np.isfinite(known).all():
        raise ValueError(
            f"word_vectors holds vectors of the shapes {sorted(shapes)[:5]}, or values that are "
            "not finite. Pass one vector of the same length for each word."
        )
    vectors = np.full((len(vocabulary), known.shape[1]), np.nan, dtype=np.float32)
    known = known - known.mean(axis=0)
    vectors[list(rows)] = known / max(known.std(), 1e-12)
    return vectors


def _as_numbers(vector, word):
    try:
        return np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"word_vectors[{word!r}]={vector!r:.80} is no vector of numbers. Pass one vector "
            "of the same length for each word."
        ) from error
