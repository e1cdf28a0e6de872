"""Latents that may have given answers, of which those that did are then found."""

import numpy as np

# Sure probabilities of 0 would rule a category out for good.
LEAST_PROBABILITY = 1e-6


def propose(prior, latents, spreads, n_proposals):
    """Propose latents of one speaker, given what Q infers from each of its answers.

    Half are drawn from the prior. Half are drawn from the product of what the answers say, the
    Gaussians N(mean[t], std[t]²) over the prior, and of the prior once; at twice the width of that
    product, so that little is missed. In the same way, categories are drawn from the square root of
    the product of their probabilities.

    Parameters
    ----------
    prior : Prior
    latents, spreads : ndarray of shape (n, n_latents)
        As `LatentGAN.infer` returns them.
    n_proposals : int

    Returns
    -------
    proposals : ndarray of shape (n_proposals, n_latents), float32
    log_weights : ndarray of shape (n_proposals,)
        Log-density of the prior over that of the proposal.
    """
    from scipy.stats import norm  # exported models propose without it

    mean, std, *log_shares = _pooled(prior, latents[:, None], spreads[:, None])
    proposals = _proposals(prior, mean, std, log_shares, n_proposals)[0]
    *one_hot, gaussian = prior.split(proposals)
    log_prior = norm.logpdf(gaussian).sum(axis=1) - np.log(prior.n_categories or 1).sum()
    log_product = norm.logpdf(gaussian, mean, std).sum(axis=1)
    for part, log_share in zip(one_hot, log_shares, strict=True):
        log_product += part @ log_share[0]
    log_weights = log_prior - np.logaddexp(log_prior, log_product) + np.log(2)
    return proposals.astype(np.float32), log_weights


def propose_each(prior, latents, spreads, n_proposals):
    """Propose latents of n answers, each by itself: (n, n_proposals, n_latents), float32."""
    mean, std, *log_shares = _pooled(prior, latents[None], spreads[None])
    return _proposals(prior, mean, std, log_shares, n_proposals).astype(np.float32)


def _pooled(prior, latents, spreads):
    """Return what proposals for answers (k, n, n_latents) are drawn from.

    Mean and standard deviation of the Gaussian part (n, n_gaussian), and the log-probabilities of
    each categorical latent (n, n_categories).
    """
    *_, means = prior.split(latents)
    *probabilities, stds = prior.split(spreads)
    precision = 1 / np.square(stds)
    # No answer holds less information about the latent than none.
    pooled = 1 + np.maximum(precision - 1, 0).sum(axis=0)
    log_shares = [
        _log_softmax(0.5 * np.log(np.maximum(part, LEAST_PROBABILITY)).sum(axis=0))
        for part in probabilities
    ]
    return (means * precision).sum(axis=0) / pooled, 2 * pooled**-0.5, *log_shares


def _proposals(prior, means, stds, log_shares, n_proposals):
    # The same each time: what is inferred is a function of the answers.
    rng = np.random.RandomState(0)
    drawn = rng.standard_normal((n_proposals, means.shape[1]))
    gaussian = np.repeat(drawn[None], len(means), axis=0)
    gaussian[:, ::2] = means[:, None] + stds[:, None] * drawn[::2]
    categories = []
    for log_share in log_shares:
        uniform = rng.random_sample(n_proposals)
        of_prior = np.floor(uniform * log_share.shape[1]).astype(int)
        found = np.repeat(of_prior[None], len(means), axis=0)
        cumulated = np.exp(log_share).cumsum(axis=1)
        below = uniform[None, ::2, None] * cumulated[:, None, -1:] >= cumulated[:, None, :-1]
        found[:, ::2] = below.sum(axis=2)
        categories.append(found)
    return prior.join(categories, gaussian)


def _log_softmax(values):
    """Return the log-probabilities of rows, as SciPy does, which exported models do without."""
    values = values - values.max(axis=1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))
