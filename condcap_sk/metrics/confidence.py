"""Whether a confidence can be believed, and what is gained where the unsure answers are left out.

Of answers that are right or not, whatever else there is to them.
"""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_scalar


def expected_calibration_error(
    y_true: ArrayLike,
    confidence: ArrayLike,
    n_bins: int = 15,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Expected calibration error (ECE): how far confidence is from the share that is right.

    Parameters
    ----------
    y_true : array-like of shape (n,), bool or 0 and 1
        Whether each answer is right.
    confidence : array-like of shape (n,)
        The probability with which each was expected to be, as of
        `ConditionalCaptioner.confidence`.
    n_bins : int, default=15
        Bins of equal width that confidence is put into [1]_; 15 as in [2]_.
    sample_weight : array-like of shape (n,), default=None
        How much each answer counts. None: all alike.

    Returns
    -------
    error : float
        Mean over the bins, weighted by the answers that they hold, of the distance between the
        share that is right and the mean confidence; between 0 and 1. Of few answers in each bin it
        is too large, as their share varies by chance.

    Raises
    ------
    ValueError
        If `y_true` and `confidence` are not of one length, or not of these values.

    See Also
    --------
    condcap_sk.inspection.ReliabilityDisplay : The bins, drawn.
    sklearn.metrics.brier_score_loss : Of calibration and of telling right from wrong together.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities
       Using Bayesian Binning", AAAI 2015.
    .. [2] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation (3).

    Examples
    --------
    Of the first two, half is right, where .75 was expected.

    >>> from condcap_sk.metrics import expected_calibration_error
    >>> expected_calibration_error([True, False, True], [0.75, 0.75, 1.0], n_bins=2)
    0.16...
    """
    expected, found, weight = reliability(y_true, confidence, n_bins, sample_weight)
    return float(np.average(np.abs(expected - found), weights=weight))


def reliability(
    y_true: ArrayLike, confidence: ArrayLike, n_bins: int, sample_weight: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean confidence, share that is right, and weight of the bins that are not empty."""
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    right, confidence = _check_outcomes(y_true, confidence, "y_true")
    if confidence.min() < 0 or confidence.max() > 1:
        raise ValueError(
            f"confidence holds values from {confidence.min():.3g} to {confidence.max():.3g}. Pass "
            "probabilities, as `confidence` returns them and `score_samples` does not."
        )
    each = _check_sample_weight(sample_weight, confidence, ensure_non_negative=True)
    # A bin holds its upper edge, as in the paper and in scikit-learn's `calibration_curve`.
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    sums = [np.bincount(bins, weights=each * values) for values in (confidence, right, 1)]
    expected, found, weight = np.stack(sums)[:, sums[2] > 0]
    return expected / weight, found / weight, weight


def risk_coverage_curve(
    correct: ArrayLike, confidence: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Risk among the answers that are given, for every share of them that could be.

    Selective prediction [1]_ gives the answers with confidence of at least a threshold, and
    abstains from the others. A lower threshold covers more.

    Parameters
    ----------
    correct : array-like of shape (n,), bool or 0 and 1
        Whether each answer is right.
    confidence : array-like of shape (n,)
        How sure each is; any numbers whose order counts, such as of
        `ConditionalCaptioner.confidence` or `score_samples`.

    Returns
    -------
    coverage : ndarray of shape (n_thresholds,)
        Share of the answers that are given at each threshold, increasing; the last is 1.
    risk : ndarray of shape (n_thresholds,)
        Share of these that is wrong. ``sklearn.metrics.auc(coverage, risk)`` is the area under the
        curve [2]_.
    thresholds : ndarray of shape (n_thresholds,)
        The distinct values of `confidence`, decreasing; equal ones are given together.

    Raises
    ------
    ValueError
        If `correct` and `confidence` are not of one length, or not of these values.

    See Also
    --------
    condcap_sk.inspection.RiskCoverageDisplay : The curve, drawn.
    sklearn.metrics.precision_recall_curve : For one class among all rows.

    References
    ----------
    .. [1] R. El-Yaniv and Y. Wiener, "On the Foundations of Noise-free Selective Classification",
       JMLR 11, 2010.
    .. [2] Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep
       Neural Classifiers", ICLR 2019.

    Examples
    --------
    >>> from condcap_sk.metrics import risk_coverage_curve
    >>> coverage, risk, thresholds = risk_coverage_curve([1, 1, 0, 1], [0.9, 0.6, 0.6, 0.2])
    >>> coverage.tolist(), risk.round(2).tolist(), thresholds.tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.33, 0.25], [0.9, 0.6, 0.2])
    """
    right, confidence = _check_outcomes(correct, confidence, "correct")
    values, groups = np.unique(-confidence, return_inverse=True)
    given = np.cumsum(np.bincount(groups))
    wrong = np.cumsum(np.bincount(groups, weights=1 - right))
    return given / len(right), wrong / given, -values


def _check_outcomes(
    right: ArrayLike, confidence: ArrayLike, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whether answers are right, as 0 and 1, and how sure they are; errors use `name`."""
    outcomes = column_or_1d(right, dtype=np.float64)
    sure = check_array(confidence, ensure_2d=False, dtype=np.float64, input_name="confidence")
    sure = column_or_1d(sure)
    check_consistent_length(outcomes, sure)
    if not np.isin(outcomes, (0, 1)).all():
        raise ValueError(
            f"{name} holds {np.unique(outcomes)[:5].tolist()}, where each answer is right or not. "
            "Pass bools, or 0 and 1."
        )
    return outcomes, sure
