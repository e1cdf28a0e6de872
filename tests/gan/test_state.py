"""What a fitted GAN holds: written and read."""

import copy
import json
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone

from condcap_sk._persistence import Fields, Tensors
from condcap_sk.exceptions import ModelFileError
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.consensus import ConsensusDecoder
from condcap_sk.vision.modules import image_network

from .conftest import tiny


def state(gan):
    """Return fields, as a file holds them, and tensors of a fitted GAN."""
    fields, tensors = gan._to_state("gan")
    return json.loads(json.dumps(fields)), tensors


def from_state(fields, tensors):
    held = Tensors(dict(tensors))
    gan = LatentGAN._from_state("gan", Fields(fields, "gan"), held)
    held.end()
    return gan


@pytest.mark.bits
class TestState:
    def assert_same(self, gan, X):
        loaded = from_state(*state(gan))
        assert set(vars(loaded)) == set(vars(gan))
        c = np.random.RandomState(0).standard_normal((len(X), 3)).astype(np.float32)
        vectors = gan.generate(X, c)
        np.testing.assert_array_equal(loaded.generate(X, c), vectors)
        for ours, theirs in zip(loaded.infer(X, vectors), gan.infer(X, vectors), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert loaded.history_ == gan.history_
        assert loaded.consensus_history_ == gan.consensus_history_
        return loaded

    def test__round_trip__of_labels__is_the_same(self, labels):
        gan = tiny().fit(labels.X, labels.y)
        gan.calibration_ = 0.8, 1.3, 0.5
        assert self.assert_same(gan, labels.X).n_features_in_ == 2

    def test__round_trip__of_sentences__is_the_same(self, sentences):
        gan = tiny().fit(sentences.X, sentences.answers)
        loaded = self.assert_same(gan, sentences.X)
        assert type(loaded.consensus_) is ConsensusDecoder
        np.testing.assert_array_equal(
            loaded._consensus_plans(sentences.X), gan._consensus_plans(sentences.X)
        )

    def test__round_trip__with_image_networks__is_the_same_and_can_be_fitted(self, labels):
        X = np.random.RandomState(0).random((200, 1, 8, 8)).astype(np.float32)
        gan = tiny(image_network=partial(image_network, (1, 8, 8), 2)).fit(X, labels.y)
        loaded = self.assert_same(gan, X)
        again = clone(loaded).fit(X, labels.y)
        np.testing.assert_array_equal(again.generate(X, [0.0] * 3), gan.generate(X, [0.0] * 3))

    def test__a_user_s_image_network__is_named_as_code(self, labels):
        class Flat(torch.nn.Flatten):
            n_features = 2

        gan = tiny(image_network=Flat).fit(labels.X.reshape(-1, 1, 1, 2), labels.y)
        with pytest.raises(ValueError, match=r"LatentGAN.image_network=.*code.*joblib\.dump"):
            gan._to_state("gan")

    def test__round_trip__with_categories__has_their_prior(self, labels):
        gan = tiny(n_latents=0, n_categories=[2, 3]).fit(labels.X, labels.y)
        loaded = from_state(*state(gan))
        assert loaded._prior.n_categories == (2, 3)
        assert loaded._prior.n_gaussian == 0

    @pytest.mark.parametrize("n_categories", [[1], [2.5], ["a"], [None]], ids=str)
    def test__no_numbers_of_categories__are_refused(self, labels, n_categories):
        fields, tensors = state(tiny(n_latents=0, n_categories=[2]).fit(labels.X, labels.y))
        fields["params"]["n_categories"] = n_categories
        with pytest.raises(ModelFileError, match="is no number of categories"):
            from_state(fields, tensors)

    @pytest.mark.parametrize("sharpness", [0.0, -5.0, 1e308, float("nan")])
    def test__an_impossible_sharpness__is_refused(self, labels, sharpness):
        fields, tensors = state(tiny().fit(labels.X, labels.y))
        fields["sharpness"] = sharpness
        with pytest.raises(ModelFileError, match="sharpness is"):
            from_state(fields, tensors)

    @pytest.mark.parametrize(
        ("module", "size"),
        [("discriminator", "n_image"), ("recogniser", "n_latents"), ("decoder", "n_components")],
    )
    def test__networks_of_different_sizes__are_refused(self, sentences, module, size):
        gan = tiny().fit(sentences.X, sentences.answers)
        other = copy.deepcopy(gan)
        network = getattr(other, f"{module}_")
        config = {**network.config, size: network.config[size] + 1}
        setattr(other, f"{module}_", type(network)(**config))
        with pytest.raises(ModelFileError, match="gan holds networks of different sizes"):
            from_state(*state(other))

    def test__a_consensus_decoder_of_other_parts__is_refused(self, sentences):
        gan = tiny().fit(sentences.X, sentences.answers)
        other = tiny(decoder_size=9).fit(sentences.X, sentences.answers)
        gan.consensus_ = other.consensus_
        with pytest.raises(ModelFileError, match="gan holds networks of different sizes"):
            from_state(*state(gan))
