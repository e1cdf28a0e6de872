"""How much captions differ: among themselves, and from those that were trained on.

All but `uniqueness` compare tokens, by default words as the default analyzer of captions makes
them: lower-cased, punctuation dropped.
"""

from collections.abc import Collection
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_scalar

from ..answers.ngrams import CiderScorer, corpus_bleu, n_grams
from ..answers.tokenizer import splitter
from ._captions import (
    check_list,
    check_references,
    check_rows,
    split_flat,
    split_rows,
    warn_of_unspaced,
)
from ._estimator import Analyzer


def uniqueness(captions: ArrayLike) -> float:
    """Share of an image's captions that are different.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, not necessarily as many for all.

    Returns
    -------
    share : float
        Number of different captions over k, averaged over images; between 1/k and 1.

    Examples
    --------
    >>> from condcap_sk.metrics import uniqueness
    >>> uniqueness([["a dog", "a dog"], ["a cat", "the cat"]])
    0.75
    """
    return float(np.mean([len(set(row)) / len(row) for row in check_rows(captions, "captions")]))


def distinct_n(captions: ArrayLike, n: int = 2, *, analyzer: Analyzer = "word") -> float:
    """Number of different n-grams in an image's captions, over their number of tokens.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, not necessarily as many for all.
    n : int, default=2
        Tokens in an n-gram.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    ratio : float
        Averaged over images; higher where captions differ more [1]_.

    References
    ----------
    .. [1] J. Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models",
       NAACL 2016.

    Examples
    --------
    >>> from condcap_sk.metrics import distinct_n
    >>> distinct_n([["a red dog", "a red cat"]], n=1)
    0.6666666666666666
    """
    check_scalar(n, "n", Integral, min_val=1)
    ratios = []
    rows = split_rows(captions, splitter(analyzer), "captions")
    warn_of_unspaced(analyzer, *rows)
    for row in rows:
        different = {gram for tokens in row for gram in n_grams(tokens, n)}
        ratios.append(len(different) / max(sum(map(len, row)), 1))
    return float(np.mean(ratios))


def mutual_bleu(captions: ArrayLike, *, analyzer: Analyzer = "word") -> float:
    """Mutual BLEU-4: BLEU-4 of an image's captions, each against its others.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, at least two and as many for all.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    score : float
        Between 0, no four tokens in common, and 1, all the same; the mean over the k captions of
        BLEU-4 over images [1]_.

    References
    ----------
    .. [1] R. Shetty et al., "Speaking the Same Language: Matching Machine to Human Captions by
       Adversarial Training", ICCV 2017.

    Examples
    --------
    >>> from condcap_sk.metrics import mutual_bleu
    >>> mutual_bleu([["two men sit on a bench", "two men sit on a bench"]])
    1.0
    """
    rows = split_rows(captions, splitter(analyzer), "captions")
    numbers = {len(row) for row in rows}
    if len(numbers) != 1 or numbers == {1}:
        raise ValueError(
            f"captions holds {sorted(numbers)} captions for an image. All images need the same "
            "number k, at least two."
        )
    warn_of_unspaced(analyzer, *rows)
    scores = [
        corpus_bleu([r[j] for r in rows], [r[:j] + r[j + 1 :] for r in rows])[3]
        for j in range(*numbers)
    ]
    return float(np.mean(scores))


def self_cider(
    captions: ArrayLike,
    references: Collection[object] | None = None,
    *,
    analyzer: Analyzer = "word",
) -> float:
    """Self-CIDEr: into how many directions an image's captions spread.

    The captions of an image are compared with each other by CIDEr, scaled to be 1 between equal
    ones. Where λ are the eigenvalues of this matrix of m x m, and r is √λ of the largest over the
    sum of √λ, the score is −log r / log m [1]_.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, at least two, not necessarily as many for all.
    references : collection of collections of str, default=None
        Captions of images, not necessarily the same images, over which the inverse document
        frequencies are taken. None: `captions` themselves.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    score : float
        Between 0, all the same, and 1, no n-gram of any weight in common; averaged over images.

    See Also
    --------
    mutual_bleu : How alike captions are, the first five as a rule.

    Notes
    -----
    Scores depend on the number of captions, five or ten as a rule, and on where the document
    frequencies come from. The authors take them from the true captions of the training images:
    pass these as `references`. Other evaluation code takes those of the test images.

    CIDEr is as the paper has it, the same in both directions. The authors' code computes CIDEr-D,
    which also discounts captions of different lengths. A caption shorter than four tokens is
    compared by the n-grams that it has.

    With one image and no `references`, no n-gram has a weight, and captions are alike only where
    they are equal.

    References
    ----------
    .. [1] Q. Wang and A. B. Chan, "Describing like Humans: On Diversity in Image Captioning",
       CVPR 2019.

    Examples
    --------
    >>> from condcap_sk.metrics import self_cider
    >>> captions = [["a red dog runs", "a red dog sits"], ["two men sit down", "a cat sleeps"]]
    >>> round(self_cider(captions), 2)
    0.84
    """
    split = splitter(analyzer)
    rows = split_rows(captions, split, "captions")
    if min(map(len, rows)) < 2:
        raise ValueError("captions holds an image with one caption. Each needs at least two.")
    known = rows
    if references is not None:
        n_known = len(check_list(references, "references"))
        known = split_rows(check_references(references, n_known), split, "references")
    warn_of_unspaced(analyzer, *rows, *known)
    scorer = CiderScorer(known)
    scores = []
    for row in rows:
        # The roots of the eigenvalues of V Vᵀ are the singular values of V.
        roots = np.linalg.svd(scorer.unit_vectors(row), compute_uv=False)
        scores.append(-np.log(roots.max() / roots.sum()) / np.log(len(row)))
    return float(np.clip(np.mean(scores), 0, 1))


def novelty(
    captions: ArrayLike,
    training_captions: ArrayLike,
    *,
    analyzer: Analyzer = "word",
) -> float:
    """Share of captions that are not in the training data, token by token.

    Parameters
    ----------
    captions : list of str, or of n_images lists of str
        The captions, for example from `ConditionalCaptioner.sample`.
    training_captions : list of str, or of lists of str
        All captions that were trained on.
    analyzer : {"word", "char"} or callable, default="word"
        How captions fall into tokens, as in `CaptionCodec`.

    Returns
    -------
    share : float
        Between 0 and 1.

    Examples
    --------
    >>> from condcap_sk.metrics import novelty
    >>> novelty(["a dog", "a cat"], ["A dog.", "two men"])
    0.5
    """
    split = splitter(analyzer)
    theirs = split_flat(training_captions, split, "training_captions")
    ours = split_flat(captions, split, "captions")
    warn_of_unspaced(analyzer, ours, theirs)
    known = set(map(tuple, theirs))
    return float(np.mean([tuple(tokens) not in known for tokens in ours]))
