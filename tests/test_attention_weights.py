"""attention_weights: where the decoder looks for each word of a given caption."""

import copy

import numpy as np
import pytest

from condcap_sk.datasets import make_captioned_shapes

SCENES = make_captioned_shapes(40, size=16, random_state=0)
NEW = make_captioned_shapes(4, size=16, random_state=1)
CAPTIONS = [row[0] for row in NEW.captions]
N_REGIONS, SIZE = 4, 3
ROWS = np.random.RandomState(0).random((40, (1 + N_REGIONS) * SIZE))


@pytest.fixture(scope="module")
def est(quick):
    return quick().fit(SCENES.images, SCENES.captions)


@pytest.fixture(scope="module")
def of_rows(quick):
    return quick(n_regions=N_REGIONS).fit(ROWS, SCENES.captions)


def test__captions__have_a_row_of_weights_for_each_word(est):
    captions = ["a red square", "Circle!", "the zebra below a circle"]
    found = est.attention_weights(NEW.images[:3], captions)
    assert [weights.shape for weights in found] == [(3, 16), (1, 16), (5, 16)]
    for weights in found:
        assert weights.dtype == np.float32
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test__caption_longer_than_those_in_fit__has_weights_of_its_beginning(est):
    most = est.codec_.vocabulary_.max_length_
    (weights,) = est.attention_weights(NEW.images[:1], ["a " * (most + 3)])
    assert weights.shape == (most, 16)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test__rows_with_regions__have_weights_of_these(of_rows):
    found = of_rows.attention_weights(ROWS[:2], ["a red square", "a circle"])
    assert [weights.shape for weights in found] == [(3, N_REGIONS), (2, N_REGIONS)]
    np.testing.assert_allclose(found[0].sum(axis=1), 1, rtol=1e-5)


def test__regions_in_another_order__have_their_weights_in_it(of_rows):
    order = [2, 0, 3, 1]
    vectors = ROWS[:2].reshape(2, 1 + N_REGIONS, SIZE)
    turned = np.concatenate([vectors[:, :1], vectors[:, 1:][:, order]], axis=1).reshape(2, -1)
    captions = ["a red square", "a circle"]
    expected = of_rows.attention_weights(ROWS[:2], captions)
    for weights, others in zip(expected, of_rows.attention_weights(turned, captions), strict=True):
        np.testing.assert_allclose(others, weights[:, order], rtol=1e-4)
        assert not np.allclose(weights, weights[:, order], rtol=1e-3)


@pytest.mark.bits
def test__rows__alone_together_and_in_batches__have_the_same_weights(est):
    together = est.attention_weights(NEW.images, CAPTIONS)
    small = copy.copy(est).set_params(batch_size=3).attention_weights(NEW.images, CAPTIONS)
    for i, weights in enumerate(together):
        (alone,) = est.attention_weights(NEW.images[i : i + 1], CAPTIONS[i : i + 1])
        np.testing.assert_array_equal(alone, weights)
        np.testing.assert_array_equal(small[i], weights)


def test__images__each_have_weights_of_their_own(est):
    captions = ["a red square"] * 2
    first, second = est.attention_weights(NEW.images[:2], captions)
    turned = est.attention_weights(NEW.images[1::-1], captions)
    np.testing.assert_allclose(turned[0], second, rtol=1e-4)
    np.testing.assert_allclose(turned[1], first, rtol=1e-4)
    assert not np.allclose(first, second, rtol=1e-3)


def test__latent__is_the_one_inferred_from_the_caption(est, monkeypatch):
    latents = []
    plans = type(est.gan_)._plans
    monkeypatch.setattr(
        type(est.gan_), "_plans", lambda self, X, c: latents.append(c) or plans(self, X, c)
    )
    est.attention_weights(NEW.images, CAPTIONS)
    np.testing.assert_array_equal(latents, [est.infer_latent(NEW.images, CAPTIONS)])


class TestBadInput:
    REMEDY = r"no regions.*captions.*relativistic.*pixels.*n_regions=16.*PretrainedFeatures"

    @pytest.mark.parametrize(
        ("X", "y", "params"),
        [
            (SCENES.images, [["a"], ["b"]] * 20, {}),
            (SCENES.images, SCENES.captions, {"objective": "paper"}),
            (SCENES.images, SCENES.captions, {"images": "ignored"}),
            (ROWS, SCENES.captions, {}),
        ],
        ids=["labels", "paper", "images ignored", "feature vectors"],
    )
    def test__model_without_regions__is_an_error_with_a_remedy(self, X, y, params, quick):
        est = quick(**params).fit(X, y)
        with pytest.raises(ValueError, match=self.REMEDY):
            est.attention_weights(X[:2], ["a red square"] * 2)

    def test__another_number_of_captions__is_an_error_with_a_remedy(self, est):
        with pytest.raises(ValueError, match="X holds 2 images, but captions holds 1.*Pass one"):
            est.attention_weights(NEW.images[:2], ["a circle"])

    @pytest.mark.parametrize(
        ("captions", "message"),
        [
            ("a circle", "captions='a circle' is one bare string"),
            (["…"], r"1 of 1 captions have no token.*captions\[0\]"),
            ([3], r"captions holds .*3.* cannot split"),
        ],
    )
    def test__captions_that_are_none__are_named(self, est, captions, message):
        with pytest.raises(ValueError, match=message):
            est.attention_weights(NEW.images[:1], captions)

    def test__images_of_another_size__are_named(self, est):
        with pytest.raises(ValueError, match="X holds 8x8 images"):
            est.attention_weights(np.zeros((1, 8, 8, 3)), ["a circle"])
