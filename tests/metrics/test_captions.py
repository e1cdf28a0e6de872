"""Captions and references as tokens, in every measure of captions."""

import numpy as np
import pytest

from condcap_sk.answers.tokenizer import splitter
from condcap_sk.metrics import (
    best_of_k,
    bleu,
    cider,
    cider_d,
    distinct_n,
    mutual_bleu,
    novelty,
    rouge_l,
    uniqueness,
)
from condcap_sk.text import CaptionCodec

TOKENS = str.maketrans(
    {"赤": "red ", "い": "one ", "犬": "dog ", "が": "it ", "走": "run ", "る": "s ", "。": "stop "}
)
JAPANESE = [["赤い犬が走る", "犬が走る"], ["走る犬", "赤い赤い犬"], ["犬が赤い", "赤い犬が犬"]]
SAID = ["赤い犬が走る", "走る赤い犬", "犬が走る。"]
BY_ANALYZER = {
    "bleu": lambda t, **by: bleu(t(SAID), t(JAPANESE), **by),
    "rouge_l": lambda t, **by: rouge_l(t(SAID), t(JAPANESE), **by),
    "cider": lambda t, **by: cider(t(SAID), t(JAPANESE), **by),
    "cider_d": lambda t, **by: cider_d(t(SAID), t(JAPANESE), **by),
    "best_of_k": lambda t, **by: best_of_k(t(JAPANESE[::-1]), t(JAPANESE), **by),
    "novelty": lambda t, **by: novelty(t(SAID), t(JAPANESE), **by),
    "distinct_n": lambda t, **by: distinct_n(t(JAPANESE), 2, **by),
    "mutual_bleu": lambda t, **by: mutual_bleu(t(JAPANESE), **by),
}


@pytest.mark.parametrize("name", BY_ANALYZER)
class TestAnalyzer:
    """Captions whose every character has a word of its own."""

    def test__characters__score_as_their_words_do(self, name):
        def spelled(texts):
            return texts.translate(TOKENS) if isinstance(texts, str) else list(map(spelled, texts))

        measure = BY_ANALYZER[name]
        expected = measure(spelled)
        np.testing.assert_allclose(measure(list, analyzer="char"), expected)
        np.testing.assert_allclose(measure(list, analyzer=iter), expected)
        assert np.any(measure(list) != expected)

    def test__none_there_is__says_what_to_pass(self, name):
        with pytest.raises(ValueError, match="analyzer='label' splits no captions.*'char'"):
            BY_ANALYZER[name](list, analyzer="label")


def test__bleu__exact_sentence_without_spaces__is_one_by_characters():
    np.testing.assert_allclose(bleu(SAID[:1], JAPANESE[:1], analyzer="char"), 1)


@pytest.mark.parametrize("analyzer", ["word", "char", str.split])
def test__splitter__gives_the_tokens_of_the_codec(analyzer):
    text = "A dog's  bone, 犬!"
    vocabulary = CaptionCodec(analyzer=analyzer, max_iter=1).fit([text]).vocabulary_
    assert set(splitter(analyzer)(text)) == set(vocabulary.tokens_)
    assert len(splitter(analyzer)(text)) == vocabulary.max_length_


@pytest.mark.parametrize("found", [lambda text: text, lambda text: text.split, lambda text: [1]])
def test__splitter__analyzer_that_gives_no_list_of_strings__is_told(found):
    with pytest.raises(ValueError, match="analyzer=<.*Let it return a list of str"):
        bleu(["a dog"], [["a dog"]], analyzer=found)


@pytest.mark.parametrize(
    ("row", "told"),
    [("a cat", r"\[1\]='a cat' is no list .*\['a cat'\]"), ([], r"\[1\] is empty")],
    ids=["bare string", "empty"],
)
class TestRows:
    """What would otherwise be read letter by letter, or be worth nothing at all."""

    @pytest.mark.parametrize("score", [bleu, rouge_l, cider, cider_d])
    def test__references__of_one_image__are_named(self, score, row, told):
        with pytest.raises(ValueError, match=f"references{told}"):
            score(["a dog", "a cat"], [["a dog"], row])

    @pytest.mark.parametrize("measure", [uniqueness, distinct_n, mutual_bleu])
    def test__captions__of_one_image__are_named(self, measure, row, told):
        with pytest.raises(ValueError, match=f"captions{told}"):
            measure([["a dog", "a cat"], row])

    def test__best_of_k__either__is_named(self, row, told):
        good, bad = [["a dog"], ["a cat"]], [["a dog"], row]
        with pytest.raises(ValueError, match=f"captions{told}"):
            best_of_k(bad, good)
        with pytest.raises(ValueError, match=f"references{told}"):
            best_of_k(good, bad)


@pytest.mark.parametrize("score", [bleu, rouge_l, cider, cider_d])
def test__captions__rows_of_them__say_what_to_pass(score):
    with pytest.raises(ValueError, match="captions holds .*'a dog'.*Pass strings"):
        score([["a dog"]], [["a dog"]], analyzer="char")


def test__novelty__bare_string__is_to_be_wrapped():
    with pytest.raises(ValueError, match=r"training_captions='a dog' .*\['a dog'\]"):
        novelty(["a dog"], "a dog")
