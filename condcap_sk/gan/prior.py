"""The prior of the latent variable: N(0, I)."""

import torch


def sample_prior(n_samples, n_latents, generator):
    """Draw (n_samples, n_latents) latents on the generator's device."""
    return torch.randn(n_samples, n_latents, generator=generator, device=generator.device)
