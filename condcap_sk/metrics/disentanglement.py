"""Disentanglement in the field's terms: do the components of codes stand for factors one by one?

Codes are latents, such as those of `infer_latent`; factors are what is known to make answers differ
and was not given to the estimator. A rotation of the codes, which loses no information, changes all
scores but the informativeness of `dci`.
"""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_array, check_consistent_length, check_random_state

# Bins of equal width that a continuous code or factor is put into, as by F. Locatello et al.,
# "Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations",
# ICML 2019. Their number is also the most that is known of it: log 20 nats.
N_BINS = 20
N_FOLDS = 5
# Of `dci`, all by hand: enough that importances and accuracy do not change with more.
N_TREES, LEAST_IN_LEAF = 50, 5


class DCI(TypedDict):
    """What `dci` returns."""

    disentanglement: float
    completeness: float
    informativeness: float
    importances: NDArray[np.float64]


def mig(factors: ArrayLike, codes: ArrayLike) -> float:
    """Mutual information gap: whether a factor is in one component of the code, and in no other.

    Parameters
    ----------
    factors : array-like of shape (n,) or (n, n_factors)
        Values of the factors. Those that are floats count as continuous, all others as classes.
    codes : array-like of shape (n, n_codes)
        The latents of the same rows; two components at least.

    Returns
    -------
    gap : float
        Mean over the factors of the mutual information with the component that has most of it,
        minus that with the next one, over the factor's entropy [1]_; between 0 and 1. Continuous
        values are put into 20 bins of equal width, so that few rows give too large informations of
        all components alike.

    References
    ----------
    .. [1] R. T. Q. Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders",
       NeurIPS 2018, equation (6).

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import mig
    >>> rng = np.random.RandomState(0)
    >>> factor = rng.randint(2, size=1000)
    >>> noise = rng.standard_normal(1000)
    >>> round(mig(factor, np.stack([factor, noise], axis=1)), 2)
    0.98
    """
    columns, latents = _check(factors, codes)
    information = np.sort(_mutual_information(columns, latents), axis=0)
    entropies = [mutual_info_score(column, column) for column in map(_binned, columns)]
    return float(np.mean((information[-1] - information[-2]) / entropies))


def modularity(factors: ArrayLike, codes: ArrayLike) -> float:
    """Modularity: whether a component of the code knows of one factor, and of no other.

    Parameters
    ----------
    factors : array-like of shape (n, n_factors)
        Values of two factors or more. Those that are floats count as continuous, all others as
        classes.
    codes : array-like of shape (n, n_codes)
        The latents of the same rows.

    Returns
    -------
    modularity : float
        Mean over the components of 1 − Σ m² over all factors but that with the largest mutual
        information, over (n_factors − 1) times its square [1]_; between 0 and 1. A component
        without any information has 0. Mutual information m is computed as in `mig`.

    References
    ----------
    .. [1] K. Ridgeway and M. C. Mozer, "Learning Deep Disentangled Embeddings with the F-Statistic
       Loss", NeurIPS 2018, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import modularity
    >>> factors = np.random.RandomState(0).randint(2, size=(1000, 2))
    >>> round(modularity(factors, factors), 2)
    1.0
    >>> round(modularity(factors, factors[:, :1] + 2 * factors[:, 1:]), 2)
    0.0
    """
    columns, latents = _check(factors, codes, least_factors=2, least_codes=1)
    squared = np.square(_mutual_information(columns, latents))
    largest = squared.max(axis=1)
    others = squared.sum(axis=1) - largest
    # Rounding leaves a component that is constant an information that is not quite 0.
    knows = largest > np.finfo(float).eps
    shares = others[knows] / ((squared.shape[1] - 1) * largest[knows])
    return float((1 - shares).sum() / len(squared))


def sap(factors: ArrayLike, codes: ArrayLike) -> float:
    """Separated attribute predictability: whether one component, and no other, predicts a factor.

    Parameters
    ----------
    factors : array-like of shape (n,) or (n, n_factors)
        Values of the factors. Those that are floats count as continuous, all others as classes,
        each of at least five rows.
    codes : array-like of shape (n, n_codes)
        The latents of the same rows; two components at least.

    Returns
    -------
    sap : float
        Mean over the factors of the score of the component that predicts it best, minus that of the
        next one [1]_; between 0 and 1. A component's score is the squared correlation with a
        continuous factor, and the balanced accuracy of classes from as many thresholds less one, by
        five-fold cross-validation.

    References
    ----------
    .. [1] A. Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled
       Observations", ICLR 2018, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import sap
    >>> rng = np.random.RandomState(0)
    >>> factor = rng.standard_normal(1000)
    >>> noise = rng.standard_normal(1000)
    >>> round(sap(factor, np.stack([factor, noise], axis=1)), 2)
    1.0
    """
    columns, latents = _check(factors, codes)
    scores = [np.sort([_predictability(code, column) for code in latents.T]) for column in columns]
    return float(np.mean([score[-1] - score[-2] for score in scores]))


