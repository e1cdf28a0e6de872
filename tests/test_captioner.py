"""ConditionalCaptioner: fit, on every kind of images and answers."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import SingleAnswerWarning
from condcap_sk.gan import LatentGAN

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(24, 10, 12, 3), dtype=np.uint8)
PAIRS = [{i % 3, 3 + i % 2} for i in range(24)]


def test__fit__same_seed__same_model_and_untouched_streams(quick, tiny):
    X, label_sets = tiny
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(3).tolist(), np.random.rand(3).tolist()
    torch.manual_seed(0)
    np.random.seed(0)
    a, b = (quick().fit(X, label_sets) for _ in range(2))
    grids = [est.predict_grid(X, est.sample_latents(5, 0)) for est in (a, b)]
    assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == expected
    for part in ("codec_.encoder_", "image_encoder_.matcher_", "gan_.generator_"):
        owner, name = part.split(".")
        one, other = (getattr(getattr(est, owner), name).state_dict() for est in (a, b))
        assert all(torch.equal(one[key], other[key]) for key in one)
    np.testing.assert_array_equal(*grids)


def test__fit__inputs__are_left_alone(quick, tiny):
    X, label_sets = tiny
    X = X.copy()
    X.flags.writeable = False
    before = [set(labels) for labels in label_sets]
    quick().fit(X, label_sets).predict(X)
    assert label_sets == before


@pytest.mark.parametrize(
    "X",
    [
        np.random.RandomState(0).randint(0, 256, (12, 9, 7)).astype(np.uint8),
        np.random.RandomState(0).rand(12, 16, 16, 3),
        np.random.RandomState(0).rand(12, 3, 16, 16).astype(np.float32),
        np.random.RandomState(0).rand(12, 40, 24),
        np.random.RandomState(0).rand(12, 5),
    ],
    ids=["uint8", "channels-last", "channels-first", "tall", "features"],
)
def test__fit__any_kind_of_image__answers_each(quick, X):
    label_sets = [{"a", "b"}, {"c"}] * 6
    est = quick().fit(X, label_sets)
    assert set(est.predict(X)) <= {"a", "b", "c"}


def test__fit__flat_images__are_those_images(quick, digits):
    X, label_sets = digits.images[:40], digits.label_sets[:40]
    flat = X.reshape(40, -1)
    whole = quick().fit(X, label_sets)
    flattened = quick(image_shape=(16, 16)).fit(flat, label_sets)
    np.testing.assert_array_equal(whole.predict(X, [0.5] * 3), flattened.predict(flat, [0.5] * 3))


@pytest.fixture(scope="module")
def of_floats(quick):
    X = IMAGES.astype("f4")
    return X, quick().fit(X, PAIRS).infer_latent(X, [0] * 24)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype("f8"),
        lambda X: X.astype(">f4"),
        lambda X: X.astype("f2"),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        np.asfortranarray,
        lambda X: X.transpose(0, 3, 1, 2),
        lambda X: X.tolist(),
    ],
    ids=["double", "big-endian", "half", "strided", "fortran", "channels first", "lists"],
)
def test__fit__same_images_in_another_form__same_model(quick, of_floats, convert):
    X, expected = of_floats
    est = quick().fit(convert(X), PAIRS)
    np.testing.assert_array_equal(est.infer_latent(convert(X), [0] * 24), expected)


def test__fit__dataframe__keeps_column_names(quick, tiny):
    X, label_sets = tiny
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    est = quick().fit(frame, label_sets)
    assert est.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(est.predict(frame, [0.1] * 3), est.predict(frame, [0.1] * 3))


@pytest.fixture(scope="module")
def expected(quick, tiny):
    """Answers of a model that was fitted on lists of sets."""
    return quick().fit(*tiny).predict(tiny[0], [0.3] * 3)


@pytest.mark.parametrize(
    "convert",
    [
        lambda rows: [sorted(row) for row in rows],
        lambda rows: [tuple(sorted(row)) for row in rows],
        lambda rows: np.array([sorted(row) for row in rows]),
        lambda rows: [np.array(sorted(row)) for row in rows],
    ],
    ids=["lists", "tuples", "2-D array", "arrays"],
)
def test__fit__other_form_of_the_same_sets__same_model(quick, tiny, convert, expected):
    X, label_sets = tiny
    actual = quick().fit(X, convert(label_sets)).predict(X, [0.3] * 3)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test__fit__bool_indicators__are_column_numbers(quick, tiny, convert, expected):
    X, label_sets = tiny
    indicators = np.array([[label in row for label in range(6)] for row in label_sets])
    est = quick().fit(X, convert(indicators))
    np.testing.assert_array_equal(est.predict(X, [0.3] * 3), expected)


@pytest.mark.parametrize("analyzer", ["char", str.split], ids=["char", "callable"])
def test__fit__other_analyzers__give_strings(quick, analyzer):
    X = np.repeat(np.eye(2), 10, axis=0)
    captions = [["赤い犬"], ["猫 二匹", "猫"]] * 10
    est = quick(analyzer=analyzer).fit(X, captions)
    assert all(isinstance(answer, str) and answer for answer in est.predict(X))


def test__refit__to_captions__leaves_no_classes(quick):
    X = np.random.RandomState(0).rand(4, 3)
    est = quick().fit(X, [{1, 2}, {3}] * 2)
    assert hasattr(est, "classes_")
    assert not hasattr(est.fit(X, [["a cat"], ["a dog"]] * 2), "classes_")


def test__fit__one_answer_overall__answers_it_and_warns(quick, tiny):
    X, _ = tiny
    with pytest.warns(SingleAnswerWarning, match="Every answer in y is 'yes'"):
        est = quick().fit(X, [{"yes"}] * 60)
    assert set(est.predict(X)) == {"yes"}
    assert set(est.predict(X, est.sample_latents(60, 0))) == {"yes"}
    assert est.score(X, [{"yes"}] * 60) == 1


def test__fit__two_images__fits(quick, tiny):
    X, label_sets = tiny
    assert quick().fit(X[:2], label_sets[:2]).predict(X[:2]).shape == (2,)


def test__history__after_fit__is_a_dict_of_lists_equal_in_each_stage(hardly_fitted):
    history = hardly_fitted.history_
    assert type(history) is dict
    assert all(type(values) is list for values in history.values())
    for stage in ("captions", "images", "latents"):
        names = [name for name in history if name.startswith(stage)]
        assert f"{stage}_epoch" in names
        assert len({len(history[name]) for name in names}) == 1
    assert {"images_valid_average_precision", "latents_valid_accuracy"} <= set(history)


@pytest.mark.parametrize("verbose", [0, 1])
def test__verbose__bars__one_for_each_stage_or_nothing(quick, tiny, capfd, verbose):
    quick(verbose=verbose).fit(*tiny)
    out, err = capfd.readouterr()
    assert out == ""
    if verbose:
        for stage in ("captions", "images", "latents"):
            assert stage in err
        assert "valid_accuracy" in err
    else:
        assert err == ""


def test__set_params__nested_from_none__sets_up_the_part():
    est = ConditionalCaptioner().set_params(gan__lr=0.5, codec__noise=2.0, n_latents=2)
    assert est.gan.lr == 0.5
    assert est.codec.noise == 2.0
    assert est.image_encoder is None
    assert clone(est).get_params()["gan__lr"] == 0.5


def test__set_params__unknown_name__raises():
    with pytest.raises(ValueError, match="Invalid parameter"):
        ConditionalCaptioner().set_params(gan__learning_rate=1)


def test__fit__parts_given__are_not_changed(tiny):
    gan = LatentGAN(max_iter=5)
    before = gan.get_params()
    est = ConditionalCaptioner(gan=gan, random_state=0)
    est.set_params(codec__max_iter=5, image_encoder__max_iter=5).fit(*tiny)
    assert gan.get_params() == before
    assert not hasattr(gan, "generator_")


@pytest.mark.parametrize(
    "where",
    ["relativistic_game.RelativisticGame.generator_losses", "LatentGAN.calibrate"],
    ids=["game", "calibration"],
)
def test__fit__interrupted__leaves_the_earlier_model(quick, tiny, monkeypatch, where):
    X, label_sets = tiny
    est = quick().fit(X, label_sets)
    before = est.predict(X, [0.2] * 3)
    classes = est.classes_

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"condcap_sk.gan.{where}", interrupt)
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, [{"a", "b"}, {"c"}] * 30)
    np.testing.assert_array_equal(est.predict(X, [0.2] * 3), before)
    assert est.classes_ is classes


class CtrlC(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("part", ["codec", "image_encoder", "gan"])
def test__ctrl_c__in_any_stage__leaves_what_was_there(quick, part):
    est = quick().set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, PAIRS)
    with pytest.raises(NotFittedError):
        est.predict(IMAGES)

    X = RNG.rand(24, 3)
    est.set_params(**{f"{part}__callbacks": None}).fit(X, PAIRS)
    before = pickle.dumps(est)
    est.set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, [["a dog"], ["a cat"]] * 12)
    est.set_params(**{f"{part}__callbacks": None})
    assert pickle.dumps(est) == before
