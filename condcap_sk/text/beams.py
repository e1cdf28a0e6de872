"""The beams of a search, and which tokens they may go on with."""

import torch

from ..answers.tokens import END, UNKNOWN
from .circles import Circles

NONE = -1  # no token: what stands before a caption


class Beams:
    """The beams of some of the plans, of each as many, and what was found of all.

    A plan is searched in a slot. When all its beams are finished, the slot is free for another.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n_slots, n_components), or wider
        Those that begin.
    width : int
        Of the beam.
    n : int
        Plans in all.
    """

    def __init__(self, decoder, plans, width, n):
        n_slots, device = len(plans), plans.device
        length = decoder.max_length
        # As many as there can be, whenever the search ends.
        self.k = min(width, min(width, decoder.start) ** length)
        self.width = width
        self.found_ids = torch.full((n, self.k, length), END, device=device)
        self.found_scores = plans.new_full((n, self.k), -torch.inf)
        self.steps = decoder.steps(plans)
        self.steps.go_on(torch.arange(n_slots, device=device).repeat_interleave(self.k))
        self.circles = Circles(decoder.repeats, decoder.recurs, decoder.returns, n_slots * self.k)
        # Of each slot: which plan is searched, −1 for none, and how many tokens its captions have.
        self.plans, self.lengths = torch.full((2, n_slots), -1, device=device)
        # The last tokens are in the last column, so that captions of any length end in the same.
        self.ids = torch.full((n_slots, self.k, length), NONE, device=device)
        self.ids[:, :, -1] = END  # as if a caption had ended, where no plan is searched
        self.scores = plans.new_full((n_slots, self.k), -torch.inf)
        self.alive = torch.zeros((n_slots, self.k), dtype=torch.bool, device=device)

    def free(self):
        """Return the slots in which no plan is searched."""
        return (self.plans < 0).nonzero()[:, 0]

    def begin(self, slots, plans, steps, rows, tokens, scores):
        """Search `plans`, which are numbers, in free slots.

        They begin with `tokens` and their log-probabilities `scores` (m, …). `steps` is of other
        plans, of which these are `rows`, after their first step.
        """
        m, n_begun = tokens.shape
        ids = self.ids.new_full((m, *self.ids.shape[1:]), NONE)
        ids[:, :, -1] = END
        ids[:, :n_begun, -1] = tokens
        begun = self.scores.new_full((m, self.k), -torch.inf)
        begun[:, :n_begun] = scores
        self.plans[slots], self.lengths[slots] = plans, 1
        self.ids[slots], self.scores[slots], self.alive[slots] = ids, begun, begun > -torch.inf
        self.steps.replace(slots, steps, rows)
        self.circles.begin(slots, len(self.ids))

    def extend(self):
        """Go on by one token."""
        n_slots, device = len(self.ids), self.ids.device
        flat = self.ids.flatten(0, 1)
        logits = self.steps(flat[:, -1])
        costs, following = likeliest_tokens(
            logits, self.width, closing=self.circles.closed_by(flat)
        )
        # A finished beam goes on only as itself: END, at no cost.
        ended = ~self.alive.reshape(-1, 1)
        costs = costs.masked_fill(ended, -torch.inf)
        costs[:, :1] = costs[:, :1].masked_fill(ended, 0)
        following = following.masked_fill(ended, END)
        total = (self.scores.reshape(-1, 1) + costs).view(n_slots, -1)
        self.scores, chosen = total.topk(self.k, dim=1)
        parents = chosen // costs.shape[1]
        tokens = following.view(n_slots, -1).gather(1, chosen)
        self.alive = self.alive.gather(1, parents) & (tokens != END) & (self.scores > -torch.inf)
        parents = (parents + torch.arange(n_slots, device=device)[:, None] * self.k).flatten()
        self.ids = torch.cat([flat[parents, 1:].view(n_slots, self.k, -1), tokens[:, :, None]], 2)
        self.lengths += 1
        self.steps.go_on(parents)
        self.circles.go_on(parents, self.ids.flatten(0, 1))
        self._keep_finished()

    def _keep_finished(self):
        max_length = self.ids.shape[2]
        finished = ~self.alive.any(1) | (self.lengths == max_length)
        slots = ((self.plans >= 0) & finished).nonzero()[:, 0]
        plans, lengths = self.plans[slots], self.lengths[slots, None]
        columns = torch.arange(max_length, device=slots.device)
        # From the last columns to the first ones. After a short one comes what it ends in: END.
        moved = (columns + max_length - lengths).clamp(max=max_length - 1)
        self.found_ids[plans] = self.ids[slots].gather(2, moved[:, None].expand(-1, self.k, -1))
        self.found_scores[plans] = self.scores[slots]
        self.plans[slots] = -1


def likeliest_tokens(logits, width, first=False, closing=None):
    """Return the log-probabilities of the likeliest tokens but for those `closing`, and these.

    Both are (n, k), k ≤ `width`. `first` tokens are no END.
    """
    logits = allowed(logits, first)
    total = logits.logsumexp(1, keepdim=True)
    if closing is not None:
        rows, columns = (closing >= 0).nonzero(as_tuple=True)
        logits[rows, closing[rows, columns]] = -torch.inf
    best, tokens = logits.topk(min(width, logits.shape[1]), dim=1)
    return best - total, tokens


def allowed(logits, first):
    """Return logits without the unknown token, and without an END at the beginning."""
    banned = [UNKNOWN, END] if first else [UNKNOWN]
    return logits.index_fill(1, torch.tensor(banned, device=logits.device), -torch.inf)
