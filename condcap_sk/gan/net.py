"""The training step of the game: one for D, one for G and Q."""

import math
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..training.candidates import candidates_of
from ..training.dropout import glimpse
from ..training.net import StageNet
from .losses import (
    adversarial_value,
    channel_cross_entropy,
    divergence_from_prior,
    gradient_penalty,
    latent_error,
    relativistic_loss,
    set_cross_entropy,
)
from .prior import sample_prior

# Settings of AdamW.
OF_LANGUAGE: dict[str, Any] = {"betas": (0.9, 0.98), "weight_decay": 0.02, "fused": True}


class GANNet(StageNet):
    """Trains `Players`, one optimizer for G and Q and one for D.

    Parameters
    ----------
    objective : {"relativistic", "paper"}
        "paper": exactly (4)–(6). "relativistic": the terms documented in `LatentGAN`.
    bank : Tensor of shape (m, n_components)
        The distinct sentence vectors.
    rng : torch.Generator
        On the device; draws latents, captions and noise.
    n_latents, mi_weight, posterior_weight, kl_weight, mismatch_weight, gradient_penalty, noise, \
            image_dropout
        See `LatentGAN`.
    ema_decay : float
        Of the average of all players over the steps.
    """

    def __init__(
        self,
        module,
        *,
        objective,
        bank,
        rng,
        n_latents,
        mi_weight,
        posterior_weight,
        kl_weight,
        mismatch_weight,
        gradient_penalty,
        noise,
        image_dropout,
        ema_decay,
        **net_params,
    ):
        self.objective = objective
        self.bank = bank
        self.rng = rng
        self.n_latents = n_latents
        self.mi_weight = mi_weight
        self.posterior_weight = posterior_weight
        self.kl_weight = kl_weight
        self.mismatch_weight = mismatch_weight
        self.gradient_penalty = gradient_penalty
        self.noise = noise
        self.image_dropout = image_dropout
        self.ema_decay = ema_decay
        super().__init__(module, **net_params)

    def initialize_module(self):
        super().initialize_module()
        self.average_ = AveragedModel(
            self.module_, multi_avg_fn=get_ema_multi_avg_fn(self.ema_decay), use_buffers=True
        )
        return self

    def initialize_optimizer(self, *args, **kwargs):
        speakers = [*self.module_.generator.parameters(), *self.module_.recogniser.parameters()]
        # No momentum: the opponent moves, so old gradients mislead.
        settings = {"lr": self.lr, "betas": (0.0, 0.99), "fused": True}
        self.optimizer_ = torch.optim.Adam(speakers, **settings)
        self.optimizer_discriminator_ = torch.optim.Adam(
            self.module_.discriminator.parameters(), **settings
        )
        named = list(self.module_.named_parameters())
        self.of_discriminator_ = [pair for pair in named if pair[0].startswith("discriminator.")]
        self.of_speakers_ = [pair for pair in named if not pair[0].startswith("discriminator.")]
        return self

    def train_step(self, batch, **fit_params):
        inputs, _ = batch
        self._set_training(True)
        images, answers = inputs["images"].to(self.device), inputs["answers"].to(self.device)
        truth = self._one_of(answers)
        latents = sample_prior(len(images), self.n_latents, self.rng)
        losses: dict = {}
        for terms_of, optimizer, parameters in (
            (self.discriminator_losses, self.optimizer_discriminator_, self.of_discriminator_),
            (self.generator_losses, self.optimizer_, self.of_speakers_),
        ):
            # G's step needs the gradient through D, not D's own.
            self.module_.discriminator.requires_grad_(parameters is self.of_discriminator_)
            terms = terms_of(images, answers, truth, latents)
            optimizer.zero_grad()
            sum(terms.values()).backward()
            # skorch's callbacks (gradient clipping) hang on this event.
            self.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
            optimizer.step()
            losses |= {name: term.detach() for name, term in terms.items()}
        self.average_.update_parameters(self.module_)
        return {"loss": sum(losses.values()), "losses": losses}

    def discriminator_losses(self, images, answers, truth, latents):
        """The terms that D descends."""
        with torch.no_grad():
            fake = self._noisy(self.module_.generator(images, latents))
        real = self._noisy(self.bank[truth])
        if self.objective == "paper":
            discriminator = self.module_.discriminator
            value = adversarial_value(discriminator(images, real), discriminator(images, fake))
            return {"discriminator": -value}
        # A neighbour's caption is the third kind of fake, unless it fits this image too.
        stray = truth.roll(1)
        is_wrong = (answers != stray[:, None]).all(1).float()
        vectors = torch.cat([real, fake, self._noisy(self.bank[stray])]).requires_grad_()
        scores = self.module_.discriminator(images.repeat(3, *[1] * (images.ndim - 1)), vectors)
        real_scores, fake_scores, stray_scores = scores.chunk(3)
        loss = relativistic_loss(better=real_scores, worse=fake_scores)
        mismatch = relativistic_loss(real_scores, stray_scores, is_wrong)
        # Times three: the sum over the kinds of vector (R1 + R2 + the same on mismatches).
        penalty = 3 * gradient_penalty(scores, vectors)
        return {
            "discriminator": loss,
            "mismatch": self.mismatch_weight * mismatch,
            "penalty": self.gradient_penalty * penalty,
        }

    def generator_losses(self, images, answers, truth, latents):
        """The terms that G and Q descend."""
        real = self._noisy(self.bank[truth])
        said = self.module_.generator(self._glimpse(images), latents)
        fake = self._noisy(said)
        fake_scores = self.module_.discriminator(images, fake)
        seen = images if self.objective == "paper" else self._some_hidden(self._glimpse(images))
        recovered, _ = self.module_.recogniser(seen, fake)
        mutual_information = self.mi_weight * latent_error(latents, recovered)
        with torch.no_grad():
            real_scores = self.module_.discriminator(images, real)
        if self.objective == "paper":
            return {
                "generator": adversarial_value(real_scores, fake_scores),
                "latent": mutual_information,
            }
        mean, log_variance = self.module_.recogniser(seen, real)
        noise = sample_prior(len(mean), self.n_latents, self.rng)
        return {
            "generator": relativistic_loss(better=fake_scores, worse=real_scores),
            "latent": mutual_information,
            **self.prior_losses(said, answers),
            **self.posterior_losses(
                images, truth, mean, log_variance, mean + (0.5 * log_variance).exp() * noise
            ),
        }

    def prior_losses(self, said, answers):
        """Further terms of what G says under the prior's latents."""
        return {}

    def posterior_losses(self, images, truth, mean, log_variance, latents):
        """The terms of true pairs: G must say again what Q read `latents` from."""
        heard = self.module_.generator(images, latents)
        spoken = self._channel(heard, truth)
        divergence = divergence_from_prior(mean, log_variance)
        return {
            "posterior": self.posterior_weight * spoken,
            "divergence": self.posterior_weight * self.kl_weight * divergence,
        }

    def _channel(self, heard, truth):
        candidates, position = truth.unique(return_inverse=True)
        return channel_cross_entropy(heard, self.bank[candidates], position, self.noise)

    def _glimpse(self, images):
        return images

    def _noisy(self, vectors):
        if self.objective == "paper":
            return vectors
        noise = torch.empty_like(vectors).normal_(generator=self.rng)
        return vectors + self.noise * noise

    def _some_hidden(self, images):
        draws = torch.rand(len(images), generator=self.rng, device=images.device)
        hidden = (draws < self.image_dropout).view(-1, *[1] * (images.ndim - 1))
        return images.masked_fill(hidden, 0)

    def _one_of(self, answers):
        """Draw one of each row's answers, all equally likely."""
        lengths = (answers >= 0).sum(1)
        draws = torch.rand(len(answers), generator=self.rng, device=answers.device)
        return answers.gather(1, (draws * lengths).long()[:, None])[:, 0]


