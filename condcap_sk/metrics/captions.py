"""How good sentences are, and how different.

All of them compare words as the default analyzer of captions makes them: lower-cased, punctuation
dropped.
"""

from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

N_GRAM = 4

# scikit-learn's analyzer, except that words of one letter ("a") count. Shared with the vocabulary,
# so that captions are scored by the words they are made of.
split_words = CountVectorizer(token_pattern=r"(?u)\b\w+\b").build_analyzer()


def bleu(captions, references):
    """BLEU-1 to BLEU-4 of a corpus: precision of n-grams, with a penalty for brevity.

    BLEU-n is the geometric mean of the precisions of 1-grams to n-grams, each n-gram counted at
    most as often as in the reference that has it most often, times exp(1 − r/c) where the captions'
    length c is below the length r of the references, the closest for each caption [1]_. Without
    smoothing: where no n-gram agrees it is 0.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : list of n_images lists of str
        True captions of each image.

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
    agreeing, total, length, closest = np.zeros(N_GRAM), np.zeros(N_GRAM), 0, 0
    for caption, texts in _pairs(captions, references):
        ours, theirs = _n_grams(caption), [_n_grams(text) for text in texts]
        allowed: Counter = Counter()
        for counts in theirs:
            allowed |= counts
        for gram, count in ours.items():
            agreeing[len(gram) - 1] += min(count, allowed[gram])
            total[len(gram) - 1] += count
        n_words = _length(ours)
        length += n_words
        closest += min((abs(_length(counts) - n_words), _length(counts)) for counts in theirs)[1]
    if not length:
        return np.zeros(N_GRAM)
    with np.errstate(divide="ignore"):
        logs = np.log(agreeing / np.maximum(total, 1))
    return min(1.0, np.exp(1 - closest / length)) * np.exp(np.cumsum(logs) / np.arange(1, 5))


def rouge_l(captions, references, *, beta=1.2):
    """ROUGE-L: agreement in the longest common subsequence of words.

    Its share P of the caption's words and its share R of the reference's, each the best over the
    references, as (1 + β²) P R / (R + β² P) [1]_.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : list of n_images lists of str
        True captions of each image.
    beta : float, default=1.2
        Weight of R against P; the usual value for captions.

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
    scores = []
    for caption, texts in _pairs(captions, references):
        words = split_words(caption)
        known = [split_words(text) for text in texts]
        common = [_longest_common(words, text) for text in known]
        precision = max(common) / max(len(words), 1)
        recall = max(n / max(len(text), 1) for n, text in zip(common, known, strict=True))
        weight = beta**2
        scores.append((1 + weight) * precision * recall / max(recall + weight * precision, 1e-12))
    return np.array(scores)


def cider(captions, references):
    """CIDEr: agreement of captions with several references, by weighted n-grams.

    For n from 1 to 4, a caption and a reference are compared by the cosine of their n-gram counts,
    weighted by inverse document frequency over all images; the average over references and n,
    times ten [1]_. There is no stemming.

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : list of n_images lists of str
        True captions of each image.

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
    consensus = _Consensus(references)
    pairs = _pairs(captions, references)
    return np.array([consensus.score(i, caption, False) for i, (caption, _) in enumerate(pairs)])


def cider_d(captions, references):
    """CIDEr-D: CIDEr that repeated words and wrong lengths do not raise.

    Like `cider`, but an n-gram counts at most as often as the reference has it, and each reference
    by exp(−Δ² / 72), where Δ is the difference of lengths in words [1]_. This is what the usual
    evaluation code for captions prints as "CIDEr".

    Parameters
    ----------
    captions : array-like of shape (n_images,)
        One caption for each image.
    references : list of n_images lists of str
        True captions of each image.

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
    consensus = _Consensus(references)
    pairs = _pairs(captions, references)
    return np.array([consensus.score(i, caption, True) for i, (caption, _) in enumerate(pairs)])


