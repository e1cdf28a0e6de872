"""control_report and control_score: every quantity of latent control at once."""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state

from .._stored import rows_of
from ..answers.label_sets import answer_rows
from ..answers.labels import in_one_dtype
from ._estimator import check_labels, last_step, numbers_of_categories, split_latents
from .control import (
    calibration_error,
    conditional_mutual_information,
    coverage,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    latent_error,
    right_shares,
    semantic_control,
    total_variation,
)

COVERAGE_DRAWS = 32
N_SIMULATED = 5000  # latents, for the least error, which another seed changes by .01 or so; by hand
LATENTS_READ = 3  # by image; one for each of 1000 images would leave 3 % of chance in the error

Row = tuple[float | None, float | None, float]  # value, chance, ceiling
Report = dict[str, dict[str, float | None]]


def control_report(
    estimator: BaseEstimator,
    X: ArrayLike,
    label_sets: Collection[object],
    *,
    n_latents: int = 100,
    n_draws: int = 400,
    random_state: int | np.random.RandomState | None = 0,
    output_dict: bool = False,
) -> str | Report:
    """Report how good answers are and how much the latent governs them, with chance and ceiling.

    Each quantity alone can be cheated: always answering whatever is top left is accurate, and so
    is one label for all; a latent can change every answer and mean nothing; a recogniser can read
    what no answer shows. Together they cannot.

    Parameters
    ----------
    estimator : object
        Fitted, with `predict`, `predict_grid` and `sample_latents` like those of
        `ConditionalCaptioner`, on labels; or a pipeline that ends in one, or a search for one. The
        quantities of the inverse are left out where it has no `infer_latent`, the leak where it has
        no `recover_latent`.
    X : array-like
        Images that were not trained on.
    label_sets : collection of n_images collections
        The right answers of each image, in any form that `ConditionalCaptioner.fit` takes.
    n_latents : int, default=100
        Latents that are each used for all images.
    n_draws : int, default=400
        Latents that each image's own distribution of answers is taken over.
    random_state : int, RandomState instance or None, default=0
        Seed of latents, answers and pairs.
    output_dict : bool, default=False
        Return numbers instead of text.

    Returns
    -------
    report : str or dict of {str: dict}
        For each quantity its "value", its "chance" (what answers drawn at random, each label as
        often as it is right, whatever the image and latent, have in expectation) and its "ceiling"
        (the best that these label sets allow an accurate model; for errors, the least). None where
        there is none, and for what cannot be measured: transfer, if no two images share an answer.

        accuracy, accuracy_worst
            Share of right answers with one latent for all images: mean and least over latents.
        accuracy_random
            The same with another latent for each image.
        coverage
            Share of the right answers that 32 latents reach. The ceiling is what as many draws
            reach where all right answers are equally likely.
        calibration_error
            Distance from all right answers of an image being equally likely.
        mutual_information
            I(c; y | X), bits: how much the latent decides once the image is known.
        skew, semantic_control
            How far a latent shifts the label frequencies over all images: mean total variation,
            and I(c; Y) in bits. The ceiling is that of a fixed preference order for each latent.
        inverse
            How often the latent inferred from a right answer gives that answer back.
        transfer
            The same on another image that has this right answer, too.
        category_accuracy
            Only with categorical latents: how often the category inferred from an answer is the
            one that it was given under. An image with fewer answers than there are categories
            gives several of them the same.
        latent_error
            Mean squared error per dimension of Gaussian latents inferred from their own answers.
            Below the ceiling, something is read that answers do not show.
        leak_ratio
            Latent error on generated sentence vectors, divided by that on their decoded answers.
            Far below 1, the latent hides in differences that decoding loses.

    See Also
    --------
    control_score : One number, for model selection.
    caption_report : The same for captions.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import control_report
    >>> class FavouriteFirst:
    ...     '''One latent number, whose sign decides whether low or high labels are preferred.'''
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         return np.where(latents[:, 0] < 0, X.min(1)[:, None], X.max(1)[:, None])
    >>> X = np.random.RandomState(0).randint(10, size=(200, 4))
    >>> print(control_report(FavouriteFirst(), X, X.tolist()))
                           value   chance  ceiling
    accuracy               1.000    0.341    1.000
    ...
    coverage               0.616    0.965    1.000
    ...
    """
    rows = _quantities(estimator, X, label_sets, n_latents, n_draws, random_state)
    report = {
        name: dict(zip(("value", "chance", "ceiling"), row, strict=True))
        for name, row in rows.items()
    }
    return report if output_dict else _as_text(report)


