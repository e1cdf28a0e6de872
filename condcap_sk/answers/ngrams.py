"""N-grams of captions: agreement with references (CIDEr, BLEU), and what captions share."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tokens import END

Tokens = Sequence[Hashable]  # words or ids
N_GRAM = 4  # the longest that CIDEr and BLEU count


def n_grams(tokens: Tokens, n: int) -> Iterator[tuple[Hashable, ...]]:
    """Return the n-grams of a caption in their order."""
    return zip(*(tokens[i:] for i in range(n)), strict=False)


def corpus_bleu(
    captions: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> NDArray[np.float64]:
    """Return BLEU-1 to BLEU-4 of one caption for each image, and its references."""
    matches, total, length, closest = np.zeros(N_GRAM), np.zeros(N_GRAM), 0, 0
    for tokens, known in zip(captions, references, strict=True):
        for n in range(1, N_GRAM + 1):
            ours = Counter(n_grams(tokens, n))
            most = _most_in_one(Counter(n_grams(text, n)) for text in known)
            matches[n - 1] += _clipped_matches(ours, most)
            total[n - 1] += ours.total()
        length += len(tokens)
        closest += _closest_length(len(tokens), map(len, known))
    if not length:
        return np.zeros(N_GRAM)
    with np.errstate(divide="ignore"):
        logs = np.log(matches / np.maximum(total, 1))
    penalty = np.exp(_log_brevity_penalty(length, closest))
    return penalty * np.exp(np.cumsum(logs) / np.arange(1, N_GRAM + 1))


def _most_in_one(counts: Iterable[Counter]) -> Counter:
    """Return how often each n-gram is in the reference that has it most often."""
    return reduce(or_, counts)


def _clipped_matches(counts: Counter, most: Counter) -> int:
    """Return how many of a caption's n-grams count as matches: each `most` often at most."""
    return sum(min(count, most[gram]) for gram, count in counts.items())


def _closest_length(length: int, lengths: Iterable[int]) -> int:
    """Return which of the references' lengths is the closest, the shorter one of two."""
    return min((abs(n - length), n) for n in lengths)[1]


def _log_brevity_penalty(length: int, closest: int) -> float:
    """Return the logarithm of BLEU's penalty for captions shorter than their references."""
    return min(0.0, 1 - closest / length)


class CiderScorer:
    """N-gram index of the references of images, and the scores of captions against it.

    Parameters
    ----------
    references : sequence of n_images sequences of sequences
        The tokens, words or ids, of each image's references.
    """

    def __init__(self, references: Sequence[Sequence[Tokens]]) -> None:
        counts = [[_counts(tokens) for tokens in row] for row in references]
        documents = Counter(gram for row in counts for gram in set().union(*row))
        self._idf = {gram: math.log(len(counts) / n) for gram, n in documents.items()}
        self._idf_of_unknown = math.log(len(counts))
        self._lengths = [[len(tokens) for tokens in row] for row in references]
        self._weights = [self._by_gram(row) for row in counts]
        self._most = [_most_in_one(map(Counter, row)) for row in references]

    def cider(self, image: int, tokens: Tokens) -> float:
        """Return the CIDEr of a caption of one image."""
        return self._score(image, tokens, is_d=False)

    def cider_d(self, image: int, tokens: Tokens) -> float:
        """Return the CIDEr-D of a caption of one image."""
        return self._score(image, tokens, is_d=True)

    def unit_vectors(self, captions: Sequence[Tokens]) -> NDArray[np.float64]:
        """Return vectors of length 1, whose products are the CIDEr of captions with each other.

        Divided by 10 and, of captions shorter than four tokens, over the n that they have. A
        caption without weight is like itself alone.
        """
        rows = [self._unit_vector(tokens) for tokens in captions]
        columns: dict[Hashable, int] = {}
        for row in rows:
            for gram in row:
                columns.setdefault(gram, len(columns))
        vectors = np.zeros((len(rows), len(columns)))
        for vector, row in zip(vectors, rows, strict=True):
            vector[[columns[gram] for gram in row]] = list(row.values())
        return vectors

    def _unit_vector(self, tokens: Tokens) -> dict[Hashable, float]:
        idf, of_unknown = self._idf, self._idf_of_unknown
        weights, squares = {}, [0.0] * (N_GRAM + 1)
        for gram, count in _counts(tokens).items():
            weight = count * idf.get(gram, of_unknown)
            if weight:
                weights[gram] = weight
                squares[len(gram)] += weight * weight
        if not weights:
            # Not an n-gram, which is a tuple of tokens.
            return {("the whole of", tuple(tokens)): 1.0}
        n_lengths = sum(square > 0 for square in squares)
        return {gram: w / math.sqrt(squares[len(gram)] * n_lengths) for gram, w in weights.items()}

    def bleu_1(self, image: int, tokens: Tokens) -> float:
        """Return the BLEU-1 of a caption of one image, which has at least one token."""
        length = len(tokens)
        matches = _clipped_matches(Counter(tokens), self._most[image])
        closest = _closest_length(length, self._lengths[image])
        return math.exp(_log_brevity_penalty(length, closest)) * matches / length

    def _by_gram(self, row: list[Counter]) -> dict[Hashable, list[tuple[int, float, float]]]:
        """Return of each n-gram the references with it, its weight there, and its share of norm."""
        found: dict = {}
        for reference, counts in enumerate(row):
            weights = {gram: count * self._idf[gram] for gram, count in counts.items()}
            squares = [0.0] * (N_GRAM + 1)
            for gram, weight in weights.items():
                squares[len(gram)] += weight * weight
            for gram, weight in weights.items():
                if weight:
                    share = weight / math.sqrt(squares[len(gram)])
                    found.setdefault(gram, []).append((reference, weight, share))
        return found

    def _score(self, image: int, tokens: Tokens, is_d: bool) -> float:
        lengths, theirs = self._lengths[image], self._weights[image]
        # CIDEr-D discounts references of another length, and clips repetitions.
        discounts = [math.exp(-((len(tokens) - n) ** 2) / 72) if is_d else 1.0 for n in lengths]
        total = 0.0
        for n in range(1, N_GRAM + 1):
            product = square = 0.0
            for gram, count in Counter(n_grams(tokens, n)).items():
                ours = count * self._idf.get(gram, self._idf_of_unknown)
                square += ours * ours
                for reference, weight, share in theirs.get(gram, ()):
                    least = weight if is_d and weight < ours else ours
                    product += discounts[reference] * share * least
            if product:
                total += product / math.sqrt(square)
        return 10 * total / N_GRAM / len(lengths)


