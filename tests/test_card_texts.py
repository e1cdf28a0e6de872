"""The sections of a model card that need no images."""

import re

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner, _card_texts
from condcap_sk._card_texts import KINDS
from condcap_sk.vision import ImageEncoder, LoadImages, PretrainedFeatures
from condcap_sk.vision.sight import SIGHTS

X = np.random.RandomState(0).random((20, 4))
LABELS = [{"a", "b"}, {"c"}] * 10
CAPTIONS = [["a red dog", "the dog"], ["one cat", "a cat sits down"]] * 10
IMAGES = np.random.RandomState(0).randint(255, size=(20, 8, 9), dtype=np.uint8)


def parameters(est):
    return _card_texts.of_parameters(est).splitlines()[2:]


def data(est):
    return _card_texts.of_data(est, KINDS[est.model_.are_sentences])


def test__sights_and_objectives__every_value_of_the_parameter_is_described():
    assert _card_texts.SIGHTS.keys() == SIGHTS.keys()
    (options,) = ConditionalCaptioner._parameter_constraints["objective"]
    assert _card_texts.OBJECTIVES.keys() == options.options


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "relativistic GAN with mismatched pairs, posterior path, recovery of the latent."),
        ({"images": "ignored"}, "relativistic GAN with posterior path, recovery of the latent."),
        ({"mi_weight": 0, "gan__posterior_weight": 0}, "relativistic GAN with mismatched pairs."),
        ({"objective": "paper"}, "conditional InfoGAN, equations (4) to (6) of the paper."),
        (
            {"objective": "paper", "mi_weight": 0, "images": "end-to-end"},
            "conditional GAN, equations (4) to (6) of the paper without recovery of the latent.",
        ),
        (
            {"objective": "paper", "images": "ignored"},
            "InfoGAN, equations (4) to (6) of the paper.",
        ),
    ],
    ids=str,
)
def test__objective__of_labels__terms_without_weight_are_left_out(quick, params, expected):
    est = quick().set_params(**params).fit(IMAGES, LABELS)
    assert f"**Objective:** {expected}\n" in _card_texts.of_model(est, KINDS[False])


def test__parameters__none_changed__says_so(quick):
    est = quick().fit(X, LABELS)
    # As after a fit with the default values, which would take long.
    for name in [name for name in est.fitted_params_ if "__" in name]:
        del est.fitted_params_[name]
    assert "default values" in _card_texts.of_parameters(est)
    assert "- " not in _card_texts.of_parameters(est)


def test__parameters__some_changed__are_listed_with_their_values_at_fit(quick):
    est = quick(n_latents=np.int64(2), n_categories=[2, 3], mi_weight=np.float32(0.3), n_jobs=2)
    est.fit(X, LABELS).set_params(beam_width=9, gan__lr=9)
    found = parameters(est)
    assert "- `n_latents=2`" in found
    assert "- `n_categories=(2, 3)`" in found
    assert "- `mi_weight=0.3`" in found
    assert "- `gan__max_iter=3`" in found
    # What stands elsewhere, what the estimator sets itself, and what was set later.
    names = [line.strip("- `").partition("=")[0] for line in found]
    unwanted = {"n_jobs", "random_state", "gan__n_latents", "gan__mi_weight", "beam_width",
                "gan__lr"}  # fmt: skip
    assert not unwanted & set(names)


def test__parameters__a_function__is_named_alone(quick):
    est = quick(analyzer=str.split).fit(X, CAPTIONS)
    assert "- `analyzer=str.split`" in parameters(est)
    assert "tokens by the function `str.split`" in _card_texts.of_model(est, KINDS[True])
    # It can only have been pickled.
    assert "joblib.load" in _card_texts.of_use(est, KINDS[True])


def test__objective__of_captions__names_their_own_terms(quick):
    est = quick().set_params(gan__posterior_weight=0).fit(X, CAPTIONS)
    assert any(est.history_["latents_posterior"])
    terms = "mismatched pairs, posterior path, closeness to an image's captions, recovery of"
    assert f"relativistic GAN with {terms}" in _card_texts.of_model(est, KINDS[True])
    est = quick().set_params(gan__truth_weight=0).fit(X, CAPTIONS)
    assert "closeness" not in _card_texts.of_model(est, KINDS[True])


def test__use__what_save_refuses__is_loaded_by_joblib(quick, tmp_path):
    class Mine(ConditionalCaptioner):
        pass

    class OwnEncoder(ImageEncoder):
        pass

    for est in (
        Mine(**quick().get_params(deep=False)),
        quick(image_encoder=OwnEncoder(max_iter=3)),
        quick(image_encoder=OwnEncoder(max_iter=3), images="ignored"),
    ):
        est.fit(X, LABELS)
        with pytest.raises(ValueError, match=r"joblib\.dump"):
            est.save(tmp_path / "model")
        assert "joblib.load" in _card_texts.of_use(est, KINDS[False])
        assert "ConditionalCaptioner.load" not in _card_texts.of_use(est, KINDS[False])
    about = _card_texts.of_model(
        Mine(**quick().get_params(deep=False)).fit(X, LABELS), KINDS[False]
    )
    assert re.match(r"- A `Mine`, which is a \[?`ConditionalCaptioner`", about)


