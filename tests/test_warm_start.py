"""warm_start: a fit goes on from the one before."""

import copy

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.exceptions import EmptyCaptionError, LongCaptionWarning, PixelRangeWarning

pytestmark = pytest.mark.filterwarnings("ignore:The latent decides")


def captioner(**params):
    est = ConditionalCaptioner(random_state=0, warm_start=True, **params)
    return est.set_params(
        codec__max_iter=10,
        codec__hidden_size=32,
        image_encoder__max_iter=10,
        image_encoder__n_filters=4,
        gan__max_iter=10,
        gan__hidden_size=32,
        gan__decoder_size=32,
    )


@pytest.fixture(scope="module")
def grids():
    return load_grid_digits(n_train=60, n_test=10)


@pytest.fixture(scope="module")
def fitted_on_grids(grids):
    return captioner().fit(grids.images[:50], grids.label_sets[:50])


@pytest.fixture
def est(fitted_on_grids):
    return copy.deepcopy(fitted_on_grids)


def weights_of(stage, name):
    return {key: value.clone() for key, value in vars(stage)[name].state_dict().items()}


def test__fit__again__begins_with_the_fitted_weights(est, grids):
    # A training of steps that change nothing ends where it began.
    est.set_params(image_encoder__lr=1e-12, gan__lr=1e-12)
    before = est.codec_, est.image_encoder_, est.gan_
    matcher, generator = weights_of(before[1], "matcher_"), weights_of(before[2], "generator_")
    est.fit(grids.images, grids.label_sets)
    assert est.codec_.encoder_ is before[0].encoder_
    assert est.image_encoder_ is not before[1]
    learned = {name for name, _ in before[1].matcher_.named_parameters()}
    for now, was in (
        (weights_of(est.image_encoder_, "matcher_"), {k: matcher[k] for k in learned}),
        (weights_of(est.gan_, "generator_"), generator),
    ):
        for name, value in was.items():
            np.testing.assert_allclose(now[name], value, atol=1e-5, err_msg=name)


def test__fit__again__is_repeatable(grids):
    first, second = (
        captioner()
        .fit(grids.images[:50], grids.label_sets[:50])
        .fit(grids.images, grids.label_sets)
        .predict_grid(grids.images_test, np.eye(3))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test__fit__again_on_what_was_loaded__goes_on(est, grids, tmp_path):
    est.save(tmp_path / "model.safetensors")
    loaded = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    assert loaded.warm_start
    answers = [
        e.fit(grids.images, grids.label_sets).predict_grid(grids.images_test, np.eye(3))
        for e in (est, loaded)
    ]
    np.testing.assert_array_equal(*answers)


def test__fit__first_with_warm_start__is_as_without(grids):
    answers = [
        captioner()
        .set_params(warm_start=warm_start)
        .fit(grids.images, grids.label_sets)
        .predict_grid(grids.images_test, np.eye(3))
        for warm_start in (False, True)
    ]
    np.testing.assert_array_equal(*answers)


def test__fit__steps_by_rule__are_a_quarter(grids):
    few = grids.images[:20], grids.label_sets[:20]
    est = captioner().set_params(image_encoder__max_iter="auto", gan__max_iter="auto").fit(*few)
    before = est.image_encoder_.n_iter_, est.gan_.n_iter_
    est.fit(*few)
    now = est.image_encoder_.n_iter_, est.gan_.n_iter_
    assert now == pytest.approx(np.array(before) / 4, abs=1)


def test__fit__does_not_hold_the_fit_before(est, grids):
    est.fit(grids.images, grids.label_sets)
    stages = est.codec_, est.image_encoder_, est.gan_
    assert all("_earlier" not in vars(stage) for stage in stages)


def test__fit__new_labels__names_them_and_keeps_the_model(est, grids):
    answers = est.predict(grids.images_test)
    with pytest.raises(ValueError, match="y holds answers never seen in fit: 12.*warm_start=False"):
        est.fit(grids.images, [{12}] * len(grids.images))
    np.testing.assert_array_equal(est.predict(grids.images_test), answers)


def test__fit__other_images__names_the_remedy(est, grids):
    with pytest.raises(ValueError, match="fit saw 16x16 images.*Resize X"):
        est.fit(grids.images[:, :8, :8], grids.label_sets)


@pytest.mark.parametrize(
    "params", [{"n_latents": 5}, {"image_encoder__n_filters": 6}, {"images": "end-to-end"}]
)
def test__fit__other_networks__names_the_remedy(est, grids, params):
    with pytest.raises(ValueError, match="warm_start=True, but the networks of .* are others"):
        est.set_params(**params).fit(grids.images, grids.label_sets)


@pytest.fixture(scope="module")
def scenes():
    return make_captioned_shapes(30, random_state=0)


@pytest.fixture(scope="module")
def fitted_on_scenes(scenes):
    return captioner().fit(scenes.images, scenes.captions)


@pytest.fixture
def of_scenes(fitted_on_scenes):
    return copy.deepcopy(fitted_on_scenes)


def test__fit__captions__go_on_with_the_consensus_decoder(scenes):
    est = captioner().fit(scenes.images[:25], scenes.captions[:25])
    before = est.gan_.consensus_
    est.set_params(image_encoder__lr=1e-12, gan__lr=1e-12).fit(scenes.images, scenes.captions)
    assert est.gan_.consensus_ is not before
    for now, was in zip(est.gan_.consensus_.parameters(), before.parameters(), strict=True):
        np.testing.assert_allclose(now, was, atol=1e-5)


def test__fit__some_unknown_words__are_unknown_and_many_are_refused(scenes, of_scenes):
    est = of_scenes
    captions = [list(row) for row in scenes.captions]
    captions[0][0] = "a platypus"
    est.fit(scenes.images, captions)
    assert "platypus" not in " ".join(est.predict(scenes.images))
    with pytest.raises(ValueError, match="Of the words in y, 100% were not .*warm_start=False"):
        est.fit(scenes.images, [["platypus oviparous"]] * len(scenes.images))


@pytest.mark.parametrize("params", [{"codec__n_components": 8}, {"analyzer": "char"}])
def test__fit__another_codec__is_named(scenes, of_scenes, params):
    est = of_scenes.set_params(**params)
    with pytest.raises(ValueError, match="warm_start=True, but .* of the codec was .* and is"):
        est.fit(scenes.images, scenes.captions)


def test__fit__empty_caption__is_located_as_ever(scenes, of_scenes):
    est = of_scenes
    captions = [*map(list, scenes.captions[:-1]), ["a circle", "!!!"]]
    with pytest.raises(EmptyCaptionError, match=r"They are in y\[29\]"):
        est.fit(scenes.images, captions)


def test__fit__longer_captions__warns(scenes, of_scenes):
    est = of_scenes
    captions = [*map(list, scenes.captions[:-1]), [" ".join(["red"] * 30)]]
    with pytest.warns(LongCaptionWarning, match="1 of .* captions are cut to .* warm_start=False"):
        est.fit(scenes.images, captions)


def test__fit__another_scale__warns(est, grids):
    with pytest.warns(PixelRangeWarning, match="X holds pixels from 0 to"):
        est.fit(grids.images / 1000, grids.label_sets)


def test__fit__columns_in_another_order__names_them():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(np.random.RandomState(0).random((30, 2)), columns=["a", "b"])
    y = [{i % 3} for i in range(30)]
    with pytest.raises(ValueError, match="feature names"):
        captioner().fit(X, y).fit(X[["b", "a"]], y)
