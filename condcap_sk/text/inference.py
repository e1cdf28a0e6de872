"""Encoders and decoders applied to any number of captions, NumPy arrays in and out."""

from functools import partial

import numpy as np
import torch

from .._torch.batches import ROWS, SENTENCES, in_batches
from ..answers.tokens import END
from .search import beam_search


def encode(encoder, ids, *, size, device):
    """Return the sentence vectors (n, n_components) of token ids (n, max_length).

    Here and below, `size` is the number of rows in a batch on an accelerator, see `in_batches`.
    """
    distinct, inverse = np.unique(ids, axis=0, return_inverse=True)
    vectors = _by_length(encoder.stepwise, distinct, size=size, device=device)
    return vectors[inverse.reshape(-1)]


def likeliest(decoder, plans, width, *, size, device):
    """Return the ids (n, k, max_length) that beam search finds, and their log-probabilities."""
    ids, log_probabilities = in_batches(
        partial(beam_search, decoder, width=width),
        torch.from_numpy(plans),
        size=size,
        device=device,
        rows=_rows(decoder.max_length),
    )
    return ids.numpy(), log_probabilities.numpy()


def log_probability(decoder, plans, ids, *, size, device):
    """Return the log-probabilities (n,) of captions (n, max_length), each given its plan."""
    return _by_length(decoder.stepwise_log_probability, ids, plans, size=size, device=device)


def _by_length(function, ids, *others, **settings):
    """Apply a function of rows and their token ids, last, to captions of like length together."""
    order = np.argsort((ids != END).sum(axis=1), kind="stable")
    rows = (torch.from_numpy(values[order]) for values in (*others, ids))
    found = in_batches(function, *rows, **settings, rows=_rows(ids.shape[1])).numpy()
    in_place = np.empty_like(found)
    in_place[order] = found
    return in_place


def _rows(max_length):
    return ROWS if max_length == 1 else SENTENCES
