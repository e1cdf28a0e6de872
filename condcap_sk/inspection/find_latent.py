"""find_latent: a latent under which answers are as one wishes."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import _num_samples, check_scalar

from .._stored import rows_of
from .._warnings import warn_user
from ..answers.labels import check_answers
from ..answers.tokenizer import splitter
from ..exceptions import WishWarning
from ..metrics._estimator import (
    caption_analyzer,
    captioner_in,
    check_labels,
    has_labels,
    last_step,
    split_latents,
)
from ._directions import ALPHAS
from ._properties import Property, named_properties
from ._wishes import Preference, Wish

# All chosen by hand.
N_ROUNDS = 8  # in which latents are chosen by what those before have shown
N_POOL = 10_000  # candidates: draws from the prior, moved nearer to its mode by random shares
# Of the squared norm, in the loss: nearer to the mode of the prior, captions are better, and wishes
# met less closely. Chosen from four values on training photographs of Flickr8k, with 16 latents.
PRIOR_WEIGHT = 0.003
PENALTIES = np.logspace(-3, -1, 5)  # of the squared norm, in what a linear model is solved for
N_FITTED = 256  # latents that a Gaussian process is fitted to at most, the best ones
N_BEST, N_NEAR, NEAR = 8, 2000, 0.3  # latents beside which others are drawn, how many, how far
N_COMPARED = 32  # random latents that the found one is compared with
LIKELY = 0.95  # share of the prior that is nearer to 0 than any latent that is tried
LEAST_GAIN = 0.2  # by which share errors must be smaller than under random latents
SMALL = 0.05  # an error that needs no warning


def find_latent(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    prefer: Sequence[Any] | None = None,
    properties: Mapping[str, Property] | None = None,
    weights: Mapping[str, float] | None = None,
    n_latents: int = 128,
    random_state: int | np.random.RandomState | None = 0,
    **wishes: Any,
) -> Bunch:
    """Find a latent under which answers are as one wishes, whatever the image.

    Latents from the prior are tried on half of the images, then those that would meet the wishes if
    answers changed linearly with the latent, then, in rounds, those for which a Gaussian process
    predicts the smallest loss (Bayesian optimisation [1]_ by the predicted mean alone). How well
    wishes are met is measured on the other half.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted; a pipeline ends in a captioner.
    X : array-like
        Images or feature vectors, some tens.
    prefer : sequence of labels, default=None
        Of labels: the one that is wished wherever it is right, then the one that is wished where
        the first is not right, and so on. Right is what is answered under some latent.
    properties : dict of {str: callable} or None, default=None
        Further properties that can be wished for, by name. Of captions, each takes the list of a
        caption's tokens, as in `describe_captions`; of labels, the label. Returns a number.
    weights : dict of {str: float} or None, default=None
        Of wishes, by name, "prefer" among them; 1 by default. Of several wishes, those with a
        larger weight are met more closely.
    n_latents : int, default=128
        Draws from the prior that are tried; nearly as many again follow. At least 16.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents and of the halves.
    **wishes : bool or float
        Wished values of properties: of `properties`, and for captions of words, "words" (their
        number), "colours", "numbers" and "places" (how many English words of that kind it has). A
        bool stands for at least one, or none.

    Returns
    -------
    found : Bunch
        With the attributes

        latent : ndarray of shape (n_latents,), float32
            What `predict` takes as `c`. Its Gaussian part is not farther from 0 than 95 % of the
            prior.
        wishes : dict of {str: dict}
            For each wish, on images that were not used to find the latent: "wished"; "error", the
            mean absolute difference from that (of a bool, and of `prefer`, the share of answers
            that are not as wished); "random", the same under random latents. But for `prefer`,
            "mean": the mean of the property.

    Raises
    ------
    ValueError
        If there is no wish, a property is unknown, a value is beyond those of all answers, a label
        of `prefer` is never answered, the latent decides nothing, or `X` holds fewer than four
        images.

    Warns
    -----
    WishWarning
        If the latent hardly decides what is wished.

    See Also
    --------
    describe_captions : Which properties of captions a latent decides.
    describe_latents : Which labels latents prefer.

    References
    ----------
    .. [1] J. Snoek, H. Larochelle, R. P. Adams: "Practical Bayesian Optimization of Machine
       Learning Algorithms", NeurIPS 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import find_latent
    >>> class Longer:
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         n_words = np.clip(np.round(3 + latents[:, 0]), 1, None).astype(int)
    ...         return np.tile([" ".join(["very"] * n) for n in n_words], (len(X), 1))
    >>> found = find_latent(Longer(), np.zeros((8, 2)), words=4)
    >>> bool(0.5 <= found.latent[0] <= 1.5), found.wishes["words"]["error"]
    (True, 0.0)
    """
    check_scalar(n_latents, "n_latents", Integral, min_val=16)
    asked = _asked(estimator, prefer, properties, wishes)
    importance = _importance(weights, asked)
    captioner, X = last_step(estimator, X)
    rng = check_random_state(random_state)
    halves = np.array_split(rng.permutation(_num_samples(X)), 2)
    if len(halves[1]) < 2:
        raise ValueError(
            f"X holds {_num_samples(X)} images, of which half find the latent and the others judge "
            "it. Pass four at least, better some tens."
        )
    some, others = (rows_of(X, np.sort(half)) for half in halves)
    latents = captioner.sample_latents(n_latents, random_state=rng)
    answers = captioner.predict_grid(some, latents)
    if (answers == answers[:, :1]).all():
        raise ValueError(
            f"The latent decides nothing: every image gets the same answer under {n_latents} "
            "latents. Train the estimator longer (gan__max_iter), then ask again."
        )
    for wish in asked:
        wish.check(answers)
    latent = _best(
        captioner, some, latents, answers, list(zip(asked, importance, strict=True)), rng
    )
    grid = captioner.predict_grid(others, np.concatenate([latent[None], latents[:N_COMPARED]]))
    met = {wish.name: wish.judged(grid[:, :1], grid[:, 1:]) for wish in asked}
    for name, row in met.items():
        if np.isnan(row["error"]):
            warn_user(
                f"None of the {len(grid)} images that judge the latent has a label of "
                f"{name}={row['wished']!r}, so that its error is not known. Pass more images.",
                WishWarning,
            )
        if row["error"] > max(SMALL, (1 - LEAST_GAIN) * row["random"]):
            warn_user(
                f"The latent hardly decides {name!r}: the mean error of {row['wished']!r} is "
                f"{row['error']:.2f}, and {row['random']:.2f} under random latents. Leave this "
                "wish out, or give it a larger one of weights.",
                WishWarning,
            )
    return Bunch(latent=latent, wishes=met)


def _best(
    captioner: Any,
    X: ArrayLike,
    latents: NDArray[np.floating],
    answers: NDArray[Any],
    wishes: list[tuple[Wish | Preference, float]],
    rng: np.random.RandomState,
) -> NDArray[np.floating]:
    """Return a latent with one of the smallest losses; `answers` are those under `latents`."""
    n_gaussian = split_latents(captioner, latents)[1].shape[1]
    # A label is right or wrong: nearer to the mode, it would only be decided less clearly.
    prior_weight = 0.0 if has_labels(captioner, default=False) else PRIOR_WEIGHT

    def losses(grid: NDArray[Any], latents: NDArray[np.floating]) -> NDArray[np.float64]:
        of_wishes = np.sum([w * wish.losses(grid, answers) for wish, w in wishes], axis=0)
        gaussian = latents[:, latents.shape[1] - n_gaussian :]
        return of_wishes + prior_weight * np.square(gaussian).sum(axis=1)

    tried, found = latents, losses(answers, latents)
    is_likely = (_likely(latents, n_gaussian) == latents).all(axis=1)
    candidates = _likely(_solved(latents, answers, wishes, n_gaussian), n_gaussian)
    for _ in range(N_ROUNDS):
        order = np.argsort(_surrogate(tried, found).predict(candidates), kind="stable")
        new = candidates[order[: len(latents) // N_ROUNDS]]
        tried = np.concatenate([tried, new])
        found = np.concatenate([found, losses(captioner.predict_grid(X, new), new)])
        pool = np.array(captioner.sample_latents(N_POOL, random_state=rng))
        pool[:, pool.shape[1] - n_gaussian :] *= rng.random_sample((N_POOL, 1))
        near = tried[np.argsort(found, kind="stable")[np.arange(N_NEAR) % N_BEST]]
        step = NEAR * rng.standard_normal(near.shape).astype(near.dtype)
        step[:, : near.shape[1] - n_gaussian] = 0  # of the same categories
        candidates = _likely(np.concatenate([pool, near + step]), n_gaussian)
    # The one amidst the best is the safest on other images.
    found[: len(latents)][~is_likely] = np.inf
    best = tried[found <= np.partition(found, N_BEST - 1)[N_BEST - 1]]
    return best[np.square(best - best.mean(axis=0)).sum(axis=1).argmin()]


def _solved(
    latents: NDArray[np.floating],
    answers: NDArray[Any],
    wishes: list[tuple[Wish | Preference, float]],
    n_gaussian: int,
) -> NDArray[np.floating]:
    """Return the latents that meet wishes if answers change linearly with the Gaussian part.

    One for each combination of categories that was drawn, and each of `PENALTIES`.
    """
    rows = []
    for wish, weight in wishes:
        deviations = wish.deviations(answers, answers)
        rows.append(np.sqrt(weight / len(deviations)) * deviations)
    model = RidgeCV(ALPHAS).fit(latents, np.concatenate(rows).T)
    one_hot = np.unique(latents[:, : latents.shape[1] - n_gaussian], axis=0)
    # Of a single row, scikit-learn returns no matrix.
    coefficients = model.coef_.reshape(-1, latents.shape[1])
    of_categories, slopes = np.split(coefficients, [one_hot.shape[1]], axis=1)
    starts = model.intercept_ + one_hot @ of_categories.T
    found = [
        np.hstack([one_hot, -starts @ slopes @ np.linalg.inv(slopes.T @ slopes + eye)])
        for eye in PENALTIES[:, None, None] * np.eye(n_gaussian)
    ]
    return np.concatenate(found).astype(latents.dtype)


def _surrogate(latents: NDArray[np.floating], losses: NDArray[np.float64]) -> Any:
    """Return a Gaussian process that predicts the loss of latents."""
    best = np.argsort(losses, kind="stable")[:N_FITTED]
    kernel = ConstantKernel() * RBF(np.sqrt(latents.shape[1])) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is fine
        return model.fit(latents[best], losses[best])


def _likely(latents: NDArray[np.floating], n_gaussian: int) -> NDArray[np.floating]:
    """Return latents, those whose Gaussian part is too far from 0 drawn nearer."""
    one_hot, gaussian = np.split(latents, [latents.shape[1] - n_gaussian], axis=1)
    radius = np.sqrt(chi2.ppf(LIKELY, n_gaussian))
    norms = np.linalg.norm(gaussian, axis=1, keepdims=True)
    scale = np.minimum(1, radius / np.maximum(norms, np.finfo(norms.dtype).tiny))
    return np.concatenate([one_hot, gaussian * scale], axis=1).astype(latents.dtype)


def _asked(
    estimator: BaseEstimator,
    prefer: Sequence[Any] | None,
    properties: Mapping[str, Property] | None,
    wishes: Mapping[str, Any],
) -> list[Wish | Preference]:
    """Return what is wished, checked."""
    asked: list[Wish | Preference] = []
    if prefer is not None:
        asked.append(Preference(_labels(estimator, prefer)))
    known: dict[str, Callable[[Any], float]] = dict(properties or {})
    of_labels = has_labels(estimator, default=False)
    if not of_labels:
        analyzer = caption_analyzer(estimator, "prefer=…")
        every = {**named_properties(analyzer), **known}
        split = splitter(analyzer)
        known = {name: _of_tokens(measure, split) for name, measure in every.items()}
    for name, wished in wishes.items():
        if name not in known:
            raise ValueError(
                f"{name}={wished!r} is a wish for an unknown property. Known are "
                f"{', '.join(known) or 'none'}; pass properties={{{name!r}: function}} for another "
                "one" + (", or prefer=[…] for labels." if of_labels else ".")
            )
        if not isinstance(wished, Real | np.bool_) or not np.isfinite(float(wished)):
            raise ValueError(f"{name}={wished!r} is no wish. Pass a bool or a number.")
        asked.append(Wish(name, wished, known[name]))
    if not asked:
        raise ValueError(
            "There is no wish. Pass prefer=[…] for labels, or values of properties: "
            f"{', '.join(known) or 'those in properties=…'}."
        )
    return asked


def _labels(estimator: BaseEstimator, prefer: Sequence[Any]) -> list[Any]:
    check_labels(estimator, "wishes for properties, such as words=8 or colours=True")
    labels = check_answers(prefer, "prefer").tolist()
    if len(set(labels)) < len(labels):
        raise ValueError(f"prefer={labels!r} names a label twice. Pass each once.")
    known = np.asarray(getattr(captioner_in(estimator), "classes_", labels)).tolist()
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ValueError(
            f"prefer={labels!r}, but {unknown!r} were no answers in fit. Pass some of {known[:10]}."
        )
    return labels


def _of_tokens(measure: Property, split: Callable[[str], list[str]]) -> Callable[[str], float]:
    return lambda caption: measure(split(caption))


def _importance(
    weights: Mapping[str, float] | None, asked: Sequence[Wish | Preference]
) -> list[float]:
    given = dict(weights or {})
    names = [wish.name for wish in asked]
    for name, weight in given.items():
        if name not in names:
            raise ValueError(
                f"weights has {name!r}, which is no wish. Wishes are {', '.join(names)}."
            )
        if not isinstance(weight, Real) or not 0 < weight < np.inf:
            raise ValueError(f"weights[{name!r}]={weight!r} is no weight. Pass a number above 0.")
    found = np.array([given.get(name, 1.0) for name in names])
    return (found / found.max()).tolist()
