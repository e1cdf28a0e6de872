"""How far captions agree with references.

All compare tokens, by default words as the default analyzer of captions makes them: lower-cased,
punctuation dropped.
"""

from collections.abc import Callable, Collection, Sequence
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_scalar

from ..answers.ngrams import CiderScorer, corpus_bleu
from ..answers.tokenizer import splitter
from ._captions import check_list, check_references, split_both, split_rows, warn_of_unspaced
from ._estimator import Analyzer


def bleu(
    captions: ArrayLike,
    references: Collection[object],
    *,
    analyzer: Analyzer = "word",
) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of a corpus: precision of n-grams, with a penalty for brevity.

    BLEU-n is the geometric mean of the precisions of 1-grams to n-grams, each n-gram counted at
    most as often as in the reference that has it most often, times exp(1 − r/c) where the captions'
    length c is below the length r of the references, the closest for each caption [1]_. Without
    smoothing: where no n-gram agrees it is 0.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    scores : ndarray of shape (4,)
        Between 0 and 1.

    References
    ----------
    .. [1] K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation",
       ACL 2002.

    Examples
    --------
    >>> from condcap_sk.metrics import bleu
    >>> bleu(["a red dog runs"], [["a dog runs", "the red dog runs fast"]]).round(2)
    array([1.  , 0.82, 0.69, 0.  ])
    """
    return corpus_bleu(*split_both(captions, references, analyzer))


def rouge_l(
    captions: ArrayLike,
    references: Collection[object],
    *,
    beta: float = 1.2,
    analyzer: Analyzer = "word",
) -> NDArray[np.float64]:
    """ROUGE-L: agreement in the longest common subsequence of tokens.

    Its share P of the caption's tokens and its share R of the reference's, each the best over the
    references, as (1 + β²) P R / (R + β² P) [1]_.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    beta : float, default=1.2
        Weight of R against P; the usual value for captions.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    scores : ndarray of shape (n_images,)
        Between 0 and 1; the mean is the usual figure.

    References
    ----------
    .. [1] C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL 2004.

    Examples
    --------
    >>> from condcap_sk.metrics import rouge_l
    >>> rouge_l(["a red dog runs"], [["a dog runs fast", "two men"]])
    array([0.75])
    """
    check_scalar(beta, "beta", Real, min_val=0)
    scores = []
    for tokens, known in zip(*split_both(captions, references, analyzer), strict=True):
        common = [_longest_common(tokens, text) for text in known]
        precision = max(common) / max(len(tokens), 1)
        recall = max(n / max(len(text), 1) for n, text in zip(common, known, strict=True))
        weight = beta**2
        scores.append((1 + weight) * precision * recall / max(recall + weight * precision, 1e-12))
    return np.array(scores)


def cider(
    captions: ArrayLike,
    references: Collection[object],
    *,
    analyzer: Analyzer = "word",
) -> NDArray[np.float64]:
    """CIDEr: agreement of captions with several references, by weighted n-grams.

    For n from 1 to 4, a caption and a reference are compared by the cosine of their n-gram counts,
    weighted by inverse document frequency over all images; the average over references and n,
    times ten [1]_. There is no stemming.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    scores : ndarray of shape (n_images,)
        Between 0 and 10, the mean is the usual figure. With one image every n-gram is in every
        document, so all weights are 0.

    See Also
    --------
    cider_d : What most captioning papers print as "CIDEr".

    References
    ----------
    .. [1] R. Vedantam et al., "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015.

    Examples
    --------
    >>> from condcap_sk.metrics import cider
    >>> references = [["a red dog runs fast"], ["two men sit down"]]
    >>> cider(["a red dog runs fast", "a cat"], references).round(2)
    array([10.,  0.])
    """
    return _agreement(CiderScorer.cider, captions, references, analyzer)


def cider_d(
    captions: ArrayLike,
    references: Collection[object],
    *,
    analyzer: Analyzer = "word",
) -> NDArray[np.float64]:
    """CIDEr-D: CIDEr that repeated words and wrong lengths do not raise.

    Like `cider`, but an n-gram counts at most as often as the reference has it, and each reference
    by exp(−Δ² / 72), where Δ is the difference of lengths in tokens [1]_. This is what the usual
    evaluation code for captions prints as "CIDEr".

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    scores : ndarray of shape (n_images,)
        Between 0 and 10, the mean is the usual figure.

    References
    ----------
    .. [1] R. Vedantam et al., "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015.

    Examples
    --------
    >>> from condcap_sk.metrics import cider_d
    >>> references = [["a red dog runs fast"], ["two men sit down"]]
    >>> cider_d(["a red dog dog runs fast", "a cat"], references).round(2)
    array([5.58, 0.  ])
    """
    return _agreement(CiderScorer.cider_d, captions, references, analyzer)


def best_of_k(
    captions: ArrayLike,
    references: Collection[object],
    *,
    analyzer: Analyzer = "word",
) -> NDArray[np.float64]:
    """CIDEr-D of the best of several captions of each image.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, for example from `ConditionalCaptioner.predict_grid`; not
        necessarily as many for all.
    references : collection of n_images collections of str
        True captions of each image, in any form that `ConditionalCaptioner.fit` takes.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    scores : ndarray of shape (n_images,)
        Between 0 and 10; the mean is the usual figure ("oracle CIDEr").

    Examples
    --------
    >>> from condcap_sk.metrics import best_of_k
    >>> references = [["a red dog runs fast"], ["two men sit down"]]
    >>> best_of_k([["a cat", "a red dog runs fast"], ["a cat", "two men"]], references).round(1)
    array([10.,  3.])
    """
    split = splitter(analyzer)
    n_images = len(check_list(captions, "captions"))
    known = split_rows(check_references(references, n_images), split, "references")
    rows = split_rows(captions, split, "captions")
    warn_of_unspaced(analyzer, *known, *rows)
    scorer = CiderScorer(known)
    return np.array(
        [
            max(scorer.cider_d(i, tokens) for tokens in set(map(tuple, row)))
            for i, row in enumerate(rows)
        ]
    )


def _agreement(
    score: Callable[[CiderScorer, int, Sequence[str]], float],
    captions: ArrayLike,
    references: Collection[object],
    analyzer: Analyzer,
) -> NDArray[np.float64]:
    ours, theirs = split_both(captions, references, analyzer)
    scorer = CiderScorer(theirs)
    return np.array([score(scorer, i, tokens) for i, tokens in enumerate(ours)])


def _longest_common(first: list[str], second: list[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if token == other else max(row[j], row[j - 1])
    return row[-1]
