"""Scales of pixels: images of another scale than those that were fitted are named."""

import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.ndimage import zoom
from sklearn.datasets import load_sample_images

from condcap_sk import ConditionalCaptioner
from condcap_sk._pixels import conversion, pixel_range, usual_scale, warn_of_scale
from condcap_sk._validation import check_images
from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.exceptions import PixelRangeWarning

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# Scale: what makes it from 8 bits.
SCALES = {
    "8 bits": lambda x: x,
    "0 to 1": lambda x: x / 255,
    "-1 to 1": lambda x: x / 127.5 - 1,
    "ImageNet": lambda x: (x / 255 - MEAN) / STD,
    "16 bits": lambda x: x.astype(np.uint16) * 257,
    "12 bits": lambda x: x.astype(np.uint16) * 16,
    "divided twice": lambda x: x / 255 / 255,
    "centred": lambda x: x - [123.68, 116.779, 103.939],
    "bool": lambda x: x > 127,
}
# Other forms of a scale, of equal values.
SAME = {
    "8 bits": [np.float16, np.float32, np.float64, np.int64, ">u2", object],
    "0 to 1": [np.float16, np.float64, ">f4"],
    "16 bits": [np.int32, np.float32, ">u2", np.float64],
}
# Whole numbers from 0 to 1 can be what remains of the classes -1, 0 and 1.
EQUAL = {("0 to 1", "bool"), ("bool", "0 to 1"), ("-1 to 1", "bool")}
# Images of the second could be dark or pale ones of the first.
UNCLEAR = {("16 bits", "12 bits"), ("centred", "ImageNet")}


def photographs():
    parts = [
        image[:420, :620].reshape(7, 60, 10, 62, 3).swapaxes(1, 2).reshape(-1, 60, 62, 3)
        for image in load_sample_images().images
    ]
    return np.concatenate(parts)[::3]


def noise():
    return np.random.RandomState(0).randint(0, 256, (20, 8, 8, 3)).astype(np.uint8)


