"""Each ancestor of the model is a setting that trains and does what distinguishes it."""

import numpy as np
import pytest
import torch

from condcap_sk import ConditionalCaptioner


def fit(data, n_steps, **params):
    est = ConditionalCaptioner(objective="paper", random_state=0, **params).set_params(
        codec__max_iter=100, image_encoder__n_filters=2, gan__max_iter=n_steps, gan__hidden_size=64
    )
    return est.fit(*data)


@pytest.fixture(scope="module")
def without_images(tiny):
    """GANs that ignore images, by their weight of the mutual information."""
    return {mi: fit(tiny, 100, images="ignored", mi_weight=mi) for mi in (0, 1)}


@pytest.mark.parametrize("mi_weight", [0, 1])
def test__images_ignored__text_gan_and_info_gan__answer_without_images(
    tiny, without_images, mi_weight
):
    est = without_images[mi_weight]
    latents = est.sample_latents(20, random_state=0)
    answers = est.predict_grid(tiny[0], latents)
    assert (answers == answers[0]).all()
    assert len(np.unique(answers)) > 1
    assert est.image_encoder_ is None


def test__info_gan__against_text_gan__recovers_the_latent(without_images):
    errors = {
        mi_weight: est.history_["latents_valid_latent_error"][-1]
        for mi_weight, est in without_images.items()
    }
    assert errors[1] < 0.7 < errors[0]


def test__conditional_gan__images_end_to_end__conditions_on_them(digits):
    X, label_sets = digits.images[:20], digits.label_sets[:20]
    est = fit((X, label_sets), 10, images="end-to-end", mi_weight=0)
    gan = est.gan_
    networks = [
        module.image_network for module in (gan.generator_, gan.discriminator_, gan.recogniser_)
    ]
    assert len({id(network) for network in networks}) == 3
    assert est.image_encoder_ is None
    vectors = gan.generate(X[:, None].astype(np.float32), [0.0] * 3)
    assert np.ptp(vectors, axis=0).max() > 1e-3


def test__paper__end_to_end__trains_all_image_networks(digits):
    X, label_sets = digits.images[:20], digits.label_sets[:20]
    few, more = (fit((X, label_sets), n, images="end-to-end", mi_weight=1).gan_ for n in (1, 4))
    for name in ("generator_", "discriminator_", "recogniser_"):
        first, second = (
            getattr(gan, name).image_network.layers[0][0].weight for gan in (few, more)
        )
        assert not torch.equal(first, second)


def test__paper__answers__are_the_plain_decoder_of_the_generator(tiny):
    X, _ = tiny
    est = fit(tiny, 20, mi_weight=1)
    c = est.sample_latents(1, random_state=0)[0]
    vectors = est.gan_.generate(est.image_encoder_.transform(X), c)
    np.testing.assert_array_equal(est.predict(X, c), est.codec_.inverse_transform(vectors))
