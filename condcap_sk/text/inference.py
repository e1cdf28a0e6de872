"""Encoders and decoders applied to any number of captions, NumPy arrays in and out."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from .._torch.batches import ROWS, SENTENCES, in_batches
from ..answers.tokens import END, distinct_answers
from .search import beam_search


@dataclass(frozen=True)
class Decoding:
    """A decoder, applied by the functions of the same names below.

    Parameters
    ----------
    decoder : RecurrentDecoder
    size : int
    device : torch.device
    """

    decoder: Any
    size: int
    device: torch.device

    def likeliest(self, plans, width):
        return likeliest(self.decoder, plans, width, size=self.size, device=self.device)

    def log_probability(self, plans, ids):
        return log_probability(self.decoder, plans, ids, size=self.size, device=self.device)

    def attention_weights(self, plans, ids):
        return attention_weights(self.decoder, plans, ids, size=self.size, device=self.device)

    def log_probability_of_each(self, plans, ids):
        return log_probability_of_each(self.decoder, plans, ids, size=self.size, device=self.device)


def encode(encoder, ids, *, size, device):
    """Return the sentence vectors (n, n_components) of token ids (n, max_length).

    Here and below, `size` is the number of rows in a batch on an accelerator, see `in_batches`.
    """
    distinct, which = distinct_answers(ids)
    vectors = _by_length(encoder.stepwise, distinct, size=size, device=device)
    return vectors[which]


def likeliest(decoder, plans, width, *, size, device):
    """Return the ids (n, k, …, max_length) that beam search finds, and their log-probabilities.

    `plans` are k of each of n images, (n, k, …).
    """
    n, k, _ = plans.shape
    if decoder.max_length == 1:
        at_once = rows = ROWS
    else:
        # So many beams: a single plan waits for the others that it is searched with.
        at_once = max(1, SENTENCES // int(width))
        n_batches = max(1, min(torch.get_num_threads(), n * k // at_once))
        rows = max(at_once, math.ceil(n * k / n_batches))
    found = in_batches(
        partial(_search, decoder, width, at_once),
        torch.from_numpy(plans).flatten(0, 1),
        size=size,
        device=device,
        rows=rows,
    )
    return [values.unflatten(0, (n, k)).numpy() for values in found]


def _search(decoder, width, at_once, plans):
    # On a CPU, always as many rows: then no bit of a caption depends on the other ones.
    return beam_search(decoder, plans, width, at_once if plans.device.type == "cpu" else None)


def log_probability(decoder, plans, ids, *, size, device):
    """Return the log-probabilities (n,) of captions (n, max_length), each given its plan."""
    return _by_length(decoder.stepwise_log_probability, ids, plans, size=size, device=device)


def attention_weights(decoder, plans, ids, *, size, device):
    """Return the weights (n, max_length, n_regions) of captions (n, max_length), each of a plan.

    See `RecurrentDecoder.stepwise_attention`.
    """
    return _by_length(decoder.stepwise_attention, ids, plans, size=size, device=device)


def log_probability_of_each(decoder, plans, ids, *, size, device):
    """Return the log-probabilities (n, k) of captions (n, k, max_length), k for each plan.

    They are out of a search.
    """
    return in_batches(
        partial(_log_probability_of_each, decoder),
        torch.from_numpy(plans),
        torch.from_numpy(ids),
        size=max(1, size // ids.shape[1]),
        device=device,
        # Which matrix products there are depends on the lengths of an image's captions.
        rows=1,
    ).numpy()


def _log_probability_of_each(decoder, plans, ids):
    n, k, length = ids.shape
    if n > 1:
        flat = ids.view(n * k, length)
        return decoder.log_probability(plans, flat, drawn=True).view(n, k)
    distinct, which = ids[0].unique(dim=0, return_inverse=True)
    return decoder.log_probability(plans, distinct, drawn=True)[which][None]


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
