"""Captions into tokens, in every writing system."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache, partial

from .._warnings import warn_user
from ..exceptions import AnalyzerWarning

# They show nothing and separate nothing: soft hyphen, directions of writing, word joiner, byte
# order mark, tags. A zero-width space does separate words, and zero-width joiners change letters.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)

# Vowel signs, tones, points and accents: Python's \w knows none of them. No others exist above.
MARKS = "".join(
    sign
    for sign in map(chr, [*range(0x20000), *range(0xE0100, 0xE01F0)])
    if unicodedata.category(sign)[0] == "M"
)
VIRAMAS = "".join(mark for mark in MARKS if unicodedata.combining(mark) == 9)
# Between two characters of a word they belong to it, as in Unicode Standard Annex #29: Catalan
# middle dot, Armenian stress and question, Hebrew gershayim, hyphenation point, zero-width joiners
# (Persian, Sinhala), Mongolian vowel separator.
INNER = "·՚՛՜՞՟״\u2027\u200c\u200d\u180e"
GERESH = "׳"  # makes another letter of the one before it, at the end of a word, too
LATIN = "\0-\u036f\u1e00-\u1eff"
GREEK = "\u0370-\u03ff\u1f00-\u1fff"
HEBREW = "\u0591-\u05ea"

ASCII_WORD = re.compile(r"\w+")
# A word begins with what \w knows. Apostrophes cut Latin and Greek words ("dog", "s"), as in
# scikit-learn's vectorizers; between other letters they are one (Ukrainian, Assamese, Hebrew), and
# so are quotation marks between Hebrew ones. A virama and a joiner can end a Malayalam word.
WORD = re.compile(
    rf"\w[\w{MARKS}{GERESH}]*"
    rf"(?:(?:[{INNER}]+|(?<![{LATIN}{GREEK}])['’](?![{LATIN}{GREEK}])|(?<=[{HEBREW}])\"(?=[{HEBREW}]))"
    rf"[\w{MARKS}{GERESH}]+)*"
    rf"(?:(?<=[{VIRAMAS}])\u200d)?"
)

# Scripts without spaces between words, by the first word of their characters' names in Unicode, and
# how much of a caption one character is, where a letter of Thai is 1. Hiragana spells the endings
# and particles that labels lack, Katakana foreign names, which are long and yet labels.
UNSPACED = {
    "HIRAGANA": 3,
    **dict.fromkeys(["CJK", "IDEOGRAPHIC", "YI"], 2),
    **dict.fromkeys(["KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "BOPOMOFO"], 1),
    **dict.fromkeys(["THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "TAI", "NEW"], 1),
    **dict.fromkeys(["JAVANESE", "BALINESE", "BUGINESE", "BATAK", "CHAM"], 1),
}
# What few labels have: full stops, and the commonest particles and measure words of Chinese.
GRAMMAR = dict.fromkeys("。｡！？။។།的了着著在是有和正們们這这一两兩个個只隻", 5)
# So much, on average, a caption has at least. Lists of labels have up to 13 (Japanese vegetables;
# Thai breeds of dogs 11), "a dog is running" 15 in Japanese, 19 in Chinese, 28 in Burmese.
CAPTION = 14
# Where words were separated by spaces, what is between two spaces has 3 to 5 on average; where
# spaces separate phrases, as in Thai and Burmese, 8 and more.
PHRASE = 7


def splitter(analyzer):
    """Return what splits a caption into the list of its tokens, as `CaptionCodec` does."""
    if callable(analyzer):
        return partial(_analyzed, analyzer)
    if analyzer not in ("word", "char"):
        raise ValueError(
            f"analyzer={analyzer!r} splits no captions. Pass 'word', 'char' or a callable that "
            "takes a str and returns its tokens."
        )
    return split_characters if analyzer == "char" else split_words


def split_words(text):
    """Return the lower-cased words of `text`, composed (NFC) and whole in every script."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    # Composed before it is lower-cased, equal texts are one; lower case can be decomposed again.
    text = unicodedata.normalize("NFC", INVISIBLE.sub("", text)).lower()
    return WORD.findall(unicodedata.normalize("NFC", text))


def has_word(text):
    """Whether `split_words` finds any in `text`."""
    return WORD.search(text) is not None


def split_characters(text):
    """Return all characters of `text`, composed (NFC)."""
    return list(unicodedata.normalize("NFC", text))


def _analyzed(analyzer, text):
    found = analyzer(text)
    if isinstance(found, str):
        raise ValueError(
            f"analyzer={analyzer!r} returns the str {found!r:.80}, whose every letter would be a "
            "token. Let it return a list of str."
        )
    # A DataFrame would give the names of its columns.
    if isinstance(found, set | frozenset | Mapping) or getattr(found, "ndim", 1) != 1:
        raise ValueError(
            f"analyzer={analyzer!r} returns the {type(found).__name__} {found!r:.80}, which is no "
            "sequence of tokens in their order. Let it return a list of str."
        )
    tokens = list(found) if hasattr(found, "__iter__") else [found]
    for token in tokens:
        if not isinstance(token, str):
            raise ValueError(
                f"analyzer={analyzer!r} finds in {str(text)!r:.80} the token {token!r:.80} of type "
                f"{type(token).__name__}. Let it return a list of str."
            )
    return tokens


def is_unspaced(texts):
    """Whether `texts` are captions, not labels, without spaces between words."""
    counts = Counter("".join(texts))
    letters = {sign: weight for sign in counts if (weight := _weight(sign))}
    total = sum(letters[sign] * counts[sign] for sign in letters)
    if total <= sum(n for sign, n in counts.items() if sign.isalpha() and sign not in letters):
        return False
    written = [text for text in texts if not letters.keys().isdisjoint(text)]
    pieces = [p for text in written for p in text.split() if not letters.keys().isdisjoint(p)]
    return total >= CAPTION * len(written) and total >= PHRASE * len(pieces)


@cache
def _weight(sign):
    if sign in GRAMMAR or unicodedata.category(sign)[0] not in "LM":
        return GRAMMAR.get(sign, 0)
    return UNSPACED.get(unicodedata.name(sign, "").split(" ")[0], 0)


def warn_if_unspaced(texts, analyzer):
    """Warn where words are to be found in captions without spaces."""
    if analyzer == "word" and is_unspaced(list(texts)):
        warn_user(
            "The captions have no spaces between words, where analyzer='word' splits them. Pass "
            "analyzer='char', or a callable that finds the words of the language.",
            AnalyzerWarning,
        )
