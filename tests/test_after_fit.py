"""A fitted estimator answers and is saved as it was fitted, whatever is set afterwards."""

import numpy as np
import pytest
from sklearn.base import clone

from condcap_sk import ConditionalCaptioner
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(20, 8, 9), dtype=np.uint8)
DATA = {
    "labels": (IMAGES, [{i % 3, 3 + i % 2} for i in range(20)], {}),
    "flat": (
        IMAGES.reshape(20, -1),
        [{i % 3, 3 + i % 2} for i in range(20)],
        {"image_shape": (8, 9)},
    ),
    "sentences": (RNG.rand(20, 6), [["a red dog", "the dog"], ["one cat"]] * 10, {}),
    "regions": (RNG.rand(20, 6), [["a red dog", "the dog"], ["one cat"]] * 10, {"n_regions": 1}),
    "end-to-end": (IMAGES, [{i % 3, 3 + i % 2} for i in range(20)], {"images": "end-to-end"}),
    "paper": (RNG.rand(20, 6), [{i % 3} for i in range(20)], {"objective": "paper"}),
}
pytestmark = pytest.mark.filterwarnings("ignore:The latent decides next to nothing")


def make(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(hidden_size=4, n_components=8, max_iter=2),
        image_encoder=ImageEncoder(n_filters=1, max_iter=2),
        gan=LatentGAN(hidden_size=16, decoder_size=4, max_iter=2, batch_size=8),
        random_state=0,
    ).set_params(**params)


# Another value of every parameter; the parts' follow from their constraints.
OTHER = {
    "n_latents": 5,
    "analyzer": "char",
    "objective": "paper",
    "images": "ignored",
    "mi_weight": 9.0,
    "image_shape": (4, 18),
    "n_regions": 2,
    "relevance_weight": 0.0,
    "beam_width": 1,
    "validation_fraction": 0.5,
    "codec": CaptionCodec(hidden_size=7),
    "image_encoder": ImageEncoder(n_filters=3),
    "gan": LatentGAN(n_latents=7),
    "batch_size": 3,
    "warm_start": True,
    "device": "cpu",
    "n_jobs": 2,
    "random_state": 7,
    "verbose": 1,
    "codec__analyzer": "label",
    "codec__n_components": 9,
    "codec__batch_size": 1,
    "codec__max_length": 1,
    "codec__min_df": 3,
    "image_encoder__n_filters": 5,
    "image_encoder__positions": True,
    "image_encoder__batch_size": 2,
    "gan__n_latents": 6,
    "n_categories": 4,
    "gan__objective": "paper",
    "gan__batch_size": 2,
    "gan__decoder_size": 9,
    "gan__noise": 3.0,
}


def answers(est, X):
    given = est.predict(X)
    return [
        given.tolist(),
        est.predict_grid(X, est.sample_latents(3, random_state=0)).tolist(),
        est.sample(X[:2], 3),
        est.infer_latent(X, given).tolist(),
        est.infer_speaker(X[:3], given[:3])[0].tolist(),
        est.recover_latent(X, est.sample_latents(1, random_state=0)).tolist(),
        est.score_samples(X, given).tolist(),
    ]


def test__every_parameter_of_the_estimator__is_in_the_table():
    assert set(ConditionalCaptioner().get_params()) <= OTHER.keys()


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.bits
def test__parameters_set_after_fit__all_of_them__nothing_changes_but_the_next_fit(kind, tmp_path):
    X, y, params = DATA[kind]
    est = make(**params).fit(X, y)
    before, score, expected = est.get_params(), est.score(X[:6], y[:6]), answers(est, X[:6])
    for name, value in OTHER.items():
        est.set_params(**{name: value})
        assert repr(clone(est).get_params()[name]) == repr(value)
    assert answers(est, X[:6]) == expected
    assert est.score(X[:6], y[:6]) == score
    est.save(tmp_path / "model")
    loaded = ConditionalCaptioner.load(tmp_path / "model")
    assert answers(loaded, X[:6]) == expected
    # The file holds what was fitted.
    for key, value in loaded.get_params(deep=False).items():
        if not hasattr(value, "get_params"):
            assert value == before[key]


