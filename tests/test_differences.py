"""What differs between two descriptions of a fit."""

import pytest

from condcap_sk._differences import differences, shortened

FORM = "{name} was {first} and is {second}"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"lr": 0.1, "n": None}, {"lr": 0.1, "n": None}, []),
        ({"lr": 0.1}, {"lr": 0.2}, ["lr was 0.1 and is 0.2"]),
        ({"min_df": 1}, {"min_df": 1.0}, ["min_df was 1 and is 1.0"]),
        ({"n": None}, {}, ["n was null and is none"]),
        ({}, {"n": [1]}, ["n was none and is [1]"]),
        ({"loss": float("nan")}, {"loss": float("nan")}, []),
        ({"X": {"sha256": "a"}}, {"X": {"sha256": "b"}}, ["X differ"]),
        ({"X": {"sha256": "a"}}, {"X": {"sha256": "a"}}, []),
    ],
)
def test__differences__are_named_by_their_values(first, second, expected):
    assert differences(first, second, FORM) == expected


def test__differences__of_long_values__show_their_beginnings():
    (text,) = differences({"a": "x" * 100}, {"a": "y" * 100}, FORM)
    assert len(text) < 150


def test__shortened__of_many__shows_five():
    assert shortened(["a", "b"]) == "a; b"
    assert shortened(list("abcdef")) == "a; b; c; d; e; …"
