"""Captions out of a decoder: the likeliest ones, and random ones."""

import torch

from ..answers.tokens import END
from .beams import Beams, allowed, likeliest_tokens


@torch.no_grad()
def beam_search(decoder, plans, width, at_once=None):
    """Find the likeliest token sequences.

    Where the decoder has `repeats`, none goes round in circles: an n-gram does not follow itself
    more often than that. Where it has `recurs`, and this is 0, no three tokens stand twice.
    Where it has `returns`, no token comes back at a smaller distance than that.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n, n_components), or wider
        What is decoded, see `RecurrentDecoder`.
    width : int
        Beam width.
    at_once : int or None, default=None
        Plans that are searched at a time. When all beams of one are finished, the next one takes
        its place, so that all steps have equally many rows. None: all plans.

    Returns
    -------
    ids : Tensor of shape (n, k, max_length), k ≤ width
        Likeliest first.
    log_probabilities : Tensor of shape (n, k)
        −inf where there are fewer than k sequences.
    """
    n = len(plans)
    at_once = at_once or n
    if decoder.max_length == 1:
        _, tokens, scores = _first(decoder, plans, width)
        return tokens[:, :, None], scores
    beams = Beams(decoder, _filled(plans[:at_once], at_once), width, n)
    for number, block in enumerate(plans.split(at_once)):
        steps, tokens, scores = _first(decoder, _filled(block, at_once), width)
        waiting = torch.arange(len(block), device=plans.device)
        while len(waiting):
            slots = beams.free()[: len(waiting)]
            if len(slots):
                rows, waiting = waiting[: len(slots)], waiting[len(slots) :]
                beams.begin(slots, number * at_once + rows, steps, rows, tokens[rows], scores[rows])
            else:
                beams.extend()
    while len(beams.free()) < at_once:
        beams.extend()
    return beams.found_ids, beams.found_scores


def _filled(plans, n):
    """Return `n` plans, of which the last one stands for those that are missing."""
    return torch.cat([plans, plans[-1:].expand(n - len(plans), -1)])


def _first(decoder, plans, width):
    """Return the `Steps` of plans after one token, the likeliest tokens and their scores."""
    steps = decoder.steps(plans)
    logits = steps(torch.full((len(plans),), decoder.start, device=plans.device))
    scores, tokens = likeliest_tokens(logits, width, first=True)
    return steps, tokens, scores


@torch.no_grad()
def draw(decoder, plans, rng, temperature=1.0):
    """Draw one caption for each plan, word by word.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n, n_components), or wider
    rng : torch.Generator
        On their device.
    temperature : float, default=1.0
        That logits are divided by.

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
        logits = steps(previous) / temperature
        mass = allowed(logits, first=position == 0).softmax(1).cumsum(1)
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
