"""The right answers mean the same in every form."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MultiLabelBinarizer

from condcap_sk.answers.label_sets import answer_rows, check_label_sets

N = 12
INDEX = np.random.RandomState(0).permutation(100)[:N]


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def frame(values, **kwargs):
    return pd.DataFrame(values, index=INDEX, **kwargs)


LABELS = [[i % 3, 3 + i % 2] for i in range(N)]
HAVING = np.array([[label in row for label in range(5)] for row in LABELS])
CAPTIONS = [
    [f"a {noun} runs", f"the {adjective} {noun} ran"]
    for noun, adjective in [("dog", "red"), ("cat", "old"), ("cow", "big")] * (N // 3)
]
ROWS = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "sets": lambda rows: list(map(set, rows)),
    "frozensets": lambda rows: list(map(frozenset, rows)),
    "arrays": lambda rows: list(map(np.array, rows)),
    "series": lambda rows: list(map(pd.Series, rows)),
    "object array of lists": objects,
    "object array of sets": lambda rows: objects(list(map(set, rows))),
    "2-D array": np.array,
    "2-D array, Fortran": lambda rows: np.asfortranarray(rows),
    "2-D array, not writable": lambda rows: np.broadcast_to(np.array(rows), (N, 2)),
    "2-D object array": lambda rows: np.array(rows, dtype=object),
    "Series of lists": lambda rows: pd.Series(rows, index=INDEX),
    "Series of sets": lambda rows: pd.Series(list(map(set, rows)), index=INDEX),
    "DataFrame": frame,
    "DataFrame of objects": lambda rows: frame(rows, dtype=object),
    "DataFrame of categories": lambda rows: frame(rows).astype("category"),
}
INDICATORS = {
    "bools": HAVING,
    "bools, Fortran": np.asfortranarray(HAVING),
    "matrix": HAVING.view(np.matrix),
    **{
        f"{kind} {of.__name__}": of(HAVING)
        for kind in ("csr", "csc", "coo", "lil")
        for of in (getattr(sparse, f"{kind}_array"), getattr(sparse, f"{kind}_matrix"))
    },
    "csr with zeros in it": sparse.csr_array(
        (HAVING.ravel(), np.tile(np.arange(5), N), np.arange(0, 5 * N + 1, 5)), shape=(N, 5)
    ),
    "coo with entries twice": sparse.coo_array(
        (np.ones(4 * N, dtype=bool), np.tile(HAVING.nonzero(), 2)), shape=(N, 5)
    ),
    "DataFrame of bools": frame(HAVING),
    "DataFrame of nullable bools": frame(HAVING, dtype="boolean"),
    "DataFrame of both": frame(HAVING).astype({2: "boolean"}),
    "DataFrame of bools, objects": frame(HAVING, dtype=object),
    "DataFrame of sparse bools": frame(HAVING).astype("Sparse[bool]"),
    "columns in another order": frame(HAVING)[[4, 2, 0, 1, 3]].sort_index(axis=1),
    "MultiLabelBinarizer": MultiLabelBinarizer().fit_transform(LABELS).astype(bool),
}  # fmt: skip
SINGLE = [row[0] for row in LABELS]
ONE_EACH = {
    "list": SINGLE,
    "tuple": tuple(SINGLE),
    "array": np.array(SINGLE),
    "object array": np.array(SINGLE, dtype=object),
    "not contiguous": np.array(LABELS)[:, 0],
    "Series": pd.Series(SINGLE, index=INDEX),
    "nullable Series": pd.Series(SINGLE, index=INDEX, dtype="Int64"),
    "categories": pd.Series(SINGLE, dtype="category"),
    "Index": pd.Index(SINGLE),
    "column": np.array(SINGLE)[:, None],
    "DataFrame": frame(SINGLE),
    "lists": [[label] for label in SINGLE],
    "sets": [{label} for label in SINGLE],
    "get_dummies": pd.get_dummies(pd.Series(SINGLE, index=INDEX)),
    "bools": np.eye(3, dtype=bool)[SINGLE],
}
LABEL_FORMS = {
    **{name: (LABELS, form(LABELS)) for name, form in ROWS.items()},
    **{name: (LABELS, y) for name, y in INDICATORS.items()},
    **{f"one each, {name}": ([[label] for label in SINGLE], y) for name, y in ONE_EACH.items()},
}
CAPTION_FORMS = {
    **{name: (CAPTIONS, form(CAPTIONS)) for name, form in ROWS.items()},
    **{
        f"one each, {name}": ([row[:1] for row in CAPTIONS], form([row[0] for row in CAPTIONS]))
        for name, form in {
            "array": np.array,
            "object array": objects,
            "Series": lambda texts: pd.Series(texts, index=INDEX),
            "str Series": lambda texts: pd.Series(texts, index=INDEX, dtype="string"),
            "DataFrame": frame,
            "column": lambda texts: np.array(texts)[:, None],
        }.items()
    },
}
FORMS = {f"labels, {name}": pair for name, pair in LABEL_FORMS.items()}
FORMS |= {f"captions, {name}": pair for name, pair in CAPTION_FORMS.items()}


@pytest.mark.parametrize("form", FORMS)
class TestForms:
    def test__answer_rows__every_form__are_the_answers_of_each_row(self, form):
        rows, y = FORMS[form]
        assert list(map(sorted, answer_rows(y, N))) == list(map(sorted, rows))

    def test__train_test_split__keeps_the_answers_of_each_row(self, form):
        rows, y = FORMS[form]
        parts = train_test_split(y, list(map(sorted, rows)), random_state=0)
        for part, expected in zip(parts[:2], parts[2:], strict=True):
            assert list(map(sorted, answer_rows(part, len(expected)))) == expected


COUNTS = HAVING.astype(int)
# What could be class indicators or rows of labels, and what errors name to pass for either.
UNCLEAR = {
    "int matrix": (COUNTS, "y.astype(bool)", "list(map(set, y.tolist()))"),
    "MultiLabelBinarizer": (
        MultiLabelBinarizer().fit_transform(LABELS),
        "y.astype(bool)",
        "list(map(set, y.tolist()))",
    ),
    "uint8 matrix": (COUNTS.astype("u1"), "y.astype(bool)", "list(map(set, y.tolist()))"),
    "float matrix": (COUNTS.astype(float), "y.astype(bool)", "list(map(set, y.tolist()))"),
    "matrix of objects": (
        COUNTS.astype(object),
        "y.astype(bool)",
        "list(map(set, y.astype(int).tolist()))",
    ),
    "bool matrix of objects": (
        HAVING.astype(object),
        "y.astype(bool)",
        "list(map(set, y.astype(int).tolist()))",
    ),
    "DataFrame of ints": (
        frame(COUNTS),
        "y.astype(bool)",
        "list(map(set, y.astype(int).to_numpy().tolist()))",
    ),
    "DataFrame of nullable ints": (
        frame(COUNTS, dtype="Int64"),
        "y.astype(bool)",
        "list(map(set, y.astype(int).to_numpy().tolist()))",
    ),
    "DataFrame of ints and bools": (
        frame(HAVING).astype({2: int}),
        "y.astype(bool)",
        "list(map(set, y.astype(int).to_numpy().tolist()))",
    ),
    "get_dummies of ints": (
        pd.get_dummies(pd.Series(list("abc") * 4), dtype=int),
        "y.astype(bool)",
        "list(map(set, y.astype(int).to_numpy().tolist()))",
    ),
    "list of arrays of ints": (
        list(COUNTS),
        "np.array(list(y), dtype=bool)",
        "list(map(set, y))",
    ),
    "Series of arrays of ints": (
        pd.Series(list(COUNTS)),
        "np.array(list(y), dtype=bool)",
        "list(map(set, y))",
    ),
    "lists of ints": (COUNTS.tolist(), "np.array(list(y), dtype=bool)", "list(map(set, y))"),
    "lists of bools": (HAVING.tolist(), "np.array(y)", "list(map(set, y))"),
    "tuples of bools": (tuple(map(tuple, HAVING)), "np.array(y)", "list(map(set, y))"),
    "arrays of bools": (list(HAVING), "np.array(y)", "list(map(set, y))"),
    "object array of lists of bools": (
        objects(HAVING.tolist()),
        "np.array(y.tolist())",
        "list(map(set, y))",
    ),
    "Series of lists of bools": (
        pd.Series(HAVING.tolist()),
        "np.array(y.tolist())",
        "list(map(set, y))",
    ),
}


@pytest.mark.parametrize("form", UNCLEAR)
class TestUnclear:
    def test__read__error_names_what_to_pass(self, form):
        y, as_classes, as_labels = UNCLEAR[form]
        with pytest.raises(ValueError, match="y (is a table of 0|holds rows of . bools)") as e:
            check_label_sets(y, N, "y")
        assert as_classes in str(e.value)
        assert (as_labels if "is a table" in str(e.value) else "sets if they") in str(e.value)
        if form != "get_dummies of ints":  # three columns are too few for five labels
            with pytest.raises(ValueError, match="y (is a table|holds rows)"):
                check_label_sets(y, N, "y", known=range(5))

    def test__what_to_pass__is_read_so(self, form):
        y, as_classes, as_labels = UNCLEAR[form]
        values = np.stack(y) if isinstance(y, list | tuple) else np.array(list(np.asarray(y)))
        names = getattr(y, "columns", range(values.shape[1]))
        expected = [[names[j] for j in np.flatnonzero(row.astype(bool))] for row in values]
        assert answer_rows(eval(as_classes), N) == expected
        found = answer_rows(eval(as_labels), N)
        assert [set(row) for row in found] == [set(row.tolist()) for row in values]


def test__sparse_matrix_of_ints__error_names_what_to_pass():
    for y in (
        sparse.csr_array(COUNTS),
        MultiLabelBinarizer(sparse_output=True).fit_transform(LABELS),
    ):
        with pytest.raises(ValueError, match=r"y is sparse with dtype int.*y.astype\(bool\)"):
            check_label_sets(y, N, "y")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (frame(HAVING, columns=list("aabcd")), "y has several columns of the name 'a'"),
        (frame(HAVING, columns=["a", 1, 2, 3, 4]), "y.columns mixes types"),
        (frame(HAVING, columns=["a", None, "b", "c", "d"]), "y.columns holds .*(missing|None)"),
        (frame(HAVING, columns=[1, np.nan, 2, 3, 4]), "y.columns holds nan, a missing.*a name"),
        (
            frame(HAVING, columns=pd.MultiIndex.from_product([["a"], range(5)])),
            r"y.columns holds \('a', 0\) of type tuple.*str\(\)",
        ),
        (frame(HAVING, columns=pd.date_range("2020", periods=5)), "y.columns holds .*datetime64"),
        (
            frame(HAVING, dtype="boolean").mask(COUNTS == 1),
            r"y\[0\] holds <NA> for the class 0, a missing answer.*y.fillna\(False\)",
        ),
        (
            frame(HAVING, dtype=object).where(COUNTS == 0, None),
            r"y\[0\] holds (None|nan) for the class 0, a missing answer.*y.fillna\(False\)",
        ),
        (np.zeros((N, 3), dtype=bool), r"y\[0\] is empty"),
        (frame(np.zeros((N, 3), dtype=bool)), r"y\[0\] is empty"),
        (pd.DataFrame(index=INDEX), r"y\[0\] is empty"),
        (np.ma.masked_array(LABELS, np.eye(N, 2)), "y is a masked array"),
        ([np.ma.masked_array([1, 2], [0, 1])] * N, r"y\[0\] is a masked array"),
        (np.array(["2020-01-01"] * N, dtype="M8[ns]"), r"y\[0\] holds .*datetime64.*str\(\)"),
        (pd.Series(pd.date_range("2020", periods=N)), r"y\[0\] holds .*datetime64"),
        (np.arange(N, dtype="m8[s]"), r"y\[0\] holds .*timedelta64"),
    ],
)
def test__tables_that_name_no_classes__error_names_what_to_do(y, message):
    with pytest.raises(ValueError, match=message):
        check_label_sets(y, N, "y")


@pytest.mark.parametrize(
    ("y", "leave_out"),
    [
        (frame([["a dog", "a cat"], ["a cow", None]] * (N // 2)), "row.dropna().tolist()"),
        (
            frame([["a dog", "a cat"], ["a cow", pd.NA]] * (N // 2), dtype="string"),
            "row.dropna().tolist()",
        ),
        (np.array([["a dog", "a cat"], ["a cow", np.nan]] * (N // 2), dtype=object), "a == a"),
        (np.array([["a dog", "a cat"], ["a cow", None]] * (N // 2), dtype=object), "is not None"),
        (np.array([[1.0, 2.0], [3.0, np.nan]] * (N // 2)), "a == a"),
    ],
)
def test__missing_cells__error_names_how_to_leave_them_out(y, leave_out):
    with pytest.raises(ValueError, match=r"y\[1\] holds .*missing.*Leave it out") as error:
        check_label_sets(y, N, "y")
    assert leave_out in str(error.value)
    (advice,) = [line for line in _advice(str(error.value)) if "for" in line]
    assert list(map(len, answer_rows(eval(advice, {"y": y}), N))) == [2, 1] * (N // 2)


def _advice(message):
    return [message[message.index("can: ") + 5 :].rstrip(".")]


@pytest.mark.parametrize(
    "names", [list("vwxyz"), [2.5, 3, 4, 5, 6], pd.Index([1, 3, 5, 7, 9], dtype="uint8")], ids=str
)
def test__classes__of_a_data_frame__are_its_columns(names):
    rows = [[names[label] for label in row] for row in LABELS]
    for kind in (bool, "boolean", object, "Sparse[bool]"):
        assert answer_rows(frame(HAVING, columns=names).astype(kind), N) == rows


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, r"y\[3\] holds None of type NoneType"),
        (b"a", r"y\[3\] holds b'a' of type bytes"),
        (3, r"3 \(number\) in y\[3\] and 'a dog' \(str\) in y\[0\].*str\(\)"),
        (np.nan, r"y\[3\] holds nan, .*missing.*Leave it out"),
        (np.float32(np.nan), r"y\[3\] holds nan, .*missing.*Leave it out"),
    ],
)
def test__check_label_sets__bad_answer__is_located(bad, message):
    y = [["a dog", "one dog"], ["a cat"], ["a cat", "it"], ["a cow", bad], ["a horse"]]
    with pytest.raises(ValueError, match=message):
        check_label_sets(y, 5, "y")


def test__sparse_indicators__an_entry_that_is_there_twice__is_one_answer():
    twice = sparse.csr_matrix((np.array([True, True]), [1, 1], [0, 2]), shape=(1, 3))
    answers, images = check_label_sets(twice, 1)
    assert answers.tolist() == [1]
    assert images.tolist() == [0]


def test__sets__their_order_in_memory__does_not_matter():
    # Small integers lie in a set by their remainders: 8 before 1.
    assert check_label_sets([{8, 1}, {1, 8}], 2)[0].tolist() == [1, 8, 1, 8]


def test__zeros_and_ones__fewer_columns_than_labels__are_labels():
    table = np.array([[0, 1], [1, 0]])
    assert check_label_sets(table, 2, known=[0, 1, 2])[0].tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="table of 0 and 1"):
        check_label_sets(table, 2, known=[0, 1])


def test__more_sets_than_images__error_names_both():
    with pytest.raises(ValueError, match="X holds 1 images, but label_sets holds 2 sets"):
        check_label_sets([[1], [2]], 1)
