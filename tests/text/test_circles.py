"""Captions that go round in circles, and what keeps a search from them."""

import numpy as np
import pytest
import torch

from condcap_sk.text.circles import Circles, most_repeats, nearest_returns, recurring

N_TOKENS, LENGTH = 4, 9  # a word is 1, 2 or 3 here


def goes_round(caption, repeats):
    """Whether an n-gram follows itself too often in a caption."""
    for period, most in enumerate(repeats, 1):
        n = period * (most + 1)
        for start in range(len(caption) - n + 1):
            part = caption[start : start + n]
            if part == part[:period] * (most + 1):
                return True
    return False


def stands_twice(caption):
    triples = list(zip(caption, caption[1:], caption[2:], strict=False))
    return len(set(triples)) < len(triples)


def comes_back_too_soon(caption, returns):
    *before, last = caption
    return last in before and before[::-1].index(last) + 1 < returns[last]


@pytest.mark.parametrize("returns", [None, [1, 1, 2, 4], [1, 5, 1, 3]], ids=str)
@pytest.mark.parametrize("recurs", [None, 1, 0])
@pytest.mark.parametrize("repeats", [[1, 1, 1, 1], [2, 1, 1, 1], [3, 2, 1, 2]], ids=str)
def test__closed_by__beams_that_grow__are_the_tokens_that_would_break_the_rules(
    repeats, recurs, returns
):
    rng = np.random.RandomState(0)
    most = torch.tensor(repeats, dtype=torch.float)
    rules = [
        None if rule is None else torch.tensor(rule, dtype=torch.float)
        for rule in (recurs, returns)
    ]
    circles = Circles(most, *rules, 20)
    captions, parents, n_closed = [[] for _ in range(20)], torch.arange(20), 0
    for _ in range(LENGTH):
        ids = torch.tensor([[-1] * (LENGTH - len(row)) + row for row in captions])
        if captions[0]:
            circles.go_on(parents, ids)
        closed = circles.closed_by(ids)
        following = []
        for row, found in zip(captions, closed.tolist(), strict=True):
            expected = {
                token
                for token in range(1, N_TOKENS)
                if goes_round([*row, token], repeats)
                or (recurs == 0 and stands_twice([*row, token]))
                or (returns and comes_back_too_soon([*row, token], returns))
            }
            assert set(found) - {-1} == expected
            n_closed += len(expected)
            allowed = [token for token in range(1, N_TOKENS) if token not in expected]
            following.append([*row, rng.choice(allowed)] if allowed else None)
        # A beam that cannot go on gives way to another.
        going = [i for i, row in enumerate(following) if row]
        if not going:
            break
        parents = torch.tensor(
            [i if following[i] else rng.choice(going) for i in rng.permutation(20)]
        )
        captions = [[int(token) for token in following[i]] for i in parents]
    assert n_closed > 10


def test__begin__beams_of_a_slot__forget_what_stood_there():
    circles = Circles(torch.tensor([2.0]), None, None, 4)
    ids = torch.tensor([[3, 3]] * 4)
    circles.go_on(torch.arange(4), ids)
    circles.begin(torch.tensor([1]), 2)
    assert circles.closed_by(ids).tolist() == [[3], [3], [-1], [-1]]


def test__closed_by__no_rule__is_none():
    circles = Circles(None, None, None, 1)
    circles.go_on(torch.tensor([0]), torch.tensor([[2, 2]]))
    circles.begin(torch.tensor([0]), 1)
    assert circles.closed_by(torch.tensor([[2, 2]])) is None


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


# Two of 200 are one in a hundred, with a standard deviation of 1.4; 100 of 10 000, with one of 10.
@pytest.mark.parametrize(
    ("n", "n_twice", "expected"),
    [
        (200, 0, False),
        (200, 4, False),
        (200, 5, True),
        (10_000, 120, False),
        (10_000, 121, True),
        (2, 1, True),
    ],
)
def test__recurring__captions_that_have_three_tokens_twice__surely_more_than_one_in_a_hundred(
    n, n_twice, expected
):
    once, twice = [2, 3, 4, 5, 6, 0, 0, 0, 0], [2, 3, 4, 7, 2, 3, 4, 0, 0]
    assert recurring(np.array([once] * (n - n_twice) + [twice] * n_twice)) == expected


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        # "5 2 5" in more than one in a hundred captions with 5; 2, 3 and 4 never come back.
        ([[2, 3, 4, 0, 0, 0]] * 100 + [[5, 2, 5, 0, 0, 0]], [6, 6, 6, 2]),
        # Of 200 captions with 5, it comes back at once in one, after 3 in two, after 4 in one.
        (
            [[5, 2, 0, 0, 0, 0]] * 196
            + [[5, 5, 2, 0, 0, 0], [5, 2, 3, 5, 0, 0], [5, 4, 3, 5, 0, 0], [5, 2, 3, 4, 5, 0]],
            [6, 6, 6, 3],
        ),
        # One in a hundred is a slip.
        ([[5, 2, 0, 0, 0, 0]] * 99 + [[5, 2, 5, 0, 0, 0]], [6, 6, 6, 6]),
        # Two of 192 captions, though two of 202 tokens.
        ([[5, 2, 0, 0, 0, 0]] * 190 + [[5, 5, 5, 5, 5, 5]] * 2, [6, 6, 6, 1]),
        # Each token has its own.
        ([[4, 2, 3, 4, 0, 0], [5, 5, 0, 0, 0, 0]], [6, 6, 3, 1]),
        # Of two distances in a caption the smaller one counts, and each caption once.
        ([[5, 2, 3, 5, 5, 0]], [6, 6, 6, 1]),
        ([[5, 0, 0, 0, 0, 0]] * 299 + [[5, 5, 5, 5, 5, 5]], [6, 6, 6, 6]),
    ],
)
def test__nearest_returns__captions__is_the_distance_that_more_than_one_in_a_hundred_have(
    captions, expected
):
    found = nearest_returns(np.array(captions), 7)
    assert found[2:6].tolist() == expected
    # Neither what fills captions up nor tokens of none come back.
    assert found[[0, 1, 6]].tolist() == [6, 6, 6]


def test__nearest_returns__captions_of_one_token__is_never():
    assert nearest_returns(np.array([[2], [3]]), 4).tolist() == [1, 1, 1, 1]
