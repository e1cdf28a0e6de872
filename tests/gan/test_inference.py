"""What fitted networks compute: vectors from latents, latents from vectors, log-odds."""

import copy

import numpy as np
import pytest
import torch

from condcap_sk.gan import LatentGAN
from condcap_sk.gan.prior import Prior

N = 40
RNG = np.random.RandomState(0)
# Sizes of which processors compute every row of a matrix product in the same way.
X = RNG.standard_normal((N, 6)).astype(np.float32)
LATENTS = RNG.standard_normal((N, 2)).astype(np.float32)
CODES = 2 * np.eye(10, dtype=np.float32)
SOME = [0, 17, 39]


@pytest.fixture(scope="module")
def trained():
    gan = LatentGAN(n_latents=2, hidden_size=16, max_iter=3, batch_size=8, random_state=0)
    return gan.fit(X, [CODES[[i % 10, (i + 1) % 10]] for i in range(N)])


@pytest.fixture
def gan(trained):
    return copy.deepcopy(trained)


def with_recogniser(gan, recognise):
    """Give a GAN another Q: a function of images and sentence vectors."""
    gan.recogniser_ = torch.nn.Module()
    gan.recogniser_.forward = recognise
    return gan


class TestGenerate:
    def test__vectors__are_those_of_the_generator_on_the_sphere(self, gan):
        vectors = gan.generate(X, LATENTS)
        assert vectors.dtype == np.float32
        expected = gan.generator_(torch.from_numpy(X), torch.from_numpy(LATENTS))
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 2, rtol=1e-5)

    def test__one_latent__is_that_of_all_images(self, gan):
        np.testing.assert_array_equal(
            gan.generate(X, LATENTS[0]), gan.generate(X, np.tile(LATENTS[0], (N, 1)))
        )

    def test__rows_by_themselves__have_the_same_bits(self, gan):
        whole = gan.generate(X, LATENTS)
        for row in SOME:
            alone = gan.generate(X[[row]], LATENTS[[row]])
            np.testing.assert_array_equal(alone[0], whole[row])

    @pytest.mark.parametrize(
        ("images", "c", "message"),
        [
            (X[:, :2], LATENTS, "2 features"),
            (X, LATENTS[:3], "c "),
            (X, LATENTS[:, :1], "c "),
            (X, [np.nan, 0], "c "),
        ],
    )
    def test__other_shapes__are_refused(self, gan, images, c, message):
        with pytest.raises(ValueError, match=message):
            gan.generate(images, c)


class TestInfer:
    def test__mean_and_std__are_those_of_the_recogniser(self, gan):
        vectors = gan.generate(X, LATENTS)
        mean, std = gan.infer(X, vectors)
        expected, log_variance = gan.recogniser_(torch.from_numpy(X), torch.from_numpy(vectors))
        np.testing.assert_allclose(mean, expected, atol=1e-5)
        np.testing.assert_allclose(std, (0.5 * log_variance).exp(), atol=1e-5)

    def test__rows_by_themselves__have_the_same_bits(self, gan):
        vectors = gan.generate(X, LATENTS)
        whole = gan.infer(X, vectors)
        for row in SOME:
            alone = gan.infer(X[[row]], vectors[[row]])
            for one, all_of_them in zip(alone, whole, strict=True):
                np.testing.assert_array_equal(one[0], all_of_them[row])

    def test__vectors_of_another_width__are_named(self, gan):
        with pytest.raises(ValueError, match="vectors has 2 columns, but 10 are expected"):
            gan.infer(X, LATENTS)


class TestCalibrate:
    """Q here reads 2 c, off by noise of deviation 0.5, and claims a deviation of 0.1."""

    NOISE = np.random.RandomState(1).standard_normal((N, 2)).astype(np.float32)
    VECTORS = np.c_[2 * LATENTS + 0.5 * NOISE, np.zeros((N, 8))].astype(np.float32)

    @pytest.fixture
    def gan(self, trained):
        log_variance = 2 * float(np.log(0.1))
        return with_recogniser(
            copy.deepcopy(trained),
            lambda images, vectors: (vectors[:, :2], torch.full((len(vectors), 2), log_variance)),
        )

    def test__mean__is_scaled_to_the_least_squared_error(self, gan):
        before, _ = gan.infer(X, self.VECTORS)
        assert gan.calibrate(X, self.VECTORS, LATENTS) is gan
        mean, _ = gan.infer(X, self.VECTORS)
        scale, *_ = gan.calibration_
        # A little less than a half, for the noise; a factor of 1 would be far off.
        assert 0.4 < scale < 0.55
        np.testing.assert_allclose(mean, scale * before, rtol=1e-5)
        error = np.square(mean - LATENTS).mean()
        for factor in (0.9, 1.1, 1 / scale):
            assert np.square(factor * mean - LATENTS).mean() > error

    def test__std__is_scaled_to_the_error_that_is_left(self, gan):
        mean, std = gan.calibrate(X, self.VECTORS, LATENTS).infer(X, self.VECTORS)
        error = np.square(mean - LATENTS).mean()
        assert np.square(std).mean() == pytest.approx(error, rel=1e-4)
        assert std.mean() > 0.15

    def test__once_more__is_the_same(self, gan):
        first = gan.calibrate(X, self.VECTORS, LATENTS).calibration_
        assert gan.calibrate(X, self.VECTORS, LATENTS).calibration_ == first
        assert all(type(value) is float for value in first)

    def test__a_recogniser_that_reads_nothing__stays_finite(self, gan):
        with_recogniser(gan, lambda images, vectors: (0 * vectors[:, :2], 0 * vectors[:, :2]))
        gan.calibrate(X, self.VECTORS, LATENTS)
        assert np.isfinite(gan.calibration_).all()


