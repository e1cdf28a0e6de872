"""Dropout that draws from a generator of its own, not from torch's global one."""

import torch


def dropout(values, share, rng):
    """Leave out a share of `values`, and scale up the rest; `rng` is on their device."""
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=rng)
    return values * kept / (1 - share)
