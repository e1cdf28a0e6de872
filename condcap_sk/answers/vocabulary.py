"""Answers ↔ token ids."""

import unicodedata
from collections import Counter
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from .._warnings import warn_user
from ..exceptions import (
    AnalyzerWarning,
    EmptyCaptionError,
    LongCaptionWarning,
    UnknownWordsWarning,
)
from .labels import in_kept_dtype
from .tokenizer import has_word, is_unspaced, splitter, warn_if_unspaced
from .tokens import END, N_SPECIAL, UNKNOWN

# One long caption makes all the others dear. Where no length is given, captions are cut at so many
# times the length that so large a share of them keeps to; of Flickr8k's 30 000, none are.
LONGEST, USUAL = 3, 0.95


def resolve_analyzer(analyzer, captions):
    """Return what "auto" takes: "char" for captions without spaces between words, "word" where
    other string answers contain white space, else "label"."""
    if analyzer != "auto":
        return analyzer
    if captions.dtype.kind not in "OU":
        return "label"
    distinct = list(dict.fromkeys(map(str, captions.tolist())))
    if is_unspaced(distinct):
        return "char"
    # Punctuation alone is neither a label nor a caption.
    distinct = [text for text in distinct if has_word(text)]
    spaced = [text for text in distinct if len(text.split()) > 1]
    if not spaced:
        return "label"
    if len(spaced) < len(distinct) / 2:
        warn_user(
            f"{len(spaced)} of the {len(distinct)} different answers contain white space, such as "
            f"{spaced[0]!r:.80}, so all are taken for captions. Pass analyzer='label' if they are "
            "labels, 'word' if they are captions.",
            AnalyzerWarning,
        )
    return "word"


def in_own_dtype(labels):
    """Return labels in the dtype that answers come back in; str is of fixed width there."""
    if not isinstance(labels[0], str):
        return labels
    cut = [label for label in labels.tolist() if label.endswith("\0")]
    if cut:
        raise ValueError(
            f"captions holds the label {cut[0]!r:.80}, whose NUL at the end NumPy drops. Leave it "
            r"off: label.rstrip('\0')."
        )
    return labels.astype(str)


class Vocabulary:
    """Token ids of answers; what labels and captions have in common.

    Attributes
    ----------
    tokens_ : ndarray
        The tokens, in the order of their ids, of which the first is `N_SPECIAL`.
    ids_ : dict
        From tokens to ids.
    max_length_ : int
        Tokens of an answer at most.
    """

    are_sentences: ClassVar[bool]
    IN_FIT: ClassVar[str]  # what errors in a fit call the answers
    analyzer: Any
    n_possible: Any  # number of answers that there can be

    @property
    def words(self):
        """From those tokens that are words or characters to their ids."""
        raise NotImplementedError

    def attributes(self):
        """Return what a codec with this vocabulary has besides."""
        return {}

    def know(self, tokens, max_length):
        """Take these tokens, in this order, as all there are."""
        self.tokens_ = tokens
        self.max_length_ = max_length
        self.ids_ = {token: i + N_SPECIAL for i, token in enumerate(tokens.tolist())}
        return self

    def __len__(self):
        return len(self.tokens_) + N_SPECIAL

    def __contains__(self, token):
        return token in self.ids_

    def fit(self, answers):
        """Learn the tokens of `answers`; return the vocabulary."""
        self.fit_encode(answers)
        return self

    def fit_encode(self, answers):
        """Learn the tokens of `answers`; return their (n, max_length_) ids."""
        raise NotImplementedError

    def encode(self, answers, name="captions"):
        """Return the (n, max_length_) int64 ids of `answers`, which errors call `name`."""
        raise NotImplementedError

    def encode_given(self, answers, name):
        """Return the ids of answers that a user gives, with a warning where nothing can be read."""
        return self.encode(answers, name)

    def decode(self, ids):
        """Return the answers of (n, max_length_) ids."""
        raise NotImplementedError

    def warn_of_cut(self, answers):
        """Warn if answers are longer than those that were learned, and so are cut."""

    def in_own_dtype(self, tokens, dtype):
        """Return tokens out of a file in the dtype that they had, whose name is `dtype`."""
        raise NotImplementedError


