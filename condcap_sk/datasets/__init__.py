"""Images with several right answers each; every function returns a Bunch."""

from .digits import load_grid_digits
from .flickr import load_flickr8k
from .grid import make_image_grid
from .mnist import fetch_grid_mnist
from .shapes import make_captioned_shapes

__all__ = [
    "fetch_grid_mnist",
    "load_flickr8k",
    "load_grid_digits",
    "make_captioned_shapes",
    "make_image_grid",
]
