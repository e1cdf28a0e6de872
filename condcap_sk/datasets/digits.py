"""load_grid_digits: grids of scikit-learn's bundled digits."""

from numbers import Integral

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval

from .._validation import checks_arguments
from .grid import make_split

# Of 1797, by hand. They are not shuffled: the digits come in the order of their writers, so that
# the test digits are of other writers.
_N_TRAINING_DIGITS = 1400


# make_image_grid checks the rest.
@checks_arguments(
    {
        "n_train": [Interval(Integral, 1, None, closed="left")],
        "n_test": [Interval(Integral, 1, None, closed="left")],
    },
)
def load_grid_digits(
    n_train: int = 1000,
    n_test: int = 200,
    *,
    grid: tuple[int, int] = (2, 2),
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch:
    """Make grids of scikit-learn's bundled 8x8 digits, without a download.

    The first 1400 digits make training grids, the other 397 test grids.

    Parameters
    ----------
    n_train : int, default=1000
        Number of training grids.
    n_test : int, default=200
        Number of test grids.
    grid : tuple (rows, columns), default=(2, 2)
        Digits in a grid.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

    Returns
    -------
    bunch : Bunch
        With the fields

        images, images_test : ndarray of shape (n, rows * 8, columns * 8), float64
            Training and test grids, values from 0 to 16.
        label_sets, label_sets_test : list of sets of int
            The digits in each grid.
        cell_labels, cell_labels_test : ndarray of shape (n, rows * columns)
            The digit in each cell, row by row.
        DESCR : str
            What the data are.

    See Also
    --------
    fetch_grid_mnist : The same of MNIST, as in the paper.
    make_image_grid : The same of any images.

    Examples
    --------
    >>> from condcap_sk.datasets import load_grid_digits
    >>> digits = load_grid_digits(n_train=100, n_test=20)
    >>> digits.images.shape, digits.images_test.shape
    ((100, 16, 16), (20, 16, 16))
    >>> digits.label_sets[0] == set(digits.cell_labels[0].tolist())
    True
    """
    digits = load_digits()
    return make_split(
        (digits.images[:_N_TRAINING_DIGITS], digits.target[:_N_TRAINING_DIGITS]),
        (digits.images[_N_TRAINING_DIGITS:], digits.target[_N_TRAINING_DIGITS:]),
        n_train,
        n_test,
        random_state,
        grid=grid,
    )