class LabelVocabulary(Vocabulary):
    """Labels: an answer is one token, whatever it is."""

    are_sentences = False
    IN_FIT = "y"
    analyzer = "label"

    @property
    def words(self):
        """None of the tokens."""
        return {}

    @property
    def n_possible(self):
        """Number of answers that there can be."""
        return len(self.tokens_)

    def attributes(self):
        return {"classes_": self.tokens_}

    def fit_encode(self, labels):
        """Learn the labels; return their (n, 1) ids."""
        return self.know(in_own_dtype(np.unique(labels)), 1).encode(labels)

    def encode(self, labels, name="captions"):
        """Return the (n, 1) int64 ids of `labels`."""
        labels = np.asarray(labels).tolist()
        unseen = sorted({str(label) for label in labels if label not in self.ids_})
        if unseen:
            known = ", ".join(map(repr, self.tokens_[:10].tolist()))
            known += ", …" * (len(self.tokens_) > 10)
            composed = {unicodedata.normalize("NFC", str(label)) for label in self.ids_}
            if any(unicodedata.normalize("NFC", label) in composed for label in unseen):
                known += "; some differ in their Unicode form only: unicodedata.normalize"
            raise ValueError(
                f"{name} holds answers never seen in fit: {', '.join(unseen[:5])}. "
                f"Use those seen ({known}), or fit again."
            )
        return np.array([[self.ids_[label]] for label in labels], dtype=np.int64)

    def in_own_dtype(self, tokens, dtype):
        """Return labels, as `check_answers` returns them, in the dtype of this name, if it fits."""
        return in_kept_dtype(in_own_dtype(tokens), dtype)

    def decode(self, ids):
        """Return the labels of (n, 1) `ids`, in their dtype."""
        return self.tokens_[ids[:, 0] - N_SPECIAL]


