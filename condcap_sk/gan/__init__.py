"""Image vectors and latents to sentence vectors."""

from typing import TYPE_CHECKING

from .._lazy import lazy

if TYPE_CHECKING:
    from .latent_gan import LatentGAN

__all__ = ["LatentGAN"]

__getattr__, __dir__ = lazy(__name__, {"LatentGAN": "latent_gan"})
