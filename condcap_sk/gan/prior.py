"""The prior of the latent variable: N(0, I)."""

import numpy as np
import torch
from scipy.stats import norm

from .._torch.seeding import check_seed


def sample_prior(n_samples, n_latents, rng):
    """Draw (n_samples, n_latents) latents with a `torch.Generator`, on its device."""
    return torch.randn(n_samples, n_latents, generator=rng, device=rng.device)


def draw_latents(n_samples, n_latents, random_state):
    """Draw (n_samples, n_latents) latents with NumPy, float32."""
    return check_seed(random_state).standard_normal((n_samples, n_latents)).astype(np.float32)


def propose(means, stds, n_proposals):
    """Propose latents of one speaker, given what Q makes of each of its answers.

    Half are drawn from the prior. Half are drawn from the product of what the answers say, the
    Gaussians N(means[t], stds[t]²) over the prior, and of the prior once; at twice the width of
    that product, so that little is missed.

    Parameters
    ----------
    means, stds : ndarray of shape (n, n_latents)
    n_proposals : int

    Returns
    -------
    proposals : ndarray of shape (n_proposals, n_latents), float32
    log_weights : ndarray of shape (n_proposals,)
        Log-density of the prior over that of the proposal.
    """
    mean, std = _pooled(means[:, None], stds[:, None])
    proposals = _proposals(mean, std, n_proposals)[0]
    prior = norm.logpdf(proposals).sum(axis=1)
    product = norm.logpdf(proposals, mean, std).sum(axis=1)
    log_weights = prior - np.logaddexp(prior, product) + np.log(2)
    return proposals.astype(np.float32), log_weights


def propose_each(means, stds, n_proposals):
    """Propose latents of n answers, each by itself: (n, n_proposals, n_latents), float32."""
    mean, std = _pooled(means[None], stds[None])
    return _proposals(mean, std, n_proposals).astype(np.float32)


def _pooled(means, stds):
    """Return mean and deviation (n, n_latents) of proposals for answers (k, n, n_latents)."""
    precision = 1 / np.square(stds)
    # No answer holds less information about the latent than none.
    pooled = 1 + np.maximum(precision - 1, 0).sum(axis=0)
    return (means * precision).sum(axis=0) / pooled, 2 * pooled**-0.5


def _proposals(means, stds, n_proposals):
    # The same each time: what is inferred is a function of the answers.
    drawn = np.random.RandomState(0).standard_normal((n_proposals, means.shape[1]))
    proposals = np.repeat(drawn[None], len(means), axis=0)
    proposals[:, ::2] = means[:, None] + stds[:, None] * drawn[::2]
    return proposals
