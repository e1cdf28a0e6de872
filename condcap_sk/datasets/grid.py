"""make_image_grid: several labelled images in one; any of their labels is a right answer."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval

from .._validation import checks_arguments

_DESCR = """\
{n_samples} images, each a {rows}x{columns} grid of images drawn from {n_images}. The label of
every cell is drawn uniformly from {n_labels} labels, then an image with that label. The right
answers to an image are the labels in its grid; which one is given, and why, is annotated nowhere.
"""


@checks_arguments(
    {
        "images": ["array-like"],
        "labels": ["array-like"],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "grid": [tuple],
        "cell_shape": [tuple, None],
        "random_state": ["random_state"],
    },
)
def make_image_grid(
    images: ArrayLike,
    labels: ArrayLike,
    n_samples: int = 1000,
    *,
    grid: tuple[int, int] = (2, 2),
    cell_shape: tuple[int, int] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Put labelled images together to grids with several right answers.

    Parameters
    ----------
    images : array-like of shape (n_images, H, W) or (n_images, H, W, C)
        The images to draw from; the type is kept.
    labels : array-like of shape (n_images,)
        Their labels, int or str.
    n_samples : int, default=1000
        Number of grids.
    grid : tuple (rows, columns), default=(2, 2)
        Cells in a grid.
    cell_shape : tuple (height, width), default=None
        Size of a cell, in pixels; images are centred in it on their smallest value. None: the size
        of the images.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. None draws from NumPy's global stream.

    Returns
    -------
    bunch : Bunch
        With the fields

        images : ndarray of shape (n_samples, rows * height, columns * width[, C])
            The grids.
        label_sets : list of n_samples sets
            The right answers of each.
        cell_labels : ndarray of shape (n_samples, rows * columns)
            The label of each cell, row by row.
        DESCR : str
            What the data are.

    See Also
    --------
    load_grid_digits : Such grids of scikit-learn's bundled digits.
    fetch_grid_mnist : Such grids of MNIST, as in the paper.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from condcap_sk.datasets import make_image_grid
    >>> digits = load_digits()
    >>> grids = make_image_grid(digits.images, digits.target, 10, grid=(2, 3), random_state=0)
    >>> grids.images.shape
    (10, 16, 24)
    >>> sorted(grids.label_sets[0])
    [0, 3, 5, 7, 9]
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim not in (3, 4) or not images.size:
        raise ValueError(
            f"images has shape {images.shape}. Pass (n_images, H, W) or (n_images, H, W, C)."
        )
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels has shape {labels.shape}, but there are {len(images)} images. "
            "Pass one label for each image."
        )
    # A NaN equals nothing, itself included: no answer to it would ever be right.
    assert_all_finite(labels, input_name="labels")
    size = images.shape[1:3]
    cell_shape = size if cell_shape is None else cell_shape
    for name, pair in {"grid": grid, "cell_shape": cell_shape}.items():
        if len(pair) != 2 or not all(isinstance(n, Integral) and int(n) >= 1 for n in pair):
            raise ValueError(f"{name}={pair}. Pass two positive integers: vertical, horizontal.")
    (rows, columns), (height, width) = grid, cell_shape
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    if min(top, left) < 0:
        raise ValueError(
            f"cell_shape={cell_shape} is smaller than the images, {size}. Enlarge it, or pass None."
        )
    rng = check_random_state(random_state)
    classes, codes = np.unique(labels, return_inverse=True)
    drawn = rng.randint(len(classes), size=(n_samples, rows * columns))
    # Images sorted by label: the k-th image of a label stands at a known place.
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    within = (rng.random_sample(drawn.shape) * counts[drawn]).astype(int)
    chosen = order[starts[drawn] + within]

    out = np.full(
        (n_samples, rows, height, columns, width, *images.shape[3:]), images.min(), images.dtype
    )
    inner = out[:, :, top : top + size[0], :, left : left + size[1]]
    for cell in range(rows * columns):
        inner[:, cell // columns, :, cell % columns] = images[chosen[:, cell]]
    cell_labels = classes[drawn]
    return Bunch(
        images=out.reshape(n_samples, rows * height, columns * width, *images.shape[3:]),
        label_sets=[set(row) for row in cell_labels.tolist()],
        cell_labels=cell_labels,
        DESCR=_DESCR.format(
            n_samples=n_samples,
            rows=rows,
            columns=columns,
            n_images=len(images),
            n_labels=len(classes),
        ),
    )


def make_split(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    n_train: int,
    n_test: int,
    random_state: int | np.random.RandomState | None,
    *,
    grid: tuple[int, int],
    cell_shape: tuple[int, int] | None = None,
) -> Bunch:
    """Return one Bunch of training and test grids, each of its own (images, labels)."""
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=2)
    learn, check = (
        make_image_grid(
            *source, n_samples, grid=grid, cell_shape=cell_shape, random_state=int(seed)
        )
        for source, n_samples, seed in zip((train, test), (n_train, n_test), seeds, strict=True)
    )
    return Bunch(
        images=learn.images,
        label_sets=learn.label_sets,
        cell_labels=learn.cell_labels,
        images_test=check.images,
        label_sets_test=check.label_sets,
        cell_labels_test=check.cell_labels,
        DESCR=f"Training data: {learn.DESCR}\nTest data, of other images: {check.DESCR}",
    )
