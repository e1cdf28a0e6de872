"""Named properties of captions."""

import pytest

from condcap_sk.inspection._properties import named_properties


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a dog", {"words": 2, "colours": 0, "numbers": 0, "places": 0}),
        ("two red dogs run in blue water", {"words": 7, "colours": 2, "numbers": 1, "places": 1}),
    ],
)
def test__named__count_tokens(caption, expected):
    properties = named_properties("word")
    assert {name: measure(caption.split()) for name, measure in properties.items()} == expected


def test__length__has_the_name_of_what_is_counted():
    assert next(iter(named_properties("char"))) == "tokens"
