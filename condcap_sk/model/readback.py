"""Latents from answers: of one answer, and of one speaker who gave several."""

import numpy as np
from scipy.special import softmax

from ..gan.prior import propose, propose_each

# By hand: more proposals and steps cost time, and on grids of digits nearly all labels are reached.
N_PROPOSALS = 1000  # latents tried for one speaker
N_TRIED = 100, 1000  # for one answer; the second number where none of the first ones gives it
N_AT_ONCE = 28_000  # images times latents that are tried together; bounds memory
N_STEPS = 9  # from the latent that Q infers to one that G needs


def infer(model, images, ids):
    """Return mean and standard deviation of the latents of answers (n, max_length) to images.

    Where the model's answer under the mean is another one, and each can be searched for, the mean
    is moved until the answer is the given one, if that can be.
    """
    vectors = model.codec.encode_tokens(ids)
    mean, std = model.gan.infer(images, vectors)
    if model.answerer.is_searched and not model.sight.is_costly:
        missed = np.flatnonzero((model.answerer.choose(images, mean) != ids).any(axis=1))
        for n_tried in N_TRIED:
            found = np.zeros(len(images), dtype=bool)
            n_at_once = N_AT_ONCE // n_tried
            for start in range(0, len(missed), n_at_once):
                i = missed[start : start + n_at_once]
                mean[i], found[i] = _reach(
                    model, images[i], ids[i], vectors[i], mean[i], std[i], n_tried
                )
            missed = missed[~found[missed]]
    return mean, std


def _reach(model, images, ids, vectors, means, stds, n_tried):
    """Return for each image the first latent on a way that gives its answer, and if it does.

    The way leads from Q's mean to where, of many proposals, G comes closest to the answer. Where
    no latent gives it, the mean is returned.
    """
    n, every = len(images), np.arange(len(images))
    proposals = propose_each(means, stds, n_tried)
    generated = model.gan.generate(
        np.repeat(images, n_tried, axis=0), proposals.reshape(-1, means.shape[1])
    ).reshape(n, n_tried, -1)
    closest = np.einsum("npd,nd->np", generated, vectors).argmax(axis=1)
    path = np.linspace(means, proposals[every, closest], N_STEPS, axis=1, dtype=np.float32)
    given = model.answerer.choose(images, path.reshape(-1, means.shape[1]))
    reached = (given.reshape(n, N_STEPS, -1) == ids[:, None]).all(axis=2)
    return path[every, reached.argmax(axis=1)], reached.any(axis=1)


def infer_speaker(model, images, ids):
    """Return mean and standard deviation of the latent of one speaker's answers to images.

    Q proposes latents, G and the decoder judge how probable the answers are under each: importance
    sampling of the posterior.
    """
    means, stds = model.gan.infer(images, model.codec.encode_tokens(ids))
    proposals, log_weights = propose(means, stds, N_PROPOSALS)
    for image, answer in zip(images, ids, strict=True):
        given = np.tile(answer, (N_PROPOSALS, 1))
        log_weights += model.answerer.log_probability(image[None], proposals, given)
    weights = softmax(log_weights).astype(np.float32)[:, None]
    mean = (weights * proposals).sum(axis=0)
    return mean, np.sqrt((weights * (proposals - mean) ** 2).sum(axis=0))
