"""Codec, sight and GAN of exported networks compute what the fitted ones do."""

import numpy as np
import pytest


def parts(pair):
    return pair.estimator.model_, pair.exported._model


def images_of(pair, n=9):
    """Return the same images as both models get them."""
    est, _ = parts(pair)
    return pair.estimator._check_images(pair.X[:n]), est


def test__encode_tokens__is_that_of_the_codec(pair):
    est, exported = parts(pair)
    ids = est.best(images_of(pair)[0], 10)
    ids[0] = ids[1]
    found = exported.codec.encode_tokens(ids)
    np.testing.assert_allclose(found, est.codec.encode_tokens(ids), atol=1e-5)


def test__sight_and_gan__compute_the_same(pair):
    est, exported = parts(pair)
    X, _ = images_of(pair)
    ours, theirs = est.sight(X), exported.sight(X.astype(np.float32))
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-4)
    latents = pair.estimator.sample_latents(len(X), random_state=0)
    vectors = est.gan.generate(ours, latents)
    own = exported.gan._without_regions(theirs)
    np.testing.assert_allclose(exported.gan.generate(own, latents), vectors, atol=1e-4)
    for found, expected in zip(
        exported.gan.infer(theirs, vectors), est.gan.infer(ours, vectors), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    ids = np.stack([est.best(X, 10)] * 2, axis=1)
    ids[:, 1] = ids[::-1, 0]
    np.testing.assert_allclose(
        exported.answerer.relevance(theirs, ids), est.answerer.relevance(ours, ids),
        rtol=1e-4, atol=1e-3,
    )  # fmt: skip


def test__sight__images_far_off_the_scale__are_named(pair_of):
    exported = parts(pair_of("regions"))[1]
    with pytest.raises(ValueError, match=r"X holds values up to 1e\+30, on another scale"):
        exported.sight(np.full((2, 5), 1e30, dtype=np.float32))


@pytest.mark.newest
def test__candidates__of_labels_and_of_the_paper_s_sentences__are_those_of_the_codec(pair_of):
    for name in ("labels", "ends"):
        est, exported = parts(pair_of(name))
        vectors = np.random.RandomState(0).standard_normal((9, 8)).astype(np.float32)
        for ours, theirs in zip(
            est.codec.candidates(vectors, 3), exported.codec.candidates(vectors, 3), strict=True
        ):
            np.testing.assert_allclose(theirs, ours, atol=1e-4)
