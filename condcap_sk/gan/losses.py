"""The terms of the objective, one function each: tensors in, a scalar out.

Scores are the raw outputs of D (log-odds), before any sigmoid.
"""

import math

import torch
from torch.nn import functional as F


def adversarial_value(real, fake):
    """L_adv, equation (5): ``E[log D(s, X)] + E[log(1 − D(G(c, X), X))]``; D climbs, G descends."""
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def relativistic_loss(better, worse, weight=None):
    """``E[softplus(worse − better)]``: low where the better of two inputs scores higher.

    Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019, in its paired form. `weight`
    (0 or 1 a row) leaves pairs out of the mean.
    """
    losses = F.softplus(worse - better)
    if weight is None:
        return losses.mean()
    return (losses * weight).sum() / weight.sum().clamp(min=1)


def gradient_penalty(scores, inputs):
    """``½ E‖∂D/∂input‖²``: R1 on real inputs, R2 on generated ones; each row scores by itself.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()


def latent_error(latents, recovered):
    """L_I, equation (6): ``E‖c − Q(G(c, X), X)‖²``."""
    return (latents - recovered).square().sum(1).mean()


def divergence_from_prior(mean, log_variance):
    """``KL(N(mean, variance) ‖ N(0, I))``, averaged over rows, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def imbalance(logits):
    """``KL(mean over rows of Categorical(logits) ‖ uniform)``, in nats.

    The part of the divergence of each row's distribution from the uniform one that is no mutual
    information between category and row (M. Hoffman and M. Johnson, "ELBO surgery", NeurIPS
    workshop 2016).
    """
    n_rows, n_categories = logits.shape
    log_shares = logits.log_softmax(1).logsumexp(0) - math.log(n_rows)
    return math.log(n_categories) + (log_shares.exp() * log_shares).sum()


def channel_cross_entropy(vectors, candidates, truth, noise):
    """``−E[log P(truth | vector)]`` for candidates sent over a Gaussian channel.

    The likeliest sender of a vector among `candidates` (m, d), all equally likely before, when the
    channel adds noise of this standard deviation to each component; `truth` (n,) are rows.
    """
    squared = torch.cdist(vectors, candidates).square()
    return F.cross_entropy(-squared / (2 * noise**2), truth)


def set_cross_entropy(vectors, candidates, fits, noise):
    """``−E[log P(any that fits | vector)]`` over the same channel; `fits` is (n, m), bool."""
    log_odds = -torch.cdist(vectors, candidates).square() / (2 * noise**2)
    fitting = log_odds.masked_fill(~fits, -torch.inf)
    return (log_odds.logsumexp(1) - fitting.logsumexp(1)).mean()


def expected_reward_loss(log_probabilities, rewards):
    """The negative mean of `rewards` (n, k), with the gradient of its expectation.

    The k captions of a row were drawn with the `log_probabilities` (n, k); each is compared with
    the mean of the others (REINFORCE with a leave-one-out baseline: W. Kool et al., "Buy 4
    REINFORCE Samples, Get a Baseline for Free!", ICLR workshop 2019).
    """
    k = rewards.shape[1]
    advantages = (rewards - rewards.mean(1, keepdim=True)) * k / (k - 1)
    score = (advantages * log_probabilities).mean()
    return score.detach() - score - rewards.mean()
