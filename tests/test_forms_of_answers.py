"""The right answers mean the same in every form, wherever they are taken."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_score

from condcap_sk import ConditionalCaptioner
from condcap_sk.answers.label_sets import answer_rows
from condcap_sk.inspection import LabelFrequencyDisplay, LatentTraversalDisplay
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
    fixed_latent_accuracy,
    oracle_score,
    rouge_l,
    self_cider,
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


def frame(values, **kwargs):
    return pd.DataFrame(values, index=INDEX, **kwargs)


LABELS = [[i % 3, 3 + i % 2] for i in range(N)]
HAVING = np.array([[label in row for label in range(5)] for row in LABELS])
CAPTIONS = [
    [f"a {noun} runs", f"the {adjective} {noun} ran"]
    for noun, adjective in [("dog", "red"), ("cat", "old"), ("cow", "big")] * (N // 3)
]
SINGLE = [row[0] for row in LABELS]
# All forms are read by one function; these are tried wherever it is to be called.
ROWS = {
    "sets": lambda rows: list(map(set, rows)),
    "2-D array": np.array,
    "Series of lists": lambda rows: pd.Series(rows, index=INDEX),
    "DataFrame": frame,
}
LABEL_FORMS = {
    **{name: (LABELS, form(LABELS)) for name, form in ROWS.items()},
    "bools": (LABELS, HAVING),
    "csr_array": (LABELS, sparse.csr_array(HAVING)),
    "coo_matrix": (LABELS, sparse.coo_matrix(HAVING)),
    "DataFrame of bools": (LABELS, frame(HAVING)),
    "DataFrame of nullable bools": (LABELS, frame(HAVING, dtype="boolean")),
    **{
        f"one each, {name}": ([[label] for label in SINGLE], y)
        for name, y in {
            "tuple": tuple(SINGLE),
            "Series": pd.Series(SINGLE, index=INDEX),
            "get_dummies": pd.get_dummies(pd.Series(SINGLE, index=INDEX)),
        }.items()
    },
}
CAPTION_FORMS = {
    **{name: (CAPTIONS, form(CAPTIONS)) for name, form in ROWS.items()},
    "one each, Series": (
        [row[:1] for row in CAPTIONS],
        pd.Series([row[0] for row in CAPTIONS], index=INDEX),
    ),
}
# What could be class indicators or rows of labels.
UNCLEAR = {
    "int matrix": HAVING.astype(int),
    "DataFrame of ints": frame(HAVING.astype(int)),
    "lists of ints": HAVING.astype(int).tolist(),
    "lists of bools": HAVING.tolist(),
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
        LatentTraversalDisplay.from_estimator(est, IMAGES, y, latents=LATENTS[:2]).right
    ),
    "LabelFrequencyDisplay": lambda est, y: (
        LabelFrequencyDisplay.from_estimator(est, IMAGES, y).accuracy
    ),
}
GIVEN = [row[0] for row in CAPTIONS[1:] + CAPTIONS[:1]]
SEVERAL = [["a dog runs", "two cows", "the old cat"]] * N
OF_CAPTIONS = {
    "score": lambda est, y: est.score(IMAGES, y),
    "bleu": lambda est, y: bleu(GIVEN, y),
    "rouge_l": lambda est, y: rouge_l(GIVEN, y),
    "cider": lambda est, y: cider(GIVEN, y),
    "cider_d": lambda est, y: cider_d(GIVEN, y),
    "best_of_k": lambda est, y: best_of_k(SEVERAL, y),
    "self_cider": lambda est, y: self_cider(SEVERAL, y),
    "caption_report": lambda est, y: caption_report(est, IMAGES, y, n_latents=2),
    "bleu_score": lambda est, y: bleu_score(est, IMAGES, y),
    "oracle_score": lambda est, y: oracle_score(est, IMAGES, y),
    "LatentTraversalDisplay": lambda est, y: (
        LatentTraversalDisplay.from_estimator(est, IMAGES, y, latents=LATENTS[:2]).right
    ),
}


def assert_equal(found, expected):
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float))


@pytest.mark.parametrize("form", LABEL_FORMS)
class TestLabels:
    def test__fit__same_model(self, form, once):
        rows, y = LABEL_FORMS[form]
        est = once(("fit", str(rows)), lambda: quick().fit(IMAGES, rows))
        other = quick().fit(IMAGES, y)
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


@pytest.mark.parametrize("form", CAPTION_FORMS)
class TestCaptions:
    def test__fit__same_model(self, form, once):
        rows, y = CAPTION_FORMS[form]
        lists = [sorted(row) for row in rows]
        est = once(("fit", str(lists)), lambda: quick().fit(IMAGES, lists))
        other = quick().fit(IMAGES, y)
        np.testing.assert_array_equal(
            est.predict_grid(IMAGES, LATENTS), other.predict_grid(IMAGES, LATENTS)
        )

    @pytest.mark.parametrize("measure", OF_CAPTIONS)
    def test__measure__same_values(self, form, measure, captioner, once):
        rows, y = CAPTION_FORMS[form]
        expected = once((measure, str(rows)), lambda: OF_CAPTIONS[measure](captioner, rows))
        assert_equal(OF_CAPTIONS[measure](captioner, y), expected)


@pytest.mark.parametrize("form", UNCLEAR)
def test__unclear_form__anywhere__is_refused(form, labeller):
    y = UNCLEAR[form]
    for call in (lambda est, y: quick().fit(IMAGES, y), *OF_LABELS.values()):
        with pytest.raises(ValueError, match="(y|label_sets) (is a table|holds rows)"):
            call(labeller, y)


def test__classes__of_a_data_frame__are_its_columns():
    names = pd.Index([1, 3, 5, 7, 9], dtype="uint8")
    rows = [[names[label] for label in row] for row in LABELS]
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
def test__search__labels__scores_are_those_of_lists(form, once):
    scoring = {"score": lambda est, X, y: est.score(X, y), "control": control_score}
    y = TOOLS[form]
    rows = [list(map(int, row)) for row in answer_rows(y, N)]
    expected = once(repr(rows), lambda: searched(rows, scoring))
    np.testing.assert_array_equal(searched(y, scoring), expected)


@pytest.mark.parametrize("form", ["DataFrame", "one each, Series"])
def test__search__captions__scores_are_those_of_lists(form):
    rows, y = CAPTION_FORMS[form]
    scoring = {
        "score": lambda est, X, y: est.score(X, y),
        "bleu": bleu_score,
        "oracle": oracle_score,
    }
    np.testing.assert_allclose(searched(y, scoring), searched(rows, scoring))


UNKNOWN = {
    "labels": ([i // 6 for i in range(N)], [None, control_score]),
    "str labels": (np.array(list("ab")).repeat(6), [None, control_score]),
    "sets": ([{i // 6, 2 + i // 6} for i in range(N)], [None, control_score]),
    "one answer for one image": (list(range(N)), [None, control_score]),
    "captions": (CAPTIONS[:6] + [["xx yy zz"], ["qq rr"]] * 3, [None, bleu_score, oracle_score]),
}


@pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.SingleAnswerWarning")
@pytest.mark.parametrize("kind", UNKNOWN)
def test__folds_without_any_answer_of_fit__score_nothing(kind):
    y, scorers = UNKNOWN[kind]
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
    with pytest.raises(ValueError, match="y holds no answer .*in fit|fit saw captions"):
        est.score(IMAGES[6:], other)
