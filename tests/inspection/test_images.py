"""The images that displays draw."""

from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk.inspection._images import first_images, pictures

IMAGES, FEATURES = np.zeros((2, 4, 6, 3)), np.zeros((2, 5))


def test__first_images__stages_of_a_pipeline__is_the_first_that_can_be_drawn():
    est = SimpleNamespace()
    assert first_images([IMAGES, FEATURES], est) is IMAGES
    assert first_images([["a.png", "b.png"], IMAGES, IMAGES + 1], est) is IMAGES
    assert first_images([list(IMAGES), FEATURES], est)[0] is not FEATURES
    assert first_images([FEATURES], est).shape == (2, 5)


def test__first_images__flat_ones__have_the_shape_of_the_fit():
    est = SimpleNamespace(fitted_params_={"image_shape": (4, 6, 3)})
    assert first_images([IMAGES.reshape(2, -1)], est).shape == (2, 3, 4, 6)


@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (2, 3, 4, 6)])
def test__pictures__any_range_and_layout__are_from_0_to_1_with_channels_last(shape):
    values = np.random.RandomState(0).randint(50, 200, shape).astype(np.uint8)
    found = pictures(values, "")
    assert found.shape == (2, 4, 6, 3)
    assert found.min() == 0
    assert found.max() == 1


def test__pictures__one_colour__are_black():
    assert (pictures(np.full((1, 4, 4), 7), "") == 0).all()


def test__pictures__feature_vectors__are_an_error_with_the_example():
    with pytest.raises(ValueError, match=r"vectors of 5 features.*for example draw\(images\)"):
        pictures(FEATURES, "draw(images)")
