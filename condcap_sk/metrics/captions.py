"""How good sentences are, and how different.

All of them compare tokens, by default words as the default analyzer of captions makes them:
lower-cased, punctuation dropped.
"""

import math
from collections import Counter
from functools import reduce
from itertools import chain
from numbers import Integral, Real
from operator import or_

import numpy as np
from sklearn.utils.validation import check_scalar

from .._validation import answer_rows, table_rows
from ..answers.tokenizer import splitter, warn_if_unspaced

N_GRAM = 4


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
    agreeing, total, length, closest = np.zeros(N_GRAM), np.zeros(N_GRAM), 0, 0
    for tokens, known in zip(captions, references, strict=True):
        ours, theirs = _n_grams(tokens), [_n_grams(text) for text in known]
        allowed: Counter = Counter()
        for counts in theirs:
            allowed |= counts
        for gram, count in ours.items():
            agreeing[len(gram) - 1] += min(count, allowed[gram])
            total[len(gram) - 1] += count
        length += len(tokens)
        closest += min((abs(len(text) - len(tokens)), len(text)) for text in known)[1]
    if not length:
        return np.zeros(N_GRAM)
    with np.errstate(divide="ignore"):
        logs = np.log(agreeing / np.maximum(total, 1))
    return min(1.0, np.exp(1 - closest / length)) * np.exp(np.cumsum(logs) / np.arange(1, 5))


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
    return _agreement(captions, references, analyzer, False)


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
    return _agreement(captions, references, analyzer, True)


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
    consensus = Consensus(known)
    return np.array(
        [
            max(consensus.score(i, tokens, True) for tokens in set(map(tuple, row)))
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
        different = {gram for tokens in row for gram in _grams(tokens, n)}
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


class Consensus:
    """Weighted n-grams of the references, and how captions agree with them.

    Parameters
    ----------
    references : list of n_images lists of sequences
        The tokens, words or ids, of each image's references.
    """

    def __init__(self, references):
        counts = [[_n_grams(tokens) for tokens in row] for row in references]
        documents = Counter(gram for row in counts for gram in set().union(*row))
        self._idf = {gram: math.log(len(counts) / n) for gram, n in documents.items()}
        self._idf_of_unseen = math.log(len(counts))
        self._lengths = [[len(tokens) for tokens in row] for row in references]
        self._weights = [self._by_gram(row) for row in counts]
        self._allowed: list[Counter] = [reduce(or_, map(Counter, row)) for row in references]

    def _by_gram(self, row):
        """Return of each n-gram the references with it, its weight there, and its share of norm."""
        found: dict = {}
        for reference, counts in enumerate(row):
            weights = {gram: count * self._idf[gram] for gram, count in counts.items()}
            squares = [0.0] * (N_GRAM + 1)
            for gram, weight in weights.items():
                squares[len(gram)] += weight * weight
            for gram, weight in weights.items():
                if weight:
                    share = weight / math.sqrt(squares[len(gram)])
                    found.setdefault(gram, []).append((reference, weight, share))
        return found

    def score(self, image, tokens, guarded):
        """Return the CIDEr of a caption of one image, given as tokens; CIDEr-D if `guarded`."""
        lengths, theirs = self._lengths[image], self._weights[image]
        trust = [math.exp(-((len(tokens) - n) ** 2) / 72) if guarded else 1.0 for n in lengths]
        total = 0.0
        for n in range(1, N_GRAM + 1):
            product = square = 0.0
            for gram, count in Counter(_grams(tokens, n)).items():
                ours = count * self._idf.get(gram, self._idf_of_unseen)
                square += ours * ours
                for reference, weight, share in theirs.get(gram, ()):
                    least = weight if guarded and weight < ours else ours
                    product += trust[reference] * share * least
            if product:
                total += product / math.sqrt(square)
        return 10 * total / N_GRAM / len(lengths)

    def bleu_1(self, image, tokens):
        """Return the BLEU-1 of a caption of one image, given as tokens, of which it has some."""
        length, allowed = len(tokens), self._allowed[image]
        agreeing = sum(min(n, allowed[token]) for token, n in Counter(tokens).items())
        closest = min((abs(n - length), n) for n in self._lengths[image])[1]
        return min(1.0, math.exp(1 - closest / length)) * agreeing / length


def _agreement(captions, references, analyzer, guarded):
    ours, theirs = _split_both(captions, references, analyzer)
    consensus = Consensus(theirs)
    return np.array([consensus.score(i, tokens, guarded) for i, tokens in enumerate(ours)])


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


def _n_grams(tokens):
    return Counter(gram for n in range(1, N_GRAM + 1) for gram in _grams(tokens, n))


def _grams(tokens, n):
    return zip(*(tokens[i:] for i in range(n)), strict=False)


def _longest_common(first, second):
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if token == other else max(row[j], row[j - 1])
    return row[-1]