def _counts(tokens: Tokens) -> Counter:
    return Counter(gram for n in range(1, N_GRAM + 1) for gram in n_grams(tokens, n))


def with_end(tokens: NDArray[np.integer]) -> list[list[int]]:
    """Return the captions of `tokens` (n, max_length) as lists up to their ends.

    The end is one of a caption's tokens. One that fills the row has none.
    """
    return [row[: row.index(END) + 1] if END in row else row for row in tokens.tolist()]


def shared_n_grams(tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return which share of each caption's n-grams is found in each other one.

    Shares are the mean over n from 1 to 4, as far as a caption has so many tokens.

    Parameters
    ----------
    tokens : ndarray of shape (k, max_length), int
        Captions of one token or more, filled up with END.

    Returns
    -------
    shares : ndarray of shape (k, k)
        Of the first caption's in the second one.
    """
    total, known = np.zeros((len(tokens),) * 2), np.zeros((len(tokens), 1))
    for has in _incidences(tokens):
        # Captions have few of all n-grams. Sums of ones are whole numbers, of the same bits in
        # whatever order added.
        in_both = _dense(has @ has.T)
        counts = np.diag(in_both)[:, None]
        total += in_both / np.maximum(counts, 1)
        known += counts > 0
    return total / np.where(known > 0, known, 1)


def _incidences(tokens: NDArray[np.integer]) -> Iterator[Any]:
    """Yield which captions (k,) have which n-grams, as 0 or 1, for n from 1 to 4."""
    there = np.cumprod(tokens != END, axis=1, dtype=bool)
    # An n-gram has the number of its first n − 1 tokens and of its last one.
    numbers = np.zeros_like(tokens, dtype=np.int64)
    for n in range(1, N_GRAM + 1):
        last = tokens[:, n - 1 :]
        pairs = numbers[:, : last.shape[1]] * (tokens.max() + 1) + last
        grams, places = np.unique(pairs, return_inverse=True)
        numbers = places.reshape(pairs.shape)
        rows, columns = np.nonzero(there[:, n - 1 :])
        yield _ones(rows, numbers[rows, columns], (len(tokens), len(grams)))


def _ones(rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> Any:
    """Return a matrix of 0 with 1 in these places, which is sparse where SciPy is there."""
    try:
        from scipy import sparse
    except ImportError:  # of exported models, which do without
        ones = np.zeros(shape)
        ones[rows, columns] = 1
        return ones
    has = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    has.sum_duplicates()
    has.data[:] = 1
    return has


def _dense(matrix: Any) -> NDArray[np.float64]:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def pick_diverse(
    tokens: NDArray[np.integer], merits: NDArray[np.floating], n_picked: int, weight: float
) -> NDArray[np.int64]:
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
        Rows, in the order in which they were picked: the best one first.

    References
    ----------
    .. [1] J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
       Documents and Producing Summaries", SIGIR 1998.
    """
    shares = shared_n_grams(tokens)
    likeness = np.maximum(shares, shares.T)
    nearest, left = np.zeros(len(tokens)), merits.astype(float)
    picked: list[int] = []
    while len(picked) < min(n_picked, len(tokens)):
        best = int((left - weight * nearest).argmax())
        picked.append(best)
        left[best] = -np.inf
        nearest = np.maximum(nearest, likeness[best])
    return np.array(picked)