def control_score(estimator: BaseEstimator, X: ArrayLike, label_sets: Collection[object]) -> float:
    """Score latent control in one number that no quantity can buy alone.

    The geometric mean of accuracy, coverage, semantic control and transfer, each taken from chance
    (0) to ceiling (1) as in `control_report`: a quantity at chance makes the score 0 however good
    the others are. Accuracy is that of the worst of 100 latents. Semantic control above its
    ceiling, which only wrong answers reach, counts as much less as it is above. Transfer is left
    out where no two images share a right answer.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted on labels; a pipeline ends in a captioner.
    X : array-like
        Images.
    label_sets : collection of n_images collections
        The right answers of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    score : float
        Between 0 and 1; higher is better.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.metrics import control_score
    >>> weights = {"mi_weight": [0.03, 0.1, 0.3]}
    >>> search = GridSearchCV(ConditionalCaptioner(), weights, scoring=control_score)
    """
    rows = _quantities(estimator, X, label_sets, n_latents=100, n_draws=100, random_state=0)
    rows["accuracy_worst"] = (rows["accuracy_worst"][0], *rows["accuracy"][1:])
    shares = []
    for name in ("accuracy_worst", "coverage", "semantic_control", "transfer"):
        value, chance, ceiling = rows[name]
        if value is not None and chance is not None:
            share = (value - chance) / max(ceiling - chance, 1e-12)
            # More right answers are reached than calibrated draws would reach: no fault.
            most = 2 - share if name == "semantic_control" else 1.0
            shares.append(max(0.0, min(share, most)))
    return math.prod(share ** (1 / len(shares)) for share in shares)


def _quantities(
    estimator: BaseEstimator,
    X: ArrayLike,
    label_sets: Collection[object],
    n_latents: int,
    n_draws: int,
    random_state: int | np.random.RandomState | None,
) -> dict[str, Row]:
    check_labels(estimator, "`caption_report`, and `oracle_score` as a scorer")
    estimator, X = last_step(estimator, X)
    rng = check_random_state(random_state)
    latents = estimator.sample_latents(max(n_latents, n_draws), random_state=rng)
    answers = np.asarray(estimator.predict_grid(X, latents))
    known = getattr(estimator, "classes_", answers)
    label_sets = answer_rows(label_sets, len(answers), known=known)
    labels, _, shares = right_shares(answers, label_sets)
    rows = _of_answers(answers, label_sets, labels, shares, n_latents, rng)
    if hasattr(estimator, "infer_latent"):
        rows |= _inverse(estimator, X, labels, shares, latents[0], rng)
        rows |= _latent_errors(estimator, X, (shares > 0).sum(axis=1), rng)
    return {
        name: (_plain(value), _plain(chance), float(ceiling))
        for name, (value, chance, ceiling) in rows.items()
    }


