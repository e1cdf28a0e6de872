"""Uniqueness, distinct n-grams, mutual BLEU and novelty."""

import numpy as np
import pytest

from condcap_sk.metrics import best_of_k, distinct_n, mutual_bleu, novelty, uniqueness


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
