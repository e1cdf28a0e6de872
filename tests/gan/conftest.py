"""Games of a few steps between tiny networks, and a toy world of two kinds of image."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.game import one_of
from condcap_sk.gan.modules import (
    Discriminator,
    Generator,
    Networks,
    Recogniser,
    SentenceGenerator,
)
from condcap_sk.gan.prior import Prior
from condcap_sk.gan.sentence_game import SentenceGame
from condcap_sk.text.modules import TiedDecoder
from condcap_sk.training.net import Rows, train

N_IMAGE, N_LATENTS, N_COMPONENTS, RADIUS = 4, 2, 6, 2.0
IDS = torch.tensor([[2, 3, 0], [3, 0, 0], [4, 2, 3]])  # of the bank
SETTINGS = {
    "mi_weight": 0.1,
    "posterior_weight": 1.0,
    "kl_weight": 0.3,
    "mismatch_weight": 1.0,
    "gradient_penalty": 0.1,
    "noise": 1.0,
    "image_dropout": 0.5,
    "truth_weight": 0.1,
}


def make_networks(are_sentences):
    sizes = N_IMAGE, N_LATENTS, N_COMPONENTS
    with seeded_init(0):
        return Networks(
            SentenceGenerator(*sizes, RADIUS) if are_sentences else Generator(*sizes, 8, RADIUS),
            Discriminator(N_IMAGE, N_COMPONENTS, 8),
            Recogniser(N_IMAGE, N_COMPONENTS, N_LATENTS, 8),
            TiedDecoder(5, N_COMPONENTS, 8, max_length=3) if are_sentences else None,
        )


def tiny(**params):
    """An unfitted GAN of a few steps."""
    settings = {"hidden_size": 8, "decoder_size": 8, "max_iter": 6, "random_state": 0}
    return LatentGAN(**{**settings, **params})


class Played:
    """A game after a few steps: the net, its networks' weights before, and its history."""

    def __init__(self, net, before, history):
        self.net = net
        self.before = before
        self.history = history
        self.networks = net.module_
        self.rng = make_rng(4)

    def changed(self):
        """Names of the networks whose weights are not what they were."""
        return {
            name.split(".")[0]
            for name, value in self.networks.state_dict().items()
            if not torch.equal(value, self.before[name])
        }

    def reached_by(self, loss):
        """Names of the networks that the gradient of a loss reaches."""
        self.networks.zero_grad()
        torch.autograd.backward(loss)
        return {
            name.split(".")[0]
            for name, parameter in self.networks.named_parameters()
            if parameter.grad is not None and parameter.grad.abs().sum() > 0
        }

    def discriminator_losses(self, images, answers, truth, latents):
        """The terms of D, for a batch in one shard."""
        self.net.see_batch(answers, truth)
        return self.net.discriminator_losses(
            self.networks, self.rng, images, answers, truth, latents
        )

    def generator_losses(self, images, answers, truth, latents):
        """The terms of the others, for a batch in one shard."""
        self.net.see_batch(answers, truth)
        return self.net.generator_losses(self.networks, self.rng, images, answers, truth, latents)

    def posterior_losses(self, images, truth, mean, log_variance):
        """The terms of true pairs, for a batch in one shard."""
        self.net.see_batch(truth[:, None], truth)
        return self.net.posterior_losses(self.networks, self.rng, images, truth, mean, log_variance)

    def inputs(self, n=8):
        """Images, answers, truth and latents of a step."""
        batch, _ = make_rows(n).__getitems__(range(n))
        truth = one_of(batch["answers"], self.rng)
        latents = torch.randn(n, N_LATENTS, generator=make_rng(5))
        return batch["images"], batch["answers"], truth, latents


def make_rows(n=8):
    answers = torch.tensor([[0, 1], [2, -1]] * (n // 2))
    return Rows(images=torch.randn(n, N_IMAGE, generator=make_rng(1)), answers=answers)


@pytest.fixture
def play():
    """Return a function that plays a game, under settings of which some are changed."""

    def play(game, n_steps=1, callbacks=(), measure=None, **changed):
        are_sentences = issubclass(game, SentenceGame)
        networks = make_networks(are_sentences)
        before = copy.deepcopy(networks.state_dict())
        bank = torch.nn.functional.normalize(torch.randn(3, N_COMPONENTS, generator=make_rng(2)))
        settings = {"prior": Prior(N_LATENTS), **{name: SETTINGS[name] for name in game.SETTINGS}}
        if are_sentences:
            settings |= {"ids": IDS, "kl_target": 1.0}
        net, history = train(
            game,
            networks,
            make_rows(),
            stage="test",
            n_steps=n_steps,
            batch_size=8,
            lr=1e-2,
            order_rng=make_rng(3),
            device=torch.device("cpu"),
            callbacks=callbacks,
            measure=measure,
            bank=RADIUS * bank,
            seed=4,
            **{**settings, **changed},
        )
        return Played(net, before, history)

    return play


@pytest.fixture(scope="session")
def labels():
    """Two kinds of image, each with two of four labels: X, sentence vectors, and all of these."""
    codes = (4 * np.eye(16, dtype=np.float32))[:4]
    X = np.repeat(np.eye(2, dtype=np.float32), 100, axis=0)
    return SimpleNamespace(X=X, y=[codes[:2]] * 100 + [codes[2:]] * 100, codes=codes)


@pytest.fixture(scope="session")
def sentences():
    """Two kinds of image, each with two of four captions: X and `EncodedAnswers`."""
    vectors = np.random.RandomState(0).standard_normal((4, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    answers = EncodedAnswers(
        vectors=vectors,
        index=np.repeat([[0, 1], [2, 3]], 20, axis=0),
        ids=np.array([[2, 3, 0], [2, 3, 6], [4, 5, 0], [5, 4, 6]]),
        n_tokens=7,
        are_sentences=True,
    )
    return SimpleNamespace(X=np.repeat(np.eye(2, dtype=np.float32), 20, axis=0), answers=answers)
