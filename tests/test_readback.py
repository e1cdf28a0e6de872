"""infer_latent: latents that are read back from answers."""

import numpy as np
import pytest

from condcap_sk.exceptions import UnknownWordsWarning


def test__infer_latent__answers__gives_a_latent_each(hardly_fitted, digits):
    latents = hardly_fitted.infer_latent(digits.images_test[:5], [1, 2, 3, 4, 5])
    assert latents.shape == (5, 3)
    assert np.isfinite(latents).all()


def test__infer_latent__unseen_label__is_named(hardly_fitted, digits):
    with pytest.raises(ValueError, match="labels holds answers never seen in fit: 11.*Use those"):
        hardly_fitted.infer_latent(digits.images_test[:2], [1, 11])


def test__infer_latent__sets__names_the_remedy(hardly_fitted, digits):
    with pytest.raises(ValueError, match="labels holds .*int, float, bool or str"):
        hardly_fitted.infer_latent(digits.images_test[:2], [{1, 2}, {3}])


@pytest.mark.parametrize("labels", [{1, 2}, {1: 0, 2: 0}, 3, None])
def test__infer_latent__labels_without_order__names_the_remedy(hardly_fitted, digits, labels):
    with pytest.raises(ValueError, match="labels=.* no sequence.*in the images' order"):
        hardly_fitted.infer_latent(digits.images_test[:2], labels)


def test__infer_latent__lengths_differ__names_the_remedy(hardly_fitted, digits):
    with pytest.raises(ValueError, match="X holds 2 images, but labels holds 3.*one answer"):
        hardly_fitted.infer_latent(digits.images_test[:2], [1, 2, 3])


METHODS = {
    "infer_latent": "labels",
    "infer_speaker": "labels",
    "score_samples": "labels",
    "confidence": "labels",
    "attention_weights": "captions",
}


@pytest.mark.parametrize("method", METHODS)
def test__captions__without_a_known_word__are_named(quick, method):
    images = np.tile(np.eye(3).repeat(3, axis=1), (20, 1))
    given = [["a red cat", "the cat"], ["a dog"], ["a blue fish"]] * 20
    est = quick(n_regions=2, validation_fraction=0.3).fit(images, given)
    getattr(est, method)(images[:2], ["a zebra", "the unicycle"])
    with pytest.warns(UnknownWordsWarning, match=rf"1 of 2 {METHODS[method]}.*\[1\]='zebra'"):
        getattr(est, method)(images[:2], ["a zebra", "zebra"])
