"""describe_captions: which properties of captions a latent decides, as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..answers.tokenizer import splitter
from ..metrics._estimator import caption_analyzer, last_step
from ._properties import Property, length_name

# All chosen by hand.
N_TOKENS = 50  # the most frequent tokens that are properties by default
LEAST_USE = 0.02  # share of the captions that hold such a token; rarer ones depend on the image
N_COMPONENTS = 3  # components of the latent in a line of the text
ALPHAS = np.logspace(-2, 3, 12)  # penalties that the ridge regression chooses from, by itself


class PropertyDescription(TypedDict):
    """What `describe_captions` returns for a property."""

    mean: float
    sd: float
    r2: float
    correlation: NDArray[np.float64]


def describe_captions(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    properties: Mapping[str, Property] | None = None,
    n_latents: int = 200,
    random_state: int | np.random.RandomState | None = 0,
    output_dict: bool = False,
) -> str | dict[str, PropertyDescription]:
    """Describe which properties of captions follow from the latent alone, whatever the image.

    The same images are captioned under many latents. The mean of a property over the images is one
    number for each latent. A ridge regression on the latent predicts this number, and is tested on
    latents that it was not fitted on.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted on captions; a pipeline ends in a captioner.
    X : array-like
        Images or feature vectors, some tens.
    properties : dict of {str: callable} or None, default=None
        Each takes the list of a caption's tokens (by default lower-cased words, else those of the
        estimator's ``codec_.analyzer_``) and returns a number. None: the number of tokens, and for
        each of the 50 most frequent tokens whether the caption holds it.
    n_latents : int, default=200
        Draws from the prior, at least ten.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents.
    output_dict : bool, default=False
        Return a dict instead of text.

    Returns
    -------
    description : str or dict of {str: dict}
        For each property, the best predicted first: "mean" and "sd", over latents, of its mean over
        images; "r2", the share of its variance that is predicted, by five-fold cross-validation;
        "correlation", an array with that of each component of the latent.

    See Also
    --------
    describe_latents : Which labels latents prefer.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import describe_captions
    >>> class TerseOrNot:
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         return np.tile(np.where(latents[:, 0] < 0, "a dog", "the dog runs"), (len(X), 1))
    >>> print(describe_captions(TerseOrNot(), np.zeros((3, 2))))
    property            mean      sd      R2   strongest components of the latent
    words               2.5...
    ...
    """
    analyzer = caption_analyzer(estimator, "describe_latents")
    check_scalar(n_latents, "n_latents", Integral, min_val=10)
    estimator, X = last_step(estimator, X)
    rng = check_random_state(random_state)
    latents = estimator.sample_latents(n_latents, random_state=rng)
    grid = estimator.predict_grid(X, latents)
    split = splitter(analyzer)
    captions = [split(caption) for caption in grid.ravel()]
    if properties is None:
        properties = {length_name(analyzer): len} | _frequent(captions)
    description: dict[str, PropertyDescription] = {}
    for name, measure in properties.items():
        values = np.reshape([float(measure(row)) for row in captions], grid.shape).mean(axis=0)
        spread = values.std()
        if spread:
            predicted = cross_val_predict(RidgeCV(ALPHAS), latents, values, cv=KFold(5))
            correlation = np.array([np.corrcoef(column, values)[0, 1] for column in latents.T])
        description[name] = {
            "mean": float(values.mean()),
            "sd": float(spread),
            "r2": float(r2_score(values, predicted)) if spread else 0.0,
            "correlation": correlation if spread else np.zeros(latents.shape[1]),
        }
    description = dict(sorted(description.items(), key=lambda item: -item[1]["r2"]))
    return description if output_dict else _as_text(description)


def _frequent(captions: Sequence[list[str]]) -> dict[str, Property]:
    counts = Counter(token for row in captions for token in set(row))
    # A token in every caption, or in hardly any, does not depend on the latent.
    least, most = LEAST_USE * len(captions), len(captions) - 1
    common = [token for token, n in counts.most_common() if least <= n <= most]
    return {f"'{token}'": _holds(token) for token in common[:N_TOKENS]}


def _holds(token: str) -> Property:
    return lambda row: token in row


def _as_text(description: Mapping[str, PropertyDescription]) -> str:
    lines = [f"{'property':18}{'mean':>6}{'sd':>8}{'R2':>8}   strongest components of the latent"]
    for name, row in description.items():
        order = np.argsort(-np.abs(row["correlation"]), kind="stable")[:N_COMPONENTS]
        strongest = ", ".join(f"c[{i}] {row['correlation'][i]:+.2f}" for i in order)
        lines.append(f"{name:18}{row['mean']:6.2f}{row['sd']:8.2f}{row['r2']:8.2f}   {strongest}")
    return "\n".join(lines)
