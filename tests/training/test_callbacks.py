"""scikit-learn's callbacks see the stages and epochs of a fit, may end them, and leave no trace."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from condcap_sk import ConditionalCaptioner

sklearn_callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")

X = np.random.RandomState(0).rand(30, 3)
Y = [{i % 3, 3 + i % 2} for i in range(30)]


def quick():
    return ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=5, image_encoder__max_iter=5, gan__max_iter=10, gan__batch_size=10
    )


def score(est, X, y):
    return est.score(X, y)


class Watch:
    """Notes what happens; ends stages at the given epoch."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.seen = []
        self.scores = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.seen.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_at


def test__callback__sees_stages_and_epochs():
    watch = Watch()
    est = quick().set_callbacks(watch).fit(X, Y)
    assert watch.seen[:4] == ["setup", "begin fit", "begin captions", "begin epoch"]
    assert watch.seen[-3:] == ["end latents", "end fit", "teardown"]
    for name in ("captions", "images", "latents", "fit"):
        assert watch.seen.count(f"begin {name}") == watch.seen.count(f"end {name}") == 1
    # Each epoch of the last stage could have answered, and the end did.
    last = watch.seen.index("begin latents")
    assert len(watch.scores) == watch.seen[last:].count("end epoch") + 1
    assert watch.scores[-1] == est.score(X, Y)


def test__callback__fit_is_the_same_with_it():
    plain, watched = quick().fit(X, Y), quick().set_callbacks(Watch()).fit(X, Y)
    c = plain.sample_latents(30, random_state=0)
    np.testing.assert_array_equal(
        plain.infer_latent(X, [0] * 30), watched.infer_latent(X, [0] * 30)
    )
    np.testing.assert_array_equal(plain.predict(X, c), watched.predict(X, c))


def test__callback__asks_to_stop__ends_each_stage():
    watch = Watch(stop_at=2)
    est = quick().set_callbacks(watch).fit(X, Y)
    assert watch.seen.count("end epoch") == 6
    assert est.gan_.n_iter_ == 4  # two epochs of two batches
    assert est.predict(X).shape == (30,)


def test__fit__leaves_nothing_of_callbacks_behind():
    est = quick().set_callbacks(Watch()).fit(X, Y)
    plain = quick().fit(X, Y)
    est.set_callbacks()
    assert set(vars(est)) == set(vars(plain))
    assert len(pickle.dumps(est)) == pytest.approx(len(pickle.dumps(plain)), abs=100)


def test__callback__fit_fails__is_torn_down():
    watch = Watch()
    with pytest.raises(ValueError, match="y"):
        quick().set_callbacks(watch).fit(X, [set()] * 30)
    assert watch.seen[-1] == "teardown"


def test__scoring_monitor__logs_epochs():
    monitor = sklearn_callback.ScoringMonitor(scoring={"score": score})
    est = quick().set_callbacks(monitor).fit(X, Y)
    scores = [row["score"] for row in monitor.get_logs().data]
    assert len(scores) > 2
    assert scores[-1] == est.score(X, Y)


def test__progress_bar__on_fit_and_in_a_search__shows_stages(capsys):
    pytest.importorskip("rich")
    quick().set_callbacks(sklearn_callback.ProgressBar()).fit(X, Y)
    assert "latents" in capsys.readouterr().out
    search = GridSearchCV(quick(), {"gan__lr": [1e-3, 1e-2]}, cv=2)
    search.set_callbacks(sklearn_callback.ProgressBar(max_propagation_depth=None)).fit(X, Y)
    assert "_skl_callbacks" not in vars(search.best_estimator_)


def test__scoring_monitor__in_a_pipeline__logs_epochs():
    monitor = sklearn_callback.ScoringMonitor(scoring={"score": score})
    est = quick().set_callbacks(monitor)
    make_pipeline(StandardScaler(), est).fit(X, Y)
    assert len(monitor.get_logs().data) > 2
