"""predict, predict_grid, sample and sample_latents: what comes back, and what is refused."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from condcap_sk import ConditionalCaptioner
from condcap_sk.gan.modules import Generator
from condcap_sk.vision import ImageEncoder


def test__predict__any_latent__keeps_shape_and_dtype(hardly_fitted, digits):
    est, X = hardly_fitted, digits.images_test[:7]
    one = est.sample_latents(1, random_state=0)[0]
    for answers in (est.predict(X), est.predict(X, one), est.predict(X, np.tile(one, (7, 1)))):
        assert answers.shape == (7,)
        assert answers.dtype == np.int64
    np.testing.assert_array_equal(est.predict(X, one), est.predict(X, one[None].repeat(7, 0)))


def test__predict_grid__columns__are_predict_under_each_latent(hardly_fitted, digits):
    est, X = hardly_fitted, digits.images_test[:20]
    latents = est.sample_latents(3, random_state=0)
    grid = est.predict_grid(X, latents)
    assert grid.shape == (20, 3)
    assert len(np.unique(grid)) > 2
    for k, c in enumerate(latents):
        np.testing.assert_array_equal(grid[:, k], est.predict(X, c))


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test__predict__other_batches_and_orders__same_answers(hardly_fitted, digits, batch_size):
    X = digits.images_test[:30]
    order = np.random.RandomState(0).permutation(30)
    est = clone(hardly_fitted)
    est.__dict__.update(hardly_fitted.__dict__)
    est.batch_size = batch_size
    np.testing.assert_array_equal(est.predict(X[order]), hardly_fitted.predict(X)[order])
    c = est.sample_latents(1, random_state=3)[0]
    np.testing.assert_array_equal(est.predict(X[order], c), hardly_fitted.predict(X, c)[order])


@pytest.fixture
def encoded(monkeypatch):
    """How many images were encoded at a time."""

    def watch(self, X, regions):
        sizes.append(len(X))
        return encode(self, X, regions)

    sizes, encode = [], ImageEncoder._encode
    monkeypatch.setattr(ImageEncoder, "_encode", watch)
    return sizes


def test__predict__many_images__are_encoded_a_batch_at_a_time(hardly_fitted, digits, encoded):
    est = copy.copy(hardly_fitted).set_params(batch_size=7)
    est.predict(digits.images_test[:20])
    assert encoded == [7, 7, 6]


@pytest.mark.parametrize("c", [None, "one", "each"])
def test__iter_predict__batches__are_what_predict_returns(hardly_fitted, digits, c):
    est, X = copy.copy(hardly_fitted).set_params(batch_size=7), digits.images_test[:20]
    draws = {"one": est.sample_latents(1, 0)[0], "each": est.sample_latents(20, 0)}
    batches = list(est.iter_predict(X, draws.get(c)))
    assert [len(batch) for batch in batches] == [7, 7, 6]
    expected = est.predict(X, draws.get(c))
    np.testing.assert_array_equal(np.concatenate(batches), expected)


def test__iter_predict__images__are_encoded_when_asked_for(hardly_fitted, digits, encoded):
    batches = copy.copy(hardly_fitted).set_params(batch_size=7).iter_predict(digits.images_test)
    assert not encoded
    next(batches)
    assert encoded == [7]


def test__batch_size__integer_of_few_bits__does_not_overflow(hardly_fitted, digits):
    est, X = copy.copy(hardly_fitted).set_params(batch_size=np.int8(100)), digits.images_test[:150]
    expected = hardly_fitted.predict(X)
    np.testing.assert_array_equal(est.predict(X), expected)
    np.testing.assert_array_equal(np.concatenate(list(est.iter_predict(X))), expected)


def test__iter_predict__wrong_latents__raise_at_once(hardly_fitted, digits):
    with pytest.raises(ValueError, match="c has shape"):
        hardly_fitted.iter_predict(digits.images_test, [1.0])


def test__predict__memory_is_short__error_names_batch_size(hardly_fitted, digits, monkeypatch):
    def greedy(self, *inputs):
        return torch.empty(2**60)

    monkeypatch.setattr(Generator, "forward", greedy)
    with pytest.raises(MemoryError, match="Lower batch_size"):
        hardly_fitted.predict(digits.images_test)


def test__sample_latents__many__are_standard_normal_and_seeded():
    est = ConditionalCaptioner(n_latents=4)
    draws = est.sample_latents(20_000, random_state=0)
    assert draws.shape == (20_000, 4)
    np.testing.assert_allclose(draws.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(4), atol=0.04)
    np.testing.assert_array_equal(draws, est.sample_latents(20_000, random_state=0))
    assert not np.array_equal(est.sample_latents(3), est.sample_latents(3))


class TestBadInput:
    """Each error names the argument and says what to type instead."""

    @pytest.mark.parametrize(
        "call",
        [
            lambda est, X: est.predict(X),
            lambda est, X: est.predict_grid(X, [[0, 0, 0]]),
            lambda est, X: est.infer_latent(X, [1] * len(X)),
            lambda est, X: est.score(X, [{1}] * len(X)),
            lambda est, X: est.sample(X),
            lambda est, X: est.score_samples(X, [1] * len(X)),
            lambda est, X: est.confidence(X, [1] * len(X)),
            lambda est, X: est.predict(X, min_confidence=0.5),
            lambda est, X: est.attention_weights(X, ["a dog"] * len(X)),
        ],
        ids=[
            "predict",
            "predict_grid",
            "infer_latent",
            "score",
            "sample",
            "score_samples",
            "confidence",
            "selective predict",
            "attention_weights",
        ],
    )
    def test__any_use__before_fit__raises_not_fitted(self, tiny, call):
        with pytest.raises(NotFittedError):
            call(ConditionalCaptioner(), tiny[0])

    def test__predict__other_image_size__names_the_remedy(self, hardly_fitted):
        with pytest.raises(ValueError, match="X holds 8x8 images.*fit saw 16x16.*Resize X"):
            hardly_fitted.predict(np.zeros((2, 8, 8)))

    def test__predict__features_for_images__names_the_remedy(self, hardly_fitted):
        with pytest.raises(ValueError, match="X holds vectors of 256 features.*fit saw 16x16"):
            hardly_fitted.predict(np.zeros((2, 256)))

    @pytest.mark.parametrize("shape", [(2,), (4, 3), (1, 1, 3), ()])
    def test__predict__wrong_latent_shape__names_the_remedy(self, hardly_fitted, digits, shape):
        with pytest.raises(ValueError, match=r"c has shape .*\(3,\).*\(5, 3\).*sample_latents"):
            hardly_fitted.predict(digits.images_test[:5], np.zeros(shape))

    def test__predict__nan_latent__is_named(self, hardly_fitted, digits):
        with pytest.raises(ValueError, match="c contains NaN"):
            hardly_fitted.predict(digits.images_test[:5], [np.nan, 0, 0])

    def test__predict_grid__wrong_latent_shape__names_the_remedy(self, hardly_fitted, digits):
        with pytest.raises(
            ValueError, match=r"latents has 2 columns, but 3 are expected.*\(n, 3\)"
        ):
            hardly_fitted.predict_grid(digits.images_test[:5], np.zeros((4, 2)))

    @pytest.mark.parametrize("n_samples", [0, 1.5, "3"])
    def test__sample__impossible_number__is_named(self, hardly_fitted, digits, n_samples):
        with pytest.raises((TypeError, ValueError), match="n_samples"):
            hardly_fitted.sample(digits.images_test[:2], n_samples)

    def test__predict__batch_size_spoiled_after_fit__is_named(self, quick, tiny):
        est = quick().fit(*tiny).set_params(batch_size=0)
        with pytest.raises(ValueError, match="The 'batch_size' parameter"):
            est.predict(tiny[0])