def test__parameters__objects_that_are_not_kept__are_named(quick, tmp_path):
    vectors = {"dog": np.ones(64, dtype=np.float32)}
    given = {"codec__word_vectors": vectors, "gan__callbacks": [Callback()]}
    est = quick().set_params(**given).fit(X, CAPTIONS)
    est.save(tmp_path / "model")
    for fitted in (est, ConditionalCaptioner.load(tmp_path / "model")):
        text = _card_texts.of_parameters(fitted)
        assert text.endswith("Passed, and not kept: `codec__word_vectors`, `gan__callbacks`.")
    assert "not kept" not in _card_texts.of_parameters(quick().fit(X, CAPTIONS))


def test__limits__too_few_held_out__has_no_confidence(quick):
    est = quick(validation_fraction=0).fit(X, LABELS)
    with pytest.raises(ValueError, match="Confidence is calibrated on"):
        est.confidence(X, est.predict(X))
    assert _card_texts.UNCALIBRATED in _card_texts.of_limits(est, KINDS[False])
    assert _card_texts.CALIBRATED not in _card_texts.of_limits(est, KINDS[False])


def test__use__long_steps__are_not_cut(quick):
    est = quick().fit(X, CAPTIONS)
    call = PretrainedFeatures("efficientnet_lite2", n_regions=16, batch_size=12345)
    est.preprocessor_ = make_pipeline(LoadImages(size=260), call)
    text = _card_texts.of_use(est, KINDS[True])
    assert "n_regions=16" in text
    assert "batch_size=12345" in text


def test__data__captions__are_counted(quick):
    found = data(quick(validation_fraction=0.1).fit(X, CAPTIONS))
    assert "20; held out of the training: 2." in found
    assert "40, of which 4 are different. For an image 2." in found
    assert "**Tokens of an answer:** 2 to 4, on average 2.8." in found


def test__data__labels__are_counted(quick):
    found = data(quick().fit(X, LABELS))
    assert "30, of which 3 are different. For an image 1 to 2, on average 1.5." in found
    assert "Tokens" not in found


@pytest.mark.parametrize(
    ("images", "params", "form", "passed"),
    [
        (X, {}, "a feature vector of 4 numbers", "(n, 4)"),
        (X, {"n_regions": 1}, "2 vectors of 2 numbers", "(n, 4)"),
        (IMAGES, {}, "8 × 9 pixels of 1 channel, values from 0 to 254", "(n, 8, 9)"),
        (IMAGES.reshape(20, -1), {"image_shape": (8, 9)}, "1 channel, flattened", "(n, 72)"),
        (np.stack([IMAGES] * 3, -1), {}, "8 × 9 pixels of 3 channels", "(n, 8, 9, 3)"),
    ],
    ids=["features", "regions", "grey", "flat", "colour"],
)
def test__form__of_every_kind_of_image__is_described(quick, images, params, form, passed):
    est = quick(**params).fit(images, CAPTIONS if params.get("n_regions") else LABELS)
    assert form in data(est)
    assert f"shape {passed}" in _card_texts.of_use(est, KINDS[False])


def test__columns__of_a_data_frame__are_escaped(quick):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a|b", "`", "c\n# d", "<b>"])
    found = data(quick().fit(frame, LABELS))
    assert r"**Columns:** `a|b`, `` ` ``, `c\n# d`, `<b>`." in found


def test__training__stages_that_there_are(quick):
    table = _card_texts.of_training(quick(images="ignored").fit(X, LABELS))
    assert "CaptionCodec" in table
    assert "LatentGAN" in table
    assert "ImageEncoder" not in table
    assert re.search(r"`CaptionCodec`.*\| 3 \| [\d,]+ \|$", table, re.MULTILINE)


@pytest.mark.parametrize("seed", [0, np.int64(0), np.uint32(0)])
def test__training__seed_that_is_an_int__is_given(quick, seed):
    est = quick(random_state=seed).fit(X, LABELS)
    assert "`random_state=0`" in _card_texts.of_training(est)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)], ids=["None", "RandomState"])
def test__training__seed_that_is_none__is_not_given(quick, seed):
    found = _card_texts.of_training(quick(random_state=seed).fit(X, LABELS))
    assert "cannot be repeated" in found
    assert "random_state=" not in found


def test__links__to_the_site__are_pages_of_the_reference(quick, monkeypatch):
    monkeypatch.setattr(_card_texts, "documentation", lambda: "https://x.org")
    est = quick().fit(X, LABELS)
    page = "https://x.org/generated/condcap_sk.ConditionalCaptioner.html"
    assert f"[`ConditionalCaptioner`]({page})" in _card_texts.of_model(est, KINDS[False])
    page = "https://x.org/generated/condcap_sk.text.CaptionCodec.html"
    assert f"[`CaptionCodec`]({page})" in _card_texts.of_training(est)
    assert "https://x.org/guide/limits.html" in _card_texts.of_limits(est, KINDS[False])


def test__use__photographs_of_a_known_preprocessor__are_files(quick, tmp_path):
    est = quick().fit(IMAGES[..., None].repeat(3, -1)[:, :, :8], LABELS)
    before = _card_texts.of_use(est, KINDS[False])
    assert "preprocessor_" not in before
    est.save(tmp_path / "m", preprocessor=LoadImages(size=8))
    found = _card_texts.of_use(ConditionalCaptioner.load(tmp_path / "m"), KINDS[False])
    assert 'X = est.preprocessor_.transform(["photograph.jpg"])' in found
    assert "by `LoadImages(size=8)`, as the model's file says" in found
    assert _card_texts.LEFT_OPEN not in found
