"""LatentMapDisplay: the answers of the regions of latent space."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.stats import mode
from sklearn.base import BaseEstimator

from ..metrics._estimator import check_labels, in_categories, last_step
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# All chosen by hand.
EDGE = 2.5  # in standard deviations of the prior; 99 % of each dimension lies within
SIZES = {1: (4.8, 4.6), 2: (4.8, 4.6), 3: (7, 3.8)}  # of a new figure, in inches, by dimensions
PALEST, FULLEST = 0.25, 0.9  # how far colours are from white where the fewest and most images agree

Extent = tuple[float, float, float, float]


class LatentMapDisplay:
    """Latent space as a map, coloured by answer: for one image, or the commonest over many.

    One latent dimension is shown as a line, two as a plane, and three as a sphere around the
    origin, whose radius is the typical norm of three. All further dimensions are 0.

    It is recommended to use `from_estimator` to create a display.

    Parameters
    ----------
    answers : ndarray of shape (n_rows, n_columns)
        The answer at each point of the map.
    strength : ndarray of shape (n_rows, n_columns)
        Share of the images that have this answer. Smaller is paler.
    extent : tuple (left, right, bottom, top)
        Longitude and latitude in radians for a sphere; latent values for others.
    dims : tuple of int
        The latent dimensions that are shown: one, two, or three of a sphere, whose poles are the
        third.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    ax_ : matplotlib Axes
        The axes drawn on.

    See Also
    --------
    LabelFrequencyDisplay : How often each label is answered under one latent.
    describe_latents : The same regions as a table.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import LatentMapDisplay
    >>> answers = np.array([["cat", "dog"], ["cat", "cat"]])
    >>> display = LatentMapDisplay(answers, np.ones((2, 2)), (-1, 1, -1, 1), (0, 1)).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['cat', 'dog']
    """

    figure_: "Figure | SubFigure"
    ax_: "Axes"

    def __init__(
        self,
        answers: np.ndarray,
        strength: NDArray[np.floating],
        extent: Extent,
        dims: Sequence[int],
    ) -> None:
        self.answers = answers
        self.strength = strength
        self.extent = extent
        self.dims = dims

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        dims: Sequence[int] | None = None,
        categories: ArrayLike | None = None,
        n_points: int = 60,
        ax: "Axes | None" = None,
    ) -> Self:
        """Answer images at the points of a map, and draw it.

        Parameters
        ----------
        estimator : ConditionalCaptioner, Pipeline or search
            Fitted, on labels; a pipeline ends in a captioner.
        X : array-like
            One image or feature vector (``X[:1]``), or some dozens for the commonest answer.
        dims : tuple of int, default=None
            The Gaussian latents that are shown: ``(0, 3)`` is a plane, ``(0, 3, 5)`` a sphere, and
            ``(3,)`` a line; the others are 0. None: the first three, or all if there are fewer.
        categories : int or array-like of int, default=None
            The category of each categorical latent, where there are any. None: the first ones.
        n_points : int, default=60
            Points from bottom to top; a sphere has twice as many from left to right.
        ax : matplotlib Axes, default=None
            Where to draw. A sphere needs one with ``projection="mollweide"``. None: a new figure.

        Returns
        -------
        display : LatentMapDisplay
            With the figure drawn.

        Raises
        ------
        ValueError
            If the estimator was fitted on captions, or `dims` are not one to three different
            dimensions of its latents.
        """
        check_labels(estimator, "`LatentTraversalDisplay`")
        estimator, X = last_step(estimator, X)
        # The parameter may have been set anew since fit.
        n_latents = getattr(estimator, "gan_", estimator).n_latents
        dims = _checked(dims, n_latents)
        points, extent = _sphere(n_points) if len(dims) == 3 else _flat(n_points, len(dims))
        latents = np.zeros((*points.shape[:2], n_latents))
        latents[..., list(dims)] = points
        shape = latents.shape[:2]
        latents = in_categories(estimator, latents.reshape(-1, n_latents), categories)
        answers = estimator.predict_grid(X, latents)
        labels, codes = np.unique(answers, return_inverse=True)
        codes, counts = mode(codes.reshape(answers.shape), axis=0)
        display = cls(
            labels[codes].reshape(shape),
            (counts / len(answers)).reshape(shape),
            extent,
            dims,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A sphere needs one with ``projection="mollweide"``. None: a new figure.

        Returns
        -------
        display : LatentMapDisplay
            Itself, with `figure_` and `ax_`.
        """
        plt = import_pyplot()
        if ax is None:
            _, ax = plt.subplots(
                figsize=SIZES[len(self.dims)],
                subplot_kw={"projection": "mollweide"} if len(self.dims) == 3 else {},
                layout="constrained",
            )
        labels, codes = np.unique(self.answers, return_inverse=True)
        codes = codes.reshape(self.answers.shape)
        n_rows, n_columns = self.answers.shape
        colours = plt.get_cmap("tab10" if len(labels) <= 10 else "tab20")
        colours = colours(codes % colours.N)[..., :3]
        # Where few images agree, colours are pale: a clear preference stands out.
        strength = (self.strength / self.strength.max())[..., None]
        fullness = PALEST + (FULLEST - PALEST) * strength
        x, y = _points(self.extent, n_columns, n_rows)
        left, right, bottom, top = self.extent
        ax.pcolormesh(
            np.linspace(left, right, n_columns + 1),
            np.linspace(bottom, top, n_rows + 1),
            1 - fullness * (1 - colours),
            rasterized=True,
        )
        for code, label in enumerate(labels):
            row, column = _middle(codes == code)
            ax.text(
                x[row, column],
                y[row, column],
                str(label),
                ha="center",
                va="center",
                weight="bold",
                parse_math=False,
            )
        if len(self.dims) == 3:
            ax.set(xticks=[], yticks=[], xlabel=", ".join(f"c[{dim}]" for dim in self.dims))
            ax.grid(False)
        else:
            ax.set(xlabel=f"c[{self.dims[0]}]", aspect="equal")
            if len(self.dims) == 1:
                ax.set_yticks([])
            else:
                ax.set_ylabel(f"c[{self.dims[1]}]")
        self.figure_, self.ax_ = ax.figure, ax
        return self


