"""What metrics ask of an estimator: the captioner in pipelines and searches, and its analyzer."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.inspection import (
    LabelFrequencyDisplay,
    LatentMapDisplay,
    LatentTraversalDisplay,
    describe_captions,
    describe_latents,
)
from condcap_sk.metrics import (
    bleu_score,
    caption_report,
    control_score,
    dialogue_accuracy,
    oracle_score,
)
from condcap_sk.metrics._estimator import analyzer_of, last_step, stages_of
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

matplotlib.use("Agg")
N = 12
IMAGES = np.random.RandomState(0).randint(255, size=(N, 6, 6), dtype=np.uint8)
LABELS = [[i % 3, 3 + i % 2] for i in range(N)]
CAPTIONS = [
    [f"a {noun} runs", f"the {adjective} {noun} ran"]
    for noun, adjective in [("dog", "red"), ("cat", "old"), ("cow", "big")] * (N // 3)
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


class Captioner(BaseEstimator):
    codec_ = SimpleNamespace(analyzer_="char")

    def fit(self, X, y):
        return self


def test__last_step__steps_before_it__have_transformed_X():
    outer = make_pipeline(FunctionTransformer(np.negative), "passthrough", Captioner())
    X = np.arange(3)
    captioner, given = last_step(outer, X)
    assert captioner is outer[-1]
    np.testing.assert_array_equal(given, -X)
    np.testing.assert_array_equal(stages_of(outer, X), [X, -X, -X])
    assert analyzer_of(outer, "word") == "char"


def test__last_step__pipeline_in_a_pipeline__has_its_steps_each():
    inner = make_pipeline(FunctionTransformer(np.negative), FunctionTransformer(np.square))
    X = np.arange(3)
    outer = make_pipeline(inner, "passthrough", Captioner())
    np.testing.assert_array_equal(stages_of(outer, X), [X, -X, X**2, X**2])


def test__last_step__any_other_estimator__is_itself():
    other, X = SimpleNamespace(), np.arange(3)
    assert last_step(other, X) == (other, X)
    assert analyzer_of(other, "word") == "word"


def quick(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(max_iter=3, hidden_size=8, n_components=8, batch_size=16),
        image_encoder=ImageEncoder(max_iter=3, n_filters=2),
        random_state=0,
        **params,
    ).set_params(gan__max_iter=3, gan__hidden_size=8, gan__decoder_size=8)


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


def assert_equal(found, expected):
    if isinstance(expected, str | list):
        assert found == expected
    else:
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float))


@pytest.fixture(scope="module")
def labeller():
    return quick().fit(IMAGES, LABELS)


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


def test__captions__inside_of_others__measures_are_those_of_the_captioner():
    captioner = quick().fit(IMAGES, CAPTIONS)
    outer = pipelines(quick())["pipeline of a search"].fit(IMAGES, CAPTIONS)
    for measure in (
        lambda est: caption_report(est, IMAGES, CAPTIONS, n_latents=2),
        lambda est: bleu_score(est, IMAGES, CAPTIONS),
        lambda est: oracle_score(est, IMAGES, CAPTIONS),
        lambda est: LatentTraversalDisplay.from_estimator(est, IMAGES, CAPTIONS).right,
        lambda est: describe_captions(est, IMAGES[:2], n_latents=10),
    ):
        assert_equal(measure(outer), measure(captioner))
