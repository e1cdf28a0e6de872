"""The answers of a batch of images."""

import torch


def candidates_of(answers):
    """Return the distinct answers of a batch, and which of them each image has.

    Parameters
    ----------
    answers : Tensor of shape (n, k), int
        Of each image; −1 is none.

    Returns
    -------
    candidates : Tensor of shape (m,), int
    fits : Tensor of shape (n, m), bool
    """
    candidates, places = answers.unique(return_inverse=True)
    # Not by comparing all with all: one image with thousands of answers would fill the memory.
    fits = torch.zeros(len(answers), len(candidates), dtype=torch.bool, device=answers.device)
    fits.scatter_(1, places, True)
    n_none = int(candidates[0] < 0)
    return candidates[n_none:], fits[:, n_none:]
