"""The right answers mean the same in every form, wherever they are taken."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer

from condcap_sk import ConditionalCaptioner
from condcap_sk._validation import answer_rows
from condcap_sk.inspection import (
    LabelFrequencyDisplay,
    LatentMapDisplay,
    LatentTraversalDisplay,
    describe_captions,
    describe_latents,
)
from condcap_sk.metrics import (
    best_of_k,
    bleu,
    bleu_score,
    calibration_error,
    caption_report,
    cider,
    cider_d,
    control_report,
    control_score,
    coverage,
    dialogue_accuracy,
    distinct_n,
    fixed_latent_accuracy,
    mutual_bleu,
    novelty,
    oracle_score,
    rouge_l,
    uniqueness,
)
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

matplotlib.use("Agg")
N = 12
RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(N, 6, 6), dtype=np.uint8)
INDEX = RNG.permutation(100)[:N]


@pytest.fixture(scope="module")
def once():
    """Call a function once for each key."""
    found = {}
    return lambda key, call: found.setdefault(key, call()) if key not in found else found[key]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def quick(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(max_iter=3, hidden_size=8, n_components=8, batch_size=16),
        image_encoder=ImageEncoder(max_iter=3, n_filters=2),
        random_state=0,
        **params,
    ).set_params(gan__max_iter=3, gan__hidden_size=8, gan__decoder_size=8)


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
LATENTS = RNG.standard_normal((6, 3))


@pytest.fixture(scope="module")
def labeller():
    return quick().fit(IMAGES, LABELS)


@pytest.fixture(scope="module")
def captioner():
    return quick().fit(IMAGES, CAPTIONS)


OF_LABELS = {
    "score": lambda est, y: est.score(IMAGES, y),
    "fixed_latent_accuracy": lambda est, y: fixed_latent_accuracy(
        est.predict_grid(IMAGES, LATENTS), y
    ),
    "coverage": lambda est, y: coverage(est.predict_grid(IMAGES, LATENTS), y),
    "calibration_error": lambda est, y: calibration_error(est.predict_grid(IMAGES, LATENTS), y),
    "control_report": lambda est, y: control_report(est, IMAGES, y, n_latents=5, n_draws=9),
    "LatentTraversalDisplay": lambda est, y: (
        LatentTraversalDisplay.from_estimator(est, IMAGES, y).right
    ),
    "LabelFrequencyDisplay": lambda est, y: (
        LabelFrequencyDisplay.from_estimator(est, IMAGES, y).accuracy
    ),
}
SAID = [row[0] for row in CAPTIONS[1:] + CAPTIONS[:1]]
SEVERAL = [["a dog runs", "two cows", "the old cat"]] * N
OF_CAPTIONS = {
    "score": lambda est, y: est.score(IMAGES, y),
    "bleu": lambda est, y: bleu(SAID, y),
    "rouge_l": lambda est, y: rouge_l(SAID, y),
    "cider": lambda est, y: cider(SAID, y),
    "cider_d": lambda est, y: cider_d(SAID, y),
    "best_of_k": lambda est, y: best_of_k(SEVERAL, y),
    "caption_report": lambda est, y: caption_report(est, IMAGES, y, n_latents=2),
    "bleu_score": lambda est, y: bleu_score(est, IMAGES, y),
    "oracle_score": lambda est, y: oracle_score(est, IMAGES, y),
    "LatentTraversalDisplay": lambda est, y: (
        LatentTraversalDisplay.from_estimator(est, IMAGES, y).right
    ),
}


def assert_equal(found, expected):
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float))


FORMS = {f"labels, {name}": pair for name, pair in LABEL_FORMS.items()}
FORMS |= {f"captions, {name}": pair for name, pair in CAPTION_FORMS.items()}
# All forms are read by one function; these are tried wherever it is to be called.
TRIED = ["sets", "2-D array", "Series of lists", "DataFrame", "one each, Series"]
TRIED_OF_LABELS = [
    *TRIED,
    "bools",
    "csr csr_array",
    "coo coo_matrix",
    "DataFrame of bools",
    "DataFrame of nullable bools",
    "one each, tuple",
    "one each, get_dummies",
]


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


@pytest.mark.parametrize("form", TRIED_OF_LABELS)
class TestLabels:
    def test__fit__same_model(self, form):
        rows, y = LABEL_FORMS[form]
        est, other = quick().fit(IMAGES, rows), quick().fit(IMAGES, y)
        np.testing.assert_array_equal(est.classes_, other.classes_)
        np.testing.assert_array_equal(
            est.predict_grid(IMAGES, LATENTS), other.predict_grid(IMAGES, LATENTS)
        )
        np.testing.assert_array_equal(
            est.infer_latent(IMAGES, SINGLE), other.infer_latent(IMAGES, SINGLE)
        )

    @pytest.mark.parametrize("measure", OF_LABELS)
    def test__measure__same_values(self, form, measure, labeller, once):
        rows, y = LABEL_FORMS[form]
        expected = once((measure, str(rows)), lambda: OF_LABELS[measure](labeller, rows))
        assert_equal(OF_LABELS[measure](labeller, y), expected)


@pytest.mark.parametrize("form", TRIED)
class TestCaptions:
    def test__fit__same_model(self, form):
        rows, y = CAPTION_FORMS[form]
        est, other = quick().fit(IMAGES, [sorted(row) for row in rows]), quick().fit(IMAGES, y)
        np.testing.assert_array_equal(
            est.predict_grid(IMAGES, LATENTS), other.predict_grid(IMAGES, LATENTS)
        )

    @pytest.mark.parametrize("measure", OF_CAPTIONS)
    def test__measure__same_values(self, form, measure, captioner, once):
        rows, y = CAPTION_FORMS[form]
        expected = once((measure, str(rows)), lambda: OF_CAPTIONS[measure](captioner, rows))
        assert_equal(OF_CAPTIONS[measure](captioner, y), expected)


COUNTS = HAVING.astype(int)
# What could be class indicators or rows of labels, and what the error says to pass for either.
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
    def test__anywhere__says_what_to_pass(self, form, labeller):
        y, as_classes, as_labels = UNCLEAR[form]
        with pytest.raises(
            ValueError, match="y (is a table of 0 and 1|holds rows of . bools)"
        ) as e:
            quick().fit(IMAGES, y)
        assert as_classes in str(e.value)
        assert (as_labels if "is a table" in str(e.value) else "sets if they") in str(e.value)
        for name, measure in OF_LABELS.items():
            if form != "get_dummies of ints":  # three columns are too few for five labels
                with pytest.raises(ValueError, match=r"(y|label_sets) (is a table|holds rows)"):
                    measure(labeller, y), name

    def test__what_it_says__is_read_so(self, form):
        y, as_classes, as_labels = UNCLEAR[form]
        values = np.stack(y) if isinstance(y, list | tuple) else np.array(list(np.asarray(y)))
        names = getattr(y, "columns", range(values.shape[1]))
        expected = [[names[j] for j in np.flatnonzero(row.astype(bool))] for row in values]
        assert answer_rows(eval(as_classes), N) == expected
        found = answer_rows(eval(as_labels), N)
        assert [set(row) for row in found] == [set(row.tolist()) for row in values]


def test__sparse_matrix_of_ints__says_what_to_pass():
    for y in (
        sparse.csr_array(COUNTS),
        MultiLabelBinarizer(sparse_output=True).fit_transform(LABELS),
    ):
        with pytest.raises(ValueError, match=r"y is sparse with dtype int.*y.astype\(bool\)"):
            quick().fit(IMAGES, y)


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
def test__fit__tables_that_name_no_classes__say_what_to_do(y, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(IMAGES, y)


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
def test__missing_cells__error_says_how_to_leave_them_out(y, leave_out):
    with pytest.raises(ValueError, match=r"y\[1\] holds .*missing.*Leave it out") as error:
        quick().fit(IMAGES, y)
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
    y = frame(HAVING, columns=names)
    est, other = quick().fit(IMAGES, y), quick().fit(IMAGES, rows)
    np.testing.assert_array_equal(est.classes_, names)
    assert est.classes_.dtype == other.classes_.dtype
    assert est.score(IMAGES, y) == other.score(IMAGES, rows)


def test__few_columns_of_0_and_1__are_labels_where_more_are_known(labeller):
    y = [[0, 1], [1, 0]] * (N // 2)
    assert labeller.score(IMAGES, np.array(y)) == labeller.score(IMAGES, y)
    assert labeller.score(IMAGES[:1], np.array(y)[:1]) == labeller.score(IMAGES[:1], y[:1])
    assert (fixed_latent_accuracy([[3, 0, 1]], np.array([[0, 1]])) == [0, 1, 1]).all()
    # Once read by an estimator of five labels, metrics do not ask again.
    y = [[0, 1, 0], [1, 0, 0]]
    assert labeller.score(IMAGES[:2], np.array(y)) == labeller.score(IMAGES[:2], list(map(set, y)))
    assert control_report(labeller, IMAGES[:2], y) == control_report(
        labeller, IMAGES[:2], np.array(y)
    )
    for display in (LabelFrequencyDisplay, LatentTraversalDisplay):
        assert display.from_estimator(labeller, IMAGES[:2], np.array(y))


def test__lists_of_bools__are_labels_where_bools_are_known():
    ragged = [[True, False], [False]] * (N // 2)
    est = quick().fit(IMAGES, ragged)
    assert est.classes_.dtype == bool
    assert est.score(IMAGES[:1], ragged[:1]) == 1
    assert LatentTraversalDisplay.from_estimator(est, IMAGES[:1], ragged[:1]).right.all()
    report = control_report(est, IMAGES[::2], ragged[::2], output_dict=True)
    assert report["accuracy"]["value"] == 1


TOOLS = {
    "sets": list(map(set, LABELS)),
    "lists of 0 and 1": [[i % 2, 1] for i in range(N)],
    "2-D array": np.array(LABELS),
    "DataFrame": frame(LABELS),
    "bools": HAVING,
    "csr": sparse.csr_matrix(HAVING),
    "coo": sparse.coo_array(HAVING),
    "DataFrame of bools": frame(HAVING),
    "DataFrame of nullable bools": frame(HAVING, dtype="boolean"),
    "get_dummies": pd.get_dummies(pd.Series(SINGLE, index=INDEX)),
}


def searched(y, scoring):
    """Return the scores of two folds; searches take sparse matrices, cross_validate does not."""
    search = GridSearchCV(quick(), {"mi_weight": [0.1]}, cv=2, scoring=scoring, refit=False)
    results = search.set_params(error_score="raise").fit(IMAGES, y).cv_results_
    return [results[key] for key in sorted(results) if key.startswith("split")]


@pytest.mark.parametrize("form", TOOLS)
def test__search__labels__scores_are_those_of_lists(form):
    scoring = {"score": lambda est, X, y: est.score(X, y), "control": control_score}
    y = TOOLS[form]
    np.testing.assert_array_equal(searched(y, scoring), searched(answer_rows(y, N), scoring))


@pytest.mark.parametrize("form", ["DataFrame", "one each, Series"])
def test__search__captions__scores_are_those_of_lists(form):
    rows, y = CAPTION_FORMS[form]
    scoring = {
        "score": lambda est, X, y: est.score(X, y),
        "bleu": bleu_score,
        "oracle": oracle_score,
    }
    np.testing.assert_allclose(searched(y, scoring), searched(rows, scoring))


GENERATED = {
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "2-D array": np.array,
    "2-D object array": lambda rows: np.array(rows, dtype=object),
    "DataFrame": lambda rows: frame(rows, columns=["x y", "z", "q"]),
    "square DataFrame": lambda rows: frame(rows),
    "Series of lists": lambda rows: pd.Series(rows, index=INDEX),
}


@pytest.mark.parametrize("form", GENERATED)
def test__generated_captions__every_form__same_values(form):
    rows = [[f"a {a} runs", f"the {b} ran off to a {a}", f"a {b}"] for a, b in
            [("dog", "cow"), ("cat", "dog"), ("red fox", "cat")] * (N // 3)]  # fmt: skip
    y = GENERATED[form](rows)
    for measure in (
        uniqueness,
        distinct_n,
        mutual_bleu,
        lambda y: best_of_k(y, CAPTIONS),
        lambda y: novelty(y, CAPTIONS),
        lambda y: novelty(SAID, y),
        lambda y: fixed_latent_accuracy(y, CAPTIONS),
    ):
        assert_equal(measure(y), measure(rows))


@pytest.mark.parametrize("form", ["array", "Series", "tuple"])
def test__generated_captions__one_for_each_image__same_values(form):
    said = {"array": np.array, "Series": lambda t: pd.Series(t, index=INDEX), "tuple": tuple}
    for measure in (bleu, rouge_l, cider, cider_d):
        assert_equal(measure(said[form](SAID), CAPTIONS), measure(SAID, CAPTIONS))
        with pytest.raises(ValueError, match="captions holds .* where a caption belongs"):
            measure(frame(SAID, columns=["a dog"]), CAPTIONS)


def pipelines(est):
    double = make_pipeline(FunctionTransformer(), "passthrough", est)
    search = GridSearchCV(est, {"mi_weight": [0.1]}, cv=2)
    return {
        "pipeline": double,
        "search": search,
        "search of a pipeline": GridSearchCV(
            make_pipeline(FunctionTransformer(), est),
            {"conditionalcaptioner__mi_weight": [0.1]},
            cv=2,
        ),
        "pipeline of a search": make_pipeline(FunctionTransformer(), search),
    }


@pytest.mark.parametrize("kind", pipelines(quick()))
def test__labels__inside_of_others__measures_are_those_of_the_captioner(kind, labeller):
    outer = pipelines(quick())[kind].fit(IMAGES, LABELS)
    for measure in (
        control_score,
        lambda est, X, y: LatentTraversalDisplay.from_estimator(est, X, y).right,
        lambda est, X, y: LabelFrequencyDisplay.from_estimator(est, X, y).accuracy,
        lambda est, X, y: LatentMapDisplay.from_estimator(est, X, n_points=4).answers,
        lambda est, X, y: list(dialogue_accuracy(est, X, turns=(1,), n_speakers=3).values()),
        lambda est, X, y: describe_latents(est, X),
    ):
        assert_equal(measure(outer, IMAGES, LABELS), measure(labeller, IMAGES, LABELS))


def test__captions__inside_of_others__measures_are_those_of_the_captioner(captioner):
    outer = pipelines(quick())["pipeline of a search"].fit(IMAGES, CAPTIONS)
    for name, measure in OF_CAPTIONS.items():
        assert_equal(measure(outer, CAPTIONS), measure(captioner, CAPTIONS)), name
    one, other = (describe_captions(est, IMAGES[:2], n_latents=10) for est in (outer, captioner))
    assert one == other


NEVER_SEEN = {
    "labels": ([i // 6 for i in range(N)], [None, control_score]),
    "str labels": (np.array(list("ab")).repeat(6), [None, control_score]),
    "sets": ([{i // 6, 2 + i // 6} for i in range(N)], [None, control_score]),
    "one answer for one image": (list(range(N)), [None, control_score]),
    "captions": (CAPTIONS[:6] + [["xx yy zz"], ["qq rr"]] * 3, [None, bleu_score, oracle_score]),
}


@pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.SingleAnswerWarning")
@pytest.mark.parametrize("kind", NEVER_SEEN)
def test__folds_without_any_answer_that_was_seen__score_nothing(kind):
    y, scorers = NEVER_SEEN[kind]
    for scoring in scorers:
        found = cross_val_score(quick(), IMAGES, y, cv=2, scoring=scoring, error_score="raise")
        np.testing.assert_array_equal(found, 0)
    est = quick().fit(IMAGES[:6], y[:6])
    if kind == "captions":
        report = caption_report(est, IMAGES[6:], y[6:], output_dict=True)
        assert np.isfinite(list(report.values())).all()
        assert report["best_of_k"] == report["bleu_1"] == 0
    else:
        report = control_report(est, IMAGES[6:], y[6:], output_dict=True)
        cells = [cell for row in report.values() for cell in row.values() if cell is not None]
        assert np.isfinite(cells).all()
        assert report["accuracy"]["value"] == report["inverse"]["value"] == 0
        shared = kind != "one answer for one image"
        assert report["transfer"]["value"] == (0 if shared else None)
        assert control_report(est, IMAGES[6:], y[6:])
        for display in (LabelFrequencyDisplay, LatentTraversalDisplay):
            display.from_estimator(est, IMAGES[6:], y[6:])
    other = [["x"] if kind in ("labels", "sets", "one answer for one image") else [1]] * 6
    with pytest.raises(ValueError, match="y holds no answer that was seen in fit|fit saw captions"):
        est.score(IMAGES[6:], other)