def dci(
    factors: ArrayLike, codes: ArrayLike, *, random_state: int | np.random.RandomState | None = 0
) -> DCI:
    """Disentanglement, completeness and informativeness, by random forests.

    A forest predicts each factor from all components of the code. What counts is how important a
    component is to the forest.

    Parameters
    ----------
    factors : array-like of shape (n, n_factors)
        Values of two factors or more. Those that are floats count as continuous, all others as
        classes, each of at least five rows.
    codes : array-like of shape (n, n_codes)
        The latents of the same rows; two components at least.
    random_state : int, RandomState instance or None, default=0
        Seed of the forests.

    Returns
    -------
    scores : dict
        With the keys

        disentanglement : float
            1 − the entropy of a component's importances over the factors, with their number as the
            base of the logarithm; the mean over components, weighted by their importance.
        completeness : float
            1 − the entropy of a factor's importances over the components, with their number as the
            base; the mean over factors.
        informativeness : float
            How well factors are predicted by five-fold cross-validation: accuracy of classes, R²
            of continuous ones; the mean over factors. The paper [1]_ has an error here.
        importances : ndarray of shape (n_codes, n_factors)
            Of each component for each factor; those of a factor sum to 1.

    References
    ----------
    .. [1] C. Eastwood and C. K. I. Williams, "A Framework for the Quantitative Evaluation of
       Disentangled Representations", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.metrics import dci
    >>> factors = np.random.RandomState(0).randint(2, size=(300, 2))
    >>> scores = dci(factors, factors)
    >>> [round(scores[name], 1) for name in ("disentanglement", "completeness", "informativeness")]
    [1.0, 1.0, 1.0]
    """
    columns, latents = _check(factors, codes, least_factors=2)
    rng = check_random_state(random_state)
    found = [_forest(latents, column, rng) for column in columns]
    importances = np.stack([importance for importance, _ in found], axis=1)
    of_codes = importances.sum(axis=1)
    used = of_codes > 0
    purity = 1 - entropy(importances[used], base=importances.shape[1], axis=1)
    return {
        "disentanglement": float(np.average(purity, weights=of_codes[used])),
        "completeness": float(np.mean(1 - entropy(importances, base=len(importances), axis=0))),
        "informativeness": float(np.mean([score for _, score in found])),
        "importances": importances,
    }


def _check(
    factors: Any, codes: Any, least_factors: int = 1, least_codes: int = 2
) -> tuple[list[NDArray[Any]], NDArray[np.float64]]:
    """Return the columns of the factors, classes as numbers from 0 on, and the codes."""
    codes = check_array(codes, dtype=np.float64, input_name="codes")
    if hasattr(factors, "columns"):
        given = [np.asarray(factors[name]) for name in factors.columns]
    else:
        factors = np.asarray(factors)
        if factors.ndim not in (1, 2):
            raise ValueError(
                f"factors have {factors.ndim} dimensions. Pass an array (n,) or (n, n_factors)."
            )
        given = list(factors.T) if factors.ndim == 2 else [factors]
    if len(given) < least_factors or codes.shape[1] < least_codes:
        raise ValueError(
            f"factors have {len(given)} columns and codes {codes.shape[1]}, where {least_factors} "
            f"and {least_codes} are needed: there is nothing to tell apart. Pass more columns."
        )
    columns = [_factor(column, position) for position, column in enumerate(given)]
    check_consistent_length(codes, *columns)
    return columns, codes


def _factor(column: NDArray[Any], position: int) -> NDArray[Any]:
    if _is_continuous(column):
        column = check_array(column, ensure_2d=False, input_name="factors")
        is_constant = np.ptp(column) == 0
    else:
        classes, column, counts = np.unique(column, return_inverse=True, return_counts=True)
        is_constant = len(classes) == 1
        if counts.min() < N_FOLDS:
            rare = classes[counts.argmin()]
            raise ValueError(
                f"factors[:, {position}] has the class {rare!r} in {counts.min()} rows, and "
                f"{N_FOLDS} are needed. Pass more rows, or leave out those of rare classes; values "
                "that are no classes must be floats."
            )
    if is_constant:
        raise ValueError(
            f"factors[:, {position}] has one value only, of which nothing can be known. Leave it "
            "out."
        )
    return column


def _is_continuous(column: NDArray[Any]) -> bool:
    return column.dtype.kind == "f"


def _binned(values: NDArray[Any]) -> NDArray[Any]:
    """Return classes as they are, and of continuous values the bins."""
    if not _is_continuous(values):
        return values
    return np.digitize(values, np.histogram_bin_edges(values, N_BINS)[1:-1])


def _mutual_information(
    columns: list[NDArray[Any]], codes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mutual information (n_codes, n_factors), in nats."""
    factors = list(map(_binned, columns))
    return np.array([[mutual_info_score(f, _binned(code)) for f in factors] for code in codes.T])


def _predictability(code: NDArray[np.float64], factor: NDArray[Any]) -> float:
    """Return how well one component predicts a factor, as in `sap`."""
    if _is_continuous(factor):
        return float(np.corrcoef(code, factor)[0, 1] ** 2) if np.ptp(code) else 0.0
    thresholds = DecisionTreeClassifier(
        max_leaf_nodes=1 + int(factor.max()), class_weight="balanced", random_state=0
    )
    return _cross_validated(thresholds, code[:, None], factor, "balanced_accuracy")


def _forest(
    codes: NDArray[np.float64], factor: NDArray[Any], rng: np.random.RandomState
) -> tuple[NDArray[np.float64], float]:
    """Return the importances of the components for a factor, and how well it is predicted."""
    is_continuous = _is_continuous(factor)
    kind = RandomForestRegressor if is_continuous else RandomForestClassifier
    forest = kind(N_TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=rng)
    importances = forest.fit(codes, factor).feature_importances_
    if not importances.any():  # where nothing predicts it, nothing does so more than the rest
        importances = np.full(codes.shape[1], 1 / codes.shape[1])
    return importances, _cross_validated(
        forest, codes, factor, "r2" if is_continuous else "accuracy"
    )


def _cross_validated(
    estimator: Any, codes: NDArray[np.float64], factor: NDArray[Any], scoring: str
) -> float:
    # Shuffled: rows of one class, or one image, may stand together.
    folds = KFold if _is_continuous(factor) else StratifiedKFold
    cv = folds(N_FOLDS, shuffle=True, random_state=0)
    return float(cross_val_score(estimator, codes, factor, cv=cv, scoring=scoring).mean())
