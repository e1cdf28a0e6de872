"""Latents read back from answers."""

import numpy as np
import pytest

from condcap_sk.gan.prior import Prior
from condcap_sk.model import readback


def test__infer__sentences__is_what_q_infers(captions_model, features):
    model = captions_model.model_
    images = model.sight(features)
    ids = model.answerer.choose(images, captions_model.sample_latents(20, random_state=0))
    found = readback.infer(model, images, ids)
    expected = model.gan.infer(images, model.codec.encode_tokens(ids))
    np.testing.assert_array_equal(found, expected)


def test__infer__labels__gives_the_label_again_wherever_some_latent_does(labels_model, features):
    model = labels_model.model_
    images, c = model.sight(features), labels_model.sample_latents(20, random_state=0)
    ids = model.answerer.choose(images, c)
    mean, std = readback.infer(model, images, ids)
    plain, _ = model.gan.infer(images, model.codec.encode_tokens(ids))
    again = (model.answerer.choose(images, mean) == ids).all(axis=1)
    at_first = (model.answerer.choose(images, plain) == ids).all(axis=1)
    # Where Q's mean gives the label it stays; elsewhere a latent that gives it is looked for.
    np.testing.assert_array_equal(mean[at_first], plain[at_first])
    assert again.sum() >= at_first.sum()
    assert (std > 0).all()


@pytest.mark.parametrize("name", ["labels_model", "captions_model"])
def test__infer_speaker__order_of_answers__does_not_matter(name, features, request):
    est = request.getfixturevalue(name)
    model = est.model_
    images = model.sight(features)
    ids = model.answerer.choose(images, np.tile(est.sample_latents(1, 0), (20, 1)))
    mean, std = readback.infer_speaker(model, images, ids)
    other, _ = readback.infer_speaker(model, images[::-1], ids[::-1])
    np.testing.assert_allclose(mean, other, atol=1e-4)
    assert mean.shape == std.shape == (3,)
    assert (std >= 0).all()


def test__infer_speaker__weights__follow_the_probability_of_the_answers(features):
    """The answer is certain where the first latent is positive, else next to impossible."""

    class Gan:
        def infer(self, images, vectors):
            return np.zeros((len(images), 2)), np.ones((len(images), 2))

    class Answerer:
        def log_probability(self, images, latents, ids):
            return np.where(latents[:, 0] > 0, 0.0, -50.0)

    class Codec:
        def encode_tokens(self, ids):
            return ids

    class Model:
        gan, answerer, codec, prior = Gan(), Answerer(), Codec(), Prior(2)

    mean, std = readback.infer_speaker(Model, features[:5], np.zeros((5, 1), dtype=int))
    # Half a normal distribution has mean √(2/π) and variance 1 − 2/π.
    assert mean[0] == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)
    assert std[0] == pytest.approx(np.sqrt(1 - 2 / np.pi), abs=0.1)
    assert mean[1] == pytest.approx(0, abs=0.15)
    assert std[1] == pytest.approx(1, abs=0.15)


def test__infer_speaker__categories__the_most_probable_and_their_gaussian_part(features):
    """The category is known to odds of 9 to 1, and under each the sign of the number."""

    class Gan:
        def infer(self, images, vectors):
            n = len(images)
            return np.tile([1.0, 0, 0], (n, 1)), np.tile([0.5, 0.5, 1.0], (n, 1))

    class Answerer:
        def log_probability(self, images, latents, ids):
            sign = np.where(latents[:, 1] > 0, 1, -1)
            fits = np.where(sign * latents[:, 2] > 0, 0.0, -50.0)
            return (fits + np.log(np.where(latents[:, 1] > 0, 0.9, 0.1))) / 5

    class Codec:
        def encode_tokens(self, ids):
            return ids

    class Model:
        gan, answerer, codec, prior = Gan(), Answerer(), Codec(), Prior(1, 2)

    latent, spread = readback.infer_speaker(Model, features[:5], np.zeros((5, 1), dtype=int))
    assert latent[:2].tolist() == [0, 1]
    np.testing.assert_allclose(spread[:2], [0.1, 0.9], atol=0.05)
    assert latent[2] == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)
    assert spread[2] == pytest.approx(np.sqrt(1 - 2 / np.pi), abs=0.1)


class Halves:
    """Stands for all fitted parts.

    The sentence vector of a latent is the latent on the circle. The answer is 2 where its first
    component is negative, else 3. Q always infers (−1, 1).
    """

    is_searched = True
    is_costly = False

    @property
    def gan(self):
        return self

    codec = answerer = sight = gan
    prior = Prior(2)

    def generate(self, images, latents):
        return latents / np.linalg.norm(latents, axis=1, keepdims=True)

    def encode_tokens(self, ids):
        return np.where(ids == 2, -1.0, 1.0) * [[1.0, 0.0]]

    def infer(self, images, vectors):
        mean = np.tile(np.float32([-1.0, 1.0]), (len(images), 1))
        return mean, np.full_like(mean, 0.5)

    def choose(self, images, latents):
        return np.where(latents[:, :1] < 0, 2, 3)


