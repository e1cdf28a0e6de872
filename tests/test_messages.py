"""Errors say what to type instead, and name what was really wrong."""

import os

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import AnalyzerWarning, EmptyCaptionError, ModelFileError
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

RNG = np.random.RandomState(0)
PAIRS = [{i % 3, 3 + i % 2} for i in range(12)]
SHAPES = {"grey": (9, 8), "RGB": (9, 8, 3), "channels first": (3, 9, 8)}
pytestmark = pytest.mark.filterwarnings("ignore:The latent decides next to nothing")


def quick(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(hidden_size=4, max_iter=2),
        image_encoder=ImageEncoder(n_filters=1, max_iter=2),
        gan=LatentGAN(hidden_size=4, decoder_size=4, max_iter=2),
        random_state=0,
        **params,
    )


@pytest.fixture(scope="module", params=SHAPES)
def fitted(request):
    X = RNG.randint(255, size=(12, *SHAPES[request.param]), dtype=np.uint8)
    return quick().fit(X, PAIRS), X


@pytest.fixture(scope="module")
def features():
    X = RNG.rand(12, 5)
    return quick().fit(X, PAIRS), X


@pytest.mark.parametrize(
    "call",
    [
        lambda est, X: est.predict(X),
        lambda est, X: est.predict(X, np.zeros(3)),
        lambda est, X: est.predict_grid(X, np.zeros((2, 3))),
        lambda est, X: est.sample(X),
        lambda est, X: est.score_samples(X),
        lambda est, X: est.recover_latent(X, np.zeros(3)),
    ],
)
def test__single_image__instead_of_a_batch__is_asked_for_an_axis(call, fitted):
    est, X = fitted
    with pytest.raises(ValueError, match=r"X is one image of shape .* Pass X\[None\]"):
        call(est, X[0])
    with pytest.raises(ValueError, match=r"X is one image of shape .* Pass X\[None\]"):
        call(est, X[0].tolist())
    call(est, X[0][None])


def test__single_feature_vector__instead_of_a_batch__is_asked_for_an_axis(features):
    est, X = features
    with pytest.raises(ValueError, match=r"X\[None\] for a single sample"):
        est.predict(X[0])


def object_array(images):
    array = np.empty(len(images), dtype=object)
    array[:] = images
    return array


@pytest.mark.parametrize("form", [list, object_array, lambda images: pd.Series(list(images))])
def test__images_of_different_sizes__any_form__are_named(form):
    images = [np.zeros((9, 8 + i % 2)) for i in range(12)]
    with pytest.raises(ValueError, match="images of different sizes. Bring all to one size"):
        quick().fit(form(images), PAIRS)


@pytest.mark.parametrize("form", [list, object_array, lambda images: pd.Series(list(images))])
def test__images_of_one_size__any_form__are_images(form):
    images = [RNG.rand(9, 8) for _ in range(12)]
    est = quick().fit(form(images), PAIRS)
    np.testing.assert_array_equal(est.predict(form(images)), est.predict(np.stack(images)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(12, 5), (12, 9, 8)])
def test__not_finite__where_scikit_learn_assumes_finite__is_named(shape, value):
    X = RNG.rand(*shape)
    X[3, 2] = value
    with (
        config_context(assume_finite=True),
        pytest.raises(ValueError, match="X contains (NaN|inf)"),
    ):
        quick().fit(X, PAIRS)


def test__masked_array__with_masked_values__must_be_filled():
    X = np.ma.masked_greater(RNG.rand(12, 5), 0.9)
    with pytest.raises(ValueError, match=r"X is a masked array.*X\.filled"):
        quick().fit(X, PAIRS)


@pytest.mark.parametrize("n", [1, 3, 12])
def test__latent__one_row__counts_as_one_latent(n, features):
    est, X = features
    c = est.sample_latents(1, random_state=0)
    np.testing.assert_array_equal(est.predict(X[:n], c), est.predict(X[:n], c[0]))
    np.testing.assert_array_equal(est.recover_latent(X[:n], c), est.recover_latent(X[:n], c[0]))
    with pytest.raises(ValueError, match="c has shape.*one latent of shape"):
        est.predict(X[:n], est.sample_latents(n + 1))


def test__empty_captions__in_fit__are_named_by_image():
    y = [["a dog", "a cat"], ["a bird"], ["a cow", "..."], ["!", " "]]
    with pytest.raises(EmptyCaptionError, match=r"3 of 7.*They are in y\[2\], y\[3\]\.") as info:
        quick().fit(np.eye(4), y)
    assert info.value.rows == [2, 3]
    assert info.value.captions == ["...", "!", " "]


def test__label_with_a_space__among_labels__is_warned_of():
    y = [{"car"}, {"bus"}, {"traffic light"}, {"dog"}] * 3
    with pytest.warns(AnalyzerWarning, match="'traffic light'.*analyzer='label'"):
        quick().fit(np.eye(12), y)
    est = quick(analyzer="label").fit(np.eye(12), y)
    assert est.classes_.tolist() == ["bus", "car", "dog", "traffic light"]


def test__save__folder_missing__is_named(features, tmp_path):
    est, _ = features
    with pytest.raises(FileNotFoundError, match=r"no folder '.*/no/such'.*os.makedirs"):
        est.save(tmp_path / "no" / "such" / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["", ".", os.devnull])
def test__save__where_no_file_can_be__is_refused_and_left_alone(path, features, in_folder):
    est, _ = features
    with pytest.raises(ValueError, match="is no file. Pass the name of a file"):
        est.save(path)
    assert not os.path.isfile(path)


def test__load__folder__is_named(tmp_path):
    with pytest.raises(ModelFileError, match="is a folder. Pass the name of a file"):
        ConditionalCaptioner.load(tmp_path)


def test__save__home_folder_not_expanded__is_named(features, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'~/no/model'.*os\.path\.expanduser"):
        features[0].save("~/no/model")


def test__label__in_another_unicode_form__is_named():
    X = np.eye(12)
    est = quick().fit(X, [["é", "b"], ["n"]] * 6)
    with pytest.raises(ValueError, match=r"never seen in fit.*unicodedata\.normalize"):
        est.infer_latent(X, ["e\u0301"] * 12)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["model", "./model", "a/../model", "a/model", b"model", "n" * 255])
def test__save__relative_paths__are_as_elsewhere(name, features, in_folder):
    est, X = features
    (in_folder / "a").mkdir()
    est.save(name)
    loaded = ConditionalCaptioner.load(name)
    assert (in_folder / os.fsdecode(name)).is_file()
    np.testing.assert_array_equal(loaded.predict(X), est.predict(X))


@pytest.mark.parametrize("exists", [True, False])
def test__save__symbolic_link__writes_what_it_points_at(exists, features, in_folder):
    est, X = features
    (in_folder / "store").mkdir()
    target, link = in_folder / "store" / "model", in_folder / "link"
    if exists:
        target.write_bytes(b"before")
    link.symlink_to(target)
    est.save("link")
    assert link.is_symlink()
    np.testing.assert_array_equal(ConditionalCaptioner.load(target).predict(X), est.predict(X))
    assert [file.name for file in in_folder.iterdir()].count("link") == 1
    assert [file.name for file in (in_folder / "store").iterdir()] == ["model"]
