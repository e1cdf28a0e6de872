"""The training loop that the stages share."""

import math
import signal

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from condcap_sk.exceptions import TrainingDivergedError
from condcap_sk.training.net import Rows, SupervisedNet, n_training_steps, train
from condcap_sk.training.seeding import generator


class Line(torch.nn.Module):
    """y = w x, fitted by least squares."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(()))

    def loss(self, x, y):
        return {"squared": (self.w * x - y).square().mean()}


def fit_line(slope=2.0, n_steps=60, **params):
    x = torch.linspace(-1, 1, 30)
    module = Line()
    settings = {
        "stage": "line",
        "n_steps": n_steps,
        "batch_size": 8,
        "generator": generator(0),
        "device": torch.device("cpu"),
        "optimizer": torch.optim.Adam,
        "lr": 0.2,
        **params,
    }
    return train(SupervisedNet, module, Rows(x=x, y=slope * x), **settings)


def test__train__least_squares__finds_the_slope():
    net, history = fit_line()
    assert net.module_.w.item() == pytest.approx(2, abs=0.2)
    assert history["squared"][-1] < history["squared"][0]


def test__train__measure__is_kept_beside_the_losses():
    _, history = fit_line(measure=lambda net: {"slope": net.module_.w.item()})
    assert set(history) == {"epoch", "slope", "squared"}
    assert len({len(values) for values in history.values()}) == 1
    assert history["epoch"][-1] == 20


def test__train__learning_rate__warms_up_and_decays_to_nothing():
    seen = []

    class Watch(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(net.optimizer_.param_groups[0]["lr"])

    fit_line(callbacks=[("watch", Watch())])
    peak = int(np.argmax(seen))
    assert 0 < peak < len(seen) / 5
    assert (np.diff(seen[:peak]) > 0).all()
    assert (np.diff(seen[peak:]) < 0).all()
    assert seen[-1] < 0.01 * max(seen)
    assert max(seen) <= 0.2


def test__train__keyboard_interrupt__is_not_the_end_of_training():
    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_line(callbacks=[("interrupt", Interrupt())])


def test__train__ctrl_c_in_a_callback__is_not_the_end_of_training(request):
    # Shells let programs in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit_line(callbacks=[("interrupt", Interrupt())])


def test__train__early_stopping__ends_it():
    stop = EarlyStopping(monitor="squared", patience=1, threshold=1)
    net, history = fit_line(callbacks=[("stop", stop)])
    assert len(net.history) < 5
    assert history["epoch"][-1] == len(net.history)
    assert net.n_iter_ < fit_line()[0].n_iter_


def test__train__loss_not_finite__says_what_to_change():
    with pytest.raises(TrainingDivergedError, match="line stage.*nan.*Lower its `lr` .now 0.2"):
        fit_line(slope=math.nan)


@pytest.mark.parametrize("verbose", [0, 1])
def test__train__verbose__shows_a_bar_or_nothing(capfd, verbose):
    fit_line(verbose=verbose, measure=lambda net: {"held_out": 0.5})
    out, err = capfd.readouterr()
    assert out == ""
    assert ("line" in err and "held_out=0.5" in err and "squared" in err) == bool(verbose)
    assert (err == "") == (not verbose)


def test__train__fewer_rows_than_a_batch__trains():
    net, _ = fit_line(batch_size=1000)
    assert net.module_.w.item() > 1


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(3, 6), (100, 200), (1000, 800), (10_000, 800), (100_000, 7813)]
)
def test__n_training_steps__number_of_rows__decides(n_rows, expected):
    assert n_training_steps(n_rows, 128, per_row=2, least=800, least_epochs=10) == expected


def test__rows__several_at_once__are_those_rows():
    rows = Rows(a=torch.arange(5), b=torch.arange(5) * 10)
    batch, index = rows.__getitems__([3, 1])
    assert batch["a"].tolist() == [3, 1]
    assert batch["b"].tolist() == [30, 10]
    assert index.tolist() == [3, 1]
    assert len(rows) == 5
