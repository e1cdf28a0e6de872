"""describe_captions: what of the captions' manner a latent decides, as a table."""

from collections import Counter
from numbers import Integral

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..answers.tokenizer import splitter
from ..metrics._estimator import caption_analyzer, last_step

N_TOKENS = 50  # the most frequent ones, which are looked at by default
LEAST_USE = 0.02  # of captions; rarer tokens tell of images, and not of manners
N_COMPONENTS = 3  # of the latent, in the text
ALPHAS = np.logspace(-2, 3, 12)


def describe_captions(
    estimator, X, *, properties=None, n_latents=200, random_state=0, output_dict=False
):
    """Describe which properties of captions follow from the latent alone, whatever the image.

    Many latents each caption the same images. Of each property, the mean over images is one number
    for a latent; a ridge regression on the latent foretells it for latents that it has not seen.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted on captions; a pipeline ends in a captioner.
    X : array-like
        Images or feature vectors, some tens.
    properties : dict of {str: callable} or None, default=None
        Each takes the list of a caption's tokens, as the estimator's ``codec_.analyzer_`` splits
        it (by default lower-cased words), and returns a number. None: their number, and for each of
        the 50 most frequent tokens whether it is there.
    n_latents : int, default=200
        Draws from the prior, at least ten.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents.
    output_dict : bool, default=False
        Return numbers instead of text.

    Returns
    -------
    description : str or dict of {str: dict}
        For each property, the best foretold first: "mean" and "sd" over latents of its mean over
        images; "r2", the share of its variance that is foretold on unseen latents, five-fold;
        "correlation", ndarray of shape (n_latents,), with each component of the latent.

    See Also
    --------
    describe_latents : The same for labels.

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
        properties = {"words" if analyzer == "word" else "tokens": len} | _frequent(captions)
    description = {}
    for name, measure in properties.items():
        values = np.reshape([float(measure(row)) for row in captions], grid.shape).mean(axis=0)
        spread = values.std()
        if spread:
            foretold = cross_val_predict(RidgeCV(ALPHAS), latents, values, cv=KFold(5))
            correlation = np.array([np.corrcoef(column, values)[0, 1] for column in latents.T])
        description[name] = {
            "mean": float(values.mean()),
            "sd": float(spread),
            "r2": float(r2_score(values, foretold)) if spread else 0.0,
            "correlation": correlation if spread else np.zeros(latents.shape[1]),
        }
    description = dict(sorted(description.items(), key=lambda item: -item[1]["r2"]))
    return description if output_dict else _as_text(description)


def _frequent(captions):
    counts = Counter(token for row in captions for token in set(row))
    # What is in every caption, or in hardly any, says nothing of a manner.
    least, most = LEAST_USE * len(captions), len(captions) - 1
    common = [token for token, n in counts.most_common() if least <= n <= most]
    return {f"'{token}'": _holds(token) for token in common[:N_TOKENS]}


def _holds(token):
    return lambda row: token in row


def _as_text(description):
    lines = [f"{'property':18}{'mean':>6}{'sd':>8}{'R2':>8}   strongest components of the latent"]
    for name, row in description.items():
        order = np.argsort(-np.abs(row["correlation"]), kind="stable")[:N_COMPONENTS]
        told = ", ".join(f"c[{i}] {row['correlation'][i]:+.2f}" for i in order)
        lines.append(f"{name:18}{row['mean']:6.2f}{row['sd']:8.2f}{row['r2']:8.2f}   {told}")
    return "\n".join(lines)