def _of_answers(
    answers: np.ndarray,
    label_sets: Collection[object],
    labels: np.ndarray,
    shares: NDArray[np.float64],
    n_latents: int,
    rng: np.random.RandomState,
) -> dict[str, Row]:
    """Return value, chance and ceiling of what the answers alone show."""
    right, marginal = shares > 0, shares.mean(axis=0)
    fixed = answers[:, :n_latents]
    accuracy = fixed_latent_accuracy(fixed, label_sets)
    frequencies = label_frequencies(fixed, labels)
    by_order = _preferred(right, n_latents, rng)
    drawn = rng.randint(answers.shape[1], size=len(answers))
    under_drawn = answers[np.arange(len(answers)), drawn]
    accuracy_random = fixed_latent_accuracy(under_drawn[:, None], label_sets)[0]
    accuracy_by_chance = (right @ marginal).mean()

    def missed(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return (1 - p) ** COVERAGE_DRAWS

    return {
        "accuracy": (accuracy.mean(), accuracy_by_chance, 1.0),
        "accuracy_worst": (accuracy.min(), None, 1.0),
        "accuracy_random": (accuracy_random, accuracy_by_chance, 1.0),
        "coverage": (
            coverage(answers[:, :COVERAGE_DRAWS], label_sets),
            _mean_over(right, 1 - missed(marginal)),
            _mean_over(right, 1 - missed(shares)),
        ),
        "calibration_error": (
            calibration_error(answers, label_sets),
            total_variation(shares, marginal).mean(),
            0.0,
        ),
        "mutual_information": (
            conditional_mutual_information(answers),
            0.0,
            np.log2(right.sum(axis=1)).mean(),
        ),
        "skew": (label_skew(frequencies), 0.0, label_skew(by_order)),
        "semantic_control": (semantic_control(frequencies), 0.0, semantic_control(by_order)),
    }


def _inverse(
    estimator: BaseEstimator,
    X: ArrayLike,
    labels: np.ndarray,
    shares: NDArray[np.float64],
    any_latent: NDArray[np.float32],
    rng: np.random.RandomState,
) -> dict[str, Row]:
    """Return how often a latent read from a right answer gives it again, here and elsewhere."""
    cumulated = shares.cumsum(axis=1)
    drawn = (rng.random_sample((len(shares), 1)) * cumulated[:, -1:] < cumulated).argmax(axis=1)
    # A rare answer may not have been there to fit: nothing is read from it, and it is not given.
    classes = np.asarray(getattr(estimator, "classes_", labels))
    known = np.flatnonzero(np.isin(*in_one_dtype(labels[drawn], classes)))
    latents = np.tile(any_latent, (len(drawn), 1))
    if len(known):
        latents[known] = estimator.infer_latent(rows_of(X, known), labels[drawn[known]])
    here = estimator.predict(X, latents) == labels[drawn]
    other = np.arange(len(shares))
    for label in np.unique(drawn):
        ours, having = np.flatnonzero(drawn == label), np.flatnonzero(shares[:, label])
        if len(having) > 1:
            # Some steps round the ring of images with this right answer, but never all the way.
            steps = rng.randint(1, len(having), size=len(ours))
            place = np.searchsorted(having, ours) + steps
            other[ours] = having[place % len(having)]
    shared = other != np.arange(len(shares))
    there = estimator.predict(rows_of(X, other), latents) == labels[drawn]
    transfer = None, None
    if shared.any():
        transfer = there[shared].mean(), shares[other, drawn][shared].mean()
    return {
        "inverse": (here.mean(), np.square(shares).sum(axis=1).mean(), 1.0),
        "transfer": (*transfer, 1.0),
    }


def _latent_errors(
    estimator: BaseEstimator,
    X: ArrayLike,
    n_answers: NDArray[np.intp],
    rng: np.random.RandomState,
) -> dict[str, Row]:
    """Return how well latents are read from their own answers, and from the vectors behind these.

    `n_answers` is how many right answers each image has.
    """
    drawn, of_answers, of_vectors = [], [], []
    for _ in range(LATENTS_READ):
        c = estimator.sample_latents(len(n_answers), random_state=rng)
        drawn.append(c)
        of_answers.append(estimator.infer_latent(X, estimator.predict(X, c)))
        if hasattr(estimator, "recover_latent"):
            of_vectors.append(estimator.recover_latent(X, c))
    categories, gaussian = split_latents(estimator, np.concatenate(drawn))
    read, read_gaussian = split_latents(estimator, np.concatenate(of_answers))
    rows: dict[str, Row] = {}
    if categories.shape[1]:
        n_categories = np.array(numbers_of_categories(estimator))
        most = np.minimum(1, n_answers[:, None] / n_categories).mean()
        rows["category_accuracy"] = (read == categories).mean(), (1 / n_categories).mean(), most
    if gaussian.shape[1]:
        error = latent_error(gaussian, read_gaussian)
        least = _least_latent_error(n_answers, gaussian.shape[1], rng)
        rows["latent_error"] = error, 1.0, least
        if of_vectors:
            _, recovered = split_latents(estimator, np.concatenate(of_vectors))
            leak = latent_error(gaussian, recovered) / error if error else None
            rows["leak_ratio"] = leak, None, 1.0
    return rows


def _preferred(
    right: NDArray[np.bool_], n_orders: int, rng: np.random.RandomState
) -> NDArray[np.float64]:
    """Label frequencies under random preference orders: the most skewed of accurate answers."""
    frequencies = np.zeros((n_orders, right.shape[1]))
    for row in frequencies:
        order = rng.permutation(right.shape[1])
        np.add.at(row, order[right[:, order].argmax(axis=1)], 1 / len(right))
    return frequencies


def _least_latent_error(
    n_answers: NDArray[np.intp], n_latents: int, rng: np.random.RandomState
) -> float:
    """Mean squared error per dimension of latents of which only a best choice of n is known."""
    draws = rng.standard_normal((N_SIMULATED, n_latents))
    numbers, counts = np.unique(n_answers, return_counts=True)
    errors = [
        KMeans(n, n_init=3, random_state=rng).fit(draws).inertia_ / draws.size for n in numbers
    ]
    return np.average(errors, weights=counts)


def _mean_over(right: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Mean over images of the mean over their right answers."""
    return ((right * values).sum(axis=1) / right.sum(axis=1)).mean()


def _plain(value: float | None) -> float | None:
    return None if value is None else float(value)


def _as_text(report: Report) -> str:
    lines = [f"{'':20}{'value':>8}{'chance':>9}{'ceiling':>9}"]
    for name, row in report.items():
        cells = ["–" if value is None else f"{value:.3f}" for value in row.values()]
        lines.append(f"{name:20}" + f"{cells[0]:>8}{cells[1]:>9}{cells[2]:>9}")
    return "\n".join(lines)
