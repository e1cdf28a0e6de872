"""RelativisticGame: the default, made to converge, to use the whole prior and to keep to images."""

from typing import ClassVar

import torch

from .game import Game
from .losses import channel_cross_entropy, gradient_penalty, relativistic_loss


class RelativisticGame(Game):
    """The terms that `LatentGAN` documents.

    Parameters
    ----------
    posterior_weight, kl_weight, mismatch_weight, gradient_penalty, noise, image_dropout
        See `LatentGAN`.
    """

    SETTINGS = (
        *Game.SETTINGS,
        "posterior_weight",
        "kl_weight",
        "mismatch_weight",
        "gradient_penalty",
        "noise",
        "image_dropout",
    )
    COUNTS = (*Game.COUNTS, "n_batches_")
    # Steps from one gradient penalty to the next, in which it counts as often ("lazy
    # regularisation", T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
    # CVPR 2020). Chosen on grids of MNIST's training digits, on which 8 and 16 are as good.
    PENALTY_EVERY: ClassVar[int] = 4
    # Of the imbalance of categories within the posterior path: so that none falls into disuse. A
    # quarter of the training grids of bundled digits, not trained on, and ten categories: it costs
    # no coverage there, and with 1 and 3, a training cut short covers fewer right answers.
    BALANCE_WEIGHT: ClassVar[float] = 0.3

    def __init__(
        self,
        module,
        *,
        posterior_weight,
        kl_weight,
        mismatch_weight,
        gradient_penalty,
        noise,
        image_dropout,
        **game_params,
    ):
        self.posterior_weight = posterior_weight
        self.kl_weight = kl_weight
        self.mismatch_weight = mismatch_weight
        self.gradient_penalty = gradient_penalty
        self.noise = noise
        self.image_dropout = image_dropout
        super().__init__(module, **game_params)

    def initialize_module(self):
        super().initialize_module()
        self.n_batches_ = 0
        return self

    def see_batch(self, answers, truth):
        self.drawn_ = truth.unique()
        self.penalises_ = self.n_batches_ % self.PENALTY_EVERY == 0
        self.n_batches_ += 1

    def discriminator_losses(self, networks, rng, images, answers, truth, latents):
        with torch.no_grad():
            fake = self.noisy(networks.generator(images, latents), rng)
        real = self.noisy(self.bank[truth], rng)
        # A neighbour's caption is the third kind of fake, unless it fits this image too.
        stray = truth.roll(1)
        is_wrong = (answers != stray[:, None]).all(1).float()
        mismatched = self.noisy(self.bank[stray], rng)
        vectors = torch.cat([real, fake, mismatched]).requires_grad_(self.penalises_)
        scores = networks.discriminator(images, vectors)
        real_scores, fake_scores, stray_scores = scores.chunk(3)
        loss = relativistic_loss(better=real_scores, worse=fake_scores)
        mismatch = relativistic_loss(real_scores, stray_scores, is_wrong)
        penalty = scores.new_zeros(())
        if self.penalises_:
            # Times three: the sum over the kinds of vector (R1 + R2 + the same on mismatches).
            penalty = 3 * self.PENALTY_EVERY * gradient_penalty(scores, vectors)
        return {
            "discriminator": loss,
            "mismatch": self.mismatch_weight * mismatch,
            "penalty": self.gradient_penalty * penalty,
        }

    def generator_losses(self, networks, rng, images, answers, truth, latents):
        real = self.noisy(self.bank[truth], rng)
        generated = networks.generator(self.glimpse(networks, images, rng), latents)
        fake = self.noisy(generated, rng)
        fake_scores = networks.discriminator(images, fake)
        with torch.no_grad():
            real_scores = networks.discriminator(images, real)
        hidden = self._some_hidden(self.glimpse(networks, images, rng), rng)
        means, log_variances = networks.recogniser(hidden, torch.cat([fake, real]))
        (recovered, mean), (_, log_variance) = means.chunk(2), log_variances.chunk(2)
        return {
            "generator": relativistic_loss(better=fake_scores, worse=real_scores),
            "latent": self.mi_weight * self.prior.recovery_error(latents, recovered),
            **self.prior_losses(generated, answers),
            **self.posterior_losses(networks, rng, images, truth, mean, log_variance),
        }

    def prior_losses(self, generated, answers):
        """Return further terms of what G makes under the prior's latents."""
        return {}

    def posterior_losses(self, networks, rng, images, truth, mean, log_variance):
        """Return the terms of true pairs: from Q's latent, G must give the sentence vector back."""
        generated = networks.generator(images, self.prior.posterior_sample(mean, log_variance, rng))
        divergence = self.prior.divergence(mean, log_variance)
        return {
            "posterior": self.posterior_weight * self.channel(generated, truth),
            "divergence": self.posterior_weight * self.kl_weight * divergence,
            **self.balance_losses(mean),
        }

    def balance_losses(self, found):
        """Return the term that keeps categories in use, where there are any."""
        if not self.prior.n_categories:
            return {}
        weight = self.posterior_weight * self.BALANCE_WEIGHT
        return {"imbalance": weight * self.prior.imbalance(found)}

    def channel(self, generated, truth):
        """Return the cross-entropy of the true answers, sent as the vectors `generated`."""
        position = torch.searchsorted(self.drawn_, truth)
        return channel_cross_entropy(generated, self.bank[self.drawn_], position, self.noise)

    def glimpse(self, networks, images, rng):
        """Return images as G and Q see them."""
        return images

    def noisy(self, vectors, rng):
        return vectors + self.noise * torch.empty_like(vectors).normal_(generator=rng)

    def _some_hidden(self, images, rng):
        draws = torch.rand(len(images), generator=rng, device=images.device)
        hidden = (draws < self.image_dropout).view(-1, *[1] * (images.ndim - 1))
        return images.masked_fill(hidden, 0)
