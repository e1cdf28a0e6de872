"""Captions out of a decoder: the likeliest ones, and random ones."""

import math

import numpy as np
import torch

from ..answers.ngrams import n_grams, with_end
from ..answers.tokens import END, UNKNOWN

ONE_IN = 100  # captions that an oddity must be found in to be no slip; by hand


def beam_search(decoder, plans, width, drops=False):
    """Find the likeliest token sequences.

    Where the decoder has `repeats`, none goes round in circles: an n-gram does not follow itself
    more often than that. Where it has `recurs`, and this is 0, no three tokens stand twice.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n, n_components), or wider
        What is decoded, see `RecurrentDecoder`.
    width : int
        Beam width.
    drops : bool, default=False
        Whether plans whose beams are all finished are left out of further steps. It takes less
        time, but how many others go on then counts for the last bits.

    Returns
    -------
    ids : Tensor of shape (n, k, max_length), k ≤ width
        Likeliest first.
    log_probabilities : Tensor of shape (n, k)
        −inf where there are fewer than k sequences.
    """
    n, device = len(plans), plans.device
    # As many as there can be, whenever the search ends.
    k = min(width, min(width, decoder.start) ** decoder.max_length)
    found_ids = torch.full((n, k, decoder.max_length), END, device=device)
    found_scores = plans.new_full((n, k), -torch.inf)
    rows, beams = torch.arange(n, device=device), 1  # the plans that are searched, and their beams
    ids = torch.full((n, 1, 0), END, device=device)
    scores = plans.new_zeros((n, 1))
    alive = torch.ones((n, 1), dtype=torch.bool, device=device)
    previous = torch.full((n, 1), decoder.start, device=device)
    steps = decoder.steps(plans)
    circles = Circles(decoder.repeats, decoder.recurs, n)
    for position in range(decoder.max_length):
        logits = steps(previous.flatten())
        closing = circles.closed_by(ids.flatten(0, 1))
        costs, following = _likeliest(logits, width, position == 0, closing)
        # A finished beam goes on only as itself: END, at no cost.
        ended = ~alive.reshape(-1, 1)
        costs = costs.masked_fill(ended, -torch.inf)
        costs[:, :1] = costs[:, :1].masked_fill(ended, 0)
        following = following.masked_fill(ended, END)
        total = (scores.reshape(-1, 1) + costs).view(len(rows), -1)
        n_following, before = costs.shape[1], beams
        beams = min(width, total.shape[1])
        scores, chosen = total.topk(beams, dim=1)
        parent = chosen // n_following
        previous = following.view(len(rows), -1).gather(1, chosen)
        parents_ids = ids.gather(1, parent[:, :, None].expand(-1, -1, position))
        ids = torch.cat([parents_ids, previous[:, :, None]], dim=2)
        alive = alive.gather(1, parent) & (previous != END)
        parents = parent + torch.arange(len(rows), device=device)[:, None] * before
        goes_on = alive.any(1)
        is_last = position + 1 == decoder.max_length or not goes_on.any()
        finished = torch.ones_like(goes_on) if is_last else ~goes_on
        if is_last or (drops and finished.any()):
            found_ids[rows[finished], :beams, : position + 1] = ids[finished]
            found_scores[rows[finished], :beams] = scores[finished]
            if is_last:
                break
            rows, ids, scores, alive, previous, parents = (
                values[goes_on] for values in (rows, ids, scores, alive, previous, parents)
            )
            steps.keep(goes_on)
        steps.go_on(parents.flatten())
        circles.go_on(parents.flatten(), ids.flatten(0, 1))
    return found_ids, found_scores


@torch.no_grad()
def draw(decoder, plans, rng):
    """Draw one caption for each plan, word by word.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n, n_components), or wider
    rng : torch.Generator
        On their device.

    Returns
    -------
    ids : Tensor of shape (n, max_length)
    """
    n, device = len(plans), plans.device
    ids = torch.full((n, decoder.max_length), END, device=device)
    unfinished = torch.arange(n, device=device)
    previous = torch.full((n,), decoder.start, device=device)
    steps = decoder.steps(plans)
    for position in range(decoder.max_length):
        # One number is drawn for a row; multinomial draws one for every word, which takes long.
        mass = _allowed(steps(previous), first=position == 0).softmax(1).cumsum(1)
        drawn = mass[:, -1:] * torch.rand(len(mass), 1, generator=rng, device=device)
        previous = torch.searchsorted(mass, drawn, right=True).clamp(max=mass.shape[1] - 1)[:, 0]
        ids[unfinished, position] = previous
        goes_on = previous != END
        unfinished, previous = unfinished[goes_on], previous[goes_on]
        if not len(unfinished):
            break
        steps.keep(goes_on)
        steps.go_on(goes_on)
    return ids