@pytest.mark.parametrize("name", ["n_latents", "images", "objective", "gan", "random_state"])
@pytest.mark.bits
def test__refit__after_parameters_were_set__is_a_fit_with_these(name):
    X, y, _ = DATA["labels"]
    value = make().gan.set_params(lr=0.1) if name == "gan" else OTHER[name]
    again = make().fit(X, y).set_params(**{name: value}).fit(X, y)
    assert answers(again, X[:4]) == answers(make(**{name: value}).fit(X, y), X[:4])


# What `_parameter_constraints` lets through: numbers of other types, lists, generators.
ALLOWED = [
    {
        "n_latents": np.int8(2),
        "mi_weight": np.float32(0.3),
        "relevance_weight": np.float16(2),
        "validation_fraction": np.float32(0.1),
        "batch_size": np.int16(7),
        "n_jobs": np.int64(1),
        "verbose": False,
        "random_state": np.uint32(3),
        "analyzer": np.str_("word"),
        "beam_width": np.int64(2),
        "codec__noise": np.float32(0.5),
        "codec__lr": np.float32(1e-3),
        "codec__max_length": np.int64(2),
        "codec__max_iter": np.int8(2),  # 2 · 64 is too large for it
        "codec__batch_size": np.int8(64),
        "codec__min_df": np.float64(0.1),
        "codec__hidden_size": np.int64(4),
        "codec__max_features": np.int32(3),
        "codec__n_components": np.int64(4),
        "codec__callbacks": [],
        "image_encoder__n_filters": np.int64(2),
        "image_encoder__positions": np.bool_(True),
        "image_encoder__max_iter": np.int8(2),
        "image_encoder__batch_size": np.int8(64),
        "gan__n_latents": np.int64(4),
        "gan__max_iter": np.int8(2),
        "gan__batch_size": np.int8(64),
        "gan__kl_target": np.float32(2),
        "gan__hidden_size": np.int64(4),
        "gan__decoder_size": np.int64(4),
        "gan__kl_weight": np.float64(0.2),
        "gan__image_dropout": 1,
    },
    {
        "n_latents": np.uint64(2),
        "mi_weight": 1,
        "n_jobs": -1,
        "verbose": np.int64(0),
        "random_state": np.random.RandomState(3),
        "codec__noise": 0,
        "codec__word_vectors": {"dog": [1.0], "cat": [2.0]},
    },
    {"random_state": None},
]


@pytest.mark.parametrize("params", ALLOWED, ids=["numpy", "other kinds", "no seed"])
@pytest.mark.bits
def test__save__allowed_parameters__load_and_answer_the_same(params, tmp_path):
    X, y, _ = DATA["sentences"]
    est = make(**params).fit(X, y)
    est.save(tmp_path / "model")
    loaded = ConditionalCaptioner.load(tmp_path / "model")
    assert answers(loaded, X[:4]) == answers(est, X[:4])
    for name, value in params.items():
        if isinstance(value, int | float | np.generic | str):
            assert loaded.get_params()[name] == pytest.approx(value)


@pytest.mark.parametrize("shape", [[8, 9], (np.int64(8), np.int64(9)), [8, 9, 1]], ids=str)
@pytest.mark.bits
def test__save__image_shape_of_any_kind__loads_and_answers_the_same(shape, tmp_path):
    X, y, _ = DATA["flat"]
    est = make(image_shape=shape).fit(X, y)
    est.save(tmp_path / "model")
    assert answers(ConditionalCaptioner.load(tmp_path / "model"), X[:4]) == answers(est, X[:4])


def test__predict__invalid_parameters_set_after_fit__are_those_of_the_next_fit():
    X, y, _ = DATA["sentences"]
    est = make().fit(X, y)
    expected = answers(est, X[:4])
    est.set_params(images="x", n_latents=-1)
    assert answers(est, X[:4]) == expected
    with pytest.raises(ValueError, match="'images' parameter"):
        est.fit(X, y)
    with pytest.raises(ValueError, match="'batch_size' parameter of ConditionalCaptioner"):
        est.set_params(batch_size=0).predict(X[:4])