def _checked(dims: Sequence[int] | None, n_latents: int) -> tuple[int, ...]:
    if not n_latents:
        raise ValueError(
            "All latents are categorical, and a map is of Gaussian ones. "
            "`LatentTraversalDisplay.from_estimator(est, X, latents=est.join_latents([0, 1]))` "
            "shows the answers in each category."
        )
    if dims is None:
        return tuple(range(min(3, n_latents)))
    found = list(dims) if np.ndim(dims) == 1 else []
    is_known = all(isinstance(dim, Integral) and 0 <= dim < n_latents for dim in found)
    if is_known and 1 <= len(set(found)) == len(found) <= 3:
        return tuple(int(dim) for dim in found)
    example = tuple(range(min(2, n_latents)))
    raise ValueError(
        f"dims={dims!r}, but the latents have the dimensions 0 to {n_latents - 1}. Pass one of "
        f"them for a line, two for a plane, or three for a sphere, such as dims={example}."
    )


def _sphere(n_points: int) -> tuple[NDArray[np.float64], Extent]:
    extent = (-np.pi, np.pi, -np.pi / 2, np.pi / 2)
    longitude, latitude = _points(extent, 2 * n_points, n_points)
    directions = (
        np.cos(latitude) * np.cos(longitude),
        np.cos(latitude) * np.sin(longitude),
        np.sin(latitude),
    )
    return np.sqrt(3) * np.stack(directions, axis=-1), extent


def _flat(n_points: int, n_dims: int) -> tuple[NDArray[np.float64], Extent]:
    extent = (-EDGE, EDGE, -EDGE, EDGE)
    points = _points(extent, n_points, n_points if n_dims == 2 else 1)
    return np.stack(points[:n_dims], axis=-1), extent


def _points(extent: Extent, n_columns: int, n_rows: int) -> tuple[np.ndarray, ...]:
    """Return the middles of the cells."""
    left, right, bottom, top = extent
    x = left + (np.arange(n_columns) + 0.5) * (right - left) / n_columns
    y = bottom + (np.arange(n_rows) + 0.5) * (top - bottom) / n_rows
    return np.meshgrid(x, y)


def _middle(region: NDArray[np.bool_]) -> tuple[np.intp, ...]:
    """Return the cell of a region that is farthest from its border, where its label goes."""
    # A line has no border above and below, to which all cells would be equally near.
    edges = (int(len(region) > 1),) * 2, (1, 1)
    depth = distance_transform_edt(np.pad(region, edges))
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return row - edges[0][0], column - 1
