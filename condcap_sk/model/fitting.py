"""How a model is fitted: captions, images, then latents."""

import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from .._stored import take
from .._torch.seeding import check_seed
from .._warnings import warn_user
from ..exceptions import CollapseWarning, EmptyCaptionError, SingleAnswerWarning
from ..gan.prior import Prior
from ..vision.sight import SIGHTS
from .calibration import calibrator_of
from .core import FittedModel
from .kinds import answerer_of
from .provenance import provenance_of

# Latents tried where none is given: so many reach nearly all answers of an accurate model of grids
# of digits.
BANK_SIZE = 32
# Images, by hand: more would cost time and change nothing that is shown.
MOST_HELD_OUT = 500
MOST_CALIBRATED = 2000
# To see whether the latent has any influence: images, latents, and the least mean number of
# different answers that an image gets under these. By hand.
N_EXAMINED, N_LATENTS, LEAST_DIFFERENT = 32, 8, 1.2


def fit_model(stages, X, answers, owners, *, params, seeds, report, callbacks=()):
    """Return the `FittedModel` of images and their answers.

    Parameters
    ----------
    stages : dict
        "codec", "image_encoder" and "gan", unfitted; they are fitted in place.
    X : ndarray or StoredImages of shape (n, …)
        As `check_images` returns it.
    answers, owners : ndarray
        As `check_label_sets` returns them.
    params : dict
        Of the estimator.
    seeds : list of int
        Of the split, the bank, the calibration of Q and that of the confidence.
    report : callable
        ``report(stage, snapshot=None)`` is the context in which a stage is fitted;
        ``snapshot(net)`` returns the model as it stands in the training of the last one.
    callbacks : sequence, default=()
        Of scikit-learn, which watch the fit.
    """
    split_seed, bank_seed, calibration_seed, confidence_seed = seeds
    codec, gan = stages["codec"], stages["gan"]
    # Before anything is trained: there may be no such one.
    prior = Prior.of(gan)
    train, held_out = _split(len(X), params["validation_fraction"], split_seed)
    with report(codec), _naming_images(owners):
        encoded = codec._fit_encode(answers, owners)
    given = encoded.take(train)

    def validation(see):
        return (see(X[held_out]), encoded.take(held_out)) if len(held_out) else None

    sight = SIGHTS[params["images"]](stages["image_encoder"])
    trained = take(X, train)
    sight.fit(trained, given, validation(np.asarray), report)
    # As much noise as the decoder was trained with; the game cannot do with none.
    gan.set_params(
        noise=codec.noise_ or 1.0,
        image_network=sight.network(X.shape[1:], encoded),
        **dict(zip(("n_regions", "region_size"), sight.region_shape or (None, None), strict=True)),
    )
    bank = prior.draw_evenly(max(BANK_SIZE, *prior.n_categories, 0), bank_seed)
    trained_stages = {name: stages[name] for name in ("codec", *sight.STAGES, "gan")}
    provenance = provenance_of(encoded, len(held_out), trained_stages, callbacks)

    def model_with(gan):
        answerer = answerer_of(codec, sight, gan, params["relevance_weight"], params["beam_width"])
        return FittedModel(codec, sight, gan, answerer, bank, provenance)

    with report(gan, lambda net: model_with(gan._snapshot(net))):
        gan.fit(sight(trained), given, validation(sight))
    model = model_with(gan)
    some = X[train[:MOST_CALIBRATED]]
    answerer = model.answerer
    answerer.calibrate(sight(some), prior.draw(len(some), calibration_seed))
    theirs = replace(encoded, index=encoded.index[held_out])
    model.calibrator = calibrator_of(model, X[held_out], theirs, check_seed(confidence_seed))
    return model


def warn_of_answers(model, X, answers, owners, batch_size):
    """Warn if there is nothing to choose between, or the latent does not choose.

    `answers` and `owners` are as in `fit_model`.
    """
    if (answers == answers[0]).all():
        warn_user(
            f"Every answer in y is {answers[:1].tolist()[0]!r}: no latent can be learned. Pass "
            "different answers.",
            SingleAnswerWarning,
        )
    n_answers = np.bincount(owners)
    several = np.flatnonzero(n_answers > 1)
    if not len(several):
        return
    # From all of X, which may be sorted.
    several = several[:: math.ceil(len(several) / N_EXAMINED)]
    ids = model.answer_each(X[several], model.bank[:N_LATENTS], batch_size)
    different = np.mean([len(np.unique(row, axis=0)) for row in ids])
    if different < LEAST_DIFFERENT:
        warn_user(
            f"The latent decides next to nothing: under {N_LATENTS} latents an image gets "
            f"{different:.2f} different answers, where {n_answers[several].mean():.1f} are right. "
            f"Train longer (gan__max_iter) or {model.answerer.remedy}.",
            CollapseWarning,
        )


def _split(n_images, validation_fraction, seed):
    """Return the rows that are trained on, and those that are held out."""
    order = check_seed(seed).permutation(n_images)
    n_held_out = min(MOST_HELD_OUT, int(validation_fraction * n_images))
    if n_images - n_held_out < 2:
        raise ValueError(
            f"validation_fraction={validation_fraction} leaves 1 of {n_images} images to learn "
            "from, and nothing can be compared. Pass a smaller one, or more images."
        )
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])


@contextmanager
def _naming_images(owners):
    """Let errors about captions name the images in `y` that they belong to."""
    try:
        yield
    except EmptyCaptionError as error:
        rows = np.unique(owners[error.rows]).tolist()
        named = ", ".join(f"y[{row}]" for row in rows[:5]) + ", …" * (len(rows) > 5)
        located = EmptyCaptionError(f"{error} They are in {named}.")
        located.rows, located.captions = rows, error.captions
        raise located from error
