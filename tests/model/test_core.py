"""FittedModel: images in, token ids out, without scikit-learn."""

import numpy as np
import pytest

from condcap_sk.answers.tokens import END
from condcap_sk.gan.prior import Prior
from condcap_sk.model import readback
from condcap_sk.model.core import MOST_TRIED


def test__answer_each__columns__are_answers_under_each_latent(any_model, features):
    model, c = any_model.model_, any_model.sample_latents(3, random_state=0)
    grid = model.answer_each(features, c, 7)
    for column, latent in enumerate(c):
        under = model.answer(features, np.tile(latent, (len(features), 1)), 100)
        np.testing.assert_array_equal(grid[:, column], under)


def test__batches__of_any_size__give_the_same(any_model, features):
    model, c = any_model.model_, any_model.sample_latents(20, random_state=0)
    np.testing.assert_array_equal(model.answer(features, c, 3), model.answer(features, c, 20))
    np.testing.assert_array_equal(model.best(features, 3), model.best(features, 20))
    ids = model.answer(features, c, 20)
    np.testing.assert_allclose(
        model.relevance(features, ids, 3), model.relevance(features, ids, 20), atol=1e-5
    )
    for one, other in zip(
        model.infer(features, ids, 3), model.infer(features, ids, 20), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test__decode__ids_of_any_shape__keep_it(any_model, features):
    model, c = any_model.model_, any_model.sample_latents(3, random_state=0)
    ids = model.answer_each(features, c, 20)
    answers = model.decode(ids)
    assert answers.shape == (20, 3)
    assert model.decode(ids[:, 1]).tolist() == answers[:, 1].tolist()


def test__rank__distinct_answers__the_best_first(any_model, features):
    model = any_model.model_
    for ids, merits in model.answerer.rank(model.sight(features), model.bank, 20):
        assert len(np.unique(ids, axis=0)) == len(ids) >= 1
        assert (np.diff(merits) <= 0).all()


def test__sample__begins_with_the_best_and_tries_so_many(any_model, features, monkeypatch):
    model = any_model.model_
    tried = []
    rank = model.answerer.rank
    monkeypatch.setattr(
        model.answerer,
        "rank",
        lambda images, latents, n: tried.append((len(latents), n)) or rank(images, latents, n),
    )
    found = model.sample(features, 6, 20)
    if any_model.objective != "paper":  # where more latents may find a more relevant one
        np.testing.assert_array_equal([ids[0] for ids in found], model.best(features, 20))
    n_possible = model.codec.vocabulary_.n_possible
    most = min(model.answerer.n_tried * min(6, n_possible), MOST_TRIED)
    assert tried[0] == (max(int(most), len(model.bank)), len(model.bank))


def test__recover__is_what_q_infers_from_generated_vectors(any_model, features):
    model, c = any_model.model_, any_model.sample_latents(20, random_state=0)
    images = model.sight(features)
    expected, _ = model.gan.infer(images, model.gan.generate(images, c))
    np.testing.assert_array_equal(model.recover(features, c), expected)


def test__infer_speaker__images__are_read_by_the_sight(any_model, features):
    model = any_model.model_
    ids = model.best(features[:4], 4)
    mean, std = model.infer_speaker(features[:4], ids)
    expected = readback.infer_speaker(model, model.sight(features[:4]), ids)
    np.testing.assert_array_equal((mean, std), expected)


def test__batches__are_no_larger_than_asked(any_model, features, monkeypatch):
    model, sizes = any_model.model_, []
    choose = model.answerer.choose
    monkeypatch.setattr(
        model.answerer, "choose", lambda images, c: sizes.append(len(images)) or choose(images, c)
    )
    model.answer(features, any_model.sample_latents(20, random_state=0), 8)
    assert sizes == [8, 8, 4]


def test__history__of_all_trainings__has_their_names(any_model):
    stages = {name.split("_")[0] for name in any_model.model_.history}
    assert {"captions", "images", "latents"} <= stages
    assert ("consensus" in stages) == (any_model.gan_.consensus_ is not None)


def test__fits__a_bank_of_other_latents__does_not(any_model, monkeypatch):
    model = any_model.model_
    monkeypatch.setattr(model, "bank", model.bank[:, :2])
    assert not model.fits((4,))


@pytest.mark.parametrize("part", ["codec", "gan"])
def test__fits__a_part_of_another_model__does_not(part, labels_model, captions_model, monkeypatch):
    for model, other in ((labels_model, captions_model), (captions_model, labels_model)):
        assert model.model_.fits((4,))
        assert not model.model_.fits((5,))
        monkeypatch.setattr(model.model_, part, getattr(other.model_, part))
        assert not model.model_.fits((4,))
        monkeypatch.undo()


def test__fits__each_size_that_is_another__does_not(captions_model, monkeypatch):
    model = captions_model.model_
    decoder, codec, gan = model.gan.decoder_, type(model.codec), model.gan
    for where, name, value in [
        (codec, "_n_features_out", property(lambda self: 999)),
        (decoder, "start", 999),
        (decoder, "max_length", 999),
        (gan, "_prior", Prior(9)),
        (type(model.answerer), "has_decoder", False),
    ]:
        assert model.fits((4,))
        monkeypatch.setattr(where, name, value)
        assert not model.fits((4,)), name
        monkeypatch.undo()


def test__sample__again__gives_the_same(captions_model):
    X = np.random.RandomState(0).random((5, 4))
    found = [captions_model.sample(X, 60) for _ in range(2)]
    assert found[0] == found[1]


def test__attention_weights__come_from_the_answerer_under_inferred_latents(
    captions_model, features, monkeypatch
):
    model = captions_model.model_
    ids = model.best(features, 20)
    asked = []

    def weights(images, latents, ids):
        asked.append(latents)
        return np.broadcast_to(images[:, None, :1], (*ids.shape, 1))

    monkeypatch.setattr(model.answerer, "attention_weights", weights)
    found = model.attention_weights(features, ids, 7)
    expected, _ = model.infer(features, ids, 7)
    np.testing.assert_array_equal(np.concatenate(asked), expected)
    assert [len(of_image) for of_image in found] == (ids != END).sum(axis=1).tolist()
    for of_image, image in zip(found, model.sight(features), strict=True):
        assert (of_image == image[0]).all()


def test__has_attention__without_regions__is_false(any_model):
    assert not any_model.model_.answerer.has_attention
