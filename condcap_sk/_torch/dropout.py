"""Dropout that draws from an rng of its own, not from torch's global one."""

import torch


def dropout(values, share, rng):
    """Leave out a share of `values`, and scale up the rest; `rng` is on their device."""
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=rng)
    return values * kept / (1 - share)


def glimpse(vectors, rng, size=None):
    """Return vectors of images or regions (n, …) with some of their components left out.

    Against overfitting: images are few. Many components are redundant; of few, each is needed.
    `size` is how many a vector has, where several are flattened. Shares were chosen on held-out
    training rows of Flickr8k and of drawn scenes.
    """
    size = size or vectors.shape[1]
    return dropout(vectors, 0.4 if size > 512 else 0.2 if size > 128 else 0, rng)
