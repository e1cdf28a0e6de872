"""dialogue_accuracy: infer a speaker's latent from a few answers, and predict the rest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

from .._stored import rows_of
from ._estimator import last_step


def dialogue_accuracy(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    turns: Sequence[int] = (1, 3, 5, 10),
    n_speakers: int = 100,
    n_asked: int = 50,
    random_state: int | np.random.RandomState | None = 0,
) -> dict[int | str, float]:
    """How well a listener predicts a speaker's next answers, by the number of answers known.

    A speaker is one latent from the prior, the same for all its answers. The listener gets the
    answers to a few images, infers the latent (`infer_speaker`), and predicts those to others.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted; speaker and listener at once. A pipeline ends in a captioner.
    X : array-like of n_images
        Images that were not trained on, more than ``max(turns)``.
    turns : tuple of int, default=(1, 3, 5, 10)
        Numbers of answers that the listener gets.
    n_speakers : int, default=100
        Speakers.
    n_asked : int, default=50
        Images that each speaker is predicted on.
    random_state : int, RandomState instance or None, default=0
        Seed of speakers and images.

    Returns
    -------
    accuracy : dict of {int or str: float}
        Share of the speakers' answers that are predicted after each number of turns; under
        "chance" with a latent of another speaker, and under "best constant" with the one latent of
        those of all speakers that predicts best.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import dialogue_accuracy
    >>> class LowOrHigh:
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         return np.where(latents[:, 0] < 0, X.min(1)[:, None], X.max(1)[:, None])
    ...     def predict(self, X, c):
    ...         return self.predict_grid(X, c[None])[:, 0]
    ...     def infer_speaker(self, X, labels):
    ...         return np.array([1.0 if labels[0] == X[0].max() else -1.0]), None
    >>> X = np.random.RandomState(0).permutation(100).reshape(20, 5)
    >>> dialogue_accuracy(LowOrHigh(), X, turns=(1,))[1]
    1.0
    """
    rng = check_random_state(random_state)
    estimator, X = last_step(estimator, X)
    n_images = _num_samples(X)
    if n_images <= max(turns):
        raise ValueError(
            f"X holds {n_images} images. Pass more than {max(turns)}, the largest of `turns`."
        )
    speakers = estimator.sample_latents(n_speakers, random_state=rng)
    answers = np.asarray(estimator.predict_grid(X, speakers))
    right: dict[int, list[float]] = {turn: [] for turn in turns}
    for i in range(n_speakers):
        rows = rng.permutation(n_images)
        answered, asked = rows[: max(turns)], rows[max(turns) :][:n_asked]
        for turn in turns:
            given = answered[:turn]
            latent, _ = estimator.infer_speaker(rows_of(X, given), answers[given, i])
            guesses = estimator.predict(rows_of(X, asked), latent)
            right[turn].append((guesses == answers[asked, i]).mean())
    agreement = (answers[:, :, None] == answers[:, None, :]).mean(axis=0)
    np.fill_diagonal(agreement, np.nan)
    return {turn: float(np.mean(values)) for turn, values in right.items()} | {
        "chance": float(np.nanmean(agreement)),
        "best constant": float(np.nanmean(agreement, axis=1).max()),
    }
