"""How good sentences are."""

from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

N_GRAM = 4


def cider(captions, references):
    """CIDEr: agreement of captions with several references, by weighted n-grams.

    For n from 1 to 4, a caption and a reference are compared by the cosine of their n-gram counts,
    weighted by inverse document frequency over all images; the average over references and n,
    times ten [1]_. Words are lower-cased, punctuation is dropped; there is no stemming.

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
    references = [[_n_grams(text) for text in texts] for texts in references]
    documents = Counter(gram for texts in references for gram in set().union(*texts))
    n_images = len(references)

    def weigh(counts):
        by_length: list[dict] = [{} for _ in range(N_GRAM)]
        for gram, count in counts.items():
            idf = np.log(n_images / max(1, documents[gram]))
            by_length[len(gram) - 1][gram] = count * idf
        norms = [np.sqrt(sum(w * w for w in weights.values())) for weights in by_length]
        return by_length, norms

    scores = np.zeros(n_images)
    for i, (caption, texts) in enumerate(zip(captions, references, strict=True)):
        ours, our_norms = weigh(_n_grams(caption))
        for text in texts:
            theirs, their_norms = weigh(text)
            for n in range(N_GRAM):
                product = sum(w * theirs[n].get(gram, 0.0) for gram, w in ours[n].items())
                if product:
                    scores[i] += product / (our_norms[n] * their_norms[n]) / len(texts)
    return 10 * scores / N_GRAM


def _n_grams(text):
    words = split_words(text)
    return Counter(
        tuple(words[i : i + n]) for n in range(1, N_GRAM + 1) for i in range(len(words) - n + 1)
    )


# scikit-learn's analyzer, except that words of one letter ("a") count. Shared with the vocabulary,
# so that captions are scored by the words they are made of.
split_words = CountVectorizer(token_pattern=r"(?u)\b\w+\b").build_analyzer()
