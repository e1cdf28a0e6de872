"""Randomness that comes from `random_state` only and leaves the global streams alone."""

import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

# torch's constructors draw initial weights from the one global generator: two threads that fit at
# the same time would otherwise restore each other's state.
_GLOBAL_GENERATOR = threading.Lock()


@contextmanager
def seeded_init(seed):
    """Build modules inside: their weights depend on `seed`, the global stream does not notice."""
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        yield


def check_seed(random_state):
    """Like `check_random_state`, but None is fresh entropy, not NumPy's global stream."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def spawn_seeds(random_state, n_seeds):
    """Draw independent integer seeds, one for each part of a fit."""
    return [int(seed) for seed in check_seed(random_state).randint(2**31 - 1, size=n_seeds)]


def make_rng(seed, device="cpu"):
    """Return a seeded `torch.Generator` on `device`."""
    return torch.Generator(device=device).manual_seed(seed)
