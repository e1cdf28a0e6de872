"""BLEU, ROUGE-L, CIDEr and the measures of diversity."""

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

REFERENCES = [
    ["a red dog runs over the field", "the dog runs"],
    ["two men sit on a bench in town", "men on a bench"],
    ["the sea is calm this very morning", "calm sea at dawn"],
]
CAPTIONS = ["a dog runs", "men sit", "the calm sea"]
AGREEMENT = {
    "bleu": (bleu, 1),
    "rouge_l": (rouge_l, 1),
    "cider": (cider, 10),
    "cider_d": (cider_d, 10),
}


@pytest.mark.parametrize("name", AGREEMENT)
class TestAgreement:
    def test__the_only_reference__is_the_best_there_is(self, name):
        score, best = AGREEMENT[name]
        found = score([texts[0] for texts in REFERENCES], [texts[:1] for texts in REFERENCES])
        np.testing.assert_allclose(found, best)

    def test__nothing_shared__is_zero(self, name):
        score, _ = AGREEMENT[name]
        assert not score(["xyzzy"] * 3, REFERENCES).any()

    def test__order_of_references_case_and_punctuation__do_not_matter(self, name):
        score, _ = AGREEMENT[name]
        shuffled = [texts[::-1] for texts in REFERENCES]
        np.testing.assert_allclose(score(CAPTIONS, REFERENCES), score(CAPTIONS, shuffled))
        loud = [f"{caption.upper()}!" for caption in CAPTIONS]
        np.testing.assert_allclose(score(CAPTIONS, REFERENCES), score(loud, REFERENCES))

    def test__no_words__is_zero(self, name):
        score, _ = AGREEMENT[name]
        assert not score(["", "!", " "], REFERENCES).any()

    def test__lengths_differ__says_what_to_pass(self, name):
        score, _ = AGREEMENT[name]
        with pytest.raises(ValueError, match="captions holds 2 images, references 3"):
            score(CAPTIONS[:2], REFERENCES)


def test__bleu__by_hand__clips_counts_and_penalises_brevity():
    # "the" counts twice at most; bigrams: "the cat" of three; 7 words like the closest reference.
    papineni = bleu(["the the the the the the the"], [["the cat is on the mat x", "there is one"]])
    assert papineni[0] == pytest.approx(2 / 7)
    short = bleu(["a dog"], [["a dog runs fast"]])
    assert short[:2] == pytest.approx(np.exp(1 - 4 / 2))


def test__cider__two_images_by_hand__is_the_weighted_cosine():
    # Unigrams b and c have weight log 2, a has weight 0: cosine 1/√2 for n = 1, nothing for others
    # but "a b" (n = 2), of which the caption's only other bigram is missing: 1/√2.
    expected = 10 * (1 / np.sqrt(2) + 1 / np.sqrt(2)) / 4
    references = [["a b"], ["a d"]]
    assert cider(["a b c", "x"], references)[0] == pytest.approx(expected)
    assert cider_d(["a b c", "x"], references)[0] == pytest.approx(expected * np.exp(-1 / 72))


def test__best_of_k__is_the_best_column():
    captions = np.array([CAPTIONS, ["dog", "a bench in town", "sea"]]).T
    columns = [cider_d(column, REFERENCES) for column in captions.T]
    np.testing.assert_allclose(best_of_k(captions, REFERENCES), np.max(columns, axis=0))


def test__diversity__all_the_same_and_all_different():
    same = [["two men sit on a bench"] * 4] * 3
    other = [["a b c d e", "f g h i j", "k l m n o", "p q r s t"]]
    assert (uniqueness(same), uniqueness(other)) == (0.25, 1)
    assert (distinct_n(same, 1), distinct_n(other, 1)) == (0.25, 1)
    assert (mutual_bleu(same), mutual_bleu(other)) == (1, 0)


@pytest.mark.parametrize("rows", [[["a"], ["b"]], [["a", "b"], ["a", "b", "c"]]])
def test__mutual_bleu__one_caption_or_not_as_many_each__says_what_to_pass(rows):
    with pytest.raises(ValueError, match="captions holds .* same number k, at least two"):
        mutual_bleu(rows)


def test__novelty__known_but_for_case_and_points__is_not_new():
    assert novelty([["A dog!"], ["a cat"]], ["a dog."]) == 0.5


def test__novelty__flat_rows_and_ragged_rows__are_the_same():
    flat = ["a dog", "a cat", "two men"]
    expected = novelty(flat, ["a dog", "a cow"])
    assert expected == pytest.approx(2 / 3)
    for rows in (np.array([flat], dtype=object), [flat[:1], flat[1:]]):
        assert novelty(rows, ["a dog", "a cow"]) == expected
        assert novelty(rows, [["a dog"], ["a cow", "a pig"]]) == expected


def test__ragged_rows__each_counts_by_its_own_length():
    rows = [["a dog", "a dog"], ["a cat"]]
    assert uniqueness(rows) == 0.75
    assert distinct_n(rows, 1) == 0.75
    assert best_of_k(rows, [["a dog"], ["a cat"]]) == pytest.approx([5, 5])


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


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test__distinct_n__impossible_n__is_named(n):
    with pytest.raises((ValueError, TypeError), match="^n == |^n must be"):
        distinct_n([["a dog"]], n)


def test__rouge_l__negative_beta__is_named():
    with pytest.raises(ValueError, match="beta == -1, must be >= 0"):
        rouge_l(["a dog"], [["a dog"]], beta=-1)


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


class TestAgainstReferenceImplementations:
    """On random corpora of few words, so that everything happens: repeats, ties, short ones."""

    @pytest.fixture(params=range(20))
    def corpus(self, request):
        rng = np.random.RandomState(request.param)
        words = np.array(["a", "dog", "runs", "the", "red"])

        def sentence():
            return " ".join(rng.choice(words, size=rng.randint(4, 12)))

        captions = [sentence() for _ in range(100)]
        return captions, [[sentence() for _ in range(rng.randint(1, 6))] for _ in captions]

    def test__bleu__is_that_of_sacrebleu(self, corpus):
        metrics = pytest.importorskip("sacrebleu.metrics")
        captions, references = corpus
        most = max(map(len, references))
        streams = [
            [texts[i] if i < len(texts) else None for texts in references] for i in range(most)
        ]
        for n in range(1, 5):
            metric = metrics.BLEU(tokenize="none", smooth_method="none", max_ngram_order=n)
            expected = metric.corpus_score(captions, streams).score / 100
            assert bleu(captions, references)[n - 1] == pytest.approx(expected, abs=1e-6)

    def test__all__are_those_of_pycocoevalcap(self, corpus):
        pytest.importorskip("pycocoevalcap")
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge

        captions, references = corpus
        ours = {i: [caption] for i, caption in enumerate(captions)}
        theirs = dict(enumerate(references))
        scores, _ = Bleu(4).compute_score(theirs, ours, verbose=0)
        np.testing.assert_allclose(bleu(captions, references), scores, atol=1e-6)
        _, scores = Cider().compute_score(theirs, ours)
        np.testing.assert_allclose(cider_d(captions, references), scores, atol=1e-6)
        _, scores = Rouge().compute_score(theirs, ours)
        np.testing.assert_allclose(rouge_l(captions, references), scores, atol=1e-6)
