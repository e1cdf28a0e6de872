"""N-grams: agreement with references, and what captions share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condcap_sk.answers.ngrams import (
    CiderScorer,
    corpus_bleu,
    n_grams,
    pick_diverse,
    shared_n_grams,
    with_end,
)
from condcap_sk.metrics import bleu, cider, cider_d

TOKENS = np.array([[2, 3, 4, 0], [2, 3, 5, 0], [6, 7, 0, 0], [2, 3, 4, 8]])
MERITS = np.array([0.0, -0.1, -0.5, -0.2])
REFERENCES = [
    ["a red dog runs over the field", "the dog runs"],
    ["two men sit on a bench in town", "men on a bench"],
    ["the sea is calm this very morning", "calm sea at dawn"],
]
CAPTIONS = ["a dog runs", "men sit", "the calm sea"]


def test__n_grams__of_a_caption__are_in_its_order():
    assert list(n_grams([2, 3, 2], 1)) == [(2,), (3,), (2,)]
    assert list(n_grams([2, 3, 2], 2)) == [(2, 3), (3, 2)]
    assert list(n_grams([2, 3, 2], 4)) == []


def test__with_end__captions_of_any_length__are_cut_after_their_end():
    tokens = np.array([[2, 3, 0, 0], [4, 4, 4, 0], [5, 5, 5, 5], [0, 0, 0, 0]])
    assert with_end(tokens) == [[2, 3, 0], [4, 4, 4, 0], [5, 5, 5, 5], [0]]


def test__corpus_bleu__known_captions__known_precisions():
    # Three words of four are in a reference, as "2" counts only as often as there; no penalty.
    found = corpus_bleu([[2, 2, 3, 4]], [[[2, 3, 4, 5], [3, 2]]])
    np.testing.assert_allclose(found[0], 3 / 4)
    # Pairs: "2 3" and "3 4" of three; "2 3 4" of two triples; no four in a row.
    np.testing.assert_allclose(found[1], np.sqrt(3 / 4 * 2 / 3))
    np.testing.assert_allclose(found[2], (3 / 4 * 2 / 3 * 1 / 2) ** (1 / 3))
    assert found[3] == 0
    # A third shorter than its reference, in precision perfect.
    np.testing.assert_allclose(corpus_bleu([[2, 3]], [[[2, 3, 4]]])[:2], np.exp(1 - 3 / 2))
    assert corpus_bleu([[]], [[[2, 3]]]).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("measure", [cider, cider_d])
def test__cider_scorer__ids_for_words__score_the_same(measure):
    ids = {word: i for i, word in enumerate(set(" ".join(sum(REFERENCES, CAPTIONS)).split()))}

    def coded(text):
        return tuple(ids[word] for word in text.split())

    scorer = CiderScorer([[coded(text) for text in texts] for texts in REFERENCES])
    score = getattr(scorer, measure.__name__)
    found = [score(i, coded(text)) for i, text in enumerate(CAPTIONS)]
    np.testing.assert_allclose(found, measure(CAPTIONS, REFERENCES))


@given(
    st.lists(st.integers(2, 5), min_size=1, max_size=6),
    st.lists(st.lists(st.integers(2, 5), min_size=1, max_size=6), min_size=1, max_size=3),
)
def test__cider_scorer__bleu_1_of_ids__is_that_of_words(caption, references):
    def spelled(ids):
        return " ".join(f"w{i}" for i in ids)

    expected = bleu([spelled(caption)], [[spelled(ids) for ids in references]])[0]
    assert CiderScorer([references]).bleu_1(0, caption) == pytest.approx(expected)


def test__shared_n_grams__known_captions__known_shares():
    shares = shared_n_grams(TOKENS)
    np.testing.assert_allclose(np.diag(shares), 1)
    # 3 words: 2 of 3 words, 1 of 2 pairs, no triple; its 4-grams do not count, as there are none.
    np.testing.assert_allclose(shares[0, 1], (2 / 3 + 1 / 2 + 0) / 3)
    np.testing.assert_allclose(shares[0, 3], 1)
    np.testing.assert_allclose(shares[3, 0], (3 / 4 + 2 / 3 + 1 / 2 + 0) / 4)
    assert shares[0, 2] == shares[2, 0] == 0
    # A word that stands twice counts once.
    again = shared_n_grams(np.array([[2, 2, 3], [2, 4, 0]]))
    np.testing.assert_allclose([again[0, 1], again[1, 0]], [1 / 2 / 3, 1 / 2 / 2])


def test__pick_diverse__no_weight__is_the_order_of_merit():
    assert pick_diverse(TOKENS, MERITS, 3, 0.0).tolist() == [0, 1, 3]


def test__pick_diverse__weight__prefers_what_differs_from_those_picked():
    assert pick_diverse(TOKENS, MERITS, 2, 2.0).tolist() == [0, 2]


def test__pick_diverse__more_than_there_are__all_of_them():
    assert sorted(pick_diverse(TOKENS, MERITS, 9, 2.0).tolist()) == [0, 1, 2, 3]


@given(
    st.lists(st.lists(st.integers(2, 6), min_size=1, max_size=4), min_size=1, max_size=8),
    st.integers(1, 8),
    st.floats(0, 5),
)
def test__pick_diverse__anything__distinct_rows_and_the_first_whatever_follows(
    captions, n_picked, weight
):
    tokens = np.array([row + [0] * (4 - len(row)) for row in captions])
    merits = np.random.RandomState(0).standard_normal(len(tokens))
    picked = pick_diverse(tokens, merits, n_picked, weight)
    assert len(set(picked.tolist())) == min(n_picked, len(tokens)) == len(picked)
    assert picked[0] == merits.argmax()
    fewer = pick_diverse(tokens, merits, n_picked - 1, weight)
    assert fewer.tolist() == picked[: n_picked - 1].tolist()


def test__pick_diverse__likeness_to_any_that_was_picked__counts():
    tokens = np.array([[2, 3, 4, 5], [2, 3, 4, 6], [7, 8, 9, 10], [11, 12, 13, 14]])
    merits = np.array([1.0, 0.95, 0.9, 0.5])
    # The second is like the first, which is not the one that was picked last.
    assert pick_diverse(tokens, merits, 3, 1.5).tolist() == [0, 2, 3]
