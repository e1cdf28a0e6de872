"""caption_report and the scorers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.metrics import (
    best_of_k,
    bleu,
    bleu_score,
    caption_report,
    cider,
    cider_d,
    distinct_n,
    mutual_bleu,
    oracle_score,
    rouge_l,
    self_cider,
)

CAPTIONS = [["a red dog runs fast", "the dog is red"], ["two men sit down", "men on a bench"]]
GIVEN = np.array([["a red dog runs fast", "a dog"], ["men sit", "men on a bench"]], dtype=object)


class Captioner(BaseEstimator):
    """Answers with given captions."""

    def fit(self, X, captions):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return GIVEN[X, 0]

    def sample_latents(self, n_samples, random_state):
        return np.arange(n_samples) % 2

    def predict_grid(self, X, latents):
        return GIVEN[X][:, latents]


def test__caption_report__known_captions__is_made_of_the_metrics():
    X = np.arange(2)
    report = caption_report(Captioner(), X, CAPTIONS, n_latents=4, output_dict=True)
    np.testing.assert_allclose(
        [report[f"bleu_{n}"] for n in (1, 2, 3, 4)], bleu(GIVEN[:, 0], CAPTIONS)
    )
    assert report["best_of_k"] == best_of_k(GIVEN, CAPTIONS).mean()
    assert report["mean_of_k"] == pytest.approx(
        np.mean([cider_d(GIVEN[:, k], CAPTIONS) for k in (0, 1)])
    )
    assert report["distinct"] == 0.5
    text = caption_report(Captioner(), X, CAPTIONS, n_latents=4)
    assert "best_of_k" in text
    assert len(text.splitlines()) == len(report)


def test__caption_report__one_latent__is_named():
    with pytest.raises(ValueError, match="n_latents == 1, must be >= 2"):
        caption_report(Captioner(), np.arange(2), CAPTIONS, n_latents=1)


def test__scorers__known_captions__are_the_metrics():
    X = np.arange(2)
    assert bleu_score(Captioner(), X, CAPTIONS) == bleu(GIVEN[:, 0], CAPTIONS)[3]
    assert oracle_score(Captioner(), X, CAPTIONS) == best_of_k(GIVEN, CAPTIONS).mean()


def fitted_with(analyzer):
    captioner = Captioner()
    captioner.codec_ = SimpleNamespace(analyzer_=analyzer)
    return captioner


@pytest.mark.parametrize("steps", [[], [FunctionTransformer()]], ids=["alone", "after another"])
@pytest.mark.parametrize("analyzer", ["char", str.split])
def test__analyzer_of_the_estimator__report_and_scorers__compare_its_tokens(analyzer, steps):
    X = np.arange(2)
    captions = [[text.title() for text in texts] for texts in CAPTIONS]
    single = bleu(GIVEN[:, 0], captions, analyzer=analyzer)
    best = best_of_k(GIVEN, captions, analyzer=analyzer).mean()
    assert single[0] != bleu(GIVEN[:, 0], captions)[0]
    for est in (fitted_with(analyzer), make_pipeline(*steps, fitted_with(analyzer))):
        assert bleu_score(est, X, captions) == single[3]
        assert oracle_score(est, X, captions) == best
        report = caption_report(est, X, captions, n_latents=2, output_dict=True)
        assert report["bleu_1"] == single[0]
        assert report["best_of_k"] == best
        for name, measure in {"rouge_l": rouge_l, "cider": cider, "cider_d": cider_d}.items():
            assert report[name] == measure(GIVEN[:, 0], captions, analyzer=analyzer).mean()
        columns = [cider_d(column, captions, analyzer=analyzer).mean() for column in GIVEN.T]
        assert report["mean_of_k"] == pytest.approx(np.mean(columns))
        assert report["mutual_bleu"] == mutual_bleu(GIVEN, analyzer=analyzer)
        assert report["distinct_1"] == distinct_n(GIVEN, 1, analyzer=analyzer)
        assert report["distinct_2"] == distinct_n(GIVEN, 2, analyzer=analyzer)
        assert report["self_cider"] == self_cider(GIVEN, captions, analyzer=analyzer)


@pytest.mark.parametrize(
    ("measure", "instead"),
    [
        (caption_report, "control_report"),
        (bleu_score, "control_score"),
        (oracle_score, "control_score"),
    ],
)
def test__fitted_on_labels__error_names_what_to_use(measure, instead):
    with pytest.raises(ValueError, match=f"fitted on labels.*analyzer=.*`{instead}`"):
        measure(make_pipeline(fitted_with("label")), np.arange(2), CAPTIONS)


def test__scorers__cross_validated_pipeline__are_finite():
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=5, codec__hidden_size=8, image_encoder__max_iter=5, gan__max_iter=5
    )
    X = np.random.RandomState(0).random((12, 4))
    found = cross_validate(
        make_pipeline(FunctionTransformer(), est),
        X,
        CAPTIONS * 6,
        cv=2,
        scoring={"bleu": bleu_score, "oracle": oracle_score},
        error_score="raise",
    )
    assert np.isfinite(found["test_bleu"]).all()
    assert np.isfinite(found["test_oracle"]).all()
    assert "distinct" in caption_report(est.fit(X, CAPTIONS * 6), X, CAPTIONS * 6, n_latents=2)
