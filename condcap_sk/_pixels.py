"""Scales of pixels: which one images are of, and whether it is the one that was fitted."""

import math

import numpy as np

from ._warnings import warn_user
from .exceptions import PixelRangeWarning

# Black and white of the usual scales; centred ones have lowest values below 0.
SCALES = ((0, 1), (-1, 1), (0, 255), (0, 65535))
# What pixels may lie beyond a scale, as a share of it. Bicubic interpolation goes that far at sharp
# corners; what is black goes further once the mean of ImageNet is subtracted (.41).
OVERSHOOT = 0.375
# The share of white that the brightest of the fitted pixels reaches. By hand.
BRIGHT = 0.25
# Centred images have more pixels below 0 than interpolation leaves: further below than this share
# of white, more than that share of all. Line drawings and digits that are enlarged by splines or
# by bicubic interpolation have at most .27 and .03; of photographs less the mean of ImageNet, half
# of the pixels are far below.
BELOW_ZERO = np.array([[1e-4, 1 / 3], [3 / 16, 1 / 30]])
# Images whose largest value is a smaller share of white are of another scale, not dark: normalised
# as for ImageNet, 0 to 255 reaches 2.7, and its logarithm 5.6. Of 8 bits it is 6.
DARKEST = 1 / 42
# The same where the scale is none of the usual ones. Powers and counts differ much among images. By
# hand.
FAINTEST = 1 / 500
# How near to black and white the ends of a range lie that is taken for the scale, as a share of it.
NEAR = 0.01
# How far images may lie beyond the range that was fitted, in widths of it, if the scale is unknown.
# By hand.
WIDEST = 1.5


def blocks_of(images):
    """Return all images, some at a time where they are not in memory."""
    return images.blocks() if hasattr(images, "blocks") else [images]


def pixel_range(images):
    """Return the lowest and the highest value of an array, as floats."""
    return float(images.min()), float(images.max())


def is_within(pixels, scale):
    """Return whether a range of pixels lies on a scale, but for overshoot."""
    margin = OVERSHOOT * (scale[1] - scale[0])
    return scale[0] - margin <= pixels[0] and pixels[1] <= scale[1] + margin


def usual_scale(pixels, centred=False):
    """Return which of the usual scales a range of pixels is of, or None."""
    for black, white in SCALES:
        if centred and not black:
            continue
        # Without its black, a centred scale is none of the usual ones: there are too many.
        has_black = not black or abs(pixels[0] - black) <= NEAR * (white - black)
        is_bright = max(-pixels[0], pixels[1]) >= BRIGHT * white
        if has_black and is_bright and is_within(pixels, (black, white)):
            return black, white
    return None


def count_below_zero(images, white):
    """Return how many pixels lie below 0: slightly, and far."""
    if images.dtype == np.uint8:
        return np.zeros(len(BELOW_ZERO), dtype=int)
    return sum(
        np.array([np.count_nonzero(block < -depth * white) for depth, _ in BELOW_ZERO])
        for block in blocks_of(images)
    )


def is_centred(n_below, n_pixels):
    """Return whether so many pixels lie below 0 that it must be a middle, and not black."""
    return bool((n_below > BELOW_ZERO[:, 1] * n_pixels).any())


def conversion(scale, wanted, name):
    """Return what to type for pixels of one scale in another, for images of any dtype."""
    (black, white), (wanted_black, wanted_white) = scale, wanted
    start = f"({name} + 1)" if black else name
    end = " - 1" if wanted_black else ""
    width, wanted_width = white - black, wanted_white - wanted_black
    if width < wanted_width:
        # With an int, images of 8 bits would overflow.
        return f"{start} * {wanted_width / width}{end}"
    return f"{start} / {width / wanted_width:.6g}{end}"


def warn_of_scale(images, fitted_range, name="X"):
    """Warn if images are of another scale than those that were fitted.

    Dark and bright images of the same scale pass, and a dtype means nothing: but that of 8 bits,
    whose scale is known however dark the images are.

    Parameters
    ----------
    images : ndarray or StoredImages of shape (n, C, H, W), uint8 or float32
        Finite.
    fitted_range : tuple of float
        `pixel_range` of the images that were fitted.
    name : str, default="X"
        What the warning calls the images.
    """
    low, high = fitted_range
    if not len(images) or low == high:
        return
    pixels = pixel_range(images)
    fitted = usual_scale(fitted_range)
    white = fitted[1] if fitted else max(-low, high)
    margin = WIDEST * (high - low)
    certain = _certain_scale(images, pixels, fitted_range)
    n_pixels = math.prod(images.shape)
    centred = low >= 0 > pixels[0] and is_centred(count_below_zero(images, white), n_pixels)
    differs = (
        centred
        or not is_within(pixels, fitted or (low - margin, high + margin))
        or (certain and not is_within(fitted_range, certain))
        or _is_faint(images, pixels, white * (DARKEST if fitted else FAINTEST))
    )
    if not differs:
        return
    scale = certain or usual_scale(pixels, centred)
    remedy = f"{name} on the scale that was fitted"
    if fitted and scale and fitted != scale:
        remedy = conversion(scale, fitted, name)
    warn_user(
        f"{name} holds pixels from {pixels[0]:.6g} to {pixels[1]:.6g}, but those in fit were from "
        f"{low:.6g} to {high:.6g}. Answers to images of another scale are wrong: pass {remedy}.",
        PixelRangeWarning,
    )


def _certain_scale(images, pixels, fitted_range):
    """Return the usual scale of which images hold both black and white, or None."""
    if images.dtype == np.uint8:
        return 0, 255
    for scale in SCALES:
        if np.allclose(pixels, scale, rtol=0, atol=NEAR * (scale[1] - scale[0])):
            if scale[1] > 1 or is_within(fitted_range, scale):
                return scale
            # Whole numbers up to 1 may be classes or counts, and higher ones were fitted, too.
            whole = not any(value % 1 for value in fitted_range) and not _has_fractions(images)
            return None if whole else scale
    return None


def _is_faint(images, pixels, darkest):
    low, high = pixels
    if images.dtype == np.uint8 or low == high or max(-low, high) >= darkest:
        return False
    # Whole numbers above 1 have not been divided: the images are just dark.
    return high <= 1 or _has_fractions(images)


def _has_fractions(images):
    return any((block % 1).any() for block in blocks_of(images))
