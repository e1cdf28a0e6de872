"""How much captions differ: among themselves, and from those that were trained on.

All but `uniqueness` compare tokens, by default words as the default analyzer of captions makes
them: lower-cased, punctuation dropped.
"""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_scalar

from ..answers.ngrams import corpus_bleu, n_grams
from ..answers.tokenizer import splitter
from ._captions import check_rows, split_flat, split_rows, warn_of_unspaced
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
