"""Captions and references as tokens, in every measure of captions."""

import numpy as np
import pandas as pd
import pytest

from condcap_sk.answers.tokenizer import splitter
from condcap_sk.metrics import (
    best_of_k,
    bleu,
    cider,
    cider_d,
    distinct_n,
    fixed_latent_accuracy,
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
GIVEN = ["赤い犬が走る", "走る赤い犬", "犬が走る。"]
BY_ANALYZER = {
    "bleu": lambda t, **by: bleu(t(GIVEN), t(JAPANESE), **by),
    "rouge_l": lambda t, **by: rouge_l(t(GIVEN), t(JAPANESE), **by),
    "cider": lambda t, **by: cider(t(GIVEN), t(JAPANESE), **by),
    "cider_d": lambda t, **by: cider_d(t(GIVEN), t(JAPANESE), **by),
    "best_of_k": lambda t, **by: best_of_k(t(JAPANESE[::-1]), t(JAPANESE), **by),
    "novelty": lambda t, **by: novelty(t(GIVEN), t(JAPANESE), **by),
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

    def test__none_there_is__error_names_what_to_pass(self, name):
        with pytest.raises(ValueError, match="analyzer='label' splits no captions.*'char'"):
            BY_ANALYZER[name](list, analyzer="label")


def test__bleu__exact_sentence_without_spaces__is_one_by_characters():
    np.testing.assert_allclose(bleu(GIVEN[:1], JAPANESE[:1], analyzer="char"), 1)


@pytest.mark.parametrize("analyzer", ["word", "char", str.split])
def test__splitter__gives_the_tokens_of_the_codec(analyzer):
    text = "A dog's  bone, 犬!"
    vocabulary = CaptionCodec(analyzer=analyzer, max_iter=1).fit([text]).vocabulary_
    assert set(splitter(analyzer)(text)) == set(vocabulary.tokens_)
    assert len(splitter(analyzer)(text)) == vocabulary.max_length_


@pytest.mark.parametrize("found", [lambda text: text, lambda text: text.split, lambda text: [1]])
def test__splitter__analyzer_that_gives_no_list_of_strings__is_refused(found):
    with pytest.raises(ValueError, match="analyzer=<.*Let it return a list of str"):
        bleu(["a dog"], [["a dog"]], analyzer=found)


@pytest.mark.parametrize(
    ("row", "message"),
    [("a cat", r"\[1\]='a cat' is no list .*\['a cat'\]"), ([], r"\[1\] is empty")],
    ids=["bare string", "empty"],
)
class TestRows:
    """What would otherwise be read letter by letter, or be worth nothing at all."""

    @pytest.mark.parametrize("score", [bleu, rouge_l, cider, cider_d])
    def test__references__of_one_image__are_named(self, score, row, message):
        with pytest.raises(ValueError, match=f"references{message}"):
            score(["a dog", "a cat"], [["a dog"], row])

    @pytest.mark.parametrize("measure", [uniqueness, distinct_n, mutual_bleu])
    def test__captions__of_one_image__are_named(self, measure, row, message):
        with pytest.raises(ValueError, match=f"captions{message}"):
            measure([["a dog", "a cat"], row])

    def test__best_of_k__either__is_named(self, row, message):
        good, bad = [["a dog"], ["a cat"]], [["a dog"], row]
        with pytest.raises(ValueError, match=f"captions{message}"):
            best_of_k(bad, good)
        with pytest.raises(ValueError, match=f"references{message}"):
            best_of_k(good, bad)


@pytest.mark.parametrize("score", [bleu, rouge_l, cider, cider_d])
def test__captions__rows_of_them__error_names_what_to_pass(score):
    with pytest.raises(ValueError, match="captions holds .*'a dog'.*Pass strings"):
        score([["a dog"]], [["a dog"]], analyzer="char")


def test__novelty__bare_string__is_to_be_wrapped():
    with pytest.raises(ValueError, match=r"training_captions='a dog' .*\['a dog'\]"):
        novelty(["a dog"], "a dog")


INDEX = np.random.RandomState(0).permutation(100)[:3]
CAPTIONS = [
    [f"a {noun} runs", f"the {adjective} {noun} ran"]
    for noun, adjective in [("dog", "red"), ("cat", "old"), ("cow", "big")]
]
ONE_EACH = [row[0] for row in CAPTIONS[1:] + CAPTIONS[:1]]
GENERATED = {
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "2-D array": np.array,
    "2-D object array": lambda rows: np.array(rows, dtype=object),
    "DataFrame": lambda rows: pd.DataFrame(rows, INDEX, ["x y", "z", "q"]),
    "square DataFrame": lambda rows: pd.DataFrame(rows, INDEX),
    "Series of lists": lambda rows: pd.Series(rows, index=INDEX),
}


@pytest.mark.parametrize("form", GENERATED)
def test__generated_captions__every_form__same_values(form):
    rows = [[f"a {a} runs", f"the {b} ran off to a {a}", f"a {b}"] for a, b in
            [("dog", "cow"), ("cat", "dog"), ("red fox", "cat")]]  # fmt: skip
    y = GENERATED[form](rows)
    for measure in (
        uniqueness,
        distinct_n,
        mutual_bleu,
        lambda y: best_of_k(y, CAPTIONS),
        lambda y: novelty(y, CAPTIONS),
        lambda y: novelty(ONE_EACH, y),
        lambda y: fixed_latent_accuracy(y, CAPTIONS),
    ):
        np.testing.assert_allclose(measure(y), measure(rows))


@pytest.mark.parametrize("form", ["array", "Series", "tuple"])
def test__generated_captions__one_for_each_image__same_values(form):
    forms = {"array": np.array, "Series": lambda t: pd.Series(t, index=INDEX), "tuple": tuple}
    for measure in (bleu, rouge_l, cider, cider_d):
        found = measure(forms[form](ONE_EACH), CAPTIONS)
        np.testing.assert_allclose(found, measure(ONE_EACH, CAPTIONS))
        with pytest.raises(ValueError, match="captions holds .* where a caption belongs"):
            measure(pd.DataFrame(ONE_EACH, columns=["a dog"]), CAPTIONS)
