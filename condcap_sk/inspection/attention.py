"""AttentionDisplay: where in an image the decoder looks for each word of a caption."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ..answers.tokenizer import splitter
from ..metrics._estimator import analyzer_of, last_step, stages_of
from ._images import first_images, pictures
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All chosen by hand; lengths are in inches.
ACROSS = 8  # words in a line of pictures
PANEL, LINE = 1.1, 0.25  # width of a picture, height of a line of text
CHARACTERS = 14  # of a caption, in the width of a picture
PALE = 0.35  # how much is left of the image under the weights
COLOUR, FULLEST = (0.85, 0.1, 0.1), 0.9  # of the largest weight


class AttentionDisplay:
    """Images with the weights of their regions, for each word of a caption.

    A region is coloured as far as the decoder, predicting the word, attends to it more than to all
    equally. The largest weight of a caption has the full colour, so that its words compare; where
    even that is less than twice an equal share, all are paler.

    It is recommended to use `from_estimator` to create a display.

    Parameters
    ----------
    images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        The images shown.
    captions : sequence of n str
        A caption of each.
    words : sequence of n lists of str
        The words (or other tokens) of each caption.
    weights : sequence of n ndarrays of shape (n_words, n_regions)
        For each word the weights of the regions, the cells of a square grid, row by row.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    axes_ : list of n ndarrays of shape (1 + n_words,) of matplotlib Axes
        For each image, the picture and one for each word.

    See Also
    --------
    LatentTraversalDisplay : Images and their captions under several latents.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import AttentionDisplay
    >>> weights = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
    >>> display = AttentionDisplay(np.zeros((1, 8, 8)), ["a dog"], [["a", "dog"]], [weights]).plot()
    >>> [ax.get_title() for ax in display.axes_[0]]
    ['', 'a', 'dog']
    """

    figure_: "Figure"
    axes_: list[np.ndarray]

    def __init__(
        self,
        images: ArrayLike,
        captions: Sequence[str],
        words: Sequence[Sequence[str]],
        weights: Sequence[NDArray[np.floating]],
    ) -> None:
        self.images = images
        self.captions = captions
        self.words = words
        self.weights = weights

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        captions: ArrayLike | None = None,
        *,
        images: ArrayLike | None = None,
    ) -> Self:
        """Find where the decoder looks in a few images, and draw it.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted, with regions of images, see `ConditionalCaptioner.attention_weights`; a pipeline
            ends in a captioner. Of a pipeline, the images are drawn that are its input, or else the
            first that a step returns.
        X : array-like
            A few images, as in `fit`; for a pipeline its input, such as files.
        captions : array-like of shape (n,), default=None
            One caption for each image. None: those that `predict` gives.
        images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W), default=None
            What is drawn, where `X` holds feature vectors. None: the images in `X`.

        Returns
        -------
        display : AttentionDisplay
            With the figure drawn.
        """
        stages = stages_of(estimator, X)
        captioner, X = last_step(estimator, X)
        if images is None:
            images = first_images(stages, captioner)
        if captions is None:
            captions = captioner.predict(X)
        weights = captioner.attention_weights(X, captions)
        split = splitter(analyzer_of(captioner, "word"))
        texts = np.asarray(captions, dtype=object).tolist()
        # Of a caption that is longer than those in fit, the end has no weights.
        words = [split(text)[: len(rows)] for text, rows in zip(texts, weights, strict=True)]
        return cls(images, texts, words, weights).plot()

    def plot(self, *, figure: "Figure | None" = None) -> Self:
        """Draw images, words and weights.

        Parameters
        ----------
        figure : matplotlib Figure, default=None
            None: a new one.

        Returns
        -------
        display : AttentionDisplay
            Itself, with `figure_` and `axes_`.
        """
        images = pictures(self.images, "from_estimator(est, X, images=images)")
        if not len(images) == len(self.captions) == len(self.words) == len(self.weights):
            raise ValueError(
                f"images holds {len(images)}, of {len(self.captions)} captions, for which there "
                f"are {len(self.words)} lists of words and {len(self.weights)} arrays of weights. "
                "Pass one of each for every caption."
            )
        for caption, words, weights in zip(self.captions, self.words, self.weights, strict=True):
            if len(words) != len(weights):
                raise ValueError(
                    f"weights of {caption!r} have {len(weights)} rows, for {len(words)} words. "
                    "Pass one row of weights for each word."
                )
        grids = [_strengths(weights) for weights in self.weights]
        across = min(ACROSS, max(map(len, grids)))
        n_rows = [math.ceil(len(grid) / across) for grid in grids]
        captions = [textwrap.fill(text, CHARACTERS * (1 + across)) for text in self.captions]
        row = LINE + PANEL * images.shape[1] / images.shape[2]
        heights = [
            n * row + LINE * (1 + caption.count("\n"))
            for n, caption in zip(n_rows, captions, strict=True)
        ]
        if figure is None:
            plt = import_pyplot()
            size = PANEL * (1 + across), sum(heights)
            figure = plt.figure(figsize=size, layout="constrained")
        parts = figure.subfigures(len(grids), squeeze=False, height_ratios=heights)[:, 0]
        self.axes_ = []
        for image, caption, words, grid, n, part in zip(
            images, captions, self.words, grids, n_rows, parts, strict=True
        ):
            part.suptitle(caption, x=0.01, ha="left", fontsize=10, parse_math=False)
            axes = part.subplots(n, 1 + across, squeeze=False)
            for ax in axes.flat:
                ax.axis("off")
            # The picture has the first column for itself.
            picture, panels = axes[0, 0], axes[:, 1:].ravel()[: len(grid)]
            picture.imshow(image, cmap="gray", vmin=0, vmax=1)
            for ax, word, strengths in zip(panels, words, grid, strict=True):
                ax.set_title(word, fontsize=9, parse_math=False)
                ax.imshow(_pale(image), cmap="gray", vmin=0, vmax=1)
                _overlay(ax, strengths, image)
            self.axes_.append(np.array([picture, *panels], dtype=object))
        self.figure_ = figure
        return self


def _strengths(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return how strong the colour is, from 0 to 1, of the cells (n_words, side, side)."""
    weights = np.asarray(weights)
    side = math.isqrt(weights.shape[1])
    if side**2 != weights.shape[1]:
        raise ValueError(
            f"weights are of {weights.shape[1]} regions, which are no cells of a square grid. Only "
            "those can be drawn; pass weights (n_words, side * side)."
        )
    equal = 1 / weights.shape[1]
    excess = (weights - equal).clip(min=0)
    # Where all weights are next to equal, their differences mean little.
    return (excess / max(excess.max(), equal)).reshape(-1, side, side)


def _pale(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a pale grey image, so that no colour but that of the weights counts."""
    return 1 - PALE * (1 - image[..., :3].mean(axis=2))


def _overlay(ax: "Axes", strengths: NDArray[np.floating], image: NDArray[np.floating]) -> None:
    """Colour the cells of a grid over the whole of an image."""
    colours = np.empty((*strengths.shape, 4))
    colours[..., :3], colours[..., 3] = COLOUR, FULLEST * strengths
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    # Smooth: a region's vector is also of what is around it.
    ax.imshow(colours, extent=extent, interpolation="bicubic")
