"""Stage: the parameters, the trainings and the state that the stages share."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from condcap_sk._persistence import Fields, Tensors
from condcap_sk._torch.config import keeps_config
from condcap_sk.exceptions import ModelFileError, TrainingDivergedError
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.training import progress
from condcap_sk.training.estimator import Stage, stage_fit
from condcap_sk.training.net import SupervisedNet
from condcap_sk.vision import ImageEncoder


class Extra(torch.nn.Module):
    """A module that not every fit has."""

    @keeps_config
    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("values", torch.arange(float(size)))


@pytest.fixture
def stage(line, rows):
    """Return a function that makes an unfitted stage that fits a line."""

    class LineStage(Stage):
        _MODULES = {"line": (line,), "extra": (Extra,)}
        _OPTIONAL = frozenset({"extra"})

        def __init__(
            self,
            *,
            size=None,
            lr=0.2,
            batch_size=8,
            max_iter="auto",
            callbacks=None,
            device="cpu",
            n_jobs=None,
            random_state=None,
            verbose=0,
        ):
            self.size = size
            super().__init__(
                lr=lr,
                batch_size=batch_size,
                max_iter=max_iter,
                callbacks=callbacks,
                device=device,
                n_jobs=n_jobs,
                random_state=random_state,
                verbose=verbose,
            )

        @stage_fit
        def fit(self, X=None, y=None):
            self.n_threads_ = torch.get_num_threads()
            self.underflow_ = np.geterr()["under"]
            net, self.history_ = self._train(
                SupervisedNet,
                line(),
                rows(),
                stage="line",
                n_steps=6,
                order_seed=0,
                seed=0,
                device=torch.device("cpu"),
                callbacks=self._own_callbacks(),
                optimizer=torch.optim.Adam,
            )
            self.line_ = net.module_
            self.extra_ = self.size and Extra(self.size)
            self.n_iter_ = net.n_iter_
            self.device_ = torch.device("cpu")
            return self

    return LineStage


class Count(Callback):
    def __init__(self):
        self.n_epochs = []

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs.append(1)


def state(fitted):
    """Return fields, as a file holds them, and tensors."""
    fields, tensors = fitted._to_state("s")
    return json.loads(json.dumps(fields)), tensors


class TestFit:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("lr", 0),
            ("batch_size", 0),
            ("max_iter", "long"),
            ("callbacks", "stop"),
            ("device", 0),
            ("n_jobs", 0.5),
            ("random_state", "seed"),
            ("verbose", "yes"),
        ],
    )
    def test__parameter__of_a_wrong_kind__is_named(self, stage, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter of LineStage"):
            stage(**{name: value}).fit()

    @pytest.mark.parametrize(("n_jobs", "expected"), [(None, 1), (3, 3)])
    def test__threads__are_those_of_n_jobs_inside_and_as_before_outside(
        self, stage, n_jobs, expected
    ):
        before = torch.get_num_threads()
        assert stage(n_jobs=n_jobs).fit().n_threads_ == expected
        assert torch.get_num_threads() == before

    def test__environment__is_its_own(self, stage):
        with np.errstate(all="raise"), torch.inference_mode():
            fitted = stage().fit()
        assert fitted.underflow_ == "ignore"
        assert fitted.line_.w.item() > 0

    def test__lr_and_batch_size__are_the_estimator_s(self, stage):
        class Watch(Callback):
            rates, sizes = [], []

            def on_batch_end(self, net, batch, **kwargs):
                self.rates.append(net.lr)
                self.sizes.append(len(batch[0]["x"]))

        stage(lr=0.05, batch_size=15, callbacks=[Watch()]).fit()
        assert set(Watch.rates) == {0.05}
        assert set(Watch.sizes) == {15}

    def test__callback__that_ends_the_training__does_not_hide_weights_that_diverged(
        self, stage, monkeypatch
    ):
        monkeypatch.setattr(progress, "N_RECORDS", 1)  # at the end, which does not come

        class BreakAndEnd(Callback):
            def on_grad_computed(self, net, **kwargs):
                with torch.no_grad():
                    net.module_.w.fill_(np.nan)

            def on_epoch_end(self, net, **kwargs):
                raise KeyboardInterrupt  # as EarlyStopping does

        with pytest.raises(TrainingDivergedError, match="weights of the line stage"):
            stage(batch_size=30, callbacks=[BreakAndEnd()]).fit()

    def test__callbacks__of_the_user__are_copied(self, stage):
        callback = Count()
        fitted = stage(callbacks=[("count", callback)]).fit()
        assert callback.n_epochs == []
        assert fitted.callbacks == [("count", callback)]
        assert stage()._own_callbacks() == []

    def test__reports__of_an_estimator_around_it__are_called_as_they_are(self, stage):
        report, fitted = Count(), stage()
        fitted._reports = (report,)
        fitted.fit()
        assert len(report.n_epochs) == 2

    def test__clone__parameters__are_kept(self, stage):
        assert clone(stage(lr=0.7)).get_params() == stage(lr=0.7).get_params()


class TestState:
    @pytest.mark.parametrize("size", [None, 4])
    def test__round_trip__is_the_same(self, stage, size):
        fitted = stage(size=size, random_state=3).fit()
        fields, held = state(fitted)
        fields, tensors = Fields(fields, "s"), Tensors(held)
        loaded = stage._from_state("s", fields, tensors)
        fields.end()
        tensors.end()
        assert loaded.get_params() == fitted.get_params()
        assert torch.equal(loaded.line_.w, fitted.line_.w)
        assert not loaded.line_.training
        assert not loaded.line_.w.requires_grad
        assert (loaded.extra_ is None) == (size is None)
        if size:
            assert torch.equal(loaded.extra_.values, torch.arange(4.0))
        assert loaded.history_ == fitted.history_
        assert loaded.n_iter_ == fitted.n_iter_
        assert loaded.device_ == torch.device("cpu")

    def test__callbacks__are_not_kept(self, stage):
        fields, _ = state(stage(callbacks=[Count()]).fit())
        assert "callbacks" not in fields["params"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda fields: fields["modules"].pop("line"),
            lambda fields: fields["modules"]["line"].update(n_inputs=2),
            lambda fields: fields["modules"]["line"].update({"class": "Extra"}),
            lambda fields: fields["modules"].update(other={"class": "Extra", "size": 1}),
            lambda fields: fields["modules"].update(extra={"class": "Extra", "size": 1}),
            lambda fields: fields.update(n_iter=0),
            lambda fields: fields.update(history={"epoch": [1], "squared": []}),
            lambda fields: fields["params"].update(lr=-1),
            lambda fields: fields.pop("params"),
        ],
    )
    def test__of_no_stage__is_refused(self, stage, change):
        fields, held = state(stage().fit())
        change(fields)
        with pytest.raises(ModelFileError):
            stage._from_state("s", Fields(fields, "s"), Tensors(held))


X = np.random.RandomState(0).random((12, 4)).astype(np.float32)
VECTORS = 2 * np.eye(4, dtype=np.float32)[np.arange(12) % 4]
STAGES = {
    "codec": lambda: CaptionCodec(max_iter=2, hidden_size=4, random_state=0).fit(["a", "b"]),
    "image_encoder": lambda: ImageEncoder(max_iter=2, random_state=0).fit(X, VECTORS),
    "gan": lambda: LatentGAN(max_iter=2, hidden_size=4, random_state=0).fit(X, VECTORS),
}


@pytest.fixture(scope="module", params=STAGES)
def fitted(request):
    return STAGES[request.param]()


class TestOurStages:
    def test__shared_parameters__are_those_of_the_base(self, fitted):
        params = fitted.get_params()
        assert set(Stage._parameter_constraints) <= set(params)
        assert set(fitted._parameter_constraints) == set(params)
        assert clone(fitted).get_params() == params

    def test__modules__after_fit__are_for_inference(self, fitted):
        for name in fitted._MODULES:
            module = getattr(fitted, f"{name}_")
            assert (module is None) <= (name in fitted._OPTIONAL)
            if module is not None:
                assert not module.training
                assert not any(parameter.requires_grad for parameter in module.parameters())

    def test__state__given_back__is_the_same_state(self, fitted):
        fields, held = state(fitted)
        tensors = Tensors(dict(held))
        loaded = type(fitted)._from_state("s", Fields(fields, "here"), tensors)
        tensors.end()
        assert set(vars(loaded)) == set(vars(fitted))
        again, tensors_again = state(loaded)
        assert again == state(fitted)[0]
        assert set(tensors_again) == set(held)

    def test__state__of_no_known_class__is_refused(self, fitted):
        fields, held = state(fitted)
        name = next(iter(fields["modules"]))
        fields["modules"][name]["class"] = "Sequential"
        with pytest.raises(ModelFileError, match=r"modules\.\w+ is of the class 'Sequential'"):
            type(fitted)._from_state("s", Fields(fields, "here"), Tensors(held))

    @pytest.mark.parametrize("size", [0, -1, 2**31, 2**31 - 1, 1.5, True, None, "4"])
    def test__state__other_sizes_than_the_tensors__are_refused(self, fitted, size):
        fields, held = state(fitted)
        for config in fields["modules"].values():
            inner = config.get("network", config)
            for name in set(inner) - {"class", "image_network", "radius", "positions"}:
                inner[name] = size
        with pytest.raises(ModelFileError):
            type(fitted)._from_state("s", Fields(fields, "here"), Tensors(held))
