"""The training of the consensus decoder: a copy that leaves the game alone."""

import copy

import numpy as np
import pytest
import torch

from condcap_sk.gan import LatentGAN
from condcap_sk.gan.fine_tuning import FEWER_STEPS, SMALLER_BATCH, SMALLER_LR, fine_tune
from condcap_sk.gan.sentence_game import SentenceGame


@pytest.fixture
def gan():
    return LatentGAN(n_latents=2, noise=0.2, max_iter=12, decoder_size=8, random_state=0)


def tune(gan, sentences, seeds=(0, 1), batch_size=40):
    """Fine-tune copies of untrained networks; return these, the consensus decoder and history."""
    torch.manual_seed(0)
    networks = SentenceGame.build(gan, sentences.answers, 2, [None] * 3)
    before = copy.deepcopy(networks.state_dict())
    images = torch.from_numpy(sentences.X)
    consensus, history = fine_tune(gan, networks, images, sentences.answers, 12, batch_size, seeds)
    for name, value in networks.state_dict().items():
        assert torch.equal(value, before[name])
    return networks, consensus, history


def test__fine_tune__networks__stay_and_a_copy_learns(gan, sentences):
    networks, consensus, _ = tune(gan, sentences)
    for ours, theirs in (
        (consensus.generator, networks.generator),
        (consensus.decoder, networks.decoder),
    ):
        assert ours is not theirs
        assert ours.config == theirs.config
    moved = consensus.generator.of_image.weight - networks.generator.of_image.weight
    assert moved.abs().sum() > 0


def test__fine_tune__same_seeds__same_weights(gan, sentences):
    _, one, _ = tune(gan, sentences)
    _, other, _ = tune(gan, sentences)
    _, third, _ = tune(gan, sentences, seeds=(0, 2))
    state = one.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())
    assert not all(torch.equal(value, state[name]) for name, value in third.state_dict().items())


def test__fine_tune__history__holds_the_reward_of_fewer_steps(gan, sentences):
    # A quarter of the batch is all images.
    _, _, history = tune(gan, sentences, batch_size=160)
    assert set(history) == {"epoch", "reward"}
    assert history["epoch"] == list(range(1, 12 // FEWER_STEPS + 1))
    assert all(0 <= reward <= 11 for reward in history["reward"])


def test__fit__with_and_without_fine_tuning__the_game_is_the_same(gan, sentences, monkeypatch):
    X = sentences.X
    gan.fit(X, sentences.answers)
    assert not np.allclose(gan.generate(X, [0.0, 0.0]), gan._consensus_plans(X))
    rewards = gan.consensus_history_["reward"]
    assert len(rewards) == len(gan.consensus_history_["epoch"]) > 0
    monkeypatch.setattr(SentenceGame, "consensus", staticmethod(lambda *args: (None, {})))
    without = LatentGAN(**gan.get_params()).fit(X, sentences.answers)
    assert without.consensus_ is None
    for name in ("generator_", "discriminator_", "recogniser_", "decoder_"):
        ours, theirs = (getattr(part, name).state_dict() for part in (gan, without))
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test__fine_tune__against_the_game__takes_smaller_steps_of_fewer_images(
    gan, sentences, monkeypatch
):
    found = {}
    train = gan._train
    monkeypatch.setattr(gan, "_train", lambda *args, **kw: found.update(kw) or train(*args, **kw))
    tune(gan, sentences)
    assert found["lr"] == gan.lr / SMALLER_LR < gan.lr
    assert found["batch_size"] == 40 // SMALLER_BATCH
    assert [type(callback).__name__ for callback in found["callbacks"]] == ["GradientNormClipping"]
