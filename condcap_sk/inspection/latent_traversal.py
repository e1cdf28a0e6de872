"""LatentTraversalDisplay: images and their answers under several latents."""

import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ..answers.label_sets import answer_rows
from ..answers.tokenizer import splitter
from ..metrics._estimator import (
    analyzer_of,
    captioner_in,
    in_categories,
    last_step,
    stages_of,
)
from ..metrics.control import right_shares
from ._directions import END
from ._images import first_images, pictures
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# All chosen by hand; lengths are in inches.
LINE = 18  # characters in a line of a sentence
CHARACTER, NARROWEST = 0.09, 0.55  # width that a character takes, and the least of a column
N_COLUMNS = 5  # along a direction
PICTURE, ROW, HEADER = 1.3, 1.0, 0.35  # width of the images, height of a row and of the latents


class LatentTraversalDisplay:
    """Images beside their answers, with a column for each latent.

    It is recommended to use `from_estimator` or `from_direction` to create a display.

    Parameters
    ----------
    images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        The images shown.
    answers : ndarray of shape (n, k)
        Answer about each image under each latent.
    right : ndarray of shape (n, k), bool, default=None
        Whether an answer is right; wrong ones are drawn in red.
    titles : sequence of k str, default=None
        Titles of the columns. None: numbered latents.

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
        self,
        images: ArrayLike,
        answers: ArrayLike,
        right: NDArray[np.bool_] | None = None,
        titles: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.answers = answers
        self.right = right
        self.titles = titles

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
        if latents is None:
            latents = captioner_in(estimator).sample_latents(6, random_state=random_state)
        return cls._under(latents, estimator, X, label_sets).plot()

    @classmethod
    def from_direction(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        direction: ArrayLike,
        label_sets: Collection[object] | None = None,
        *,
        measure: Callable[[Any], float] | None = None,
        categories: ArrayLike | None = None,
    ) -> Self:
        """Answer a few images along a direction of latent space and draw them.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            As in `from_estimator`.
        X : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
            As in `from_estimator`.
        direction : array-like of shape (n_latents,)
            Such as the "direction" that `describe_captions` or `describe_latents` returns, or
            ``[0, 1, 0]`` for the second of three latents. Its length does not matter.
        label_sets : collection of n collections, default=None
            As in `from_estimator`.
        measure : callable, default=None
            A property as in `find_latent`: of a caption's tokens, or of a label. Its mean over the
            images shown stands in the titles.
        categories : int or array-like of int, default=None
            The category of each categorical latent, where there are any. None: the first ones.

        Returns
        -------
        display : LatentTraversalDisplay
            With the figure drawn. Its five columns are latents from -2 to +2 standard deviations of
            the prior along the direction, through 0; titles are these positions.

        Raises
        ------
        ValueError
            If `direction` is None, is not one vector of numbers, or is 0.

        See Also
        --------
        describe_captions : The directions of properties of captions.
        describe_latents : The directions of labels.

        Examples
        --------
        >>> import numpy as np
        >>> from condcap_sk.inspection import LatentTraversalDisplay
        >>> class Longer:
        ...     def predict_grid(self, X, latents):
        ...         n_words = (5 + latents[:, 0]).astype(int)
        ...         return np.tile([" ".join(["very"] * n) for n in n_words], (len(X), 1))
        >>> display = LatentTraversalDisplay.from_direction(
        ...     Longer(), np.zeros((2, 8, 8)), [1.0], measure=len)
        >>> display.titles
        ['−2 (mean 3.00)', '−1 (mean 4.00)', '0 (mean 5.00)', '+1 (mean 6.00)', '+2 (mean 7.00)']
        """
        positions = np.linspace(-END, END, N_COLUMNS)
        captioner = captioner_in(estimator)
        gaussian = np.outer(positions, _unit(direction, captioner))
        latents = in_categories(captioner, gaussian, categories)
        display = cls._under(latents, estimator, X, label_sets)
        titles = [f"{position:+g}" if position else "0" for position in positions]
        if measure is not None:
            analyzer = analyzer_of(estimator, "word")
            split = (lambda label: label) if analyzer == "label" else splitter(analyzer)
            for j, column in enumerate(np.asarray(display.answers).T.tolist()):
                titles[j] += f" (mean {np.mean([float(measure(split(y))) for y in column]):.2f})"
        display.titles = [title.replace("-", "−") for title in titles]
        return display.plot()

    @classmethod
    def _under(
        cls,
        latents: ArrayLike,
        estimator: BaseEstimator,
        X: ArrayLike,
        label_sets: Collection[object] | None,
    ) -> Self:
        """Answer images under latents."""
        stages = stages_of(estimator, X)
        captioner, X = last_step(estimator, X)
        answers = np.asarray(captioner.predict_grid(X, latents))
        right = None
        if label_sets is not None:
            right = _are_right(
                answers,
                label_sets,
                analyzer_of(captioner, None),
                getattr(captioner, "classes_", None),
            )
        return cls(first_images(stages, captioner), answers, right)

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
        titles = self.titles or [f"latent {j + 1}" for j in range(k)]
        widest = max([longest, *map(len, titles)])
        column = max(NARROWEST, CHARACTER * widest)
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
                for j, title in enumerate(titles):
                    text.text(j + 0.5, 1.0, title, ha="center", color="C0")
        self.figure_, self.axes_ = figure, axes
        return self


def _unit(direction: ArrayLike, captioner: BaseEstimator) -> NDArray[np.float64]:
    """Return a direction of the Gaussian latents of a captioner with a length of 1."""
    if direction is None:
        raise ValueError(
            "direction is None: describe_captions and describe_latents return this for what the "
            "latent does not decide. Choose another property, or give them more n_latents."
        )
    found = np.asarray(direction, dtype=float)
    length = np.linalg.norm(found)
    if found.ndim != 1 or not 0 < length < np.inf:
        raise ValueError(
            f"direction={direction!r} is no direction. Pass one number for each latent, not all of "
            "them 0, such as the 'direction' that describe_captions returns."
        )
    # The parameter may have been set anew since fit.
    n = getattr(getattr(captioner, "gan_", captioner), "n_latents", len(found))
    if len(found) != n:
        raise ValueError(
            f"direction has {len(found)} numbers, but the estimator has {n} Gaussian latents, and "
            "directions are of these. Pass as many."
        )
    return found / length


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
