"""Whatever is handed in, the outcome is a correct result or an error that says what to do."""

import pickle
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import SingleAnswerWarning

TORCH = Path(torch.__file__).parent
pytestmark = pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.SingleAnswerWarning")


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
    """An error by design: of the right type, with something to read, and not from inside torch."""
    frames = traceback.extract_tb(error.__traceback__)
    raised_in_torch = TORCH in Path(frames[-1].filename).parents
    return isinstance(error, ValueError | TypeError) and str(error) and not raised_in_torch


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
    ndim = draw(st.sampled_from([1, 2, 2, 2, 3, 4, 4, 5]))
    sizes = st.integers(1, 4) if ndim != 3 else st.integers(1, 20)
    shape = (n, *(draw(sizes) for _ in range(ndim - 1)))
    if ndim == 4 and draw(st.booleans()):
        shape = (n, draw(st.integers(1, 20)), draw(st.integers(1, 20)), 3)
    rng = np.random.RandomState(draw(st.integers(0, 5)))
    X = rng.uniform(-1, 1, size=shape)
    X *= draw(st.sampled_from([0, 1e-300, 1e-30, 1e-3, 1, 255, 1e6, 1e30, 1e39, 1e300]))
    spoiled = draw(st.sampled_from([None] * 6 + [np.nan, np.inf]))
    if spoiled is not None and X.size:
        X.flat[0] = spoiled
    kinds = ["u1", "i1", "i8", "f2", "f4", "f8", "f8", ">f4", "?", "O", "c8", "U"]
    with np.errstate(all="ignore"):
        X = X.astype(draw(st.sampled_from(kinds)))
    form = draw(st.sampled_from(["plain", "reversed", "fortran", "read-only", "list", "sparse"]))
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


@st.composite
def answer_sets(draw, n):
    kind = draw(st.sampled_from(NICE * 3 + NASTY))
    n += draw(st.sampled_from([0] * 12 + [1, -1]))
    least = draw(st.sampled_from([1] * 8 + [0]))
    rows = [draw(st.lists(kind, min_size=least, max_size=4)) for _ in range(max(n, 0))]
    form = draw(st.sampled_from(["lists", "sets", "first", "object", "bools", "sparse", "bare"]))
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
    return rows if form != "bare" else draw(st.sampled_from([None, "ab", 3, {}, "a" * len(rows)]))


PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "n_latents": st.sampled_from([1, 2, 5, 0, 1.5]),
        "analyzer": st.sampled_from(["auto", "label", "word", "char", str.split, "words"]),
        "objective": st.sampled_from(["relativistic", "paper"]),
        "images": st.sampled_from(["matched", "matched", "end-to-end", "ignored"]),
        "mi_weight": st.sampled_from([0, 0.1, 10, -1]),
        "relevance_weight": st.sampled_from([0, 1, 100]),
        "validation_fraction": st.sampled_from([0, 0.05, 0.5, 0.99]),
        "image_shape": st.sampled_from([None, (2, 2), (1, 4), (2,), (0, 0), "no"]),
        "batch_size": st.sampled_from([1, 3, 1000]),
        "codec__min_df": st.sampled_from([1, 2, 100]),
        "codec__max_features": st.sampled_from([None, 1, 2]),
        "codec__max_length": st.sampled_from([None, 1, 3]),
        "codec__noise": st.sampled_from(["auto", 0, 5.0]),
        "codec__n_components": st.sampled_from(["auto", 1, 2]),
        "gan__image_dropout": st.sampled_from([0, 1.0]),
        "gan__posterior_weight": st.sampled_from([0, 1.0]),
    },
)


def make(params):
    return ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=1,
        codec__hidden_size=4,
        codec__batch_size=8,
        image_encoder__max_iter=1,
        image_encoder__n_filters=1,
        gan__max_iter=1,
        gan__hidden_size=4,
        **params,
    )


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
    said = est.predict(X, c[0])
    if all(str(answer).strip() for answer in said):
        latents, std = est.infer_latent(X, said, return_std=True)
        assert latents.shape == std.shape == (n, est.n_latents)
        assert np.isfinite(latents).all()
        assert (std >= 0).all()
        assert np.isfinite(est.score_samples(X, said)).all()


