"""PaperGame: equations (4)–(6) of the paper, and nothing else."""

import torch

from .game import Game
from .losses import adversarial_value


class PaperGame(Game):
    """``min_{G,Q} max_D L_adv + λ_I · L_I``, equation (4)."""

    def discriminator_losses(self, networks, rng, images, answers, truth, latents):
        with torch.no_grad():
            fake = networks.generator(images, latents)
        return {"discriminator": -self._adversarial_value(networks, images, self.bank[truth], fake)}

    def generator_losses(self, networks, rng, images, answers, truth, latents):
        fake = networks.generator(images, latents)
        recovered, _ = networks.recogniser(images, fake)
        return {
            "generator": self._adversarial_value(networks, images, self.bank[truth], fake),
            "latent": self.mi_weight * self.prior.recovery_error(latents, recovered),
        }

    def _adversarial_value(self, networks, images, real, fake):
        discriminator = networks.discriminator
        return adversarial_value(discriminator(images, real), discriminator(images, fake))