def warns(images, fitted):
    """Return what is warned of, if something is."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        warn_of_scale(check_images(images), pixel_range(check_images(fitted)))
    assert len(record) < 2
    return str(record[0].message) if record else ""


@pytest.mark.parametrize("images", [photographs(), noise()], ids=["photographs", "noise"])
@pytest.mark.parametrize("fitted", SCALES)
def test__every_pair_of_scales__warns_only_where_they_differ(images, fitted):
    for came, scale in SCALES.items():
        if (fitted, came) in UNCLEAR:
            continue
        expected = fitted != came and (fitted, came) not in EQUAL
        assert bool(warns(scale(images), SCALES[fitted](images))) == expected, came


@pytest.mark.parametrize("scale", ["8 bits", "0 to 1", "16 bits", "divided twice"])
@pytest.mark.parametrize("images", [make_captioned_shapes(20, size=48, random_state=0).images])
def test__images_without_black_and_white__other_scales_warn(images, scale):
    for came in {"8 bits", "0 to 1", "-1 to 1", "ImageNet", "16 bits", "divided twice"} - {scale}:
        assert warns(SCALES[came](images), SCALES[scale](images)), came


@pytest.mark.parametrize(
    ("scale", "dtype"), [(scale, dtype) for scale, dtypes in SAME.items() for dtype in dtypes]
)
def test__equal_values_of_another_dtype__are_the_same_scale(scale, dtype):
    images = SCALES[scale](photographs())
    assert not warns(images.astype(dtype), images)
    assert not warns(images, images.astype(dtype))


@pytest.mark.parametrize("scale", SCALES)
def test__parts_of_what_was_fitted__never_warn(scale):
    images = photographs()
    dark = images[images.max((1, 2, 3)) > 200] // 20
    images = SCALES[scale](np.concatenate([images, dark, 255 - images // 20]))
    for part in (images[:5], images[::-1], images[:, ::7, ::9], *images[:, None]):
        assert not warns(part, images)


@pytest.mark.parametrize("scale", ["8 bits", "0 to 1", "-1 to 1", "16 bits"])
def test__photographs_darker_or_brighter_than_fitted__never_warn(scale):
    images, convert = photographs(), SCALES[scale]
    narrow = 100 + images // 5
    for fitted in (images, images // 2 + 20, narrow, 255 - images // 3):
        if scale == "-1 to 1":
            fitted[0, 0, 0] = 0
        for came in (images, images // 20, 255 - images // 20, narrow[:1], np.zeros_like(images)):
            assert not warns(convert(came), convert(fitted))


@pytest.mark.parametrize(
    ("fitted", "images"),
    [
        # Little of what was fitted: nothing to compare with.
        (np.zeros((2, 4, 4)), np.ones((2, 4, 4))),
        # Constant images.
        (noise(), np.ones((1, 8, 8, 3))),
        # Classes, of which a row holds the lowest.
        (np.arange(-1, 2).repeat(9).reshape(3, 3, 3), np.eye(3)[None]),
        (np.arange(18).reshape(2, 3, 3) % 6, np.eye(3)[None]),
        # Whole numbers: a dark photograph, or few counts.
        (noise(), (noise() // 80).astype(float)),
        (noise() * 16.0, (noise() // 80).astype(float)),
        # Half of a range that is centred.
        (np.linspace(-3, 3, 18).reshape(2, 3, 3), np.linspace(0.5, 3, 9).reshape(1, 3, 3)),
    ],
    ids=["constant fit", "constant", "-1, 0, 1", "0 to 5", "dark", "counts", "half"],
)
def test__nothing_certain__does_not_warn(fitted, images):
    assert not warns(images, fitted)


@pytest.mark.parametrize("scale", ["8 bits", "0 to 1", "16 bits"])
def test__enlarged_by_splines__overshoot_does_not_warn(scale):
    fitted = SCALES[scale](photographs()).astype(float)
    enlarged = zoom(fitted[:5], (1, 3, 3, 1), order=3)
    assert not warns(enlarged, fitted)
    assert not warns(fitted, enlarged)


def test__digits_divided_by_16__warn():
    images = load_grid_digits(n_train=20).images
    assert warns(images / 16, images)
    assert warns(images, images / 16)
    assert warns(np.uint8(images * 15.9), images)


def test__no_images__no_warning():
    warn_of_scale(np.zeros((0, 1, 4, 4), dtype=np.float32), (0.0, 255.0))


@pytest.mark.parametrize(
    ("fitted", "came", "remedy"),
    [
        ("0 to 1", "8 bits", "X / 255"),
        ("8 bits", "0 to 1", "X * 255.0"),
        ("8 bits", "bool", "X * 255.0"),
        ("8 bits", "16 bits", "X / 257"),
        ("16 bits", "8 bits", "X * 257.0"),
        ("16 bits", "0 to 1", "X * 65535.0"),
        ("0 to 1", "16 bits", "X / 65535"),
        ("-1 to 1", "8 bits", "X / 127.5 - 1"),
        ("8 bits", "-1 to 1", "(X + 1) * 127.5"),
        ("-1 to 1", "0 to 1", "X * 2.0 - 1"),
        ("0 to 1", "-1 to 1", "(X + 1) / 2"),
    ],
)
def test__warning__names_both_ranges_and_the_remedy(fitted, came, remedy):
    fitted, X = SCALES[fitted](noise()), SCALES[came](noise())
    text = warns(X, fitted)
    low, high = pixel_range(check_images(fitted))
    assert f"X holds pixels from {X.min():.6g} to" in text
    assert f"in fit were from {low:.6g} to {high:.6g}" in text
    assert text.endswith(f"pass {remedy}.")
    if X.dtype != bool:
        np.testing.assert_allclose(eval(remedy), fitted, atol=1e-6)


def test__warning__scales_that_are_unclear__promises_nothing():
    text = warns(SCALES["ImageNet"](noise()), noise())
    assert text.endswith("pass X on the scale that was fitted.")


@given(st.permutations([(0, 1), (-1, 1), (0, 255), (0, 65535)]), st.integers(0, 6))
def test__conversion__usual_scales__meets_black_and_white(scales, i):
    scale, wanted = scales[:2]
    dtype = np.dtype([np.uint8, np.int8, np.uint16, np.int32, np.uint64, np.float32, float][i])
    im = np.array(scale, dtype=float)
    assume((im.astype(dtype) == im).all())
    found = eval(conversion(scale, wanted, "im"), {"im": im.astype(dtype)})
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test__usual_scale__of_none__is_none():
    for pixels in ((-2.1, 2.6), (0, 16), (0, 4095), (-123, 151), (0, 0), (-1024, 3000), (0, 1e9)):
        assert usual_scale(pixels) is None


def test__warning__names_the_line_of_the_user():
    with pytest.warns(PixelRangeWarning, match="X_test holds") as record:
        SimpleNamespace(call=warn_of_scale).call(
            np.full((1, 1, 1, 2), (0, 9), dtype=np.float32), (0.0, 1.0), "X_test"
        )
    assert record[0].filename == __file__
    assert re.search("from 0 to 9.*from 0 to 1", str(record[0].message))


@pytest.mark.parametrize("images", ["matched", "end-to-end"])
@pytest.mark.parametrize("shape", [(8, 4), (3, 8), (1, 3), (4, 4, 3), (3, 4, 1)], ids=str)
def test__narrow_images__as_wide_as_there_could_be_channels__are_read_once(
    shape, images, quick, tmp_path
):
    X = np.random.RandomState(0).randint(255, size=(20, *shape), dtype=np.uint8)
    est = quick(images=images).fit(X, [[i % 3, 3 + i % 2] for i in range(20)])
    assert est.image_shape_ == (shape[2] if len(shape) == 3 else 1, *shape[:2])
    est.save(tmp_path / "model.safetensors")
    same = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    c = est.sample_latents(len(X), random_state=0)
    np.testing.assert_array_equal(est.predict(X, c), same.predict(X, c))
    assert np.isfinite(est.score_samples(X)).all()
