"""Captions that go round in circles, and what keeps a search from them."""

import numpy as np
import pytest

from condcap_sk.text.circles import most_repeats, recurring


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        ([[2, 3, 4, 5, 0, 0]], [1, 1, 1]),
        ([[2, 2, 3, 0, 0, 0]], [2, 1, 1]),
        ([[2, 3, 2, 3, 2, 3]], [1, 3, 1]),
        ([[2, 3, 2, 3, 2, 0], [4, 4, 4, 2, 0, 0]], [3, 2, 1]),
        ([[2, 3, 4, 2, 3, 4]], [1, 1, 2]),
        ([[2, 0, 0, 0, 0, 0]], [1, 1, 1]),
    ],
    ids=str,
)
def test__most_repeats__captions__is_how_often_an_n_gram_stands_in_a_row(captions, expected):
    assert most_repeats(np.array(captions)).tolist() == expected


def test__most_repeats__one_slip_among_many_captions__does_not_count():
    captions = np.array([[2, 3, 4, 0]] * 149 + [[2, 2, 2, 0]])
    assert most_repeats(captions).tolist() == [1, 1]
    captions[0] = [5, 5, 0, 0]
    assert most_repeats(captions).tolist() == [2, 1]


@pytest.mark.parametrize(("n_twice", "expected"), [(0, False), (2, False), (3, True)])
def test__recurring__captions_that_have_three_tokens_twice__more_than_one_in_a_hundred(
    n_twice, expected
):
    once, twice = [2, 3, 4, 5, 6, 0, 0, 0, 0], [2, 3, 4, 7, 2, 3, 4, 0, 0]
    assert recurring(np.array([once] * (200 - n_twice) + [twice] * n_twice)) == expected