def best_of_k(captions, references):
    """CIDEr-D of the best of several captions of each image.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, for example from `ConditionalCaptioner.predict_grid`.
    references : list of n_images lists of str
        True captions of each image.

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
    consensus = _Consensus(references)
    return np.array(
        [
            max(consensus.score(i, caption, True) for caption in dict.fromkeys(row))
            for i, (row, _) in enumerate(_pairs(captions, references))
        ]
    )


def uniqueness(captions):
    """Share of an image's captions that are different.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image.

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
    return float(np.mean([len(set(row)) / len(row) for row in captions]))


def novelty(captions, training_captions):
    """Share of captions that are not in the training data, word by word.

    Parameters
    ----------
    captions : array-like of shape (n_images,) or (n_images, k)
        The captions.
    training_captions : array-like of str
        All captions that were trained on.

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
    known = {tuple(split_words(text)) for text in training_captions}
    flat = np.asarray(captions, dtype=object).ravel()
    return float(np.mean([tuple(split_words(caption)) not in known for caption in flat]))


def distinct_n(captions, n=2):
    """Number of different n-grams in an image's captions, over their number of words.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image.
    n : int, default=2
        Words in an n-gram, 1 to 4.

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
    ratios = []
    for row in captions:
        counts: Counter = sum((_n_grams(caption) for caption in row), Counter())
        ratios.append(sum(len(gram) == n for gram in counts) / max(_length(counts), 1))
    return float(np.mean(ratios))


def mutual_bleu(captions):
    """Mutual BLEU-4: BLEU-4 of an image's captions, each against its others.

    Parameters
    ----------
    captions : array-like of shape (n_images, k)
        Several captions for each image, at least two.

    Returns
    -------
    score : float
        Between 0, no four words in common, and 1, all the same; the mean over the k captions of
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
    captions = np.asarray(captions, dtype=object)
    if captions.ndim != 2 or captions.shape[1] < 2:
        raise ValueError(
            f"captions has shape {captions.shape}. Pass at least two captions for each image, "
            "shape (n_images, k)."
        )
    scores = [
        bleu(captions[:, j], np.delete(captions, j, axis=1).tolist())[3]
        for j in range(captions.shape[1])
    ]
    return float(np.mean(scores))


class _Consensus:
    """Weighted n-grams of the references, and how captions agree with them."""

    def __init__(self, references):
        counts = [[_n_grams(text) for text in texts] for texts in references]
        self.documents = Counter(gram for texts in counts for gram in set().union(*texts))
        self.n_images = len(counts)
        self.references = [[self._weigh(text) for text in texts] for texts in counts]

    def _weigh(self, counts):
        weights: list[dict] = [{} for _ in range(N_GRAM)]
        for gram, count in counts.items():
            idf = np.log(self.n_images / max(1, self.documents[gram]))
            weights[len(gram) - 1][gram] = count * idf
        norms = [np.sqrt(sum(w * w for w in of_length.values())) for of_length in weights]
        return weights, norms, _length(counts)

    def score(self, image, caption, guarded):
        """CIDEr of a caption of one image; CIDEr-D if `guarded`."""
        ours, our_norms, our_length = self._weigh(_n_grams(caption))
        total = 0.0
        for theirs, their_norms, their_length in self.references[image]:
            similarity = 0.0
            for n in range(N_GRAM):
                known = theirs[n]
                product = sum(
                    (min(w, known[gram]) if guarded else w) * known[gram]
                    for gram, w in ours[n].items()
                    if gram in known
                )
                if product:
                    similarity += product / (our_norms[n] * their_norms[n])
            if guarded:
                similarity *= np.exp(-((our_length - their_length) ** 2) / 72)
            total += similarity / len(self.references[image])
        return 10 * total / N_GRAM


def _pairs(captions, references):
    if len(captions) != len(references):
        raise ValueError(
            f"captions holds {len(captions)} images, references {len(references)}. Pass the true "
            "captions of each image."
        )
    return zip(captions, references, strict=True)


def _n_grams(text):
    words = split_words(text)
    return Counter(
        tuple(words[i : i + n]) for n in range(1, N_GRAM + 1) for i in range(len(words) - n + 1)
    )


def _length(counts):
    return sum(count for gram, count in counts.items() if len(gram) == 1)


def _longest_common(first, second):
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]
