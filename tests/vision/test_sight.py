"""What G, D and Q get of an image."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condcap_sk import ConditionalCaptioner
from condcap_sk.answers import EncodedAnswers
from condcap_sk.gan.modules import Generator
from condcap_sk.vision import ImageEncoder
from condcap_sk.vision.modules import ConvolutionalNetwork, FeatureNetwork, image_network
from condcap_sk.vision.sight import SIGHTS, EndToEndSight, IgnoredSight, MatchedSight

SHAPE = (1, 8, 8)
X = np.random.RandomState(0).random((20, *SHAPE)).astype(np.float32)
CODES = np.eye(4, dtype=np.float32)


def gan_of(n_image, network=None):
    """What a sight looks at of a GAN, and D: the sum of a sentence vector."""
    return SimpleNamespace(
        generator_=Generator(n_image, 2, 4, 8, 1.0, network),
        _gets_vectors=network is None,
        relevance=lambda images, vectors: vectors.sum(axis=2) + images[:, :1],
    )


def codec_of(n_components=4, are_sentences=False):
    """What a sight looks at of a codec, whose sentence vector of ids is their sum four times."""
    return SimpleNamespace(
        encoder_=SimpleNamespace(config={"n_tokens": 6, "n_components": n_components}),
        vocabulary_=SimpleNamespace(are_sentences=are_sentences),
        encode_tokens=lambda ids: np.tile(ids.sum(axis=1, keepdims=True), 4).astype(np.float32),
    )


@contextmanager
def no_report(stage):
    yield


@pytest.fixture(scope="module")
def matched():
    sight = MatchedSight(ImageEncoder(n_filters=2, max_iter=2, random_state=0))
    answers = EncodedAnswers.from_vectors(CODES[np.arange(20) % 4], 20)
    sight.fit(X, answers, None, no_report)
    return sight


def test__sights__by_the_parameter_images():
    assert {"matched": MatchedSight, "end-to-end": EndToEndSight, "ignored": IgnoredSight} == SIGHTS


def test__stages__only_matched_has_one():
    stages = {name: kind.STAGES for name, kind in SIGHTS.items()}
    assert stages == {"matched": ("image_encoder",), "end-to-end": (), "ignored": ()}


@pytest.fixture(scope="module", params=SIGHTS)
def model(request):
    est = ConditionalCaptioner(images=request.param, random_state=0).set_params(
        codec__max_iter=2,
        image_encoder__max_iter=2,
        image_encoder__n_filters=2,
        gan__max_iter=2,
        gan__batch_size=16,
    )
    return est.fit(X, [["a", "b"], ["c"]] * 10).model_


class TestFittedModels:
    """Each sight among the parts that it was fitted with."""

    def test__call__rows__do_not_depend_on_each_other(self, model):
        images = model.sight(X)
        assert len(images) == 20
        np.testing.assert_allclose(model.sight(X[3:5]), images[3:5], atol=1e-5)

    def test__fits__its_own_parts_and_shape__and_no_others(self, model):
        codec, gan = model.codec, model.gan
        assert model.sight.fits(codec, gan, SHAPE)
        if not isinstance(model.sight, IgnoredSight):
            assert not model.sight.fits(codec, gan, (1, 8, 9))
        for kind in set(SIGHTS.values()) - {type(model.sight), MatchedSight}:
            assert not kind(ImageEncoder()).fits(codec, gan, SHAPE)

    def test__relevance__of_each_answer__is_a_number_that_others_do_not_change(self, model):
        images = model.sight(X[:4])
        ids = np.tile(model.codec.vocabulary_.encode(["a", "b", "c"]), (4, 1, 1))
        log_odds = model.sight.relevance(images, ids, model.codec, model.gan)
        assert log_odds.shape == (4, 3)
        alone = model.sight.relevance(images[1:2], ids[1:2, ::-1], model.codec, model.gan)
        np.testing.assert_allclose(alone[0, ::-1], log_odds[1], atol=1e-4)


class TestMatched:
    def test__fit__the_encoder__is_reported_and_measured(self):
        reported = []

        @contextmanager
        def report(stage):
            reported.append(stage)
            yield

        encoder = ImageEncoder(n_filters=2, max_iter=2, random_state=0)
        y = CODES[np.arange(20) % 4]
        sight = MatchedSight(encoder)
        sight.fit(X[5:], EncodedAnswers.from_vectors(y[5:], 15), (X[:5], y[:5]), report)
        assert reported == [encoder]
        assert sight.encoder is encoder
        assert "valid_average_precision" in encoder.history_

    def test__images__are_the_encoder_s_vectors(self, matched):
        np.testing.assert_array_equal(matched(X), matched.encoder.transform(X))
        assert not matched.is_costly
        assert matched.network(SHAPE, None) is None

    def test__set_output__of_the_encoder__changes_nothing(self, matched):
        pytest.importorskip("pandas")
        expected = matched(X)
        matched.encoder.set_output(transform="pandas")
        try:
            np.testing.assert_array_equal(matched(X), expected)
        finally:
            matched.encoder.set_output(transform="default")

    def test__relevance__is_the_encoder_s(self, matched):
        ids = np.array([[[2], [3], [4]]] * 20)
        found = matched.relevance(matched(X), ids, codec_of(), None)
        vectors = np.tile(ids, (1, 1, 4)).astype(np.float32)
        np.testing.assert_array_equal(found, matched.encoder.relevance(matched(X), vectors))

    @pytest.mark.parametrize(
        ("changed", "fits"),
        [
            ({}, True),
            ({"shape": (1, 8, 9)}, False),
            ({"gan": gan_of(64)}, False),
            ({"gan": gan_of(128, ConvolutionalNetwork(*SHAPE, 16))}, False),
            ({"codec": codec_of(n_components=5)}, False),
            # Of pixels, sentences are matched as labels are.
            ({"codec": codec_of(are_sentences=True)}, True),
        ],
    )
    def test__fits__parts_of_one_model(self, matched, changed, fits):
        n_image = matched.encoder.matcher_.network.n_features
        parts = {"codec": codec_of(), "gan": gan_of(n_image), "shape": SHAPE, **changed}
        assert bool(matched.fits(**parts)) == fits

    def test__fits__a_matcher_of_the_other_kind__does_not(self):
        features = X.reshape(20, -1)
        sight = MatchedSight(ImageEncoder(max_iter=2, random_state=0))
        answers = EncodedAnswers.from_vectors(CODES[np.arange(20) % 4], 20)
        sight.fit(features, answers, None, no_report)
        gan = gan_of(sight.encoder.matcher_.network.n_features)
        assert sight.fits(codec_of(), gan, (64,))
        assert not sight.fits(codec_of(are_sentences=True), gan, (64,))


class TestEndToEnd:
    @pytest.mark.parametrize(
        ("positions", "are_sentences", "expected"),
        [("auto", True, True), ("auto", False, False), (True, False, True), (False, True, False)],
    )
    def test__network__is_new_each_time_with_positions_by_the_answers(
        self, positions, are_sentences, expected
    ):
        sight = EndToEndSight(ImageEncoder(n_filters=3, positions=positions))
        make = sight.network(SHAPE, SimpleNamespace(are_sentences=are_sentences))
        one, other = make(), make()
        assert one is not other
        assert one.config == {
            "n_channels": 1,
            "height": 8,
            "width": 8,
            "n_filters": 3,
            "positions": expected,
        }

    def test__network__of_feature_vectors__is_a_perceptron(self):
        make = EndToEndSight(ImageEncoder()).network((6,), SimpleNamespace(are_sentences=False))
        assert type(make()) is FeatureNetwork

    def test__images__are_themselves(self):
        sight = EndToEndSight(ImageEncoder())
        assert sight(X) is X
        assert sight.encoder is None
        assert sight.is_costly

    def test__relevance__is_d_s(self):
        ids = np.array([[[2, 0], [3, 1]]] * 20)
        found = EndToEndSight(ImageEncoder()).relevance(X[:, 0, 0], ids, codec_of(), gan_of(1))
        np.testing.assert_allclose(found, [[8, 16]] + X[:, 0, 0, :1], rtol=1e-6)

    def test__fits__the_generator_s_network__is_for_these_images(self):
        sight = EndToEndSight(ImageEncoder())
        network = image_network(SHAPE, 2)
        gan = gan_of(network.n_features, network)
        assert sight.fits(None, gan, SHAPE)
        assert not sight.fits(None, gan, (3, 8, 8))
        assert not sight.fits(None, gan_of(128), SHAPE)
        assert not sight.fits(None, gan_of(1), SHAPE)


class TestIgnored:
    def test__images__are_a_constant(self):
        sight = IgnoredSight(ImageEncoder())
        assert sight(X).tolist() == [[0.0]] * 20
        assert sight(X).dtype == np.float32
        assert sight.encoder is None
        assert not sight.is_costly
        assert sight.network(SHAPE, None) is None

    def test__relevance__is_d_s(self):
        ids = np.array([[[2, 0], [3, 1]]] * 20)
        found = IgnoredSight(ImageEncoder()).relevance(
            np.zeros((20, 1)), ids, codec_of(), gan_of(1)
        )
        assert found.tolist() == [[8, 16]] * 20

    def test__fits__a_generator_of_one_constant(self):
        sight = IgnoredSight(ImageEncoder())
        assert sight.fits(None, gan_of(1), SHAPE)
        assert not sight.fits(None, gan_of(2), SHAPE)
        assert not sight.fits(None, gan_of(128, ConvolutionalNetwork(*SHAPE, 2)), SHAPE)


@pytest.mark.parametrize("kind", [EndToEndSight, IgnoredSight])
def test__fit__a_sight_without_an_encoder__has_nothing_to_learn(kind):
    encoder = ImageEncoder()
    before = dict(vars(encoder))
    state = torch.get_rng_state()
    kind(encoder).fit(X, None, None, None)
    assert vars(encoder) == before
    assert torch.equal(torch.get_rng_state(), state)


def test__weight_of_sentences__relevance_counts_where_it_was_learned_by_matching():
    weights = {name: sight.weight_of_sentences for name, sight in SIGHTS.items()}
    assert weights == {"matched": 1, "end-to-end": 0, "ignored": 0}


@pytest.fixture(scope="module")
def sight_with_regions():
    encoder = ImageEncoder(n_filters=2, max_iter=2, positions=True, random_state=0)
    sight = MatchedSight(encoder)
    answers = EncodedAnswers.from_vectors(CODES[np.arange(20) % 4], 20)
    sight.fit(X, answers, None, no_report)
    return sight


class TestRegions:
    """Of images whose positions count."""

    @pytest.fixture
    def sight(self, sight_with_regions):
        return sight_with_regions

    def test__images__are_vectors_and_then_regions(self, sight):
        seen, vectors = sight(X), sight.encoder.transform(X)
        np.testing.assert_array_equal(seen[:, : vectors.shape[1]], vectors)
        assert seen.shape[1] - vectors.shape[1] == np.prod(sight.region_shape)
        with torch.no_grad():
            network = sight.encoder.matcher_.network
            regions = network.regions(network.maps(torch.from_numpy(X)))
        np.testing.assert_allclose(
            seen[:, vectors.shape[1] :], regions.flatten(1).numpy(), rtol=1e-4, atol=1e-5
        )

    def test__relevance__is_a_matter_of_the_vectors(self, sight):
        ids = np.array([[[1], [2]]] * 20)
        seen = sight(X)
        n = seen.shape[1] - np.prod(sight.region_shape)
        without = np.concatenate([seen[:, :n], 0 * seen[:, n:]], axis=1)
        np.testing.assert_array_equal(
            sight.relevance(without, ids, codec_of(), None),
            sight.relevance(seen, ids, codec_of(), None),
        )

    @pytest.mark.parametrize(("shape", "fits"), [(None, True), ((16, 18), True), ((9, 18), False)])
    def test__fits__regions_of_its_network_or_none(self, sight, shape, fits, monkeypatch):
        size = sight.region_shape[1]
        monkeypatch.setattr(sight, "region_shape", shape and (shape[0], size))
        gan = gan_of(sight.encoder.matcher_.network.n_features)
        assert sight.fits(codec_of(), gan, SHAPE) == fits

    @pytest.mark.parametrize("kind", [EndToEndSight, IgnoredSight])
    def test__other_sights__have_none(self, kind, monkeypatch):
        sight = kind(ImageEncoder(n_filters=2))
        network = image_network(SHAPE, 2) if kind is EndToEndSight else None
        gan = gan_of(getattr(network, "n_features", 1), network)
        assert sight.fits(codec_of(), gan, SHAPE)
        monkeypatch.setattr(sight, "region_shape", (2, 3))
        assert not sight.fits(codec_of(), gan, SHAPE)
