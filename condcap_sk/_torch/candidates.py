"""The answers of a batch of images."""

import torch


def candidates_of(answers):
    """Return the distinct answers (m,), sorted, of images (n, k); −1 is none."""
    candidates = answers.unique()
    return candidates[int(candidates[0] < 0) :]


def fits_of(answers, candidates):
    """Return which candidates (m,), sorted, are among the answers of images (n, k): (n, m), bool.

    All answers are; −1 is none.
    """
    # Not by comparing all with all: one image with thousands of answers would fill the memory.
    fits = torch.zeros(len(answers), 1 + len(candidates), dtype=torch.bool, device=answers.device)
    fits.scatter_(1, torch.searchsorted(candidates, answers, right=True), True)
    return fits[:, 1:]
