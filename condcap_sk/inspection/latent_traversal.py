"""LatentTraversalDisplay: images and their answers under several latents."""

import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ..answers.label_sets import answer_rows
from ..answers.tokenizer import splitter
from ..metrics._estimator import analyzer_of, last_step, stages_of
from ..metrics.control import right_shares
from ._images import first_images, pictures
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# All chosen by hand; lengths are in inches.
LINE = 18  # characters in a line of a sentence
CHARACTER, NARROWEST = 0.09, 0.55  # width that a character takes, and the least of a column
PICTURE, ROW, HEADER = 1.3, 1.0, 0.35  # width of the images, height of a row and of the latents


class LatentTraversalDisplay:
    """Images beside their answers, with a column for each latent.

    It is recommended to use `from_estimator` to create a display.

    Parameters
    ----------
    images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        The images shown.
    answers : ndarray of shape (n, k)
        Answer about each image under each latent.
    right : ndarray of shape (n, k), bool, default=None
        Whether an answer is right; wrong ones are drawn in red.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    axes_ : ndarray of shape (n, 2) of matplotlib Axes
        For each image, the picture and its answers.

    See Also
    --------
    LabelFrequencyDisplay : How often each label is answered.
    AttentionDisplay : Where the decoder looks for each word of a caption.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import LatentTraversalDisplay
    >>> display = LatentTraversalDisplay(np.zeros((2, 8, 8)), np.array([[3, 8], [1, 1]]))
    >>> display.plot().axes_.shape
    (2, 2)
    """

    figure_: "Figure"
    axes_: np.ndarray

    def __init__(
        self, images: ArrayLike, answers: ArrayLike, right: NDArray[np.bool_] | None = None
    ) -> None:
        self.images = images
        self.answers = answers
        self.right = right

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
        """Answer a few images under several latents and draw them.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted; a pipeline ends in a captioner. Of a pipeline, the images are drawn that are its
            input, or else the first that a step returns.
        X : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
            A few images; flat ones where the estimator has an `image_shape`; for a pipeline its
            input, such as files.
        label_sets : collection of n collections, default=None
            The right answers, in any form that `ConditionalCaptioner.fit` takes; with them, wrong
            answers are drawn in red. A caption is right if it has the tokens of a right one.
        latents : array-like of shape (k, n_latents), default=None
            The latents. None: six draws from the prior.
        random_state : int, RandomState instance or None, default=0
            Seed of the latents.

        Returns
        -------
        display : LatentTraversalDisplay
            With the figure drawn.
        """
        stages = stages_of(estimator, X)
        captioner, X = last_step(estimator, X)
        if latents is None:
            latents = captioner.sample_latents(6, random_state=random_state)
        answers = np.asarray(captioner.predict_grid(X, latents))
        right = None
        if label_sets is not None:
            right = _are_right(
                answers,
                label_sets,
                analyzer_of(captioner, None),
                getattr(captioner, "classes_", None),
            )
        return cls(first_images(stages, captioner), answers, right).plot()

    def plot(self, *, figure: "Figure | None" = None) -> Self:
        """Draw images and answers.

        Parameters
        ----------
        figure : matplotlib Figure, default=None
            None: a new one.

        Returns
        -------
        display : LatentTraversalDisplay
            Itself, with `figure_` and `axes_`.
        """
        images = pictures(
            self.images, "LatentTraversalDisplay(images, est.predict_grid(X, latents))"
        )
        answers = np.asarray(self.answers)
        n, k = answers.shape
        texts = [[textwrap.fill(str(answer), LINE) for answer in row] for row in answers]
        longest = max(len(line) for row in texts for text in row for line in text.split("\n"))
        column = max(NARROWEST, CHARACTER * longest)
        if figure is None:
            plt = import_pyplot()
            size = PICTURE + column * k, HEADER + ROW * n
            figure = plt.figure(figsize=size, layout="constrained")
        axes = figure.subplots(n, 2, squeeze=False, width_ratios=[1, column * k])
        for i, (picture, text) in enumerate(axes):
            picture.imshow(images[i], cmap="gray", vmin=0, vmax=1)
            picture.axis("off")
            text.axis("off")
            text.set(xlim=(0, k), ylim=(0, 1))
            for j, answer in enumerate(texts[i]):
                wrong = self.right is not None and not self.right[i][j]
                text.text(
                    j + 0.5,
                    0.5,
                    answer,
                    ha="center",
                    va="center",
                    fontsize=15 if longest <= 3 else 10 if longest < LINE else 8.5,
                    color="C3" if wrong else "black",
                    parse_math=False,
                )
            if i == 0:
                for j in range(k):
                    text.text(j + 0.5, 1.0, f"$c_{{{j + 1}}}$", ha="center", color="C0")
        self.figure_, self.axes_ = figure, axes
        return self


def _are_right(
    answers: np.ndarray,
    label_sets: Collection[object],
    analyzer: str | Callable[[str], Sequence[str]] | None,
    classes: np.ndarray | None,
) -> NDArray[np.bool_]:
    """Return which answers (n, k) are right: labels by equality, captions by their tokens."""
    rows = answer_rows(label_sets, len(answers), known=answers if classes is None else classes)
    # Also raises where text is compared with numbers.
    _, codes, shares = right_shares(answers, rows)
    same = np.take_along_axis(shares, codes, axis=1) > 0
    if analyzer == "label" or not isinstance(rows[0][0], str):
        return same
    split = splitter(analyzer or "word")
    tokens = [[split(caption) for caption in row] for row in rows]
    alike = [
        [bool(found := split(answer)) and found in known for answer in row]
        for row, known in zip(answers.tolist(), tokens, strict=True)
    ]
    return same | alike
