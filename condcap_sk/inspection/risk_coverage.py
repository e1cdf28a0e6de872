"""RiskCoverageDisplay: what abstaining from unsure answers gains."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ..answers.label_sets import answer_rows
from ..metrics import risk_coverage_curve
from ..metrics._estimator import check_labels, last_step
from ..metrics.control import right_shares
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SIZE = 4.6, 3.4  # width and height of the figure, in inches, by hand


class RiskCoverageDisplay:
    """Risk–coverage curve: the share of wrong answers, by how many of all are given.

    The dotted line is the risk where abstaining is left to chance. It is recommended to use
    `from_estimator` or `from_predictions` to create a display.

    Parameters
    ----------
    coverage, risk : ndarray of shape (n_thresholds,)
        As `condcap_sk.metrics.risk_coverage_curve` returns them.
    name : str, default=None
        Of the curve, in the legend. None: no legend.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    ax_ : matplotlib Axes
        The axes drawn on.
    line_ : matplotlib Line2D
        The curve.

    See Also
    --------
    condcap_sk.metrics.risk_coverage_curve : The same as numbers, with thresholds.
    ReliabilityDisplay : Whether confidence is the share that is right.

    Examples
    --------
    >>> from condcap_sk.inspection import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_predictions([1, 0, 1, 1], [0.7, 0.6, 0.9, 0.95])
    >>> display.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """

    figure_: "Figure | SubFigure"
    ax_: "Axes"
    line_: Any

    def __init__(
        self,
        coverage: NDArray[np.floating],
        risk: NDArray[np.floating],
        name: str | None = None,
    ) -> None:
        self.coverage = coverage
        self.risk = risk
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        label_sets: Collection[object],
        *,
        c: ArrayLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Answer images, order the answers by their confidence, and draw the curve.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted, on labels; a pipeline ends in a captioner.
        X : array-like
            Images or feature vectors.
        label_sets : collection of n collections
            The right answers, in any form that `ConditionalCaptioner.fit` takes.
        c : array-like of shape (n_latents,) or (n, n_latents), default=None
            The latents of the answers, as in `ConditionalCaptioner.predict`.
        name : str, default=None
            Of the curve, in the legend. None: no legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        display : RiskCoverageDisplay
            With the figure drawn.
        """
        check_labels(estimator, "`RiskCoverageDisplay.from_predictions`")
        estimator, X = last_step(estimator, X)
        answers = estimator.predict(X, c)
        rows = answer_rows(label_sets, len(answers), known=estimator.classes_)
        _, codes, shares = right_shares(answers[:, None], rows)
        correct = np.take_along_axis(shares, codes, axis=1)[:, 0] > 0
        confidence = estimator.confidence(X, answers)
        return cls.from_predictions(correct, confidence, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        correct: ArrayLike,
        confidence: ArrayLike,
        *,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Order answers by their confidence, and draw the curve.

        Parameters
        ----------
        correct : array-like of shape (n,), bool or 0 and 1
            Whether each answer is right.
        confidence : array-like of shape (n,)
            How sure each is; any numbers whose order counts.
        name : str, default=None
            Of the curve, in the legend. None: no legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        display : RiskCoverageDisplay
            With the figure drawn.
        """
        coverage, risk, _ = risk_coverage_curve(correct, confidence)
        return cls(coverage, risk, name).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        display : RiskCoverageDisplay
            Itself, with `figure_`, `ax_` and `line_`.
        """
        if ax is None:
            plt = import_pyplot()
            _, ax = plt.subplots(figsize=SIZE, layout="constrained")
        (self.line_,) = ax.plot(self.coverage, self.risk, label=self.name)
        ax.axhline(self.risk[-1], color=self.line_.get_color(), linewidth=0.8, linestyle=":")
        ax.set(
            xlabel="coverage: share of images that are answered",
            ylabel="risk: share of the answers that is wrong",
            xlim=(0, 1),
        )
        ax.set_ylim(bottom=0)
        if self.name is not None:
            ax.legend()
        self.figure_, self.ax_ = ax.figure, ax
        return self
