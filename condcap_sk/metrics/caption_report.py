"""caption_report and scorers: how good the captions of an estimator are, and how different."""

from collections.abc import Collection
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ._anchors import agreement_of
from ._captions import check_references
from ._estimator import caption_analyzer, last_step
from ._retrieval import self_retrieval
from .agreement import best_of_k, bleu, cider_d
from .diversity import distinct_n, mutual_bleu, self_cider, uniqueness

N_FEW = 5  # captions that these but `uniqueness` are taken over, as is usual


def caption_report(
    estimator: BaseEstimator,
    X: ArrayLike,
    captions: Collection[object],
    *,
    n_latents: int = 20,
    random_state: int | np.random.RandomState | None = 0,
    output_dict: bool = False,
) -> str | dict[str, float]:
    """Report how good captions are, one for each image and several, and how much these differ.

    Captions are compared by the tokens that the estimator makes them of, its ``codec_.analyzer_``.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted on captions; a pipeline ends in a captioner.
    X : array-like
        Images that were not trained on.
    captions : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    n_latents : int, default=20
        Latents that each image is captioned under, at least two. Papers print the best of 20 and
        the best of 100: pass 100 for that.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents.
    output_dict : bool, default=False
        Return numbers instead of text.

    Returns
    -------
    report : str or dict of {str: float}
        By name

        bleu_1 to bleu_4, rouge_l, cider, cider_d
            Of ``predict(X)``.
        best_of_k, mean_of_k
            CIDEr-D of the best of the captions under the latents, and of all of them.
        distinct
            Share of an image's captions under the latents that are different.
        mutual_bleu, distinct_1, distinct_2, self_cider
            How alike the first five of these are; higher is more alike, then less. Document
            frequencies are those of the true captions.
        recall_at_1, recall_at_5, recall_at_10
            Share of the captions of ``predict(X)`` for which their own image is among the 1, 5 or
            10 most relevant of all images by ``image_encoder_`` [1]_ [2]_. By chance it is 1, 5 or
            10 over the number of images, of which at most the first 1000 are compared. Left out
            where there is no image encoder. The model chose its captions by this relevance, too:
            this is whether they are specific, not whether they are true.

    See Also
    --------
    oracle_score : The best of 20, for model selection.
    control_report : The same for labels.

    References
    ----------
    .. [1] R. Luo et al., "Discriminability Objective for Training Descriptive Captions", CVPR 2018.
    .. [2] X. Liu et al., "Show, Tell and Discriminate: Image Captioning by Self-retrieval with
       Partially Labeled Data", ECCV 2018.

    Examples
    --------
    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.datasets import make_captioned_shapes
    >>> from condcap_sk.metrics import caption_report
    >>> scenes = make_captioned_shapes(20, size=16, random_state=0)
    >>> est = ConditionalCaptioner(random_state=0).set_params(
    ...     codec__max_iter=9, image_encoder__max_iter=9, gan__max_iter=9)
    >>> est.fit(scenes.images, scenes.captions)
    ConditionalCaptioner(...)
    >>> sorted(caption_report(est, scenes.images, scenes.captions, output_dict=True))[:4]
    ['best_of_k', 'bleu_1', 'bleu_2', 'bleu_3']
    """
    analyzer = caption_analyzer(estimator, "control_report")
    check_scalar(n_latents, "n_latents", Integral, min_val=2)
    estimator, X = last_step(estimator, X)
    best = estimator.predict(X)
    captions = check_references(captions, len(best), "captions", "X")
    latents = estimator.sample_latents(n_latents, random_state=check_random_state(random_state))
    grid = estimator.predict_grid(X, latents)
    few = grid[:, :N_FEW]
    of_columns = [cider_d(column, captions, analyzer=analyzer).mean() for column in grid.T]
    report = {
        **agreement_of(best, captions, analyzer),
        "best_of_k": best_of_k(grid, captions, analyzer=analyzer).mean(),
        "mean_of_k": np.mean(of_columns),
        "distinct": uniqueness(grid),
        "mutual_bleu": mutual_bleu(few, analyzer=analyzer),
        "distinct_1": distinct_n(few, 1, analyzer=analyzer),
        "distinct_2": distinct_n(few, 2, analyzer=analyzer),
        "self_cider": self_cider(few, captions, analyzer=analyzer),
        **self_retrieval(estimator, X, best),
    }
    report = {name: float(value) for name, value in report.items()}
    if output_dict:
        return report
    return "\n".join(f"{name:14}{value:8.3f}" for name, value in report.items())


def bleu_score(estimator: BaseEstimator, X: ArrayLike, captions: Collection[object]) -> float:
    """BLEU-4 of ``predict(X)``, as a scorer for `GridSearchCV` and the like.

    Parameters
    ----------
    estimator : object
        Fitted, with `predict`. Captions are compared by the tokens of its ``codec_.analyzer_``, or
        by words where it has none.
    X : array-like
        Images.
    captions : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    score : float
        Between 0 and 1.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.metrics import bleu_score
    >>> grid = {"gan__kl_target": [3, 6]}
    >>> search = GridSearchCV(ConditionalCaptioner(), grid, scoring=bleu_score)
    """
    analyzer = caption_analyzer(estimator, "control_score")
    best = estimator.predict(X)
    captions = check_references(captions, len(best), "captions", "X")
    return float(bleu(best, captions, analyzer=analyzer)[3])


def oracle_score(estimator: BaseEstimator, X: ArrayLike, captions: Collection[object]) -> float:
    """CIDEr-D of the best of 20 captions that differ, as a scorer for `GridSearchCV` and the like.

    Parameters
    ----------
    estimator : ConditionalCaptioner or Pipeline
        Fitted on captions, which are compared by its tokens; a pipeline ends in a captioner.
    X : array-like
        Images.
    captions : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    score : float
        Between 0 and 10, mean over images; under 20 latents, the same for all images.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.metrics import oracle_score
    >>> grid = {"gan__kl_target": [3, 6]}
    >>> search = GridSearchCV(ConditionalCaptioner(), grid, scoring=oracle_score)
    """
    analyzer = caption_analyzer(estimator, "control_score")
    estimator, X = last_step(estimator, X)
    latents = estimator.sample_latents(20, random_state=0)
    grid = estimator.predict_grid(X, latents)
    captions = check_references(captions, len(grid), "captions", "X")
    return float(best_of_k(grid, captions, analyzer=analyzer).mean())
