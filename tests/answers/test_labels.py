"""Answers come in a dtype that holds their very values, or are refused."""

import tracemalloc
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condcap_sk import ConditionalCaptioner
from condcap_sk.answers.label_sets import check_label_sets
from condcap_sk.answers.labels import (
    check_answers,
    in_kept_dtype,
    in_one_dtype,
    with_abstention,
)


class Kind(str, Enum):  # noqa: UP042 – str() of a StrEnum is its value, of this one its name
    CAT = "cat"


class Level(IntEnum):
    LOW = 1


def test__check_answers__one_long_caption__takes_no_memory_for_the_others():
    captions = ["a dog runs"] * 3000 + ["x" * 20_000]
    tracemalloc.start()
    checked = check_answers(captions, "captions")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert checked.tolist() == captions


def exactly(labels):
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


DTYPES = ["?", *np.typecodes["AllInteger"], "e", "f", "d", "g"]
GIVEN = {
    "array": lambda values: values,
    "other byte order": lambda values: values.astype(values.dtype.newbyteorder()),
    "every second": lambda values: np.repeat(values, 2)[::2],
    "read-only": lambda values: np.broadcast_to(values, (1, len(values)))[0],
    "scalars in a list": list,
    "scalars in an object array": lambda values: np.array(list(values), dtype=object),
    "Series": pd.Series,
    "Index": pd.Index,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", GIVEN)
def test__check_answers__labels_of_every_width__keep_dtype_and_value(dtype, form):
    dtype = np.dtype(dtype)
    values = [0, 1]
    if dtype.kind in "iu":
        values = [np.iinfo(dtype).min, 5, np.iinfo(dtype).max]
    elif dtype.kind == "f":
        values = [np.finfo(dtype).min, 0.1, np.finfo(dtype).tiny, np.inf]
    values = np.array(values, dtype=dtype)
    if form == "Index" and dtype.char in "eg":
        pytest.skip("pandas has no such Index")
    for found in (
        check_answers(GIVEN[form](values), "y"),
        check_label_sets(GIVEN[form](values), len(values))[0],
        check_label_sets([{value} for value in values], len(values))[0],
        check_label_sets([[value] for value in values], len(values))[0],
        check_label_sets([values.repeat(2), values], 2)[0][2 * len(values) :],
        check_label_sets(values[:, None], len(values))[0] if dtype.kind != "b" else values,
    ):
        assert found.dtype == dtype
        assert found.dtype.isnative
        assert exactly(found) == exactly(values)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "i8"),
        ([-(2**63), 2**63 - 1], "i8"),
        ([0, 2**63], "u8"),
        ([2**64 - 1, 2**63 + 1], "u8"),
        ([np.int64(-1), np.uint64(3)], "i8"),
        ([np.uint64(2**63), np.int8(3)], "u8"),
        ([np.int8(-1), np.uint8(200)], "i2"),
        ([np.uint8(1), 300], "i8"),
        ([1, 0.5], "f8"),
        ([2**53, 0.5], "f8"),
        ([2**70, 0.5], "f8"),
        ([np.float32(0.1), np.float16(0.1)], "f4"),
        ([np.float32(0.1), 0.1], "f8"),
        ([np.float16(0.5), np.int8(-3)], "f2"),
        ([-0.0, np.inf, -np.inf], "f8"),
        ([np.True_, False], "?"),
        ([np.str_("a"), "b\0"], "O"),
        ([Kind.CAT, "dog"], "O"),
        ([Level.LOW, 3], "i8"),
    ],
)
def test__check_answers__mixed_widths__one_dtype_holds_all_values(values, dtype):
    found = check_answers(values, "y")
    assert found.dtype == dtype
    assert exactly(found) == exactly(values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([1, 2**64], 2**64),
        ([-(2**63) - 1, 1], -(2**63) - 1),
        ([-1, 2**63], "9223372036854775808 beside -1"),
        ([np.int64(-1), np.uint64(2**63)], "9223372036854775808 beside -1"),
        ([2**70], 2**70),
        ([0.5, 2**53 + 1], 2**53 + 1),
        ([np.float16(0.5), np.int64(2**53 + 1)], 2**53 + 1),
        ([10**400, 0.5], 10**400),
    ],
)
def test__check_answers__values_that_no_dtype_holds__are_named(values, named):
    for check in (check_answers, lambda y, name: check_label_sets(y, len(values), name)):
        with pytest.raises(ValueError, match=f"^y.* holds {named}.*labels as str"):
            check(values, "y")


@given(
    st.lists(
        st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.integers(-9, 9)),
        min_size=1,
    )
)
def test__check_answers__any_numbers__come_back_with_their_values_or_are_refused(values):
    integers = [value for value in values if isinstance(value, int)]
    if len(integers) < len(values):
        fits = all(abs(value) <= 2**53 or float(value) == value for value in integers)
    else:
        fits = any(low <= min(values) and max(values) < high
                   for low, high in [(-(2**63), 2**63), (0, 2**64)])  # fmt: skip
    if not fits:
        with pytest.raises(ValueError, match="y holds .*labels as str"):
            check_answers(values, "y")
        return
    found = check_answers(values, "y")
    assert found.tolist() == values
    assert found.dtype.kind == ("f" if len(integers) < len(values) else found.dtype.kind)


