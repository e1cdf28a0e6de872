"""Confidence: from the relevance of an answer to the probability that it is right."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

# Both by hand. Right and wrong pairs, each, below which nothing is calibrated; and labels that an
# image is paired with: of more, random ones.
LEAST_PAIRS = 10
MOST_LABELS = 200


@dataclass(frozen=True, eq=False)
class Calibrator:
    """The probability that an answer is right, which rises with its relevance.

    Platt's sigmoid σ(slope · relevance + intercept) [1]_, corrected by isotonic regression [2]_,
    whose blocks stand in their middle and are joined by lines [3]_. Isotonic regression alone has
    steps, at whose ends pairs have the probability 0 or 1, and so is bad where few are held out.
    The sigmoid alone is bad for captions: also the most relevant one may be of another image.

    Parameters
    ----------
    slope, intercept : float
        Of the sigmoid; the slope is not negative.
    expected, found : ndarray of shape (n_blocks,)
        Mean of the sigmoid in each block of the isotonic regression, and the share that is right.

    References
    ----------
    .. [1] J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    .. [2] B. Zadrozny and C. Elkan, "Transforming Classifier Scores into Accurate Multiclass
       Probability Estimates", KDD 2002.
    .. [3] A. P. Oron and N. Flournoy, "Centered Isotonic Regression", Statistics in
       Biopharmaceutical Research 9, 2017.
    """

    slope: float
    intercept: float
    expected: NDArray[np.float32]
    found: NDArray[np.float32]

    @classmethod
    def fit(cls, relevance, right, weights):
        """Return the calibrator of pairs (n,) of image and answer, or None where they are too few.

        `right` is whether the answer belongs to the image, and `weights` are how often each pair
        counts.
        """
        if min(right.sum(), (~right).sum()) < LEAST_PAIRS:
            return None
        relevance = relevance.astype(np.float64)
        mean = np.average(relevance, weights=weights)
        scale = np.sqrt(np.average((relevance - mean) ** 2, weights=weights)) or 1.0
        # A weak penalty keeps the slope of pairs that relevance tells apart from growing for ever.
        model = LogisticRegression(C=10, solver="newton-cholesky")
        model.fit((relevance[:, None] - mean) / scale, right, weights)
        slope = max(0.0, model.coef_[0, 0]) / scale
        # All in float32, so that it does not matter in which order threads sum.
        found = np.array([slope, model.intercept_[0] - slope * mean], dtype=np.float32)
        slope, intercept = found.tolist()
        sigmoid = _sigmoid(relevance, slope, intercept)
        # Half a pair more at each end: no number of pairs makes certain, and blocks at 0 or 1 would
        # leave the pairs in them in no order.
        sigmoid = np.concatenate([sigmoid, [sigmoid.min(), sigmoid.max()]])
        right = np.concatenate([right, [True, False]]).astype(np.float64)
        weights = np.concatenate([weights, [0.5, 0.5]])
        # Values that differ by rounding alone are one to it, so that the largest may lie outside.
        isotonic = IsotonicRegression(out_of_bounds="clip").fit(sigmoid, right, weights)
        shares = isotonic.predict(sigmoid)
        # In float32, as they are kept: blocks that differ by rounding alone are one.
        levels, blocks = np.unique(shares.astype(np.float32), return_inverse=True)
        middles = np.bincount(blocks, weights * sigmoid) / np.bincount(blocks, weights)
        expected, first = np.unique(middles.astype(np.float32), return_index=True)
        return cls(slope, intercept, expected, levels[first])

    def __call__(self, relevance):
        """Return the probabilities (n,)."""
        sigmoid = _sigmoid(relevance, self.slope, self.intercept)
        # What is more relevant than all pairs that were seen is more probable, too. Blocks may be
        # at the ends already.
        expected, kept = np.unique([*self.expected, 0, 1], return_index=True)
        return np.interp(sigmoid, expected, np.array([*self.found, 0, 1])[kept])

    def to_rows(self):
        """Return all that it is, as rows of two numbers."""
        blocks = np.stack([self.expected, self.found], axis=1)
        return [[self.slope, self.intercept], *blocks.tolist()]

    @classmethod
    def from_rows(cls, rows):
        """Return the calibrator that gave these rows (1 + n_blocks, 2), float32.

        Raises
        ------
        ValueError
            If they are of none.
        """
        (slope, intercept), blocks = rows[0].tolist(), rows[1:]
        is_rising = (np.diff(blocks, axis=0) > 0).all()
        is_probable = len(blocks) and 0 <= blocks.min() <= blocks.max() <= 1
        if slope < 0 or not is_rising or not is_probable:
            raise ValueError("These are no probabilities that rise with the relevance.")
        return cls(slope, intercept, *np.ascontiguousarray(blocks.T))


def _sigmoid(relevance, slope, intercept):
    return expit(slope * relevance.astype(np.float64) + intercept)


def calibrator_of(model, X, answers, rng):
    """Return the `Calibrator` of a model, or None where there are too few answers.

    Parameters
    ----------
    model : FittedModel
    X : ndarray of shape (n, …)
        Images that the model was not fitted on, as `check_images` returns them.
    answers : EncodedAnswers
        Theirs, among all that there are.
    rng : RandomState
    """
    if not len(X):
        return None
    pairs = pairs_of(answers.index, len(answers.vectors), answers.are_sentences, rng)
    relevance = model.answerer.relevance(model.sight(X), answers.ids[pairs.answers])
    counted = pairs.weights > 0
    return Calibrator.fit(relevance[counted], pairs.right[counted], pairs.weights[counted])


class Pairs(NamedTuple):
    """Images with right and wrong answers, a row for each image.

    Parameters
    ----------
    answers : ndarray of shape (n, k), int
        Which answer each one is.
    right : ndarray of shape (n, k), bool
        Whether it belongs to the image.
    weights : ndarray of shape (n, k)
        How often the pair counts; 0 is none.
    """

    answers: NDArray[np.int64]
    right: NDArray[np.bool_]
    weights: NDArray[np.float64]


def pairs_of(index, n_answers, are_sentences, rng):
    """Return each image with its own answers, and with others.

    Labels: with all others, or random ones that count for all. Sentences: with those of one other
    image, which together count as much as its own: there is no list of all that could be wrong.

    Parameters
    ----------
    index : ndarray of shape (n, k), int
        The answers of each image; −1 fills.
    n_answers : int
        How many there are.
    are_sentences : bool
    rng : RandomState
    """
    own = _distinct(index)
    others, n_wrong = OTHERS[are_sentences](own, n_answers, rng)
    wrong = (others >= 0) & ~(others[:, :, None] == own[:, None]).any(axis=2)
    right = np.hstack([own >= 0, np.zeros_like(wrong)])
    share = n_wrong / max(1, wrong.sum())
    weights = np.hstack([own >= 0, share * wrong])
    return Pairs(np.hstack([own, others]), right, weights)


def _distinct(index):
    """Return rows of answers in order, each one once; −1 fills."""
    index = np.sort(index, axis=1)
    repeated = np.diff(index, axis=1, prepend=-1) == 0
    return np.where(repeated, -1, index)


def _labels(own, n_answers, rng):
    """Return labels (n, k), all or random ones, and how many of all are wrong."""
    if n_answers <= MOST_LABELS:
        others = np.tile(np.arange(n_answers), (len(own), 1))
    else:
        others = rng.randint(n_answers, size=(len(own), MOST_LABELS))
    return others, len(own) * n_answers - (own >= 0).sum()


def _captions_of_another(own, n_answers, rng):
    """Return the captions (n, k) of one other image each, and how many are the images' own."""
    order = rng.permutation(len(own))
    others = np.empty_like(own)
    others[order] = own[np.roll(order, 1)]
    return others, (own >= 0).sum()


# By whether answers are sentences.
OTHERS = {False: _labels, True: _captions_of_another}
