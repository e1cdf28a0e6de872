"""ReliabilityDisplay: how often answers of every confidence are right."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibrationDisplay
from sklearn.utils.validation import _num_samples

from .._torch.seeding import check_seed
from ..answers.encoded import indexed
from ..answers.label_sets import check_label_sets
from ..metrics._estimator import last_step
from ..metrics.confidence import expected_calibration_error, reliability
from ..model.calibration import pairs_of
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

SIZE = 4.2, 5.4  # width and height of the figure, in inches, by hand


class ReliabilityDisplay:
    """Reliability diagram: the share of answers that is right, by confidence.

    Above, the share in bins of equal width, beside the diagonal, on which confidence is what it
    says; below, how many answers have that confidence. It is recommended to use `from_estimator` or
    `from_predictions` to create a display.

    Parameters
    ----------
    y_true : array-like of shape (n,), bool or 0 and 1
        Whether each answer is right.
    confidence : array-like of shape (n,)
        The probability with which each was expected to be.
    n_bins : int, default=15
        Number of bins.
    sample_weight : array-like of shape (n,), default=None
        How much each answer counts. None: all alike.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    axes_ : ndarray of two matplotlib Axes
        The diagram, and the histogram of confidence.

    See Also
    --------
    condcap_sk.metrics.expected_calibration_error : The number in the title.
    RiskCoverageDisplay : What abstaining from unsure answers gains.
    sklearn.calibration.CalibrationDisplay : For binary classifiers.

    Examples
    --------
    >>> from condcap_sk.inspection import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions([1, 0, 1, 1], [0.6, 0.6, 0.9, 0.95])
    >>> display.axes_.shape
    (2,)
    """

    figure_: "Figure | SubFigure"
    axes_: np.ndarray

    def __init__(
        self,
        y_true: ArrayLike,
        confidence: ArrayLike,
        n_bins: int = 15,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        self.y_true = y_true
        self.confidence = confidence
        self.n_bins = n_bins
        self.sample_weight = sample_weight

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        label_sets: Collection[object],
        *,
        n_bins: int = 15,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Self:
        """Compare confidence with what is right, on pairs of image and answer, and draw it.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted; a pipeline ends in a captioner.
        X : array-like
            Images or feature vectors, other ones than in `fit`.
        label_sets : collection of n collections
            The right answers, in any form that `ConditionalCaptioner.fit` takes. Each image is
            paired with its own answers and, of labels, with all others, of which 200 random ones
            stand for more; of captions, with those of one other image, which together count as
            much as its own. Labels that were not in `fit` are left out.
        n_bins : int, default=15
            Number of bins.
        random_state : int, RandomState instance or None, default=0
            Seed of the pairs.

        Returns
        -------
        display : ReliabilityDisplay
            With the figure drawn.
        """
        estimator, X = last_step(estimator, X)
        right, confidence, weights = on_pairs(
            estimator.confidence,
            X,
            label_sets,
            getattr(estimator, "classes_", None),
            check_seed(random_state),
        )
        return cls.from_predictions(right, confidence, n_bins=n_bins, sample_weight=weights)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        confidence: ArrayLike,
        *,
        n_bins: int = 15,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Compare confidence with what is right, and draw it.

        Parameters
        ----------
        y_true : array-like of shape (n,), bool or 0 and 1
            Whether each answer is right.
        confidence : array-like of shape (n,)
            The probability with which each was expected to be.
        n_bins : int, default=15
            Number of bins.
        sample_weight : array-like of shape (n,), default=None
            How much each answer counts. None: all alike.

        Returns
        -------
        display : ReliabilityDisplay
            With the figure drawn.
        """
        return cls(y_true, confidence, n_bins, sample_weight).plot()

    def plot(self, *, axes: np.ndarray | None = None) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        axes : ndarray of two matplotlib Axes, default=None
            For the diagram and for the histogram. None: a new figure.

        Returns
        -------
        display : ReliabilityDisplay
            Itself, with `figure_` and `axes_`.
        """
        about = self.y_true, self.confidence, self.n_bins
        expected, found, _ = reliability(*about, self.sample_weight)
        error = expected_calibration_error(*about, sample_weight=self.sample_weight)
        if axes is None:
            plt = import_pyplot()
            _, axes = plt.subplots(
                2, 1, figsize=SIZE, sharex=True, height_ratios=[3, 1], layout="constrained"
            )
        axes = np.ravel(axes)
        diagram, histogram = axes
        CalibrationDisplay(found, expected, self.confidence).plot(ax=diagram)
        diagram.set(
            title=f"expected calibration error {error:.3f}",
            xlabel="",
            ylabel="share that is right",
        )
        histogram.hist(
            np.ravel(self.confidence),
            bins=np.linspace(0, 1, self.n_bins + 1),
            weights=self.sample_weight,
            color="C7",
        )
        # Bins in the middle may hold a hundredth of what those at the ends do.
        histogram.set(xlabel="confidence", ylabel="answers", yscale="log")
        self.figure_, self.axes_ = diagram.figure, axes
        return self


def on_pairs(
    method: Callable[[ArrayLike, ArrayLike], NDArray[np.floating]],
    X: ArrayLike,
    label_sets: Collection[object],
    classes: np.ndarray | None,
    rng: np.random.RandomState,
) -> tuple[NDArray[np.bool_], NDArray[np.floating], NDArray[np.float64]]:
    """Return of pairs of image and answer, as in fit, what is right, `method`, and the weights."""
    answers, owners = check_label_sets(label_sets, _num_samples(X), known=classes)
    distinct, codes = np.unique(answers, return_inverse=True)
    if classes is not None:
        distinct, positions = classes, {label: i for i, label in enumerate(classes.tolist())}
        codes = np.array([positions.get(answer, -1) for answer in answers.tolist()])
        if (codes < 0).all():
            raise ValueError(
                f"label_sets holds no answer that was in fit: {answers[:5].tolist()}, where fit "
                f"had {classes[:5].tolist()}. Pass labels of the same kind."
            )
    index = indexed(codes.reshape(-1), owners)
    pairs = pairs_of(index, len(distinct), classes is None, rng)
    # Column by column: images together with all their answers may not fit into memory.
    found = np.stack([method(X, distinct[column]) for column in pairs.answers.T], axis=1)
    counted = pairs.weights > 0
    return pairs.right[counted], found[counted], pairs.weights[counted]
