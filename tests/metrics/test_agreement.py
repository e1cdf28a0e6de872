"""BLEU, ROUGE-L, CIDEr and the best of several captions."""

import numpy as np
import pytest

from condcap_sk.metrics import best_of_k, bleu, cider, cider_d, rouge_l

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

    def test__lengths_differ__error_names_what_to_pass(self, name):
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


def test__rouge_l__negative_beta__is_named():
    with pytest.raises(ValueError, match="beta == -1, must be >= 0"):
        rouge_l(["a dog"], [["a dog"]], beta=-1)


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
