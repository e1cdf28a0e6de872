"""scikit-learn's callbacks see the stages and epochs of a fit, may end them, and leave no trace."""

import gc
import pickle
import pickletools
import sys
from types import FunctionType, ModuleType

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping

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
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_at


def test__callback__sees_stages_and_epochs():
    watch = Watch()
    est = quick().set_callbacks(watch).fit(X, Y)
    assert watch.events[:4] == ["setup", "begin fit", "begin captions", "begin epoch"]
    assert watch.events[-3:] == ["end latents", "end fit", "teardown"]
    for name in ("captions", "images", "latents", "fit"):
        assert watch.events.count(f"begin {name}") == watch.events.count(f"end {name}") == 1
    # Each epoch of the last stage could have answered, and the end did.
    last = watch.events.index("begin latents")
    assert len(watch.scores) == watch.events[last:].count("end epoch") + 1
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
    assert watch.events.count("end epoch") == 6
    assert est.gan_.n_iter_ == 4  # two epochs of two batches
    assert est.predict(X).shape == (30,)


def test__fit__leaves_nothing_of_callbacks_behind_but_that_there_were_some():
    est = quick().set_callbacks(Watch()).fit(X, Y)
    plain = quick().fit(X, Y)
    assert (est.provenance_["not_kept"], plain.provenance_["not_kept"]) == (("callbacks",), ())
    est.set_callbacks()
    assert set(vars(est)) == set(vars(plain))
    assert len(pickle.dumps(est)) == pytest.approx(len(pickle.dumps(plain)), abs=100)


def test__callback__fit_fails__is_torn_down():
    watch = Watch()
    with pytest.raises(ValueError, match="y"):
        quick().set_callbacks(watch).fit(X, [set()] * 30)
    assert watch.events[-1] == "teardown"


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


def reachable(root):
    """Everything that an object holds, directly or not, but for classes and modules."""
    found, queue = {}, [root]
    while queue:
        thing = queue.pop()
        if id(thing) in found or isinstance(thing, type | ModuleType | str):
            continue
        found[id(thing)] = thing
        # What a function sees of its module is not held by the model.
        is_function = isinstance(thing, FunctionType)
        queue += (thing.__closure__ or ()) if is_function else gc.get_referents(thing)
        if isinstance(thing, torch.Tensor):
            queue += [thing.grad, thing.grad_fn]
    return list(found.values())


OF_TRAINING = torch.optim.Optimizer | Callback | NeuralNet


def assert_holds_a_model_only(est):
    """No net in training, optimizer, callback or data: in memory and in the pickle."""
    fitted = {name: value for name, value in vars(est).items() if name.endswith("_")}
    foreign = "skorch", "torch.optim", "torch.utils.data", "sklearn.callback"
    for thing in reachable(fitted):
        assert not type(thing).__module__.startswith(foreign)
        assert not isinstance(thing, Watch | torch.Generator | OF_TRAINING)
        if isinstance(thing, np.ndarray):
            assert not np.shares_memory(thing, X)
        if isinstance(thing, np.ndarray | torch.Tensor):
            assert not {len(X), len(X) - 1} & set(thing.shape)  # one row is held out
    packages = {
        module.partition(".")[0]
        for code, module, _ in pickletools.genops(pickle.dumps(fitted))
        if code.name == "SHORT_BINUNICODE"
        and module.partition(".")[0] in sys.modules
        and module not in est.provenance_["versions"]  # names of packages, as plain text
    }
    assert packages & {"condcap_sk", "torch", "numpy"} == {"condcap_sk", "torch", "numpy"}
    assert not packages & {"skorch", "sklearn"}


def test__fit__with_callbacks__holds_a_model_only():
    stop = EarlyStopping(monitor="generator", patience=10_000)
    est = quick().set_params(gan__callbacks=[("stop", stop)]).set_callbacks(Watch()).fit(X, Y)
    # What the user set stays a parameter, of the part's own copy, too.
    est.set_params(gan__callbacks=None)
    est.gan_.set_params(callbacks=None)
    assert_holds_a_model_only(est)


@pytest.mark.parametrize("stop_at", [None, 2])
def test__callbacks__inside_a_search__watch_and_end_every_fit(stop_at):
    watch = Watch(stop_at)
    search = GridSearchCV(quick().set_callbacks(watch), {"gan__lr": [1e-3, 1e-2]}, cv=2)
    search.fit(X, Y)
    n_fits = 5
    assert watch.events.count("begin fit") == watch.events.count("end fit") == n_fits
    if stop_at:
        assert watch.events.count("end epoch") == 3 * stop_at * n_fits
    assert len(watch.scores) >= n_fits
    assert_holds_a_model_only(search.best_estimator_)


def test__scoring_monitor__inside_a_search__logs_every_fit():
    monitor = sklearn_callback.ScoringMonitor(scoring={"score": score})
    search = GridSearchCV(quick().set_callbacks(monitor), {"gan__lr": [1e-3, 1e-2]}, cv=2)
    search.fit(X, Y)
    assert len(monitor.get_logs().data) > 10
    assert_holds_a_model_only(search.best_estimator_)
