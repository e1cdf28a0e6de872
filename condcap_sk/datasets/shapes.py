"""make_captioned_shapes: drawn scenes, and captions that differ in known ways."""

from itertools import product
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval

from .._validation import checks_arguments

FACTORS = ("subject", "colour", "scope")
_KINDS = ("circle", "square", "triangle", "cross")
_COLOURS = {
    "red": (230, 50, 50),
    "green": (50, 180, 70),
    "blue": (60, 90, 230),
    "yellow": (240, 210, 50),
    "purple": (160, 60, 190),
}
_DESCR = """\
{n_samples} scenes of {size}x{size} pixels. Two different shapes stand side by side, or one above
the other, each in one of {n_colours} colours on a grey ground; each has {n_captions} captions.
Captions of a scene differ in three factors: which shape they begin with ("subject": the left or
upper one, or the other), whether they name colours ("colour"), and whether they name both shapes or
one and its place ("scope"). `factors` holds them for each caption. They are for evaluation: a
captioner is fitted without them.
"""
# How shapes are drawn, in shares of the scene's size, all chosen by hand. Two shapes never touch:
# their middles are at least .44 apart, and each reaches at most .2 from its own.
_ALONG = 0.22, 0.26  # from the scene's middle to a shape's, in the direction the two stand in
_ASIDE = 0.2  # at most, in the other direction
_RADIUS = 0.14, 0.2
_GROUND = 200, 240  # the grey of the ground


@checks_arguments(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_captions": [Interval(Integral, 1, 8, closed="both")],
        "size": [Interval(Integral, 16, None, closed="left")],
        "random_state": ["random_state"],
    },
)
def make_captioned_shapes(
    n_samples: int = 1000,
    *,
    n_captions: int = 5,
    size: int = 32,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Draw scenes of two shapes, with captions that differ in three known ways.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of scenes.
    n_captions : int, default=5
        Captions of each scene, drawn from the eight that there are.
    size : int, default=32
        Height and width of a scene, in pixels.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. None draws from NumPy's global stream.

    Returns
    -------
    bunch : Bunch
        With the fields

        images : ndarray of shape (n_samples, size, size, 3), uint8
            The scenes.
        captions : list of lists of str
            The captions of each scene.
        factors : ndarray of shape (n_samples, n_captions, 3), int
            What captions differ in, 0 or 1 each: the second shape comes first; colours are named;
            both shapes are named, instead of one and its place.
        factor_names : tuple of str
            ("subject", "colour", "scope").
        DESCR : str
            What the data are.

    See Also
    --------
    load_flickr8k : Photographs with captions by people.

    Notes
    -----
    Each caption names the place of its first shape. With "a cross" alone, it would be unknown
    whether the caption begins with the shape on the left or with the cross.

    Examples
    --------
    >>> from condcap_sk.datasets import make_captioned_shapes
    >>> scenes = make_captioned_shapes(10, n_captions=3, random_state=0)
    >>> scenes.images.shape
    (10, 32, 32, 3)
    >>> for caption, factors in zip(scenes.captions[0], scenes.factors[0].tolist()):
    ...     print(factors, caption)
    [1, 1, 0] a yellow cross at the bottom
    [1, 0, 1] a cross below a triangle
    [1, 0, 0] a cross at the bottom
    """
    rng = check_random_state(random_state)
    every = np.array(list(product((0, 1), repeat=len(FACTORS))))
    images = np.empty((n_samples, size, size, 3), dtype=np.uint8)
    captions, factors = [], []
    for image in images:
        kinds = rng.permutation(len(_KINDS))[:2]
        colours = rng.randint(len(_COLOURS), size=2)
        upright = rng.randint(2)
        chosen = every[rng.permutation(len(every))[:n_captions]]
        _draw(image, kinds, colours, upright, rng)
        captions.append([_describe(kinds, colours, upright, *row) for row in chosen])
        factors.append(chosen)
    return Bunch(
        images=images,
        captions=captions,
        factors=np.array(factors),
        factor_names=FACTORS,
        DESCR=_DESCR.format(
            n_samples=n_samples, size=size, n_captions=n_captions, n_colours=len(_COLOURS)
        ),
    )


def _describe(
    kinds: NDArray[np.int_],
    colours: NDArray[np.int_],
    upright: int,
    second_first: int,
    with_colour: int,
    both: int,
) -> str:
    names = [
        f"{colour} {_KINDS[kind]}" if with_colour else _KINDS[kind]
        for kind, colour in zip(kinds, np.array(list(_COLOURS))[colours], strict=True)
    ]
    subject, other = names[::-1] if second_first else names
    if both:
        places = ("to the left of", "to the right of"), ("above", "below")
        return f"a {subject} {places[upright][second_first]} a {other}"
    places = ("on the left", "on the right"), ("at the top", "at the bottom")
    return f"a {subject} {places[upright][second_first]}"


def _draw(
    image: NDArray[np.uint8],
    kinds: NDArray[np.int_],
    colours: NDArray[np.int_],
    upright: int,
    rng: np.random.RandomState,
) -> None:
    size = len(image)
    image[:] = rng.randint(*_GROUND)
    across = np.arange(size) - (size - 1) / 2
    for kind, colour, side in zip(kinds, colours, (-1, 1), strict=True):
        along, aside = side * size * rng.uniform(*_ALONG), size * rng.uniform(-_ASIDE, _ASIDE)
        y, x = (along, aside) if upright else (aside, along)
        radius = size * rng.uniform(*_RADIUS)
        dy, dx = (across[:, None] - y) / radius, (across[None] - x) / radius
        inside = (
            dy**2 + dx**2 < 1,
            np.maximum(abs(dy), abs(dx)) < 0.9,
            (dy < 0.8) & (dy > 1.8 * abs(dx) - 1),
            (np.minimum(abs(dy), abs(dx)) < 0.3) & (np.maximum(abs(dy), abs(dx)) < 1),
        )[kind]
        image[inside] = list(_COLOURS.values())[colour]