class TestCategories:
    """Q reads three logits and one mean off the vector."""

    ONE_HOT = np.eye(3, dtype=np.float32)[np.arange(N) % 3]
    NUMBERS = np.random.RandomState(2).standard_normal((N, 1)).astype(np.float32)
    LATENTS = np.concatenate([ONE_HOT, NUMBERS], axis=1)
    # Every fifth is read as another category, and all are read as next to certain.
    LOGITS = 10 * ONE_HOT
    LOGITS[::5] = 10 * np.roll(ONE_HOT[::5], 1, axis=1)
    VECTORS = np.concatenate([LOGITS, NUMBERS, np.zeros((N, 6))], axis=1).astype(np.float32)

    @pytest.fixture
    def gan(self, trained):
        gan = with_recogniser(
            copy.deepcopy(trained),
            lambda images, vectors: (vectors[:, :4], torch.zeros(len(vectors), 4)),
        )
        gan._prior = Prior(1, 3)
        return gan

    def test__infer__is_the_most_probable_category_and_the_mean(self, gan):
        latents, spreads = gan.infer(X, self.VECTORS)
        np.testing.assert_array_equal(latents[:, :3].argmax(axis=1), self.LOGITS.argmax(axis=1))
        gan._prior.check(latents, "latents")
        np.testing.assert_array_equal(latents[:, 3], self.NUMBERS[:, 0])
        np.testing.assert_allclose(spreads[:, :3].sum(axis=1), 1, rtol=1e-6)
        assert spreads[:, :3].max(axis=1).min() > 0.99
        np.testing.assert_allclose(spreads[:, 3], 1)

    def test__calibrate__probabilities__are_as_sure_as_they_are_right(self, gan):
        _, spreads = gan.calibrate(X, self.VECTORS, self.LATENTS).infer(X, self.VECTORS)
        assert spreads[:, :3].max(axis=1).mean() == pytest.approx(0.8, abs=0.02)
        assert all(type(value) is float for value in gan.calibration_)

    def test__calibrate__without_a_gaussian_part__scales_probabilities_alone(self, gan):
        with_recogniser(gan, lambda images, vectors: (vectors[:, :3], 0 * vectors[:, :3]))
        gan._prior = Prior(0, 3)
        scale, spread, sharpness = gan.calibrate(X, self.VECTORS, self.ONE_HOT).calibration_
        assert (scale, spread) == (1, 1)
        assert 0 < sharpness < 1
        latents, spreads = gan.infer(X, self.VECTORS)
        assert latents.shape == spreads.shape == (N, 3)


class TestRelevance:
    def test__log_odds__are_those_of_the_discriminator(self, gan):
        vectors = np.stack([CODES[:3]] * N)
        found = gan.relevance(X, vectors)
        assert found.shape == (N, 3)
        for k in range(3):
            inputs = torch.from_numpy(X), torch.from_numpy(vectors[:, k])
            np.testing.assert_allclose(found[:, k], gan.discriminator_(*inputs), atol=1e-5)

    def test__rows_by_themselves__have_the_same_bits(self, gan):
        vectors = np.stack([CODES[:3]] * N)
        whole = gan.relevance(X, vectors)
        for row in SOME:
            np.testing.assert_array_equal(gan.relevance(X[[row]], vectors[[row]])[0], whole[row])


def test__pixels__with_image_networks__are_read_by_each():
    class Flat(torch.nn.Module):
        n_features = 6

        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(12, 6)

        def forward(self, images):
            return self.layer(images.flatten(1))

    images = RNG.random((N, 3, 2, 2)).astype(np.float32)
    gan = LatentGAN(image_network=Flat, n_latents=2, hidden_size=16, max_iter=2, random_state=0)
    gan.fit(images, [CODES[[i % 10]] for i in range(N)])
    vectors = gan.generate(images, LATENTS)
    assert vectors.shape == (N, 10)
    mean, std = gan.infer(images, vectors)
    assert mean.shape == std.shape == (N, 2)
    assert gan.relevance(images, vectors[:, None]).shape == (N, 1)
    np.testing.assert_array_equal(gan.generate(images[[3]], LATENTS[[3]])[0], vectors[3])
