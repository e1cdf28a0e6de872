"""Scenes: captions are true of what is drawn."""

import numpy as np
import pytest

from condcap_sk.datasets import make_captioned_shapes


def test__captions__differ_by_their_factors():
    scenes = make_captioned_shapes(50, n_captions=8, random_state=0)
    assert scenes.factor_names == ("subject", "colour", "scope")
    for captions, factors in zip(scenes.captions, scenes.factors, strict=True):
        assert len(set(captions)) == 8
        assert len(np.unique(factors, axis=0)) == 8
        for caption, (_, colour, scope) in zip(captions, factors, strict=True):
            named = sum(word in caption for word in ("red", "green", "blue", "yellow", "purple"))
            n_shapes = sum(
                caption.count(word) for word in ("circle", "square", "triangle", "cross")
            )
            assert n_shapes == 1 + scope
            assert named == (min(named, 1 + scope) if colour else 0)
            assert (named > 0) == bool(colour)


def test__subject__is_the_left_or_upper_shape_or_the_other():
    scenes = make_captioned_shapes(100, n_captions=8, random_state=0)
    for captions, factors in zip(scenes.captions, scenes.factors, strict=True):
        caption_of = dict(zip(map(tuple, factors.tolist()), captions, strict=True))
        first, second = caption_of[0, 0, 1], caption_of[1, 0, 1]
        assert ("left" in first or "above" in first) == ("right" in second or "below" in second)
        for other_first, both in enumerate((first, second)):
            one = caption_of[other_first, 0, 0].split()
            other = caption_of[1 - other_first, 0, 0].split()
            assert both.split()[:2] == one[:2]
            assert both.split()[-2:] == other[:2]
            places = {"left": "left", "right": "right", "above": "top", "below": "bottom"}
            assert places[next(word for word in both.split() if word in places)] == one[-1]


@pytest.mark.parametrize("size", [16, 32, 65])
def test__drawing__colours_named__are_there_and_shapes_do_not_touch(size):
    scenes = make_captioned_shapes(200, n_captions=8, size=size, random_state=1)
    assert scenes.images.shape == (200, size, size, 3)
    for image, captions in zip(scenes.images, scenes.captions, strict=True):
        coloured = image.std(axis=2) > 5
        halves = [coloured[:, : size // 2], coloured[:, -(size // 2) :]]
        if any("above" in caption for caption in captions):
            halves = [coloured[: size // 2], coloured[-(size // 2) :]]
        assert min(half.mean() for half in halves) > 0.02
        edge = [coloured[0], coloured[-1], coloured[:, 0], coloured[:, -1]]
        assert not np.concatenate(edge).all()


def test__random_state__same_scenes():
    one, two = (make_captioned_shapes(5, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(one.images, two.images)
    assert one.captions == two.captions


def test__bad_parameter__is_named():
    with pytest.raises(ValueError, match="'n_captions' parameter"):
        make_captioned_shapes(5, n_captions=9)
