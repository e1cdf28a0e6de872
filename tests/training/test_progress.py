"""The learning rate, the history and the bar of a training."""

import math
import types

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from condcap_sk.exceptions import TrainingDivergedError
from condcap_sk.training.progress import LARGEST_NORM, N_RECORDS, Record


def test__schedule__learning_rate__warms_up_and_decays_to_nothing(fit_line):
    rates = []

    class Watch(Callback):
        def on_batch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    fit_line(callbacks=[("watch", Watch())])
    peak = int(np.argmax(rates))
    assert 0 < peak < len(rates) / 5
    assert (np.diff(rates[:peak]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert rates[-1] < 0.01 * max(rates)
    assert 0.95 * 0.2 < max(rates) <= 0.2


def test__schedule__every_parameter_group__has_the_same_rate(fit_line):
    rates = []

    class Watch(Callback):
        def on_batch_end(self, net, **kwargs):
            rates.append({group["lr"] for group in net.optimizer_.param_groups})

    fit_line(n_steps=5, callbacks=[("watch", Watch())])
    assert all(len(found) == 1 for found in rates)


class TestRecord:
    def test__measure__is_kept_beside_the_losses(self, fit_line):
        _, history = fit_line(measure=lambda net: {"slope": net.module_.w.item()})
        assert set(history) == {"epoch", "slope", "squared"}
        assert len({len(values) for values in history.values()}) == 1
        assert history["epoch"] == list(range(1, 21))

    @pytest.mark.parametrize("n_epochs", [1, 19, 20, 21, 50, 101])
    def test__many_epochs__are_recorded_some_twenty_times_and_at_the_end(self, fit_line, n_epochs):
        measured = []

        def measure(net):
            measured.append(len(net.history))
            return {"one": 1.0}

        _, history = fit_line(n_steps=3 * n_epochs, measure=measure)
        assert history["epoch"] == measured
        assert measured[-1] == n_epochs
        assert min(n_epochs, N_RECORDS) / 2 < len(measured) <= N_RECORDS + 1

    def test__losses__are_means_over_the_batches_since_the_last_record(self, fit_line):
        losses = []

        class Watch(Callback):
            def on_batch_end(self, net, losses_=losses, **kwargs):
                losses_.append(kwargs["losses"]["squared"].item())

        _, history = fit_line(n_steps=90, callbacks=[("watch", Watch())])
        # 30 epochs of three batches, recorded at each second.
        expected = np.mean(np.reshape(losses, (15, 6)), axis=1)
        np.testing.assert_allclose(history["squared"], expected)

    def test__net_s_history__has_the_latest_for_callbacks(self, fit_line):
        net, history = fit_line(n_steps=90, measure=lambda net: {"epochs": len(net.history)})
        # Nothing is recorded before the second of 30 epochs.
        assert "epochs" not in net.history[0]
        assert net.history[1:, "epochs"] == [2, 2, *(n // 2 * 2 for n in range(4, 31))]
        assert net.history[-1, "squared"] == history["squared"][-1]

    def test__loss_not_finite__names_the_stage_and_the_remedy(self, fit_line):
        with pytest.raises(TrainingDivergedError, match="line stage.*nan.*Lower its `lr`, or"):
            fit_line(slope=math.nan)

    @pytest.mark.parametrize("value", [math.inf, math.nan, -2e6])
    def test__weights_out_of_bounds__name_the_stage_and_the_remedy(self, fit_line, value):
        class Break(Callback):
            """In the last step, whose loss was finite."""

            def on_grad_computed(self, net, **kwargs):
                with torch.no_grad():
                    net.module_.w.fill_(value)

        with pytest.raises(TrainingDivergedError, match="weights of the line stage.*Lower its"):
            fit_line(n_steps=1, batch_size=30, callbacks=[("break", Break())])

    @pytest.mark.parametrize("verbose", [0, 1])
    def test__verbose__shows_a_bar_or_nothing(self, fit_line, capfd, verbose):
        fit_line(verbose=verbose, measure=lambda net: {"held_out": 0.5})
        out, err = capfd.readouterr()
        assert out == ""
        assert ("line" in err and "held_out=0.5" in err and "squared" in err) == bool(verbose)
        assert (err == "") == (not verbose)


def make_net(max_epochs=100, lr=0.5):
    module = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=lr)
    return types.SimpleNamespace(
        module_=module,
        average_=module,
        lr=lr,
        max_epochs=max_epochs,
        history=History(),
        optimizers=lambda: [optimizer],
    )


class History(list):
    """As skorch's: rows of dicts."""

    def record(self, name, value):
        self[-1][name] = value


def run(record, net, losses):
    record.on_train_begin(net)
    try:
        for loss in losses:
            net.history.append({})
            record.on_batch_end(net, losses={"loss": torch.tensor(loss)})
            record.on_epoch_end(net)
    finally:
        record.on_train_end(net)
    return record.history_


def test__record__weights_between_two_records__are_looked_at():
    net = make_net()
    torch.nn.init.constant_(net.average_.weight, math.nan)
    with pytest.raises(TrainingDivergedError):
        run(Record("s", None, 0), net, [1.0])


def test__record__last_epoch_between_two_parts__is_there():
    history = run(Record("s", None, 0), make_net(25), [1.0] * 25)
    assert history["epoch"][-2:] == [24, 25]


def test__record__weights_of_the_average__are_what_counts():
    net = make_net(1)
    net.average_ = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(net.module_.weight, 2 * LARGEST_NORM)
    run(Record("s", None, 0), net, [1.0])
    net.average_.register_parameter("phase", torch.nn.Parameter(torch.ones(2) * 1j))
    for value in (2 * LARGEST_NORM, -2 * LARGEST_NORM, math.inf, math.nan):
        torch.nn.init.constant_(net.average_.weight, value)
        with pytest.raises(TrainingDivergedError, match="weights of the s stage"):
            run(Record("s", None, 0), net, [1.0])
    torch.nn.init.zeros_(net.average_.weight)
    torch.nn.init.constant_(net.average_.phase, 2j * LARGEST_NORM)
    with pytest.raises(TrainingDivergedError, match="weights of the s stage"):
        run(Record("s", None, 0), net, [1.0])


@pytest.mark.parametrize(("n", "share"), [(1, 1.2), (4, 0.6), (4, -0.6)])
def test__record__norm_of_all_weights__is_what_counts(n, share):
    net = make_net(1)
    net.average_ = torch.nn.Linear(n, 1)
    for parameter in net.average_.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(net.average_.weight, 0.8 / 1.2 * share * LARGEST_NORM)
    run(Record("s", None, 0), net, [1.0])
    torch.nn.init.constant_(net.average_.bias, 0.8 * LARGEST_NORM)
    with pytest.raises(TrainingDivergedError, match="norm above"):
        run(Record("s", None, 0), net, [1.0])
    torch.nn.init.zeros_(net.average_.bias)
    torch.nn.init.constant_(net.average_.weight, share * LARGEST_NORM)
    with pytest.raises(TrainingDivergedError, match="norm above"):
        run(Record("s", None, 0), net, [1.0])