class TextVocabulary(Vocabulary):
    """Captions: an answer is a sequence of words or characters.

    Parameters
    ----------
    analyzer : {"word", "char"} or callable
        How a caption falls into tokens.
    min_df : int or float
        Tokens found in fewer captions, or a smaller share of them, are unknown.
    max_features : int or None
        Keep only the tokens that occur most often in all captions.
    max_length : int or None
        Cut captions to so many tokens; None is the longest caption, but at most three times the
        length that 95 % of them keep to.
    """

    are_sentences = True
    IN_FIT = "captions"
    n_possible = np.inf

    def __init__(self, analyzer, min_df=1, max_features=None, max_length=None):
        self.analyzer = analyzer
        self.min_df = min_df
        self.max_features = max_features
        self.max_length = max_length

    @property
    def words(self):
        """All tokens."""
        return self.ids_

    def fit_encode(self, captions):
        """Learn the tokens of `captions`; return their (n, max_length_) ids."""
        split = self._split_all(captions, "captions")
        warn_if_unspaced(captions, self.analyzer)
        counts = Counter(token for tokens in split for token in tokens)
        found_in = Counter(token for tokens in split for token in set(tokens))
        unit = 1 if isinstance(self.min_df, Integral) else len(split)
        kept = [t for t, _ in counts.most_common() if found_in[t] / unit >= self.min_df]
        if not kept:
            raise ValueError(
                f"min_df={self.min_df} leaves no token of {len(split)} captions. Lower it."
            )
        tokens = np.array(sorted(kept[: self.max_features]), dtype=object)
        self.know(tokens, self._length(captions, np.array([len(t) for t in split])))
        return self._ids(split)

    def _length(self, captions, lengths):
        longest = int(lengths.max())
        if self.max_length is not None:
            return min(longest, self.max_length)
        usual = int(np.quantile(lengths, USUAL, method="inverted_cdf"))
        most = min(longest, LONGEST * usual)
        cut = np.flatnonzero(lengths > most)
        if len(cut):
            named = ", ".join(f"{str(captions[i])!r:.40}… of {lengths[i]}" for i in cut[:3])
            warn_user(
                f"{len(cut)} of {len(lengths)} captions are cut to {most} tokens, {LONGEST} times "
                f"as long as {USUAL:.0%} of them are: {named}. Leave them out, or set max_length "
                f"of the codec to the length wanted, such as {longest}, at which all take longer.",
                LongCaptionWarning,
            )
        return most

    def encode(self, captions, name="captions"):
        """Return the (n, max_length_) int64 ids of `captions`, filled up with END."""
        return self._ids(self._split_all(captions, name))

    def encode_given(self, captions, name):
        ids = self.encode(captions, name)
        rows = np.flatnonzero((ids < N_SPECIAL).all(axis=1))
        if len(rows):
            named = [f"{name}[{row}]={str(captions[row])!r:.80}" for row in rows[:3]]
            warn_user(
                f"{len(rows)} of {len(ids)} {name} have no token that the model knows: "
                f"{', '.join(named)}{', …' * (len(rows) > 3)}. Nothing can be read from them. "
                "Leave them out, or use words that were in fit.",
                UnknownWordsWarning,
            )
        return ids

    def warn_of_cut(self, captions):
        lengths = np.array([len(tokens) for tokens in self._split_all(captions, "captions")])
        n_cut = int((lengths > self.max_length_).sum())
        if n_cut and self.max_length is None:
            warn_user(
                f"{n_cut} of {len(lengths)} captions are cut to {self.max_length_} tokens, the "
                "longest of the fit before. Leave them out, or set warm_start=False.",
                LongCaptionWarning,
            )

    def _ids(self, split):
        ids = np.full((len(split), self.max_length_), END, dtype=np.int64)
        for row, tokens in zip(ids, split, strict=True):
            tokens = tokens[: self.max_length_]
            row[: len(tokens)] = [self.ids_.get(token, UNKNOWN) for token in tokens]
        return ids

    def in_own_dtype(self, tokens, dtype):
        """Return tokens, as `check_answers` returns them, as objects."""
        return tokens.astype(object)

    def decode(self, ids):
        """Return the captions of (n, max_length_) `ids`, as objects of type str."""
        glue = "" if self.analyzer == "char" else " "
        captions = np.empty(len(ids), dtype=object)
        for i, row in enumerate(ids):
            length = np.argmax(row == END) if (row == END).any() else len(row)
            captions[i] = glue.join(self.tokens_[row[:length] - N_SPECIAL])
        return captions

    def _split_all(self, captions, name):
        for caption in captions:
            if not isinstance(caption, str):
                raise ValueError(
                    f"{name} holds {caption!r}, which analyzer={self.analyzer!r} cannot split. "
                    "Use strings, or analyzer='label'."
                )
        split = list(map(splitter(self.analyzer), captions))
        rows = [row for row, tokens in enumerate(split) if not tokens]
        if rows:
            named = [f"{name}[{row}]={str(captions[row])!r:.80}" for row in rows[:3]]
            error = EmptyCaptionError(
                f"{len(rows)} of {len(split)} {name} have no token under "
                f"analyzer={self.analyzer!r}: {', '.join(named)}{', …' * (len(rows) > 3)}. "
                "Leave them out."
            )
            error.rows = rows
            error.captions = [str(captions[row]) for row in rows]
            raise error
        return split


def make_vocabulary(analyzer, *text_settings):
    """Return the unfitted vocabulary of an analyzer that is not "auto"."""
    return LabelVocabulary() if analyzer == "label" else TextVocabulary(analyzer, *text_settings)