class Circles:
    """Which tokens would let an n-gram follow itself too often, or three tokens stand twice.

    Parameters
    ----------
    repeats : Tensor of shape (k,) or None
        How often an n-gram of 1, 2, … k tokens may stand in a row. None: any number of times.
    recurs : Tensor of shape () or None
        Whether the same three tokens may stand twice. None: they may.
    n : int
        Beams at the beginning.
    """

    def __init__(self, repeats, recurs, n):
        self.are_once = recurs is not None and not recurs
        self.most = None
        if repeats is not None:
            self.periods = torch.arange(1, len(repeats) + 1, device=repeats.device)
            self.most = repeats * self.periods
            # For each period, how many of the last tokens equal those so many positions before.
            self.equal = torch.zeros(n, len(repeats), device=repeats.device)

    def closed_by(self, ids):
        """Return, for beams (n, length), tokens that must not follow (n, k); −1 is none."""
        found = []
        if self.most is not None and ids.shape[1]:
            k = min(len(self.most), ids.shape[1])
            closing = self.equal[:, :k] + 1 >= self.most[:k]
            found.append(ids.flip(1)[:, :k].masked_fill(~closing, -1))
        if self.are_once and ids.shape[1] > 2:
            # The last two tokens, wherever they stand before, and what follows them there.
            same = (ids[:, :-2] == ids[:, -2:-1]) & (ids[:, 1:-1] == ids[:, -1:])
            found.append(ids[:, 2:].masked_fill(~same, -1))
        return torch.cat(found, dim=1) if found else None

    def go_on(self, rows, ids):
        """Follow the beams `rows`, which are (n, length) now."""
        if self.most is None:
            return
        last = ids.shape[1] - 1
        k = min(len(self.most), last)
        self.equal = self.equal[rows]
        equal = ids[:, last - k : last].flip(1) == ids[:, last:]
        self.equal[:, :k] = (self.equal[:, :k] + 1) * equal


def most_repeats(ids):
    """Return how often an n-gram of 1, 2, … tokens stands in a row in captions (m, length).

    So often as one in `ONE_IN` captions has it, or any of fewer.
    """
    m, length = ids.shape
    found = np.ones(length // 2, dtype=np.float32)
    for period in range(1, len(found) + 1):
        equal = (ids[:, period:] == ids[:, :-period]) & (ids[:, period:] != END)
        in_a_row, most = np.zeros((2, m), dtype=np.int64)
        for column in equal.T:
            in_a_row = (in_a_row + 1) * column
            most = np.maximum(most, in_a_row)
        found[period - 1] += np.sort(most)[-math.ceil(m / ONE_IN)] // period
    return found


def recurring(ids):
    """Return whether the same three tokens stand twice in captions (m, length).

    That is, in more than one in `ONE_IN` captions.
    """
    triples = [list(n_grams(tokens, 3)) for tokens in with_end(ids)]
    return np.mean([len(set(row)) < len(row) for row in triples]) > 1 / ONE_IN


def _likeliest(logits, width, first, closing=None):
    """Return the log-probabilities of the likeliest tokens but for those `closing`, and these."""
    logits = _allowed(logits, first)
    total = logits.logsumexp(1, keepdim=True)
    if closing is not None:
        rows, columns = (closing >= 0).nonzero(as_tuple=True)
        logits[rows, closing[rows, columns]] = -torch.inf
    best, tokens = logits.topk(min(width, logits.shape[1]), dim=1)
    return best - total, tokens


def _allowed(logits, first):
    """Return logits without the unknown token, and without an END at the beginning."""
    banned = [UNKNOWN, END] if first else [UNKNOWN]
    return logits.index_fill(1, torch.tensor(banned, device=logits.device), -torch.inf)
