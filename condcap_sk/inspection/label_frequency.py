"""LabelFrequencyDisplay: how often each label is the answer, under one latent and under many."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._torch.seeding import check_seed
from ..answers.label_sets import answer_rows
from ..metrics import fixed_latent_accuracy, label_frequencies
from ..metrics._estimator import check_labels, last_step
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

PANEL = 3.6, 2.9  # width and height of a panel, in inches, by hand


class LabelFrequencyDisplay:
    """Label frequencies under one latent for all images, beside a different one for each image.

    It is recommended to use `from_estimator` to create a display.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        The labels, in the order of the bars.
    same : ndarray of shape (n_latents, n_labels)
        Share of each label among the answers under each fixed latent.
    different : ndarray of shape (n_labels,)
        Share of each label where every image has a latent of its own.
    accuracy : ndarray of shape (n_latents,), default=None
        Accuracy under each fixed latent, shown in the titles.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    axes_ : ndarray of matplotlib Axes
        One panel for each fixed latent, and the last for different latents.

    See Also
    --------
    LatentTraversalDisplay : Single images under several latents.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import LabelFrequencyDisplay
    >>> same = np.array([[0.8, 0.2], [0.1, 0.9]])
    >>> display = LabelFrequencyDisplay(labels=["cat", "dog"], same=same, different=[0.5, 0.5])
    >>> display.plot().axes_.shape
    (3,)
    """

    figure_: "Figure | SubFigure"
    axes_: np.ndarray

    def __init__(
        self,
        labels: Sequence[object] | np.ndarray,
        same: NDArray[np.floating],
        different: Sequence[float] | NDArray[np.floating],
        accuracy: Sequence[float] | NDArray[np.floating] | None = None,
    ) -> None:
        self.labels = labels
        self.same = same
        self.different = different
        self.accuracy = accuracy

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        label_sets: Collection[object] | None = None,
        *,
        latents: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Self:
        """Answer images under fixed and under random latents, and draw the label frequencies.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted, on labels; a pipeline ends in a captioner.
        X : array-like
            Images or feature vectors.
        label_sets : collection of n collections, default=None
            The right answers, in any form that `ConditionalCaptioner.fit` takes; with them, the
            titles hold the accuracy.
        latents : array-like of shape (k, n_latents), default=None
            The fixed latents. None: two draws from the prior.
        random_state : int, RandomState instance or None, default=0
            Seed of the latents.

        Returns
        -------
        display : LabelFrequencyDisplay
            With the figure drawn.
        """
        check_labels(estimator, "`LatentTraversalDisplay`")
        estimator, X = last_step(estimator, X)
        rng = check_seed(random_state)
        if latents is None:
            latents = estimator.sample_latents(2, random_state=rng)
        same = estimator.predict_grid(X, latents)
        each = estimator.sample_latents(len(same), random_state=rng)
        different = estimator.predict(X, each)[:, None]
        labels = estimator.classes_
        accuracy = None
        if label_sets is not None:
            label_sets = answer_rows(label_sets, len(same), known=labels)
            accuracy = fixed_latent_accuracy(same, label_sets)
        return cls(
            labels=labels,
            same=label_frequencies(same, labels),
            different=label_frequencies(different, labels)[0],
            accuracy=accuracy,
        ).plot()

    def plot(self, *, axes: np.ndarray | None = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        axes : ndarray of matplotlib Axes, default=None
            One for each fixed latent and one more. None: a new figure.

        Returns
        -------
        display : LabelFrequencyDisplay
            Itself, with `figure_` and `axes_`.
        """
        n_panels = len(self.same) + 1
        if axes is None:
            plt = import_pyplot()
            _, axes = plt.subplots(
                1,
                n_panels,
                figsize=(PANEL[0] * n_panels, PANEL[1]),
                sharey=True,
                layout="constrained",
            )
        axes = np.ravel(axes)
        # A dollar sign would begin mathematics.
        names = [str(label).replace("$", r"\$") for label in self.labels]
        for i, ax in enumerate(axes):
            frequencies = self.same[i] if i < len(self.same) else self.different
            ax.bar(names, frequencies, color="C0" if i < len(self.same) else "C7")
            ax.axhline(1 / len(names), color="black", linewidth=0.8, linestyle=":")
            ax.set_xlabel("answer")
            if i == len(self.same):
                ax.set_title("a different latent for each image")
            elif self.accuracy is None:
                ax.set_title(f"the same latent {i + 1}")
            else:
                ax.set_title(f"the same latent {i + 1}: {self.accuracy[i]:.1%} right")
        axes[0].set_ylabel("share of images")
        self.figure_, self.axes_ = axes[0].figure, axes
        return self