@pytest.mark.slow
@many(400)
@given(st.data())
def test__fit__anything__answers_or_explains(data):
    X = data.draw(images())
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    y = data.draw(answer_sets(n))
    params = data.draw(PARAMS)
    est = attempt(lambda: make(params).fit(X, y))
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


LATENTS = st.one_of(
    st.none(),
    st.lists(st.floats(), max_size=5),
    st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), max_size=9),
    st.sampled_from(["abc", 1.0, [[0.1] * 3], [1e30] * 3, [1e39] * 3, np.zeros((1, 2, 3))]),
    st.just([None] * 3),
)


@pytest.mark.slow
@many(400)
@given(st.data())
def test__predict__anything__answers_or_explains(fitted, data):
    est = data.draw(st.sampled_from(fitted))
    shape = est.image_shape_
    n = data.draw(st.integers(0, 5))
    X = data.draw(
        st.one_of(
            images(n),
            st.just(np.random.RandomState(0).rand(n, *shape[1:], *shape[:1])),
            st.just(np.random.RandomState(0).rand(n, *shape).astype("f4")),
        )
    )
    c = data.draw(LATENTS)
    answers = attempt(lambda: est.predict(X, c))
    if answers is not None:
        assert answers.shape == (n,)
    grid = attempt(lambda: est.predict_grid(X, c))
    if grid is not None:
        assert grid.shape == (n, len(c))


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=3, codec__hidden_size=8, image_encoder__max_iter=3, gan__max_iter=3
    )


RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(24, 10, 12, 3), dtype=np.uint8)
PAIRS = [{i % 3, 3 + i % 2} for i in range(24)]
UNUSUAL = {
    "constant images": (np.full_like(IMAGES, 7), PAIRS),
    "two images again and again": (IMAGES[[0, 1] * 12], PAIRS),
    "one answer for each image": (IMAGES, [{i % 3} for i in range(24)]),
    "a thousand labels": (RNG.rand(500, 4), [{2 * i, 2 * i + 1} for i in range(500)]),
    "a label seen once": (IMAGES, [{99}, *PAIRS[1:]]),
    "long captions": (IMAGES, [["w" * 500, " ".join(map(str, range(60)))], ["a b"]] * 12),
    "huge values": (1e30 * IMAGES.astype(float), PAIRS),
    "tiny values": (1e-30 * IMAGES.astype(float), PAIRS),
    "far from zero": (1e4 + IMAGES / 255, PAIRS),
    "a single pixel": (IMAGES[:, :1, :1], PAIRS),
    "one feature": (RNG.rand(24, 1), PAIRS),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test__fit__unusual_data__answers(kind):
    X, y = UNUSUAL[kind]
    assert_answers_well(quick().fit(X, y), X, y)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype("f8"),
        lambda X: X.astype(">f4"),
        lambda X: X.astype("f2"),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        np.asfortranarray,
        lambda X: X.transpose(0, 3, 1, 2),
        lambda X: X.tolist(),
    ],
    ids=["double", "big-endian", "half", "strided", "fortran", "channels first", "lists"],
)
def test__fit__same_images_in_another_form__same_model(convert):
    X = IMAGES.astype("f4")
    first, other = quick().fit(X, PAIRS), quick().fit(convert(X), PAIRS)
    np.testing.assert_array_equal(
        first.infer_latent(X, [0] * 24), other.infer_latent(convert(X), [0] * 24)
    )


class CtrlC(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("part", ["codec", "image_encoder", "gan"])
def test__ctrl_c__in_any_stage__leaves_what_was_there(part):
    est = quick().set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, PAIRS)
    with pytest.raises(NotFittedError):
        est.predict(IMAGES)

    X = RNG.rand(24, 3)
    est.set_params(**{f"{part}__callbacks": None}).fit(X, PAIRS)
    before = pickle.dumps(est)
    est.set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, [["a dog"], ["a cat"]] * 12)
    est.set_params(**{f"{part}__callbacks": None})
    assert pickle.dumps(est) == before
