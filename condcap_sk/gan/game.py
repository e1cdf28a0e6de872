"""The training of G, D and Q. The terms of their losses are those of a subclass."""

from typing import ClassVar

import numpy as np
import torch

from .._torch.optimizers import Adam
from .._torch.seeding import make_rng
from ..training.net import StageNet, n_training_steps
from .modules import Discriminator, Generator, Networks, Recogniser
from .prior import Prior


class Game(StageNet):
    """Trains `Networks`: in each step D, then the others, each side with an optimizer of its own.

    Parameters
    ----------
    bank : Tensor of shape (m, n_components)
        The distinct sentence vectors.
    prior : Prior
        Of the latents.
    mi_weight : float
        See `LatentGAN`.
    """

    # The parameters of `LatentGAN` that this game takes.
    SETTINGS: ClassVar[tuple[str, ...]] = ("mi_weight",)
    # This and the rule of `n_steps`: chosen on training grids of MNIST and of bundled digits.
    HIDDEN_SIZE: ClassVar[int] = 128
    SHARD_SIZE: ClassVar[int | None] = None  # as `StageNet` takes it, for image vectors

    def __init__(self, module, *, bank, prior, mi_weight, **net_params):
        self.bank = bank
        self.prior = prior
        self.mi_weight = mi_weight
        super().__init__(module, **net_params)

    @staticmethod
    def callbacks_needed():
        """Return skorch callbacks that come before the user's."""
        return []

    @staticmethod
    def consensus(gan, networks, images, answers, n_steps, batch_size, seeds):
        """Return the consensus decoder that is trained afterwards, or None, and its history."""
        return None, {}

    @classmethod
    def settings(cls, gan, answers, device):
        """Return the parameters for a `LatentGAN` and `EncodedAnswers`."""
        return {"prior": Prior.of(gan)} | {name: getattr(gan, name) for name in cls.SETTINGS}

    @classmethod
    def size_of_batch(cls, answers, most):
        """Return the images of a step."""
        return most

    @classmethod
    def n_steps(cls, answers, batch_size):
        """Return the length of the training by rule."""
        # Two for each image.
        epochs = 12, 2 * batch_size
        return n_training_steps(len(answers), batch_size, steps=(1, 2000), epochs=epochs)

    @classmethod
    def build(cls, gan, answers, n_image, image_networks):
        """Return untrained networks for a `LatentGAN` and `EncodedAnswers`.

        `image_networks` are those of G, D and Q, or three times None.
        """
        hidden_size = cls.HIDDEN_SIZE if gan.hidden_size == "auto" else gan.hidden_size
        return Networks(
            Generator(
                n_image,
                Prior.of(gan).n_latents,
                answers.vectors.shape[1],
                hidden_size,
                answers.radius,
                image_networks[0],
            ),
            *cls._judges(gan, answers, n_image, hidden_size, image_networks),
        )

    @staticmethod
    def _judges(gan, answers, n_image, hidden_size, image_networks):
        n_components = answers.vectors.shape[1]
        _, of_d, of_q = image_networks
        return (
            Discriminator(n_image, n_components, hidden_size, of_d),
            Recogniser(n_image, n_components, Prior.of(gan).n_latents, hidden_size, of_q),
        )

    def initialize_optimizer(self, *args, **kwargs):
        named = list(self.module_.named_parameters())
        self.of_discriminator_ = [pair for pair in named if pair[0].startswith("discriminator.")]
        self.of_others_ = [pair for pair in named if not pair[0].startswith("discriminator.")]
        self.optimizer_ = self.make_optimizer([parameter for _, parameter in self.of_others_])
        self.optimizer_discriminator_ = self.adam(self.module_.discriminator.parameters())
        return self

    def adam(self, parameters):
        # No momentum: the opponent moves, so old gradients mislead. The betas of R1's paper.
        return Adam(parameters, lr=self.lr, betas=(0.0, 0.99), fused=True)

    def make_optimizer(self, parameters):
        """Return the optimizer of all networks but D."""
        return self.adam(parameters)

    def train_step(self, batch, **fit_params):
        inputs, _ = batch
        images, answers = inputs["images"].to(self.device), inputs["answers"].to(self.device)
        rng = self.shards_.rngs[0]
        rows = {
            "images": images,
            "answers": answers,
            "truth": one_of(answers, rng),
            "latents": self.prior.sample(len(images), rng),
        }
        self.see_batch(answers, rows["truth"])
        losses: dict = {}
        for terms_of, optimizer, parameters in (
            (self.discriminator_losses, self.optimizer_discriminator_, self.of_discriminator_),
            (self.generator_losses, self.optimizer_, self.of_others_),
        ):
            for replica in self.shards_.replicas:
                # G's step needs the gradient through D, not D's own.
                replica.discriminator.requires_grad_(parameters is self.of_discriminator_)
            optimizer.zero_grad()
            terms = self.shards_.descend(terms_of, **rows)
            # skorch's callbacks (gradient clipping) hang on this event.
            self.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
            optimizer.step()
            losses |= terms
        return {"loss": sum(losses.values()), "losses": losses}

    def see_batch(self, answers, truth):
        """Keep what a row's terms need of the other rows, in all shards."""

    def discriminator_losses(self, networks, rng, images, answers, truth, latents):
        """Return the terms that D descends, means over a shard's rows.

        Parameters
        ----------
        networks : Networks
        rng : torch.Generator
            On the device; draws noise and further latents.
        images : Tensor of shape (n, …)
        answers : Tensor of shape (n, k), int
            Rows of `bank`; −1 is none.
        truth : Tensor of shape (n,), int
            One answer of each image.
        latents : Tensor of shape (n, n_latents)

        Returns
        -------
        terms : dict of Tensor
        """
        raise NotImplementedError

    def generator_losses(self, networks, rng, images, answers, truth, latents):
        """Return the terms that the other networks descend, as `discriminator_losses` does."""
        raise NotImplementedError

    def noisy(self, vectors, rng):
        """Return sentence vectors as D and Q get them."""
        return vectors

    def measure(self, networks, held_out, rng):
        """Return how good `networks` are on `HeldOut` images."""
        latents = self.prior.sample(len(held_out.images), rng)
        vectors = networks.generator(held_out.images, latents)
        recovered, _ = networks.recogniser(held_out.images, self.noisy(vectors, rng))
        return {
            **self.measure_answers(networks, held_out, vectors),
            **self.prior.measured(latents, recovered),
        }

    def measure_answers(self, networks, held_out, vectors):
        """Return the share of generated vectors whose nearest sentence vector is the image's."""
        nearest = torch.cdist(vectors, held_out.bank).argmin(1)
        right = (held_out.answers == nearest[:, None]).any(1)
        return {"valid_accuracy": right.float().mean().item()}


def one_of(answers, rng):
    """Draw one of each row's answers, all equally likely."""
    lengths = (answers >= 0).sum(1)
    draws = torch.rand(len(answers), generator=rng, device=answers.device)
    return answers.gather(1, (draws * lengths).long()[:, None])[:, 0]


class HeldOut:
    """Images and answers that are measured in a training and not learned from.

    Parameters
    ----------
    images : ndarray or StoredImages of shape (n, …)
    answers : EncodedAnswers
    seed : int
        Of latents and noise: the same each time.
    device : torch.device
    """

    def __init__(self, images, answers, seed, device):
        self.images = torch.from_numpy(np.asarray(images)).to(device)
        self.bank = torch.from_numpy(answers.vectors).to(device)
        self.answers = torch.from_numpy(answers.index).to(device)
        self.ids = None if answers.ids is None else torch.from_numpy(answers.ids).to(device)
        self.seed = seed

    @torch.no_grad()
    def __call__(self, net):
        rng = make_rng(self.seed, self.images.device)
        return net.measure(net.average_.eval(), self, rng)
