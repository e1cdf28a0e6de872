"""How good sentences are, and how different.

All of them compare tokens, by default words as the default analyzer of captions makes them:
lower-cased, punctuation dropped.
"""

from collections import Counter
from itertools import chain
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_scalar

from .._validation import answer_rows, table_rows
from ..answers.ngrams import (
    N_GRAM,
    CiderScorer,
    clipped_matches,
    closest_length,
    log_brevity_penalty,
    most_in_one,
    n_grams,
)
from ..answers.tokenizer import splitter, warn_if_unspaced


def bleu(captions, references, *, analyzer="word"):
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
    return _bleu(*_split_both(captions, references, analyzer))


def _bleu(captions, references):
    """BLEU-1 to BLEU-4 of captions and references that are tokens."""
    matches, total, length, closest = np.zeros(N_GRAM), np.zeros(N_GRAM), 0, 0
    for tokens, known in zip(captions, references, strict=True):
        for n in range(1, N_GRAM + 1):
            ours = Counter(n_grams(tokens, n))
            most = most_in_one(Counter(n_grams(text, n)) for text in known)
            matches[n - 1] += clipped_matches(ours, most)
            total[n - 1] += ours.total()
        length += len(tokens)
        closest += closest_length(len(tokens), map(len, known))
    if not length:
        return np.zeros(N_GRAM)
    with np.errstate(divide="ignore"):
        logs = np.log(matches / np.maximum(total, 1))
    penalty = np.exp(log_brevity_penalty(length, closest))
    return penalty * np.exp(np.cumsum(logs) / np.arange(1, N_GRAM + 1))


def rouge_l(captions, references, *, beta=1.2, analyzer="word"):
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
    for tokens, known in zip(*_split_both(captions, references, analyzer), strict=True):
        common = [_longest_common(tokens, text) for text in known]
        precision = max(common) / max(len(tokens), 1)
        recall = max(n / max(len(text), 1) for n, text in zip(common, known, strict=True))
        weight = beta**2
        scores.append((1 + weight) * precision * recall / max(recall + weight * precision, 1e-12))
    return np.array(scores)


def cider(captions, references, *, analyzer="word"):
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


def cider_d(captions, references, *, analyzer="word"):
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


def best_of_k(captions, references, *, analyzer="word"):
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
    captions = _check_list(captions, "captions")
    known = _split_rows(check_references(references, len(captions)), split, "references")
    rows = _split_rows(captions, split, "captions")
    _warn_if_unspaced(analyzer, *known, *rows)
    scorer = CiderScorer(known)
    return np.array(
        [
            max(scorer.cider_d(i, tokens) for tokens in set(map(tuple, row)))
            for i, row in enumerate(rows)
        ]
    )


def uniqueness(captions):
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
    return float(np.mean([len(set(row)) / len(row) for row in _check_rows(captions, "captions")]))


def novelty(captions, training_captions, *, analyzer="word"):
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
    theirs = _split_flat(training_captions, split, "training_captions")
    ours = _split_flat(captions, split, "captions")
    _warn_if_unspaced(analyzer, ours, theirs)
    known = set(map(tuple, theirs))
    return float(np.mean([tuple(tokens) not in known for tokens in ours]))


def distinct_n(captions, n=2, *, analyzer="word"):
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
    rows = _split_rows(captions, splitter(analyzer), "captions")
    _warn_if_unspaced(analyzer, *rows)
    for row in rows:
        different = {gram for tokens in row for gram in n_grams(tokens, n)}
        ratios.append(len(different) / max(sum(map(len, row)), 1))
    return float(np.mean(ratios))


def mutual_bleu(captions, *, analyzer="word"):
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
    rows = _split_rows(captions, splitter(analyzer), "captions")
    numbers = {len(row) for row in rows}
    if len(numbers) != 1 or numbers == {1}:
        raise ValueError(
            f"captions holds {sorted(numbers)} captions for an image. All images need the same "
            "number k, at least two."
        )
    _warn_if_unspaced(analyzer, *rows)
    scores = [
        _bleu([r[j] for r in rows], [r[:j] + r[j + 1 :] for r in rows])[3] for j in range(*numbers)
    ]
    return float(np.mean(scores))


def _agreement(score, captions, references, analyzer):
    ours, theirs = _split_both(captions, references, analyzer)
    scorer = CiderScorer(theirs)
    return np.array([score(scorer, i, tokens) for i, tokens in enumerate(ours)])


def _split_both(captions, references, analyzer):
    """Return the tokens of each image's caption, and those of its references."""
    split = splitter(analyzer)
    references = check_references(references, len(_check_list(captions, "captions")))
    ours, theirs = _split(captions, split, "captions"), _split_rows(references, split, "references")
    _warn_if_unspaced(analyzer, ours, *theirs)
    return ours, theirs


def _warn_if_unspaced(analyzer, *tokens):
    warn_if_unspaced(map(" ".join, chain.from_iterable(tokens)), analyzer)


def _split_rows(rows, split, name):
    return [_split(row, split, f"{name}[{i}]") for i, row in enumerate(_check_rows(rows, name))]


def _split_flat(captions, split, name):
    rows = [
        [row] if isinstance(row, str) else _check_list(row, name)
        for row in _check_list(captions, name)
    ]
    return _split([text for row in rows for text in row], split, name)


def _split(texts, split, name):
    texts = _check_list(texts, name)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{name} holds {text!r:.80} where a caption belongs. Pass strings.")
    return [split(text) for text in texts]


def _check_rows(rows, name):
    return [_check_list(row, f"{name}[{i}]") for i, row in enumerate(_check_list(rows, name))]


def check_references(references, n_images, name="references", captions="captions"):
    """Return the true captions of each image as lists, whatever form they come in."""
    rows = _check_list(references, name)
    if len(rows) != n_images:
        raise ValueError(
            f"{captions} holds {n_images} images, {name} {len(rows)}. Pass the true captions of "
            "each image."
        )
    if not hasattr(references, "__array__"):
        _check_rows(rows, name)
    return answer_rows(references, n_images, name)


def _check_list(captions, name):
    """Return captions, or rows of them, as what has a length and is run through in order."""
    captions = table_rows(captions)
    if (
        isinstance(captions, str)
        or not hasattr(captions, "__len__")
        or getattr(captions, "ndim", 1) == 0
    ):
        raise ValueError(
            f"{name}={captions!r:.80} is no list of captions. Wrap a single one: "
            f"[{captions!r:.80}]."
        )
    if len(captions) == 0:
        raise ValueError(
            f"{name} is empty. Pass at least one caption, and leave out images without any."
        )
    return captions


def _longest_common(first, second):
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if token == other else max(row[j], row[j - 1])
    return row[-1]
