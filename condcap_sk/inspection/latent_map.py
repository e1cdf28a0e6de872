"""LatentMapDisplay: the answers of the regions of latent space."""

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.stats import mode
from sklearn.base import BaseEstimator

from ..metrics._estimator import check_labels, last_step
from ._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

KINDS = ("auto", "slice", "sphere")
# All chosen by hand.
SLICE_EDGE = 2.5  # in standard deviations of the prior; 99 % of each dimension lies within
SIZES = {"sphere": (7, 3.8), "slice": (4.8, 4.6)}  # of a new figure, in inches
PALEST, FULLEST = 0.25, 0.9  # how far colours are from white where the fewest and most images agree

Extent = tuple[float, float, float, float]


class LatentMapDisplay:
    """Latent space as a map, coloured by answer: for one image, or the commonest over many.

    Three latent dimensions are shown as a sphere around the origin, whose radius is the typical
    norm of a latent. Others are shown as a slice through two dimensions, with the rest at 0.

    It is recommended to use `from_estimator` to create a display.

    Parameters
    ----------
    answers : ndarray of shape (n_rows, n_columns)
        The answer at each point of the map.
    strength : ndarray of shape (n_rows, n_columns)
        Share of the images that have this answer. Smaller is paler.
    extent : tuple (left, right, bottom, top)
        Longitude and latitude in radians for a sphere; latent values for a slice.
    kind : {"slice", "sphere"}
        What the map shows.
    dims : tuple of int, default=(0, 1)
        The latent dimensions of a slice.

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
    >>> display = LatentMapDisplay(answers, np.ones((2, 2)), (-1, 1, -1, 1), "slice").plot()
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
        kind: Literal["slice", "sphere"],
        dims: tuple[int, int] = (0, 1),
    ) -> None:
        self.answers = answers
        self.strength = strength
        self.extent = extent
        self.kind = kind
        self.dims = dims

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        kind: Literal["auto", "slice", "sphere"] = "auto",
        dims: tuple[int, int] = (0, 1),
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
        kind : {"auto", "slice", "sphere"}, default="auto"
            "auto": a sphere for three latent dimensions, else a slice.
        dims : tuple of int, default=(0, 1)
            The dimensions of a slice.
        n_points : int, default=60
            Points from bottom to top; a sphere has twice as many from left to right.
        ax : matplotlib Axes, default=None
            Where to draw. A sphere needs one with ``projection="mollweide"``. None: a new figure.

        Returns
        -------
        display : LatentMapDisplay
            With the figure drawn.
        """
        check_labels(estimator, "`LatentTraversalDisplay`")
        estimator, X = last_step(estimator, X)
        # The parameter may have been set anew since fit.
        bank = getattr(estimator, "latent_bank_", None)
        n_latents = estimator.n_latents if bank is None else bank.shape[1]
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is unknown. Use one of {', '.join(KINDS)}.")
        if kind == "sphere" and n_latents != 3:
            raise ValueError(
                f"kind='sphere' needs three latent dimensions, the estimator has {n_latents}. "
                "Use kind='slice'."
            )
        if kind == "auto":
            kind = "sphere" if n_latents == 3 else "slice"
        latents, extent = (
            _sphere(n_points) if kind == "sphere" else _slice(n_points, n_latents, dims)
        )
        shape = latents.shape[:2]
        answers = estimator.predict_grid(X, latents.reshape(-1, n_latents))
        labels, codes = np.unique(answers, return_inverse=True)
        codes, counts = mode(codes.reshape(answers.shape), axis=0)
        display = cls(
            labels[codes].reshape(shape),
            (counts / len(answers)).reshape(shape),
            extent,
            kind,
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
                figsize=SIZES[self.kind],
                subplot_kw={"projection": "mollweide"} if self.kind == "sphere" else {},
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
        if self.kind == "sphere":
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        else:
            ax.set(xlabel=f"c[{self.dims[0]}]", aspect="equal")
            if n_rows == 1:
                ax.set_yticks([])
            else:
                ax.set_ylabel(f"c[{self.dims[1]}]")
        self.figure_, self.ax_ = ax.figure, ax
        return self


def _sphere(n_points: int) -> tuple[NDArray[np.float64], Extent]:
    extent = (-np.pi, np.pi, -np.pi / 2, np.pi / 2)
    longitude, latitude = _points(extent, 2 * n_points, n_points)
    directions = (
        np.cos(latitude) * np.cos(longitude),
        np.cos(latitude) * np.sin(longitude),
        np.sin(latitude),
    )
    return np.sqrt(3) * np.stack(directions, axis=-1), extent


def _slice(
    n_points: int, n_latents: int, dims: tuple[int, int]
) -> tuple[NDArray[np.float64], Extent]:
    extent = (-SLICE_EDGE, SLICE_EDGE, -SLICE_EDGE, SLICE_EDGE)
    latents = np.zeros((1 if n_latents == 1 else n_points, n_points, n_latents))
    for dim, values in zip(dims[:n_latents], _points(extent, *latents.shape[1::-1]), strict=False):
        latents[..., dim] = values
    return latents, extent


def _points(extent: Extent, n_columns: int, n_rows: int) -> tuple[np.ndarray, ...]:
    """Return the middles of the cells."""
    left, right, bottom, top = extent
    x = left + (np.arange(n_columns) + 0.5) * (right - left) / n_columns
    y = bottom + (np.arange(n_rows) + 0.5) * (top - bottom) / n_rows
    return np.meshgrid(x, y)


def _middle(region: NDArray[np.bool_]) -> tuple[np.intp, ...]:
    """Return the cell of a region that is farthest from its border, where its label goes."""
    depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    return np.unravel_index(depth.argmax(), region.shape)
