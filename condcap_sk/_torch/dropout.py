"""Dropout that draws from an rng of its own, not from torch's global one."""

import torch


def dropout(values, share, rng):
    """Leave out a share of `values`, and scale up the rest; `rng` is on their device."""
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=rng)
    return values * kept / (1 - share)


def glimpse(images, n, rng):
    """Return the image vectors, the first `n` components, with some of these left out.

    Against overfitting: images are few. Many components are redundant; of few, each is needed.
    Shares were chosen on held-out training rows of Flickr8k and of drawn scenes.
    """
    return dropout(images[:, :n], 0.4 if n > 512 else 0.2 if n > 128 else 0, rng)
