"""describe_latents: the sub-groups that were learned, as a table."""

from numbers import Integral

import numpy as np
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, export_text
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..metrics import label_frequencies
from ..metrics._estimator import check_labels, last_step

N_SHOWN = 3  # labels of each group in the text


def describe_latents(
    estimator, X, *, n_latents=1000, max_depth=4, random_state=0, output_dict=False
):
    """Describe the regions of latent space by the label that each prefers.

    Latents are drawn from the prior and grouped by the label that they raise most above its average
    share. A shallow decision tree on the latent then tells how simple the regions are.

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
        Return numbers instead of text.

    Returns
    -------
    description : str or dict
        For each region, largest first: the labels it prefers with their shares among the answers
        (and the share over all latents), its share of the prior, its mean latent, and how reliably
        the tree tells it: recall and precision over five folds. With `output_dict`, a dict with the
        keys

        groups : list of dict
            "label", "prior_share", "mean_latent" (ndarray), "label_shares" (dict of float by
            label), "recall" and "precision".
        average : dict
            Each label's share over all latents.
        tree_accuracy : float
            Share of latents whose region the tree tells, over five folds.
        tree : str
            Its rules, fitted on all draws.

    See Also
    --------
    LatentMapDisplay : The regions as a map.
    describe_captions : The same for captions.

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
    frequencies = label_frequencies(estimator.predict_grid(X, latents), labels)
    average = frequencies.mean(axis=0)
    # As positions in `labels`: trees take floats for quantities, not for labels.
    preferred = (frequencies - average).argmax(axis=1)
    tree = DecisionTreeClassifier(max_depth=max_depth, random_state=rng)
    told = cross_val_predict(tree, latents, preferred, cv=KFold(5))
    regions, counts = np.unique(preferred, return_counts=True)
    precision, recall, _, _ = precision_recall_fscore_support(
        preferred, told, labels=regions, zero_division=0
    )
    groups = []
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
    description = {
        "groups": groups,
        "average": dict(zip(labels.tolist(), average.tolist(), strict=True)),
        "tree_accuracy": float((told == preferred).mean()),
        "tree": export_text(tree.fit(latents, preferred), feature_names=inputs, class_names=names),
    }
    return description if output_dict else _as_text(description)


def _as_text(description):
    lines = ["prefers     of prior  answers (per cent, in brackets over all latents)"]
    lines[0] += "      mean latent           a tree tells it"
    for group in description["groups"]:
        shares = sorted(group["label_shares"].items(), key=lambda item: -item[1])[:N_SHOWN]
        said = ", ".join(
            f"{label} {100 * share:.0f} ({100 * description['average'][label]:.0f})"
            for label, share in shares
        )
        where = np.array2string(group["mean_latent"], precision=1, floatmode="fixed")
        lines.append(
            f"{group['label']!s:10}{group['prior_share']:>10.0%}  {said:44}  {where:20}"
            f"  {group['recall']:>10.0%}"
        )
    lines.append(f"a tree on c tells the region of {description['tree_accuracy']:.0%} of latents")
    return "\n".join(lines)
