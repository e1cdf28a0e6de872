"""Image vectors and latents to sentence vectors."""

from .latent_gan import LatentGAN

__all__ = ["LatentGAN"]
