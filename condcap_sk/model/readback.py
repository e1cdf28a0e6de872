"""Latents from answers: of one answer, and of one speaker who gave several."""

import numpy as np

from ..gan.proposals import propose, propose_each

# By hand: more proposals and steps cost time, and on grids of digits nearly all labels are reached.
N_PROPOSALS = 1000  # latents tried for one speaker
N_TRIED = 100, 1000  # for one answer; the second number where none of the first ones gives it
N_AT_ONCE = 28_000  # images times latents that are tried together; bounds memory
N_STEPS = 9  # from the latent that Q infers to one that G needs


def infer(model, images, ids):
    """Return the latents of answers (n, max_length) to images, and their spreads.

    Both are as `LatentGAN.infer` returns them. Where the model's answer under a latent is another
    one, and each can be searched for, the latent is moved until the answer is the given one, if
    that can be.
    """
    vectors = model.codec.encode_tokens(ids)
    latents, spreads = model.gan.infer(images, vectors)
    if model.answerer.is_searched and not model.sight.is_costly:
        missed = np.flatnonzero((model.answerer.choose(images, latents) != ids).any(axis=1))
        for n_tried in N_TRIED:
            found = np.zeros(len(images), dtype=bool)
            n_at_once = N_AT_ONCE // n_tried
            for start in range(0, len(missed), n_at_once):
                i = missed[start : start + n_at_once]
                latents[i], found[i] = _reach(
                    model, images[i], ids[i], vectors[i], latents[i], spreads[i], n_tried
                )
            missed = missed[~found[missed]]
    return latents, spreads


def _reach(model, images, ids, vectors, latents, spreads, n_tried):
    """Return for each image the first latent on a way that gives its answer, and if it does.

    The way leads from what Q infers to where, of many proposals, G comes closest to the answer.
    Where no latent gives it, what Q infers is returned.
    """
    n, every = len(images), np.arange(len(images))
    prior = model.prior
    proposals = propose_each(prior, latents, spreads, n_tried)
    generated = model.gan.generate(
        np.repeat(images, n_tried, axis=0), proposals.reshape(-1, prior.n_latents)
    ).reshape(n, n_tried, -1)
    closest = np.einsum("npd,nd->np", generated, vectors).argmax(axis=1)
    goal = proposals[every, closest]
    path = np.linspace(latents, goal, N_STEPS, axis=1, dtype=np.float32)
    # There is no way from one category to another: the first step is there.
    path[:, 1:, : prior.n_one_hot] = goal[:, None, : prior.n_one_hot]
    given = model.answerer.choose(images, path.reshape(-1, prior.n_latents))
    reached = (given.reshape(n, N_STEPS, -1) == ids[:, None]).all(axis=2)
    return path[every, reached.argmax(axis=1)], reached.any(axis=1)


def infer_speaker(model, images, ids):
    """Return the latent of one speaker's answers to images, and its spread.

    Q proposes latents, G and the decoder judge how probable the answers are under each: importance
    sampling of the posterior. Of categories, the most probable ones together; of the Gaussian part,
    mean and standard deviation with these.
    """
    from scipy.special import softmax  # exported models do without

    prior = model.prior
    latents, spreads = model.gan.infer(images, model.codec.encode_tokens(ids))
    proposals, log_weights = propose(prior, latents, spreads, N_PROPOSALS)
    for image, answer in zip(images, ids, strict=True):
        given = np.tile(answer, (N_PROPOSALS, 1))
        log_weights += model.answerer.log_probability(image[None], proposals, given)
    one_hot, gaussian = np.split(proposals, [prior.n_one_hot], axis=1)
    categories, which = np.unique(one_hot, axis=0, return_inverse=True)
    shares = np.bincount(which.ravel(), softmax(log_weights))
    log_weights[which.ravel() != shares.argmax()] = -np.inf
    weights = softmax(log_weights).astype(np.float32)[:, None]
    mean = (weights * gaussian).sum(axis=0)
    std = np.sqrt((weights * (gaussian - mean) ** 2).sum(axis=0))
    probabilities = (shares @ categories).astype(np.float32)
    return (
        np.concatenate([categories[shares.argmax()], mean]),
        np.concatenate([probabilities, std]),
    )
