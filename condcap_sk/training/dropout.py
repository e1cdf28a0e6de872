"""Dropout that draws from a generator of its own, not from torch's global one."""

import torch


def dropout(values, share, rng):
    """Leave out a share of `values`, and scale up the rest; `rng` is on their device."""
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=rng)
    return values * kept / (1 - share)


def glimpse(vectors, rng):
    """Image vectors with some components left out: they are few, and not to be known by heart.

    Of many components, several say the same; of few, each is needed.
    """
    n = vectors.shape[1]
    return dropout(vectors, 0.4 if n > 512 else 0.2 if n > 128 else 0, rng)