class TestReach:
    IMAGES = np.zeros((40, 1), dtype=np.float32)

    def test__mean_that_gives_the_answer__stays(self):
        mean, std = readback.infer(Halves(), self.IMAGES, np.full((40, 1), 2))
        assert mean.tolist() == [[-1.0, 1.0]] * 40
        assert (std == 0.5).all()

    def test__mean_that_gives_another__moves_until_it_gives_this_one(self):
        mean, std = readback.infer(Halves(), self.IMAGES, np.full((40, 1), 3))
        assert (mean == mean[0]).all()
        # Just over the border on the way, which has eight steps and leads to 3 or so at most.
        assert 0 <= mean[0, 0] < 1
        assert (std == 0.5).all()

    def test__images_with_both__each_its_own(self):
        ids = np.array([[2], [3]] * 20)
        mean, _ = readback.infer(Halves(), self.IMAGES, ids)
        np.testing.assert_array_equal(Halves().choose(None, mean), ids)
        assert mean[::2].tolist() == [[-1.0, 1.0]] * 20

    def test__answer_that_no_latent_gives__leaves_the_mean(self):
        mean, _ = readback.infer(Halves(), self.IMAGES[:3], np.full((3, 1), 9))
        assert mean.tolist() == [[-1.0, 1.0]] * 3

    def test__few_proposals_that_are_enough__are_all_that_is_tried(self):
        parts, tried = Halves(), []
        ids = np.full((40, 1), 3)
        ids[:3] = 9  # no latent gives it
        parts.generate = lambda images, latents: (
            tried.append(len(images)) or Halves.generate(parts, images, latents)
        )
        mean, _ = readback.infer(parts, self.IMAGES, ids)
        few, many = readback.N_TRIED
        assert tried == [40 * few, 3 * many]
        assert (Halves().choose(None, mean[3:]) == 3).all()

    def test__few_proposals_that_do_not_give_the_answer__more_do(self, monkeypatch):
        parts, ids = Halves(), np.full((40, 1), 3)
        # Q is so sure that the first proposal is near its mean.
        parts.infer = lambda images, vectors: (
            np.tile(np.float32([-1.0, 1.0]), (len(images), 1)),
            np.full((len(images), 2), 0.1, dtype=np.float32),
        )
        for n_tried, given in (((1,), 2), ((1, 1000), 3)):
            monkeypatch.setattr(readback, "N_TRIED", n_tried)
            mean, _ = readback.infer(parts, self.IMAGES, ids)
            assert (Halves().choose(None, mean) == given).all()

    def test__images_at_a_time__change_nothing(self, monkeypatch):
        ids = np.array([[2], [3], [9], [3]] * 10)
        expected = readback.infer(Halves(), self.IMAGES, ids)
        monkeypatch.setattr(readback, "N_AT_ONCE", 3000)
        np.testing.assert_array_equal(readback.infer(Halves(), self.IMAGES, ids), expected)

    @pytest.mark.parametrize("change", [{"is_searched": False}, {"is_costly": True}])
    def test__where_it_cannot_be_searched__is_what_q_infers(self, change):
        parts = Halves()
        vars(parts).update(change)
        mean, _ = readback.infer(parts, self.IMAGES, np.full((40, 1), 3))
        assert mean.tolist() == [[-1.0, 1.0]] * 40


class TestSpeaker:
    """Answers are 1 where c·x > 0 for the image x, with a little doubt; Q knows nothing."""

    class Parts:
        @property
        def gan(self):
            return self

        codec = answerer = gan
        prior = Prior(2)

        def encode_tokens(self, ids):
            return ids

        def infer(self, images, vectors):
            return np.zeros((len(images), 2)), np.ones((len(images), 2))

        def log_probability(self, images, latents, ids):
            return -np.logaddexp(0, -4 * (images * latents).sum(axis=1) * (2 * ids[:, 0] - 1))

    def test__more_answers__more_certain_and_closer(self):
        rng = np.random.RandomState(0)
        c, images = np.array([1.2, -0.7]), rng.standard_normal((200, 2)).astype(np.float32)
        ids = (images @ c > 0).astype(int)[:, None]
        found = [readback.infer_speaker(self.Parts(), images[:n], ids[:n]) for n in (2, 20, 200)]
        spread = [std.mean() for _, std in found]
        assert spread[0] > spread[1] > spread[2]
        cosine = found[2][0] @ c / np.linalg.norm(found[2][0]) / np.linalg.norm(c)
        assert cosine > 0.98
