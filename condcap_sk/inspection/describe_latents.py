"""describe_latents: the regions of latent space that were learned, as a table."""

from numbers import Integral
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, export_text
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..metrics import label_frequencies
from ..metrics._estimator import check_labels, last_step
from ._directions import DirectionDescription, as_text, find_directions

N_SHOWN = 3  # labels of each group in the text, by hand


class Group(TypedDict):
    """What `describe_latents` returns for a region."""

    label: object
    prior_share: float
    mean_latent: NDArray[np.float64]
    label_shares: dict[object, float]
    recall: float
    precision: float


class LatentDescription(TypedDict):
    """What `describe_latents` returns."""

    groups: list[Group]
    average: dict[object, float]
    directions: dict[object, DirectionDescription]
    tree_accuracy: float
    tree: str


def describe_latents(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    n_latents: int = 1000,
    max_depth: int = 4,
    random_state: int | np.random.RandomState | None = 0,
    output_dict: bool = False,
) -> str | LatentDescription:
    """Describe the regions of latent space by the label that each prefers.

    Latents are drawn from the prior and grouped by the label whose share each raises most above its
    average over all latents. A shallow decision tree is then fitted to predict the group from the
    latent: the better it does, the simpler the regions. A ridge regression on the latent predicts
    each label's share: its coefficients are the direction in which the share grows most.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted, on labels; a pipeline ends in a captioner.
    X : array-like
        Images or feature vectors, some hundreds.
    n_latents : int, default=1000
        Draws from the prior, at least five.
    max_depth : int, default=4
        Depth of the decision tree.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents and of the tree.
    output_dict : bool, default=False
        Return a dict instead of text.

    Returns
    -------
    description : str or dict
        For each region, largest first: the label it prefers, its share of the prior, the most
        frequent labels with their shares among the answers (in brackets over all latents), its mean
        latent, and the tree's recall by five-fold cross-validation. Then the directions of these
        labels. With `output_dict`, a dict with the keys

        groups : list of dict
            "label", "prior_share", "mean_latent" (ndarray), "label_shares" (dict of float by
            label), "recall" and "precision" of the tree.
        average : dict
            Each label's share over all latents.
        directions : dict of dict
            For each label that has a region, the best predicted first, what `describe_captions`
            returns for a property: the property is the label's share of the answers, and the
            examples are labels.
        tree_accuracy : float
            Share of latents whose region the tree predicts, by five-fold cross-validation.
        tree : str
            Its rules, fitted on all draws.

    See Also
    --------
    LatentMapDisplay : The regions as a map.
    LatentTraversalDisplay.from_direction : Images and their answers along a direction.
    describe_captions : Which properties of captions a latent decides.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import describe_latents
    >>> class LowOrHigh:
    ...     classes_ = np.array(["high", "low"])
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         return np.tile(np.where(latents[:, 0] < 0, "low", "high"), (len(X), 1))
    >>> found = describe_latents(LowOrHigh(), np.zeros((10, 2)), output_dict=True)
    >>> print(found["tree"])
    |--- c[0] <= 0.00
    |   |--- class: low
    |--- c[0] >  0.00
    |   |--- class: high
    <BLANKLINE>
    """
    check_labels(estimator, "`describe_captions`")
    check_scalar(n_latents, "n_latents", Integral, min_val=5)
    estimator, X = last_step(estimator, X)
    rng = check_random_state(random_state)
    latents = estimator.sample_latents(n_latents, random_state=rng)
    labels = estimator.classes_
    grid = estimator.predict_grid(X, latents)
    frequencies = label_frequencies(grid, labels)
    average = frequencies.mean(axis=0)
    # Positions in `labels`, as trees refuse labels that are floats.
    preferred = (frequencies - average).argmax(axis=1)
    tree = DecisionTreeClassifier(max_depth=max_depth, random_state=rng)
    predicted = cross_val_predict(tree, latents, preferred, cv=KFold(5))
    regions, counts = np.unique(preferred, return_counts=True)
    precision, recall, _, _ = precision_recall_fscore_support(
        preferred, predicted, labels=regions, zero_division=0
    )
    groups: list[Group] = []
    for i in np.argsort(-counts, kind="stable"):
        members = preferred == regions[i]
        shares = frequencies[members].mean(axis=0)
        groups.append(
            {
                "label": labels[regions].tolist()[i],
                "prior_share": counts[i] / n_latents,
                "mean_latent": latents[members].mean(axis=0),
                "label_shares": dict(zip(labels.tolist(), shares.tolist(), strict=True)),
                "recall": float(recall[i]),
                "precision": float(precision[i]),
            }
        )
    inputs = [f"c[{i}]" for i in range(latents.shape[1])]
    names = [str(label) for label in labels[regions].tolist()]
    description: LatentDescription = {
        "groups": groups,
        "average": dict(zip(labels.tolist(), average.tolist(), strict=True)),
        "directions": find_directions(
            estimator, X, latents, {labels[i : i + 1].item(): grid == labels[i] for i in regions}
        ),
        "tree_accuracy": float((predicted == preferred).mean()),
        "tree": export_text(tree.fit(latents, preferred), feature_names=inputs, class_names=names),
    }
    return description if output_dict else _as_text(description)


def _as_text(description: LatentDescription) -> str:
    lines = [
        f"{'prefers':10}{'of prior':>10}  {'answers, per cent (over all latents)':44}  "
        f"{'mean latent':20}  {'tree recall':>11}"
    ]
    for group in description["groups"]:
        shares = sorted(group["label_shares"].items(), key=lambda item: -item[1])[:N_SHOWN]
        answers = ", ".join(
            f"{label} {100 * share:.0f} ({100 * description['average'][label]:.0f})"
            for label, share in shares
        )
        where = np.array2string(group["mean_latent"], precision=1, floatmode="fixed")
        lines.append(
            f"{group['label']!s:10}{group['prior_share']:>10.0%}  {answers:44}  {where:20}"
            f"  {group['recall']:>11.0%}"
        )
    share = f"{description['tree_accuracy']:.0%}"
    lines.append(f"a tree on c predicts the region of {share} of latents")
    return "\n".join([*lines, "", as_text(description["directions"], "share of")])