@pytest.mark.parametrize(
    "value",
    [1j, Decimal(1), Fraction(1, 2), b"a", np.datetime64("2020"), np.timedelta64(1, "s"), pd.NaT],
    ids=repr,
)
def test__check_answers__what_is_no_label__is_named(value):
    for answers in ([value], np.array([value]), np.array([value], dtype=object)):
        with pytest.raises(ValueError, match="y.* holds .*(of type|missing)"):
            check_answers(answers, "y")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([2**63 + 1], dtype="u8"), np.array([-1])),
        (np.array([2**53 + 1]), np.array([2.0**53])),
        (np.array(["a"]), np.array(["abc"], dtype=object)),
        (np.array([1], dtype="i1"), np.array([0.1], dtype="f4")),
    ],
)
def test__in_one_dtype__labels_of_two_kinds__stay_apart(one, other):
    found = in_one_dtype(one, other)
    assert [array.tolist() for array in found] == [one.tolist(), other.tolist()]
    assert found[0].dtype == found[1].dtype
    assert len(np.unique(np.concatenate(found))) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.bits
def test__model_file__labels_of_every_width__keep_dtype_and_value(dtype, tmp_path):
    values = np.array([0, 1] if dtype == "?" else [1, 2, 100], dtype=dtype)
    if np.dtype(dtype).kind == "f":
        values /= 8
    X = np.random.RandomState(0).rand(12, 3)
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=1, image_encoder__max_iter=1, gan__max_iter=1
    )
    y = np.resize(values, 12)
    est.fit(X, y).save(tmp_path / "m")
    loaded = ConditionalCaptioner.load(tmp_path / "m")
    for answers in (est.predict(X), loaded.predict(X), loaded.classes_):
        assert answers.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(loaded.classes_, values)
    np.testing.assert_array_equal(loaded.infer_latent(X, y), est.infer_latent(X, y))
    assert loaded.score(X, y) == est.score(X, y)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        (np.array([300]), "|u1"),
        (np.array([-1]), "<u8"),
        (np.array([1, 2]), "<f4"),
        (np.array([0.1]), "<f4"),
        (np.array([1e308]), "<f2"),
        (np.array([0.5]), "<i8"),
        (np.array([1]), "|b1"),
        (np.array([1]), "<M8[s]"),
        (np.array([1]), "|O"),
        (np.array([1]), "|V100000000000"),
        (np.array([1]), "int8"),
        (np.array([True]), "|u1"),
        (np.array(["a"]), "<i8"),
    ],
)
def test__in_kept_dtype__name_that_does_not_fit__changes_nothing(labels, dtype):
    assert in_kept_dtype(labels, dtype) is labels


@pytest.mark.parametrize(
    "answers",
    [np.array([1.0, np.nan]), [1.0, np.nan], np.array([2, np.nan], dtype=object)],
    ids=str,
)
def test__check_answers__nan_of_any_kind__is_a_missing_answer(answers):
    with pytest.raises(ValueError, match="y holds nan, a missing answer"):
        check_answers(answers, "y")


@pytest.mark.parametrize(
    ("labels", "abstention", "dtype"),
    [
        (np.array([1, 2, 3], dtype=np.int8), -1, np.int8),
        (np.array([1, 2, 3], dtype=np.int8), -1.0, np.int8),
        (np.array([1, 2, 3], dtype=np.int8), 1000, object),
        (np.array([1, 2, 3], dtype=np.uint64), -1, object),
        (np.array([1, 2, 3]), 0.5, object),
        (np.array([1, 2, 3]), np.nan, object),
        (np.array([1, 2, 3]), 10**30, object),
        (np.array([1, 2, 3]), True, object),
        (np.array([1, 2, 3]), "?", object),
        (np.array([1, 2, 3]), None, object),
        (np.array([0.5, 1, 2], dtype=np.float32), -1, np.float32),
        (np.array([0.5, 1, 2], dtype=np.float32), np.nan, np.float32),
        (np.array([0.5, 1, 2], dtype=np.float32), 0.1, object),
        (np.array([True, False, True]), False, bool),
        (np.array([True, False, True]), -1, object),
        (np.array(["a", "b", "c"]), "unsure", "<U6"),
        (np.array(["longer", "b", "c"]), "", "<U6"),
        (np.array(["a", "b", "c"]), None, object),
        (np.array(["a", "b", "c"]), 0, object),
        (np.array(["a dog", "b", "c"], dtype=object), "unsure", object),
        (np.array(["a dog", "b", "c"], dtype=object), None, object),
    ],
)
def test__with_abstention__labels_keep_their_dtype_where_it_holds_the_value(
    labels, abstention, dtype
):
    before = labels.copy()
    found = with_abstention(labels, np.array([False, True, False]), abstention)
    assert found.dtype == dtype
    assert found[[0, 2]].tolist() == labels[[0, 2]].tolist()
    same = [found.tolist()[1], abstention]
    np.testing.assert_equal(*same)
    assert (same[0] is None) == (abstention is None)
    # As it would be, had it not been asked for: of none replaced, too.
    assert with_abstention(labels, np.zeros(3, dtype=bool), abstention).dtype == dtype
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("abstention", [[1, 2], {}, b"no", 1j, np.array([1])])
def test__with_abstention__what_is_no_answer__is_named(abstention):
    with pytest.raises(ValueError, match="abstention=.*Pass None, an int"):
        with_abstention(np.array([1, 2]), np.array([True, False]), abstention)