class CaptionGANNet(GANNet):
    """The game with the decoder in it: what G means is what the decoder says.

    The posterior path ends in the cross-entropy of the caption's words, and trains the decoder
    with the rest. Some of its latents are the prior's mean, which so comes to stand for whatever is
    said of an image, as a decoder without a latent would say it. The weight of the divergence is
    steered to where a caption tells `rate` nats of its latent: a fixed weight lets the latent die
    or Q say everything, depending on the data.

    Captions that the posterior path was taught under two latents do not make a true one of what
    lies between: whatever the latent, G must say one of the image's captions.

    Parameters
    ----------
    tokens : Tensor of shape (m, max_length)
        The captions of `bank`.
    rate : float
        Nats.
    truth_weight : float
        See `LatentGAN`.
    """

    CENTRED = 1 / 3  # share of the posterior path's latents that are the prior's mean
    STEERING = 0.02  # of the divergence's weight, in a step in which it is twice as large as wanted

    def __init__(self, module, *, tokens, rate, truth_weight, **net_params):
        self.tokens = tokens
        self.rate = rate
        self.truth_weight = truth_weight
        super().__init__(module, **net_params)

    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        speakers = [parameter for _, parameter in self.of_speakers_]
        # Most of what they learn is a language, and no game.
        self.optimizer_ = torch.optim.AdamW(speakers, lr=self.lr, **OF_LANGUAGE)
        return self

    def prior_losses(self, said, answers):
        candidates, fits = candidates_of(answers)
        truth = set_cross_entropy(said, self.bank[candidates], fits, self.noise)
        return {"truth": self.truth_weight * truth}

    def posterior_losses(self, images, truth, mean, log_variance, latents):
        n_centred = int(self.CENTRED * len(latents))
        latents = torch.cat([torch.zeros_like(latents[:n_centred]), latents[n_centred:]])
        heard = self.module_.generator(self._glimpse(images), latents)
        spoken = self.module_.decoder.loss(heard, self.tokens[truth], self.rng)
        divergence = divergence_from_prior(mean[n_centred:], log_variance[n_centred:])
        # Where hidden, the latent costs nothing.
        share = 1 - n_centred / len(latents)
        terms = {
            "posterior": spoken,
            "channel": self.posterior_weight
            * share
            * self._channel(heard[n_centred:], truth[n_centred:]),
            "divergence": share * self.kl_weight * divergence,
        }
        excess = min(divergence.item() / self.rate - 1, 1)
        self.kl_weight = min(max(self.kl_weight * math.exp(self.STEERING * excess), 0.01), 5)
        return terms

    def _glimpse(self, images):
        if self.module_.generator.image_network is not None:
            return images
        return glimpse(images, self.rng)
