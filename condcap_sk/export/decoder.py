"""The decoder of sentences out of its exported networks: beam search, with NumPy."""

from typing import NamedTuple

import numpy as np

from ..answers.tokens import END
from .circles import Circles

BEAMS = 192  # that are searched together; by hand


class OneStep(NamedTuple):
    """What a step tells: (n, k, …) of the k captions of each of n plans."""

    log_probabilities: np.ndarray
    states: np.ndarray
    weights: np.ndarray | None


class Decoder:
    """Turns plans into captions: sentence vectors and, behind them, the memory of regions.

    Its methods are those of `condcap_sk.text.inference.Decoding`.

    Parameters
    ----------
    start, step : Network
    circles : dict
        Arguments of `Circles`.
    sizes : Sizes
    max_length : int
    """

    def __init__(self, start, step, circles, sizes, max_length):
        self._start, self._step = start, step
        self._circles = circles
        self.attention = True if sizes.memory else None
        self._n_components = sizes.sentence
        self._n_regions = sizes.n_regions
        self._first_id = sizes.n_tokens  # of what stands before a caption
        self._max_length = max_length

    def likeliest(self, plans, width):
        """Return the ids (n, k, …, max_length) that beam search finds, and log-probabilities.

        `plans` are k of each of n images, (n, k, …).
        """
        n, k, _ = plans.shape
        flat = plans.reshape(n * k, -1)
        at_once = max(1, BEAMS // width)
        found = [
            self._search(flat[first : first + at_once], width) for first in range(0, n * k, at_once)
        ]
        return [
            np.concatenate(parts).reshape(n, k, *parts[0].shape[1:])
            for parts in zip(*found, strict=True)
        ]

    def log_probability_of_each(self, plans, ids):
        """Return the log-probabilities (n, k) of captions (n, k, max_length), k of each plan."""
        total = np.zeros(ids.shape[:2], dtype=np.float32)
        goes_on = np.ones(ids.shape[:2], dtype=bool)
        for position, step in enumerate(self._steps(plans, ids)):
            scores = step.log_probabilities
            if position == 0:
                _begin(scores)
            current = ids[:, :, position]
            found = np.take_along_axis(scores, current[:, :, None], axis=2)[:, :, 0]
            total += np.where(goes_on, found, 0)
            goes_on &= current != END
        return total

    def attention_weights(self, plans, ids):
        """Return the weights (n, max_length, n_regions) of captions (n, max_length)."""
        weights = np.zeros((*ids.shape, self._n_regions), dtype=np.float32)
        goes_on = np.ones(len(ids), dtype=bool)
        for position, step in enumerate(self._steps(plans, ids[:, None])):
            weights[:, position] = np.where(goes_on[:, None], step.weights[:, 0], 0)
            goes_on &= ids[:, position] != END
        return weights

    def _steps(self, plans, ids):
        """Yield each step of captions (n, k, max_length) that are known, up to the longest end."""
        n, k, length = ids.shape
        gates, states, memory = self._begun(plans)
        states = np.repeat(states[:, None], k, axis=1)
        previous = np.full((n, k), self._first_id)
        longest = int((ids != END).sum(axis=2).max())
        for position in range(min(longest + 1, length)):
            step = self._next(previous, states, gates, memory)
            yield step
            previous, states = ids[:, :, position], step.states

    def _begun(self, plans):
        """Return what plans add to the gates, the first states, and the memory, a list."""
        vectors, memory = np.split(plans, [self._n_components], axis=1)
        gates, states = self._start(vectors)
        return gates, states, [np.ascontiguousarray(memory)] if self.attention else []

    def _next(self, previous, states, gates, memory):
        found = self._step(previous, states, gates, *memory)
        return OneStep(found[0], found[1], found[2] if self.attention else None)

    def _search(self, plans, width):
        """Return the ids (n, k, max_length) of the likeliest captions of plans, and their scores.

        Each step goes on with the plans of which a caption is unfinished.
        """
        n, most = len(plans), self._max_length
        k = min(width, min(width, self._first_id) ** most)
        found_ids = np.full((n, k, most), END)
        found_scores = np.full((n, k), -np.inf, dtype=np.float32)
        gates, states, memory = self._begun(plans)
        step = self._next(np.full((n, 1), self._first_id), states[:, None], gates, memory)
        begun, tokens = _likeliest(_begin(step.log_probabilities)[:, 0], width)
        scores = found_scores.copy()
        scores[:, : begun.shape[1]] = begun
        ids = np.full((n, k, 1), END)
        ids[:, : begun.shape[1], 0] = tokens
        states = np.repeat(step.states, k, axis=1)
        circles = Circles(**self._circles, n=n * k)
        active, alive = np.arange(n), scores > -np.inf
        for length in range(1, most + 1):
            goes_on = alive.any(axis=1) & (length < most)
            done = active[~goes_on]
            found_ids[done, :, :length] = ids[~goes_on]
            found_scores[done] = scores[~goes_on]
            if not goes_on.any():
                break
            if not goes_on.all():
                circles.keep(np.repeat(goes_on, k))
                active, ids, scores, alive, states, gates, *memory = (
                    values[goes_on]
                    for values in (active, ids, scores, alive, states, gates, *memory)
                )
            step = self._next(ids[:, :, -1], states, gates, memory)
            ids, scores, alive, parents = self._extended(step, ids, scores, alive, width, circles)
            states = step.states.reshape(len(parents), -1)[parents].reshape(step.states.shape)
        return found_ids, found_scores

    @staticmethod
    def _extended(step, ids, scores, alive, width, circles):
        """Return captions, scores and which are unfinished after one token; and their parents."""
        n, k, length = ids.shape
        flat = ids.reshape(n * k, length)
        values = step.log_probabilities.reshape(n * k, -1)
        circles.close(values, flat)
        costs, following = _likeliest(values, width)
        # A finished caption goes on only as itself: END, at no cost.
        ended = ~alive.reshape(-1)
        costs[ended], following[ended] = -np.inf, END
        costs[ended, 0] = 0
        total, chosen = _likeliest((scores.reshape(-1, 1) + costs).reshape(n, -1), k)
        parents = (chosen // costs.shape[1] + np.arange(n)[:, None] * k).reshape(-1)
        tokens = np.take_along_axis(following.reshape(n, -1), chosen, axis=1)
        alive = alive.reshape(-1)[parents].reshape(n, k) & (tokens != END) & (total > -np.inf)
        ids = np.concatenate([flat[parents].reshape(n, k, length), tokens[:, :, None]], axis=2)
        circles.go_on(parents, ids.reshape(n * k, -1))
        return ids, total, alive, parents


def _begin(scores):
    """Let log-probabilities (…, n_tokens) be those of first tokens, which are no END."""
    scores[..., END] = -np.inf
    scores -= np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return scores


def _likeliest(values, width):
    """Return the largest `width` values of each row, or all, and their columns, largest first."""
    n_columns = values.shape[1]
    if width >= n_columns:
        columns = np.argsort(-values, axis=1, kind="stable")
    elif width == 1:
        columns = values.argmax(axis=1)[:, None]
    else:
        columns = np.argpartition(-values, width - 1, axis=1)[:, :width]
        some = np.take_along_axis(values, columns, axis=1)
        columns = np.take_along_axis(columns, np.argsort(-some, axis=1, kind="stable"), axis=1)
    return np.take_along_axis(values, columns, axis=1), columns
