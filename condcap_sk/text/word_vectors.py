"""Word vectors that were learned elsewhere."""

from collections.abc import Mapping
from itertools import islice

import numpy as np

from ..answers.tokens import N_SPECIAL


def vectors_of(vocabulary, word_vectors):
    """Return the vectors of a vocabulary's ids, (n_tokens, d) float32, NaN where there is none.

    Standardised over the words that have one. None, if there are not two of them, no `word_vectors`
    (None) or, with labels, no words.
    """
    if word_vectors is None or not vocabulary.words:
        return None
    if not isinstance(word_vectors, Mapping):
        raise ValueError(
            f"word_vectors={word_vectors!r:.80} is no mapping. Pass a dict from words to vectors."
        )
    rows = {
        i: _as_vector(word_vectors[token], token)
        for token, i in vocabulary.ids_.items()
        if token in word_vectors
    }
    if not rows:
        ours, theirs = (
            ", ".join(map(repr, islice(words, 5))) for words in (vocabulary.ids_, word_vectors)
        )
        raise ValueError(
            f"word_vectors holds none of the {len(vocabulary.ids_)} tokens of captions "
            f"({ours:.200}), but {theirs or 'nothing':.200}. Pass vectors of tokens as `analyzer` "
            "makes them, by default lower-cased words; or None."
        )
    lengths = {len(row): vocabulary.tokens_[i - N_SPECIAL] for i, row in rows.items()}
    if len(lengths) > 1:
        (length, word), (other_length, other), *_ = sorted(lengths.items())
        raise ValueError(
            f"word_vectors[{word!r}] has length {length}, [{other!r}] {other_length}. Pass one "
            "vector of the same length for each word."
        )
    if len(rows) < 2:
        return None
    known: np.ndarray = np.stack(list(rows.values()))
    vectors = np.full((len(vocabulary), known.shape[1]), np.nan, dtype=np.float32)
    known = known - known.mean(axis=0)
    vectors[list(rows)] = known / max(known.std(), 1e-12)
    return vectors


def _as_vector(vector, word):
    try:
        # Numbers that float32 does not hold become infinite, as the error says.
        with np.errstate(over="ignore"):
            values = np.asarray(vector, dtype=np.float32)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ValueError(f"shape {values.shape}, finite: {np.isfinite(values).all()}")
    # A tensor that requires gradients, for example, raises one itself.
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"word_vectors[{word!r}]={vector!r:.80} is no vector of finite numbers ({error}). Pass "
            "one vector of the same length for each word."
        ) from error
    return values
