"""A fit that is killed goes on, and ends in the same bits; another fit is refused by name."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from condcap_sk import ConditionalCaptioner
from condcap_sk._torch.seeding import make_rng
from condcap_sk.exceptions import CheckpointError, ModelFileError
from condcap_sk.training import checkpoints
from condcap_sk.training.checkpoints import Checkpoint, Checkpoints, Order

RNG = np.random.RandomState(0)
FEATURES = RNG.random((30, 6)).astype(np.float32)
IMAGES = RNG.randint(255, size=(40, 12, 12), dtype=np.uint8)
LABEL_SETS = [[i % 3, 3 + i % 2] for i in range(40)]
CAPTIONS = [["a red dog", "the dog is red"], ["one cat"]] * 20


def tiny(**params):
    return ConditionalCaptioner(
        **{"random_state": 0, "n_jobs": 1, "validation_fraction": 0.2, **params}
    ).set_params(
        codec__max_iter=4,
        codec__hidden_size=4,
        codec__batch_size=4,
        image_encoder__max_iter=9,
        image_encoder__n_filters=1,
        image_encoder__batch_size=16,
        gan__max_iter=9,
        gan__batch_size=8,
        gan__hidden_size=4,
        gan__decoder_size=4,
    )


FITS = {
    "labels of features": (lambda: tiny(), FEATURES, LABEL_SETS[:30]),
    "labels of images": (lambda: tiny(n_jobs=2), IMAGES, LABEL_SETS),
    "end to end": (lambda: tiny(images="end-to-end", objective="paper"), IMAGES, LABEL_SETS),
    "categories": (lambda: tiny(n_categories=2), FEATURES, LABEL_SETS[:30]),
    "captions of images": (lambda: tiny(n_jobs=2), IMAGES, CAPTIONS),
    "captions of regions": (lambda: tiny(n_regions=2), FEATURES, CAPTIONS[:30]),
    "captions, end to end": (lambda: tiny(images="end-to-end"), IMAGES, CAPTIONS),
}

# Tiny fits collapse, and have few pairs to be calibrated on.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def often(monkeypatch):
    """Write after each step."""
    monkeypatch.setattr(checkpoints, "FIRST", 0)
    monkeypatch.setattr(checkpoints, "COST", np.inf)


def state_of(est):
    """All that a fit gave, as bytes: parameters, histories, bank and calibration."""
    stages = [getattr(est, name) for name in ("codec_", "image_encoder_", "gan_")]
    states = [stage._to_state("stage") for stage in stages if stage is not None]
    calibrator = est.model_.calibrator
    return [
        *(json.dumps(fields) for fields, _ in states),
        *({k: v.numpy().tobytes() for k, v in tensors.items()} for _, tensors in states),
        est.latent_bank_.tobytes(),
        None if calibrator is None else calibrator.to_rows(),
    ]


def fit_through(monkeypatch, make, X, y, folder, writes):
    """Fit, killed after so many writes each time; return the estimator and how often it was."""
    n_killed, to_come, write = 0, 0, Checkpoint._write

    def write_and_die(self, *args, **header):
        nonlocal to_come
        write(self, *args, **header)
        to_come -= 1
        if not to_come:
            raise Killed

    monkeypatch.setattr(Checkpoint, "_write", write_and_die)
    while True:
        to_come = writes[n_killed % len(writes)]
        try:
            return make().fit(X, y, checkpoints=folder), n_killed
        except Killed:
            n_killed += 1


class TestKilled:
    @pytest.mark.bits
    @pytest.mark.parametrize("name", FITS)
    def test__at_any_step__ends_in_the_same_bits(self, monkeypatch, tmp_path, often, name):
        make, X, y = FITS[name]
        expected = state_of(make().fit(X, y))
        est, n_killed = fit_through(monkeypatch, make, X, y, tmp_path, [1, 2, 3])
        assert n_killed >= 5
        assert state_of(est) == expected

    @pytest.mark.bits
    def test__between_epochs__ends_in_the_same_bits(self, monkeypatch, tmp_path, often):
        make, X, y = FITS["captions of regions"]
        expected = state_of(make().fit(X, y))
        monkeypatch.setattr(Checkpoint, "on_batch_end", Callback.on_batch_end)
        est, n_killed = fit_through(monkeypatch, make, X, y, tmp_path, [1])
        assert n_killed >= 5
        assert state_of(est) == expected

    @pytest.mark.bits
    def test__by_the_system__goes_on(self, monkeypatch, tmp_path):
        script = (
            "import sys, numpy as np\n"
            "from condcap_sk.training import checkpoints\n"
            "checkpoints.FIRST, checkpoints.COST = 0, np.inf\n"
            "from test_checkpoints import FITS\n"
            "make, X, y = FITS['labels of images']\n"
            "make().set_params(gan__max_iter=10**6).fit(X, y, checkpoints=sys.argv[1])\n"
        )
        here = os.path.dirname(__file__)
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], cwd=here
        )
        latents = tmp_path / "latents.safetensors"
        while not latents.exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        make, X, y = FITS["labels of images"]
        with pytest.raises(CheckpointError, match="gan__max_iter was 1000000 and is 9"):
            make().fit(X, y, checkpoints=tmp_path)
        restore, steps = Checkpoint.restore, {}

        def watch(self, net):
            restore(self, net)
            steps[self.file.stem] = net.n_averaged_
            raise Killed

        monkeypatch.setattr(Checkpoint, "restore", watch)
        with pytest.raises(Killed):
            make().set_params(gan__max_iter=10**6).fit(X, y, checkpoints=tmp_path)
        # What had ended is not begun.
        assert list(steps) == ["latents"]
        assert steps["latents"] > 0

    @pytest.mark.bits
    def test__user_callbacks__training_begins_anew(self, monkeypatch, tmp_path, often):
        def make():
            stop = EarlyStopping(monitor="discriminator", patience=2, load_best=True)
            return tiny().set_params(gan__callbacks=[stop])

        X, y = FEATURES, LABEL_SETS[:30]
        expected = state_of(make().fit(X, y))
        written, write = [], Checkpoint._write

        def watch(self, *args, **header):
            written.append((self.file.stem, header["has_ended"]))
            write(self, *args, **header)

        monkeypatch.setattr(Checkpoint, "_write", watch)
        est, _ = fit_through(monkeypatch, make, X, y, tmp_path, [1])
        assert state_of(est) == expected
        assert ("images", False) in written
        assert ("latents", False) not in written


class TestFolder:
    @pytest.mark.bits
    def test__fit_that_ended__is_given_back(self, tmp_path, monkeypatch):
        make, X, y = FITS["labels of features"]
        folder = tmp_path / "new" / "folder"
        expected = state_of(make().fit(X, y, checkpoints=folder))
        monkeypatch.setattr("condcap_sk.training.net.StageNet.train_step", None)
        assert state_of(make().fit(X, y, checkpoints=str(folder))) == expected

    def test__none__nothing_is_written(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make, X, y = FITS["labels of features"]
        make().fit(X, y)
        assert not os.listdir(tmp_path)

    @pytest.mark.bits
    def test__no_random_state__goes_on_with_the_same_seeds(self, monkeypatch, tmp_path, often):
        def make():
            return tiny(random_state=None)

        X, y = FEATURES, LABEL_SETS[:30]
        one, _ = fit_through(monkeypatch, make, X, y, tmp_path, [4])
        assert state_of(make().fit(X, y, checkpoints=tmp_path)) == state_of(one)
        assert state_of(make().fit(X, y)) != state_of(one)

    def test__random_state_instance__is_the_same_where_it_gives_the_same(self, tmp_path):
        X, y = FEATURES, LABEL_SETS[:30]
        make = tiny(random_state=np.random.RandomState(3)).fit
        make(X, y, checkpoints=tmp_path)
        with pytest.raises(CheckpointError, match="random_state is another one"):
            make(X, y, checkpoints=tmp_path)
        tiny(random_state=np.random.RandomState(3)).fit(X, y, checkpoints=tmp_path)

    @pytest.mark.parametrize(
        ("named", "change"),
        [
            ("X was ", lambda est, X, y: (est, X + 1, y)),
            ("X was ", lambda est, X, y: (est, X[::-1], y)),
            ("y was ", lambda est, X, y: (est, X, y[1:] + y[:1])),
            (
                "gan__lr was 0.003 and is 0.1;?",
                lambda est, X, y: (est.set_params(gan__lr=0.1), X, y),
            ),
            ("n_latents was 3 and is 2", lambda est, X, y: (est.set_params(n_latents=2), X, y)),
            ("random_state", lambda est, X, y: (est.set_params(random_state=1), X, y)),
        ],
    )
    def test__of_another_fit__is_refused_by_name(self, tmp_path, named, change):
        make, X, y = FITS["labels of features"]
        make().fit(X, y, checkpoints=tmp_path)
        before = {file: (tmp_path / file).read_bytes() for file in os.listdir(tmp_path)}
        est, X, y = change(make(), X, y)
        with pytest.raises(CheckpointError, match=named):
            est.fit(X, y, checkpoints=tmp_path)
        assert {file: (tmp_path / file).read_bytes() for file in os.listdir(tmp_path)} == before
        assert not hasattr(est, "gan_")

    def test__of_another_version__is_refused_by_name(self, tmp_path, monkeypatch):
        make, X, y = FITS["labels of features"]
        make().fit(X, y, checkpoints=tmp_path)
        monkeypatch.setattr("condcap_sk.model.identity.__version__", "99.0")
        with pytest.raises(CheckpointError, match=r"condcap_sk was '.*' and is '99\.0'"):
            make().fit(X, y, checkpoints=tmp_path)

    def test__n_jobs_and_verbose__do_not_count(self, tmp_path):
        make, X, y = FITS["labels of features"]
        make().fit(X, y, checkpoints=tmp_path)
        make().set_params(n_jobs=2, verbose=0, gan__n_jobs=2).fit(X, y, checkpoints=tmp_path)

    @pytest.mark.parametrize("folder", ["", 7, "a\0b"])
    def test__no_folder__error_names_the_argument(self, folder):
        make, X, y = FITS["labels of features"]
        with pytest.raises(CheckpointError, match="checkpoints=.*Pass the name of a folder"):
            make().fit(X, y, checkpoints=folder)

    def test__a_file_in_its_place__error_names_the_argument(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(CheckpointError, match="checkpoints=.*is no folder"):
            Checkpoints(tmp_path / "file", {}, [1], True)
        assert (tmp_path / "file").read_text() == "mine"

    def test__draft_of_a_killed_process__is_cleared_away(self, tmp_path):
        (tmp_path / f"{checkpoints.DRAFT}abc").write_text("half")
        (tmp_path / "notes.txt").write_text("mine")
        Checkpoints(tmp_path, {}, [1], True)
        assert sorted(os.listdir(tmp_path)) == [checkpoints.ABOUT, "notes.txt"]

    @pytest.mark.parametrize(
        "text", ["", "{}", '{"about": 3, "seeds": [1]}', '{"about": {}, "seeds": 5}']
    )
    def test__damaged_about__error_says_what_to_do(self, tmp_path, text):
        (tmp_path / checkpoints.ABOUT).write_text(text)
        with pytest.raises(CheckpointError, match=r"fit\.json is damaged"):
            Checkpoints(tmp_path, {}, [1], True)

    def test__model_file_and_checkpoint__are_not_mistaken_for_each_other(self, tmp_path):
        make, X, y = FITS["labels of features"]
        est = make().fit(X, y, checkpoints=tmp_path)
        with pytest.raises(ModelFileError, match="checkpoint"):
            ConditionalCaptioner.load(tmp_path / "latents.safetensors")
        est.save(tmp_path / "latents.safetensors")
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be gone on from"):
            make().fit(X, y, checkpoints=tmp_path)


class TestFile:
    @pytest.fixture
    def begun(self, tmp_path, monkeypatch, often):
        """A folder whose training of latents has not ended."""
        make, X, y = FITS["labels of features"]

        def write_and_die(self, *args, **header):
            write(self, *args, **header)
            if self.file.stem == "latents" and header["n_epochs"] == 2:
                raise Killed

        write = Checkpoint._write
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "_write", write_and_die)
            with pytest.raises(Killed):
                make().fit(X, y, checkpoints=tmp_path)
        return tmp_path

    def changed(self, begun, change):
        """Fit again after the file of latents was changed, with a checksum that fits."""
        file = begun / "latents.safetensors"
        header, tensors = checkpoints.read(file, checkpoints.FORMAT)
        header.pop("version")
        change(header, tensors)
        checkpoints.write(file, header, tensors, checkpoints.FORMAT)
        make, X, y = FITS["labels of features"]
        return make().fit(X, y, checkpoints=begun)

    @pytest.mark.parametrize(
        "change",
        [
            lambda header, tensors: header.update(fit="0"),
            lambda header, tensors: header.update(n_epochs=10**9),
            lambda header, tensors: header.update(n_batches=-1),
            lambda header, tensors: header.update(n_epochs="many"),
            lambda header, tensors: header.update(history=3),
            lambda header, tensors: header.update(counts={}),
            lambda header, tensors: header.update(counts={"n_batches_": "x"}),
            lambda header, tensors: header.pop("latest"),
            lambda header, tensors: header.update(more=1),
            lambda header, tensors: tensors.pop("order"),
            lambda header, tensors: tensors.pop("rng.0"),
            lambda header, tensors: tensors.update(order=torch.zeros(3)),
            lambda header, tensors: tensors.pop(min(tensors)),
            lambda header, tensors: tensors.update({"optimizer.0.99.step": torch.zeros(())}),
            lambda header, tensors: tensors.update({"optimizer.0.x.step": torch.zeros(())}),
        ],
    )
    def test__forged__error_says_what_to_do(self, begun, change):
        with pytest.raises(
            CheckpointError, match=r"latents\.safetensors cannot be gone on from.*Del"
        ):
            self.changed(begun, change)

    def test__unchanged__goes_on(self, begun):
        self.changed(begun, lambda header, tensors: None)

    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test__cut_short__error_says_what_to_do(self, begun, share):
        file = begun / "latents.safetensors"
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        make, X, y = FITS["labels of features"]
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be gone on from"):
            make().fit(X, y, checkpoints=begun)
        file.unlink()
        make().fit(X, y, checkpoints=begun)

    def test__disk_is_full__error_and_what_was_written_before_is_whole(self, begun, monkeypatch):
        before = (begun / "latents.safetensors").read_bytes()

        def full(*args):
            raise OSError(28, "No space left on device")

        make, X, y = FITS["labels of features"]
        est = make().fit(X, y)
        expected = est.predict(X)
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            with pytest.raises(CheckpointError, match=r"could not be written: No space left"):
                est.fit(X, y, checkpoints=begun)
        assert (begun / "latents.safetensors").read_bytes() == before
        # The earlier model is as it was.
        assert (est.predict(X) == expected).all()

    def test__folder_vanishes__error_names_the_file(self, tmp_path, monkeypatch, often):
        make, X, y = FITS["labels of features"]
        folder = tmp_path / "folder"
        write = Checkpoint._write

        def vanish(self, *args, **header):
            if folder.exists():
                folder.rename(tmp_path / "elsewhere")
            write(self, *args, **header)

        monkeypatch.setattr(Checkpoint, "_write", vanish)
        with pytest.raises(CheckpointError, match=r"captions\.safetensors could not be written"):
            make().fit(X, y, checkpoints=folder)


class TestCheckpoint:
    def test__cost__bounds_how_often_it_writes(self, tmp_path, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
        written = []

        def write(self, *args, **header):
            written.append(now[0])
            now[0] += 2.0

        class Tick(Callback):
            def on_batch_end(self, net, **kwargs):
                now[0] += 1.0

        monkeypatch.setattr(Checkpoint, "_write", write)
        make, X, _ = FITS["labels of features"]
        kept = Checkpoints(tmp_path, {}, [0], True)
        est = make().set_params(gan__max_iter=900)
        gan = est.gan
        gan._checkpoints = kept
        gan.set_params(random_state=0)
        monkeypatch.setattr(type(gan), "_own_callbacks", lambda self: [Tick()])
        gan.fit(X, [np.eye(5)[row] for row in LABEL_SETS[:30]])
        # The last is that of the end.
        assert np.diff(written)[:-1].min() >= 2 / checkpoints.COST
        assert len(written) >= 4


class TestOrder:
    def test__n_passed__leaves_out_the_first_once(self):
        rows = range(10)
        whole, order = Order(rows, make_rng(0)), Order(rows, make_rng(0))
        order.n_passed = 4
        assert list(order) == list(whole)[4:]
        assert list(order) == list(whole)
        assert torch.equal(order.generator.get_state(), whole.generator.get_state())
