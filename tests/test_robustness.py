"""Whatever is handed in, the outcome is a correct result or an error that says what to do."""

import re
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.utils import _param_validation, validation

import condcap_sk
from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import SingleAnswerWarning, TrainingDivergedError
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

OURS = Path(condcap_sk.__file__).parent
CHECKS = {Path(module.__file__) for module in (_param_validation, validation)}
pytestmark = pytest.mark.filterwarnings(
    "ignore::condcap_sk.exceptions.SingleAnswerWarning",
    "ignore::condcap_sk.exceptions.AnalyzerWarning",
    # Images are drawn on all scales.
    "ignore::condcap_sk.exceptions.PixelRangeWarning",
)


def many(n):
    return settings(
        max_examples=n,
        deadline=None,
        phases=[Phase.generate],  # looking for the smallest failure takes hours
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def allowed(error):
    """By design: raised by a statement of ours or of scikit-learn's checks, about an argument."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(last.filename)
    on_purpose = (path in CHECKS or OURS in path.parents) and last.line.startswith("raise ")
    named = ARGUMENTS.intersection(re.findall(r"\w+", str(error)))
    return on_purpose and named and isinstance(error, KINDS)


def attempt(call):
    """Return what the call returns, or None where it raised an error by design."""
    try:
        return call()
    except Exception as error:
        if not allowed(error):
            raise
        return None


@st.composite
def images(draw, n=None):
    n = draw(st.integers(0, 9)) if n is None else n
    ndim = draw(st.sampled_from([1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 5]))
    sizes = st.integers(1, 4) if ndim != 3 else st.integers(1, 20)
    shape = (n, *(draw(sizes) for _ in range(ndim - 1)))
    if ndim == 4 and draw(st.booleans()):
        shape = (n, draw(st.integers(1, 20)), draw(st.integers(1, 20)), 3)
    rng = np.random.RandomState(draw(st.integers(0, 5)))
    X = rng.uniform(-1, 1, size=shape)
    X *= draw(st.sampled_from([0, 1e-300, 1e-30, 1e-3, 1, 255, 1e6, 1e30, 1e39, 1e300]))
    spoiled = draw(st.sampled_from([None] * 12 + [np.nan, np.inf]))
    if spoiled is not None and X.size:
        X.flat[0] = spoiled
    kinds = ["u1", "u1", "i1", "i8", "f2", "f4", "f4", "f8", "f8", ">f4", "?", "O", "c8", "U"]
    with np.errstate(all="ignore"):
        X = X.astype(draw(st.sampled_from(kinds)))
    form = draw(
        st.sampled_from(["plain", "plain", "reversed", "fortran", "read-only", "list", "sparse"])
    )
    if form == "reversed":
        X = X[::-1, ..., ::-1] if X.ndim > 1 else X[::-1]
    elif form == "fortran":
        X = np.asfortranarray(X)
    elif form == "read-only":
        X.flags.writeable = False
    elif form == "list":
        X = X.tolist()
    elif form == "sparse" and X.ndim == 2 and X.dtype.kind in "fiu" and X.dtype.itemsize > 2:
        X = sparse.csr_array(X.astype(X.dtype.newbyteorder("=")))
    return X


NICE = [
    st.integers(-3, 3),
    st.sampled_from(["a", "b", "", "ü", "猫", "👍🏽", "NaN"]),
    st.sampled_from(["a dog", "a red dog runs", "two cats", "dog!", "  ", "the dog is red . ."]),
    st.booleans(),
    st.sampled_from([0.5, -1e300, 1e-300, np.inf, 3.0]),
    st.sampled_from([np.int8(1), np.int64(5), np.uint8(200)]),
]
NASTY = [
    *NICE,
    st.sampled_from([None, np.nan, 2**70, (1, 2), b"x", 1j, np.str_("a"), [], np.array([1])]),
    st.one_of(st.integers(), st.text(max_size=4), st.floats(), st.booleans()),
]


FORMS = ["lists", "lists", "sets", "sets", "first", "object", "bools", "sparse", "bare"]
NO_ANSWERS = st.sampled_from(
    [None, "ab", b"ab", 3, {}, {0, 1}, np.array(3), np.zeros((2, 2)), [[0], [1, 2]], float("nan")]
)


@st.composite
def answer_sets(draw, n):
    kind = draw(st.sampled_from(NICE * 3 + NASTY))
    n += draw(st.sampled_from([0] * 12 + [1, -1]))
    least = draw(st.sampled_from([1] * 8 + [0]))
    rows = [draw(st.lists(kind, min_size=least, max_size=4)) for _ in range(max(n, 0))]
    form = draw(st.sampled_from(FORMS))
    try:
        if form == "sets":
            return [set(row) for row in rows]
        if form == "first":
            return np.array([row[0] for row in rows])
        if form == "object":
            array = np.empty(len(rows), dtype=object)
            array[:] = rows
            return array
    except (TypeError, ValueError, IndexError):
        return rows
    if form in ("bools", "sparse"):
        array = np.random.RandomState(draw(st.integers(0, 5))).rand(len(rows), 3) < 0.7
        return array if form == "bools" else sparse.csr_array(array)
    return rows if form != "bare" else draw(st.one_of(NO_ANSWERS, st.just("a" * len(rows))))


SOUND = st.fixed_dictionaries(
    {},
    optional={
        "n_latents": st.sampled_from([1, 2, 5]),
        "analyzer": st.sampled_from(["auto", "auto", "label", "word", "char", str.split]),
        "objective": st.sampled_from(["relativistic", "paper"]),
        "images": st.sampled_from(["matched", "matched", "end-to-end", "ignored"]),
        "mi_weight": st.sampled_from([0, 0.1, 10]),
        "relevance_weight": st.sampled_from([0, 1, 100]),
        "validation_fraction": st.sampled_from([0, 0.05, 0.5, 0.99]),
        "batch_size": st.sampled_from([1, 3, 1000]),
        "codec__max_length": st.sampled_from([None, 1, 3]),
        "codec__noise": st.sampled_from(["auto", 0, 5.0]),
        "codec__n_components": st.sampled_from(["auto", 1, 2]),
        "gan__image_dropout": st.sampled_from([0, 1.0]),
        "gan__posterior_weight": st.sampled_from([0, 1.0]),
    },
)
SPOILED = {
    "n_latents": [0, 1.5, "3", None],
    "analyzer": ["words", None, 3],
    "images": ["none"],
    "mi_weight": [-1, np.nan],
    "image_shape": [(2, 2), (1, 4), (2,), (0, 0), (-2, -2), ("a", 2), (2.0, 2), (), "no"],
    "batch_size": [0, 1.5],
    "device": ["gpu", "cuda:99", "", None],
    "random_state": [-1, "0"],
    "codec__min_df": [2, 100],
    "codec__max_features": [1, 2, 0],
    "codec__hidden_size": [0, 1],
    "image_encoder__lr": [1e30, 0],
    "image_encoder__batch_size": [1],
    "gan__lr": [1e3, 1e30, np.inf],
    "gan": [3],
}
PARAMS = st.one_of(
    SOUND,
    SOUND,
    st.one_of([st.fixed_dictionaries({k: st.sampled_from(v)}) for k, v in SPOILED.items()]),
)


def make(params):
    return ConditionalCaptioner(
        random_state=0,
        codec=CaptionCodec(max_iter=1, hidden_size=4, batch_size=8),
        image_encoder=ImageEncoder(max_iter=1, n_filters=1),
        gan=LatentGAN(max_iter=1, hidden_size=4, decoder_size=4),
    ).set_params(**params)


KINDS = ValueError, TypeError, TrainingDivergedError
ARGUMENTS = {"X", "y", "c", "latents", "labels", "n_samples"}
ARGUMENTS |= {name.rpartition("__")[2] for name in make({}).get_params()}


def assert_answers_well(est, X, y):
    """What holds of any fitted estimator."""
    n = len(X)
    answers = est.predict(X)
    assert answers.shape == (n,)
    if est.codec_.analyzer_ == "label":
        assert set(answers.tolist()) <= set(est.classes_.tolist())
        assert answers.dtype == est.classes_.dtype
    rows = X[::-1]
    np.testing.assert_array_equal(est.predict(rows), answers[::-1])
    c = est.sample_latents(2, random_state=0)
    grid = est.predict_grid(X, c)
    np.testing.assert_array_equal(grid[:, 1], est.predict(X, c[1]))
    assert est.score(X, y) >= 0
    given = est.predict(X, c[0])
    if all(str(answer).strip() for answer in given):
        latents, std = est.infer_latent(X, given, return_std=True)
        assert latents.shape == std.shape == (n, est.n_latents)
        assert np.isfinite(latents).all()
        assert (std >= 0).all()
        assert np.isfinite(est.score_samples(X, given)).all()


@pytest.fixture(scope="module")
def outcomes():
    """How many calls gave a result, and how many an error: a test of one kind only tests little."""
    counts = Counter()
    yield counts
    assert not counts or min(counts["result"], counts["error"]) > 0.1 * sum(counts.values())


@pytest.mark.fuzz
@many(300)
@given(st.data())
def test__fit__anything__answers_or_explains(outcomes, data):
    X = data.draw(images())
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    y = data.draw(answer_sets(n))
    params = data.draw(PARAMS)
    est = attempt(lambda: make(params).fit(X, y))
    outcomes["error" if est is None else "result"] += 1
    if est is not None:
        assert_answers_well(est, np.asarray(X) if isinstance(X, list) else X, y)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.RandomState(0)
    y = [[i % 3, 3 + i % 2] for i in range(12)]
    with pytest.warns(SingleAnswerWarning):
        one = make({}).fit(rng.rand(12, 3), [["only"]] * 12)
    return [
        make({}).fit(rng.rand(12, 3), y),
        make({}).fit(rng.rand(12, 4, 4), y),
        make({"n_latents": 2}).fit(
            rng.rand(12, 9, 7, 3), [["a dog", "a red dog"], ["two cats"]] * 6
        ),
        make({"images": "end-to-end"}).fit(rng.rand(12, 3), [["a"], ["b"]] * 6),
        one,
    ]


THREE = st.lists(st.floats(-5, 5), min_size=3, max_size=3)
LATENTS = st.one_of(
    st.none(),
    THREE,
    st.lists(THREE, max_size=9),
    st.lists(st.floats(), max_size=5),
    st.sampled_from(
        ["abc", 1.0, [[0.1], [0.1, 0.2]], [[0.1] * 3], [1e30] * 3, [1e39] * 3, np.zeros((1, 2, 3))]
    ),
    st.just([None] * 3),
)


@st.composite
def questions(draw, fitted):
    """A fitted estimator, and something to ask it about."""
    est = draw(st.sampled_from(fitted))
    shape = est.image_shape_
    n = draw(st.sampled_from([0, 1, 2, 3, 5]))
    rng = np.random.RandomState(draw(st.integers(0, 5)))
    last, first = rng.rand(n, *shape[1:], *shape[:1]), rng.rand(n, *shape).astype("f4")
    return est, n, draw(st.one_of(st.just(last), st.just(first), st.just(first), images(n)))


@pytest.mark.fuzz
@many(300)
@given(st.data())
def test__predict__anything__answers_or_explains(fitted, outcomes, data):
    est, n, X = data.draw(questions(fitted))
    c = data.draw(LATENTS)
    answers = attempt(lambda: est.predict(X, c))
    if answers is not None:
        assert answers.shape == (n,)
    grid = attempt(lambda: est.predict_grid(X, c))
    outcomes["error" if answers is None and grid is None else "result"] += 1
    if grid is not None:
        assert grid.shape == (n, len(c))


@pytest.mark.fuzz
@many(100)
@given(st.data())
def test__other_questions__anything__answers_or_explains(fitted, outcomes, data):
    est, n, X = data.draw(questions(fitted))
    words = est.codec_.analyzer_ == "word"
    known = ["a dog", "two blue cats"] if words else est.classes_.tolist()
    right = st.lists(st.sampled_from(known), min_size=n, max_size=n)
    labels = data.draw(st.one_of(right, right, right, answer_sets(n), NO_ANSWERS))
    latents = attempt(lambda: est.infer_latent(X, labels, return_std=True))
    outcomes["error" if latents is None else "result"] += 1
    if latents is not None:
        assert latents[0].shape == latents[1].shape == (n, est.n_latents)
        assert np.isfinite(latents).all()
        assert np.min(latents[1]) >= 0
    speaker = attempt(lambda: est.infer_speaker(X, labels))
    if speaker is not None:
        assert np.isfinite(speaker).all()
        assert np.shape(speaker) == (2, est.n_latents)
    relevance = attempt(lambda: est.score_samples(X, labels))
    if relevance is not None:
        assert np.isfinite(relevance).all()
        assert relevance.shape == (n,)
    n_samples = data.draw(st.sampled_from([1, 3, 3, 40, 0, -1, 1.5, "3", None, np.int64(2)]))
    several = attempt(lambda: est.sample(X, n_samples))
    if several is not None:
        assert [1 <= len(set(row)) == len(row) <= n_samples for row in several] == [True] * n
    sets = data.draw(st.one_of(st.just([[label] for label in known * n][:n]), answer_sets(n)))
    score = attempt(lambda: est.score(X, sets))
    if score is not None:
        assert 0 <= score <= (10 if words else 1)


RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(24, 10, 12, 3), dtype=np.uint8)
PAIRS = [{i % 3, 3 + i % 2} for i in range(24)]
UNUSUAL = {
    "constant images": (np.full_like(IMAGES, 7), PAIRS),
    "two images again and again": (IMAGES[[0, 1] * 12], PAIRS),
    "one answer for each image": (IMAGES, [{i % 3} for i in range(24)]),
    "a thousand labels": (RNG.rand(500, 4), [{2 * i, 2 * i + 1} for i in range(500)]),
    "a label given once": (IMAGES, [{99}, *PAIRS[1:]]),
    "long captions": (
        IMAGES[:4],
        [["w" * 500, " ".join(map(str, range(60)))], ["a b"]] * 2,
    ),
    "huge values": (1e30 * IMAGES.astype(float), PAIRS),
    "tiny values": (1e-30 * IMAGES.astype(float), PAIRS),
    "far from zero": (1e4 + IMAGES / 255, PAIRS),
    "a single pixel": (IMAGES[:, :1, :1], PAIRS),
    "one feature": (RNG.rand(24, 1), PAIRS),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test__fit__unusual_data__answers(quick, kind):
    X, y = UNUSUAL[kind]
    assert_answers_well(quick().fit(X, y), X, y)
