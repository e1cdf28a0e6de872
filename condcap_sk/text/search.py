"""Captions out of a decoder: the likeliest ones, and random ones."""

import torch
from torch.nn import functional as F

from ..answers.tokens import END, UNKNOWN


def beam_search(decoder, vectors, width):
    """Find the likeliest token sequences.

    Parameters
    ----------
    decoder : RecurrentDecoder
    vectors : Tensor of shape (n, n_components)
        Sentence vectors.
    width : int
        Beam width.

    Returns
    -------
    ids : Tensor of shape (n, k, max_length), k ≤ width
        Likeliest first.
    log_probabilities : Tensor of shape (n, k)
        −inf where there are fewer than k sequences.
    """
    n, beams = len(vectors), 1
    ids = torch.full((n, 1, 0), END, device=vectors.device)
    scores = vectors.new_zeros((n, 1))
    alive = torch.ones((n, 1), dtype=torch.bool, device=vectors.device)
    previous = torch.full((n, 1), decoder.start, device=vectors.device)
    state = decoder.initial_state(vectors)
    for position in range(decoder.max_length):
        repeated = vectors.repeat_interleave(beams, dim=0)
        logits, state = decoder.step(repeated, previous.reshape(-1, 1), state)
        steps, following = _likeliest(logits[:, 0], width, first=position == 0)
        # A finished beam goes on only as itself: END, at no cost.
        ended = ~alive.reshape(-1, 1)
        steps = steps.masked_fill(ended, -torch.inf)
        steps[:, :1] = steps[:, :1].masked_fill(ended, 0)
        following = following.masked_fill(ended, END)
        total = (scores.reshape(-1, 1) + steps).view(n, -1)
        n_steps, before = steps.shape[1], beams
        beams = min(width, total.shape[1])
        scores, chosen = total.topk(beams, dim=1)
        parent = chosen // n_steps
        previous = following.view(n, -1).gather(1, chosen)
        parents_ids = ids.gather(1, parent[:, :, None].expand(-1, -1, position))
        ids = torch.cat([parents_ids, previous[:, :, None]], dim=2)
        alive = alive.gather(1, parent) & (previous != END)
        rows = parent + torch.arange(n, device=parent.device)[:, None] * before
        state = state[:, rows.flatten()]
        if not alive.any():
            break
    return F.pad(ids, (0, decoder.max_length - ids.shape[2]), value=END), scores


@torch.no_grad()
def draw(decoder, vectors, rng):
    """Draw one caption for each sentence vector, word by word.

    Parameters
    ----------
    decoder : RecurrentDecoder
    vectors : Tensor of shape (n, n_components)
    rng : torch.Generator
        On their device.

    Returns
    -------
    ids : Tensor of shape (n, max_length)
    """
    n, device = len(vectors), vectors.device
    ids = torch.full((n, decoder.max_length), END, device=device)
    unfinished = torch.arange(n, device=device)
    previous = torch.full((n, 1), decoder.start, device=device)
    state = decoder.initial_state(vectors)
    for position in range(decoder.max_length):
        logits, state = decoder.step(vectors[unfinished], previous, state)
        # One number is drawn for a row; multinomial draws one for every word, which takes long.
        mass = _allowed(logits[:, 0], first=position == 0).softmax(1).cumsum(1)
        drawn = mass[:, -1:] * torch.rand(len(mass), 1, generator=rng, device=device)
        previous = torch.searchsorted(mass, drawn, right=True).clamp(max=mass.shape[1] - 1)
        ids[unfinished, position] = previous[:, 0]
        goes_on = previous[:, 0] != END
        unfinished, previous, state = unfinished[goes_on], previous[goes_on], state[:, goes_on]
        if not len(unfinished):
            break
    return ids


def _likeliest(logits, width, first):
    """Return the log-probabilities of the likeliest tokens, and these."""
    logits = _allowed(logits, first)
    best, tokens = logits.topk(min(width, logits.shape[1]), dim=1)
    return best - logits.logsumexp(1, keepdim=True), tokens


def _allowed(logits, first):
    """Return logits without the unknown token, and without an END at the beginning."""
    banned = [UNKNOWN, END] if first else [UNKNOWN]
    return logits.index_fill(1, torch.tensor(banned, device=logits.device), -torch.inf)
