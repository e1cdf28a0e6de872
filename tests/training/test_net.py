"""The training loop that the stages share."""

import signal
import threading

import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from condcap_sk._torch.seeding import make_rng
from condcap_sk.training.net import (
    Rows,
    SupervisedNet,
    decay_groups,
    n_training_steps,
    noticing_ctrl_c,
    size_of_batch,
    train,
)


class TestTrain:
    def test__least_squares__finds_the_slope(self, fit_line):
        net, history = fit_line()
        assert net.module_.w.item() == pytest.approx(2, abs=0.2)
        assert history["squared"][-1] < history["squared"][0]

    def test__same_order_rng__same_weights(self, fit_line):
        one, other, third = (fit_line(n_steps=5, order_rng=make_rng(seed))[0] for seed in (1, 1, 2))
        assert torch.equal(one.module_.w, other.module_.w)
        assert not torch.equal(one.module_.w, third.module_.w)

    @pytest.mark.parametrize(
        ("n_steps", "expected"), [(1, 1), (2, 2), (3, 3), (4, 3), (60, 60), (61, 60), (62, 63)]
    )
    def test__n_steps__are_taken_in_whole_epochs_if_there_are_several(
        self, fit_line, n_steps, expected
    ):
        steps = []

        class Watch(Callback):
            def on_batch_end(self, net, batch, **kwargs):
                steps.append(len(batch[0]["x"]))

        net, _ = fit_line(n_steps=n_steps, callbacks=[("watch", Watch())])
        assert net.n_iter_ == expected
        assert steps == [8] * expected
        assert len(net.history) == max(1, expected // 3)

    def test__short_last_batch__is_left_out(self, fit_line):
        sizes = []

        class Watch(Callback):
            def on_batch_end(self, net, batch, **kwargs):
                sizes.append(len(batch[0]["x"]))

        fit_line(n_steps=6, callbacks=[("watch", Watch())])
        assert sizes == [8] * 6

    def test__fewer_rows_than_a_batch__trains(self, fit_line):
        net, _ = fit_line(batch_size=1000)
        assert net.module_.w.item() > 1

    def test__global_streams__are_left_alone(self, fit_line):
        state = torch.get_rng_state()
        fit_line(n_steps=5)
        assert torch.equal(torch.get_rng_state(), state)

    def test__early_stopping__ends_it(self, fit_line):
        stop = EarlyStopping(monitor="squared", patience=1, threshold=1)
        net, history = fit_line(callbacks=[("stop", stop)])
        assert len(net.history) < 5
        assert history["epoch"][-1] == len(net.history)
        assert net.n_iter_ < fit_line()[0].n_iter_


class TestInterrupt:
    def test__keyboard_interrupt__is_not_the_end_of_training(self, fit_line):
        class Interrupt(Callback):
            def on_batch_end(self, net, **kwargs):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit_line(callbacks=[("interrupt", Interrupt())])

    @pytest.fixture
    def ctrl_c(self):
        """Python's own handler; shells let programs in the background ignore Ctrl-C."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize("event", ["on_epoch_end", "on_batch_end", "on_train_begin"])
    def test__ctrl_c_in_a_callback__is_not_the_end_of_training(self, fit_line, ctrl_c, event):
        interrupt = Callback()
        setattr(interrupt, event, lambda net, **kwargs: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit_line(callbacks=[("interrupt", interrupt)])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test__noticing__a_handler_of_the_user__acts_as_it_did(self, ctrl_c):
        numbers = []
        signal.signal(signal.SIGINT, lambda number, frame: numbers.append(number))
        own = signal.getsignal(signal.SIGINT)
        with noticing_ctrl_c() as found:
            assert not found.pressed
            signal.raise_signal(signal.SIGINT)
            assert found.pressed
        assert numbers == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is own

    @pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
    def test__noticing__no_handler_in_python__is_left_as_it_is(self, ctrl_c, handler):
        signal.signal(signal.SIGINT, handler)
        with noticing_ctrl_c() as found:
            assert signal.getsignal(signal.SIGINT) is handler
            assert not found.pressed
        assert signal.getsignal(signal.SIGINT) is handler

    def test__in_another_thread__trains(self, fit_line):
        found = []
        thread = threading.Thread(target=lambda: found.append(fit_line(n_steps=5)))
        thread.start()
        thread.join()
        assert found[0][0].n_iter_ == 6


class TestDecay:
    def test__decay_groups__only_matrices_decay(self):
        network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        matrices, others = decay_groups(network.parameters())
        assert [p.ndim for p in matrices["params"]] == [2]
        assert [p.ndim for p in others["params"]] == [1, 1, 1]
        assert others["weight_decay"] == 0
        assert "weight_decay" not in matrices

    def test__supervised_net__weights_without_a_gradient__only_matrices_shrink(self):
        class Idle(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(2, 2)
                torch.nn.init.ones_(self.layer.bias)

            def loss(self, x, rng):
                return {"nothing": 0 * self.layer(x).sum()}

        module = Idle()
        before = module.layer.weight.detach().clone()
        train(
            SupervisedNet,
            module,
            Rows(x=torch.randn(8, 2, generator=make_rng(0))),
            stage="idle",
            n_steps=3,
            batch_size=4,
            order_rng=make_rng(0),
            device=torch.device("cpu"),
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=0.3,
            lr=0.1,
            seed=0,
        )
        assert torch.equal(module.layer.bias, torch.ones(2))
        assert (module.layer.weight.abs() < before.abs()).all()


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(3, 50), (1000, 157), (5000, 782), (10_000, 800), (16_000, 800), (100_000, 3907)],
)
def test__n_training_steps__number_of_rows__decides(n_rows, expected):
    assert n_training_steps(n_rows, 128, steps=(50, 800), epochs=(5, 20)) == expected


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(3, 32), (500, 32), (800, 50), (4000, 250), (10_000, 256)]
)
def test__size_of_batch__few_rows__are_many_steps(n_rows, expected):
    assert size_of_batch(n_rows, 256) == expected


def test__rows__several_at_once__are_those_rows():
    rows = Rows(a=torch.arange(5), b=torch.arange(5) * 10)
    batch, index = rows.__getitems__([3, 1])
    assert batch["a"].tolist() == [3, 1]
    assert batch["b"].tolist() == [30, 10]
    assert index.tolist() == [3, 1]
    assert rows[2][0]["b"].tolist() == [20]
    assert len(rows) == 5


def order_of(fit_line, seed):
    """Return the rows of each batch in their order, of a training under a seed."""
    found = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            found.append(batch[1].tolist())

    fit_line(n_steps=6, order_rng=make_rng(seed), callbacks=[("watch", Watch())])
    return found


def test__train__order_of_rows__is_shuffled_by_the_seed(fit_line):
    assert order_of(fit_line, 0) == order_of(fit_line, 0) != order_of(fit_line, 1)
    assert all(rows != sorted(rows) for rows in order_of(fit_line, 0))


class KeepWeights(Callback):
    def on_train_begin(self, net, **kwargs):
        self.weights = []

    def on_batch_end(self, net, **kwargs):
        self.weights.append(net.module_.w.detach().clone())


def test__average__ten_steps_or_fewer__is_the_last_step(fit_line):
    net, _ = fit_line(n_steps=9)
    torch.testing.assert_close(net.average_.w, net.module_.w)


def test__average__twenty_steps__is_over_them_with_half_as_much_for_each_one_before(fit_line):
    kept = KeepWeights()
    net, _ = fit_line(n_steps=20, batch_size=30, callbacks=[("keep", kept)])
    average = kept.weights[0]
    for weight in kept.weights[1:]:
        average = (average + weight) / 2
    torch.testing.assert_close(net.average_.w, average)


class Two(torch.nn.Module):
    """Two losses, between which the best weight lies halfway."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(3.0))

    def loss(self, x, rng, modes):
        modes.append(self.training)
        return {"one": self.w.square(), "other": (self.w - 2).square()}


def test__train__several_losses__are_descended_together_in_training_mode():
    module, modes = Two(), []
    train(
        SupervisedNet,
        module,
        Rows(x=torch.zeros(8)),
        stage="two",
        n_steps=100,
        batch_size=8,
        order_rng=make_rng(0),
        device=torch.device("cpu"),
        # Measures leave the module in the other mode.
        measure=lambda net: {"training": float(net.module_.eval().training)},
        lr=0.1,
        seed=0,
        shared=lambda **batch: {"modes": modes},
    )
    assert module.w.item() == pytest.approx(1, abs=0.01)
    assert all(modes)
