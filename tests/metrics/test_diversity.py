"""Uniqueness, distinct n-grams, mutual BLEU and novelty."""

import numpy as np
import pytest

from condcap_sk.metrics import (
    best_of_k,
    cider,
    distinct_n,
    mutual_bleu,
    novelty,
    self_cider,
    uniqueness,
)


def test__diversity__all_the_same_and_all_different():
    same = [["two men sit on a bench"] * 4] * 3
    other = [["a b c d e", "f g h i j", "k l m n o", "p q r s t"]]
    assert (uniqueness(same), uniqueness(other)) == (0.25, 1)
    assert (distinct_n(same, 1), distinct_n(other, 1)) == (0.25, 1)
    assert (mutual_bleu(same), mutual_bleu(other)) == (1, 0)


@pytest.mark.parametrize("rows", [[["a"], ["b"]], [["a", "b"], ["a", "b", "c"]]])
def test__mutual_bleu__one_caption_or_not_as_many_each__error_names_what_to_pass(rows):
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


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test__distinct_n__impossible_n__is_named(n):
    with pytest.raises((ValueError, TypeError), match="^n == |^n must be"):
        distinct_n([["a dog"]], n)


# "red" is in two of four documents, "dog" and "cat" are in one each: weights 1, 2 and 2.
DOCUMENTS = [["red dog"], ["red cat"], ["a"], ["b"]]


def test__self_cider__two_captions__are_compared_by_words_and_pairs():
    # Of the words the cosine is 1/5, no pair of words is common: the matrix is [[1, .1], [.1, 1]].
    expected = -np.log2(np.sqrt(1.1) / (np.sqrt(1.1) + np.sqrt(0.9)))
    assert self_cider([["red dog", "red cat"]], DOCUMENTS) == pytest.approx(expected)
    assert self_cider([["red dog", "red cat"]] * 2 + [["x", "y"]], DOCUMENTS) == pytest.approx(
        (2 * expected + 1) / 3
    )


def test__self_cider__eigenvalues_of_cider__are_the_same():
    texts = ["a red dog runs fast", "a dog runs on the grass", "two men sit on a bench"]
    documents = [[text] for text in [*texts, "a man and a dog", "two dogs on the grass"]]
    known = np.array([cider([text] * 5, documents)[:3] for text in texts]) / 10
    roots = np.sqrt(np.linalg.eigvalsh(known))
    expected = -np.log(roots.max() / roots.sum()) / np.log(3)
    assert 0 < expected < 1
    assert self_cider([texts], documents) == pytest.approx(expected)


@pytest.mark.parametrize("references", [None, DOCUMENTS])
def test__self_cider__equal_and_unrelated_captions__are_0_and_1(references):
    same = [["two men sit on a bench"] * 4] * 3
    other = [["a b c d e", "f g h i j"], ["k l m n o", "p q r s t", "u v"]]
    assert self_cider(same, references) == pytest.approx(0, abs=1e-12)
    assert self_cider(other, references) == pytest.approx(1)


def test__self_cider__without_any_weight__equal_captions_alone_are_alike():
    assert self_cider([["a dog", "a cat", "..."]]) == pytest.approx(1)
    assert self_cider([["a dog", "a dog"]]) == pytest.approx(0)
    assert 0 < self_cider([["a dog", "a dog", "a cat"]]) < 1


def test__self_cider__other_order_of_captions_and_images__is_the_same():
    rows = [["a red dog runs", "a dog sits down", "the dog"], ["two men sit", "men", "a red cat"]]
    expected = self_cider(rows)
    assert 0 < expected < 1
    for order in ([2, 0, 1], [1, 2, 0], [2, 1, 0]):
        assert self_cider([[row[i] for i in order] for row in rows[::-1]]) == pytest.approx(
            expected
        )


def test__self_cider__one_caption__is_refused():
    with pytest.raises(ValueError, match="captions holds an image with one caption"):
        self_cider([["a", "b"], ["c"]])
