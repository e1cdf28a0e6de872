"""Images with several right answers each; every function returns a Bunch."""

from .digits import load_grid_digits
from .grid import make_image_grid
from .mnist import fetch_grid_mnist

__all__ = ["fetch_grid_mnist", "load_grid_digits", "make_image_grid"]
