"""Fields out of a file that may be anybody's."""

import numpy as np
import pytest

from condcap_sk._fields import Fields
from condcap_sk.exceptions import ModelFileError


def test__take__each_once__and_end_names_what_is_left():
    fields = Fields({"a": 1, "b": {"c": "x"}}, "file")
    assert "a" in fields
    assert fields.take("a", int) == 1
    assert "a" not in fields
    with pytest.raises(ModelFileError, match="file holds 'b', which no version"):
        fields.end()
    inner = fields.inner("b")
    assert inner.take("c", str) == "x"
    inner.end()
    fields.end()


@pytest.mark.parametrize("values", [None, [], 1, "a"], ids=str)
def test__values__no_object__is_refused(values):
    with pytest.raises(ModelFileError, match="not a JSON object"):
        Fields(values, "file")


@pytest.mark.parametrize(
    ("value", "found"), [({}, "missing"), ({"a": True}, "True"), ({"a": 1.5}, "1.5")]
)
def test__take__missing_or_of_another_kind__is_named(value, found):
    with pytest.raises(ModelFileError, match=f"file.a is {found}; int is expected"):
        Fields(value, "file").take("a", int)


@pytest.mark.parametrize("value", [0, -1, 2**31])
def test__size__impossible__is_named(value):
    with pytest.raises(ModelFileError, match="file.a is .*not a possible size"):
        Fields({"a": value}, "file").size("a")


@pytest.mark.parametrize(
    "rows", [[], [[]], [[1]], [[1, 2], [3]], [1, 2], [["a", "b"]], [[1, np.nan]], [[1e39, 0]],
             [[10**400, 0]], [[[1, 2]]]], ids=str
)  # fmt: skip
def test__numbers__no_rows_of_two_finite_ones__are_named(rows):
    with pytest.raises(ModelFileError, match="file.a is not rows of numbers"):
        Fields({"a": rows}, "file").numbers("a", 2)


def test__numbers__rows__are_float32():
    found = Fields({"a": [[1, 2], [0.5, -1e-3]]}, "file").numbers("a", 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[1, 2], [0.5, -1e-3]], rtol=1e-6)
