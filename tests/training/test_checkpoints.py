"""A fit that is killed goes on, and ends in the same bits; another fit is refused by name."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from condcap_sk import ConditionalCaptioner, _persistence
from condcap_sk.exceptions import CheckpointError, ModelFileError
from condcap_sk.text import CaptionCodec
from condcap_sk.training import checkpoints
from condcap_sk.training.checkpoints import Budget, Checkpoint, Checkpoints

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
        image_encoder__max_iter=5,
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


def write_often(patch):
    """Write after each step."""
    patch.setattr(checkpoints, "FIRST", 0)
    patch.setattr(checkpoints, "COST", np.inf)


@pytest.fixture
def often(monkeypatch):
    write_often(monkeypatch)


@pytest.fixture(scope="module")
def once_ended(tmp_path_factory):
    """A folder with the checkpoints of a fit that ended, which tests copy."""
    make, X, y = FITS["labels of features"]
    folder = tmp_path_factory.mktemp("ended")
    make().fit(X, y, checkpoints=folder)
    return folder


@pytest.fixture(scope="module")
def once_begun(tmp_path_factory):
    """A folder whose training of latents has not ended, which tests copy."""
    make, X, y = FITS["labels of features"]
    folder = tmp_path_factory.mktemp("begun")

    def write_and_die(self, *args, **header):
        write(self, *args, **header)
        if self.file.stem == "latents" and header["n_epochs"] == 2:
            raise Killed

    write = Checkpoint._write
    with pytest.MonkeyPatch.context() as patch:
        write_often(patch)
        patch.setattr(Checkpoint, "_write", write_and_die)
        with pytest.raises(Killed):
            make().fit(X, y, checkpoints=folder)
    return folder


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
    def test__stage_with_callbacks__is_trained_anew(self, monkeypatch, tmp_path, often):
        def make(patience=2):
            stop = EarlyStopping(monitor="matching", patience=patience, load_best=True)
            return tiny().set_params(image_encoder__callbacks=[stop])

        X, y = FEATURES, LABEL_SETS[:30]
        expected = state_of(make().fit(X, y))
        est, n_killed = fit_through(monkeypatch, make, X, y, tmp_path, [1])
        assert n_killed >= 5
        assert state_of(est) == expected
        assert "images.safetensors" not in os.listdir(tmp_path)
        # What follows is of another result.
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be resumed"):
            make(patience=1).fit(X, y, checkpoints=tmp_path)

    def test__callbacks_of_sklearn__are_refused(self, tmp_path):
        callback = pytest.importorskip("sklearn.callback")
        make, X, y = FITS["labels of features"]
        est = make().set_callbacks(callback.ProgressBar())
        with pytest.raises(CheckpointError, match=r"est\.set_callbacks\(\)"):
            est.fit(X, y, checkpoints=tmp_path)
        est.set_callbacks().fit(X, y, checkpoints=tmp_path)

    @pytest.mark.bits
    def test__another_process__knows_analyzer_and_word_vectors_again(self, tmp_path):
        script = (
            "import pickle, sys\n"
            f"from {__name__} import Stops, fit_with_stops\n"
            "print(pickle.dumps(Stops()).hex())\n"
            "fit_with_stops(sys.argv[1])\n"
        )
        # This one's is random, but for those who set it.
        seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
        pickled = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)],
            cwd=Path(__file__).parents[len(__name__.split(".")) - 1],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        # There is something to be known again.
        assert pickle.dumps(Stops()).hex() != pickled.strip()
        written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        fit_with_stops(tmp_path)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


class Stops:
    """An analyzer whose pickle differs from one process to the next."""

    def __init__(self):
        # So many that their order in two processes is never the same.
        self.left_out = frozenset(
            ["a", "the", "is", "one", "of", "in", "on", "at", "to", "by", "for", "with", "from"]
        )

    def __call__(self, text):
        return [word for word in text.split() if word not in self.left_out]


VECTORS = {word: torch.full((3,), float(i)) for i, word in enumerate(("dog", "cat", "red"))}


def fit_with_stops(folder):
    est = tiny(analyzer=Stops()).set_params(codec__word_vectors=VECTORS)
    est.fit(FEATURES, CAPTIONS[:30], checkpoints=folder)


class OtherCodec(CaptionCodec):
    """One that may train in another way."""


class TestFolder:
    @pytest.fixture
    def ended(self, once_ended, tmp_path):
        """A copy of it."""
        return shutil.copytree(once_ended, tmp_path / "ended")

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
        with pytest.raises(CheckpointError, match="random_state gives other seeds.*pass an int"):
            make(X, y, checkpoints=tmp_path)
        tiny(random_state=np.random.RandomState(3)).fit(X, y, checkpoints=tmp_path)

    @pytest.mark.parametrize(
        ("named", "change"),
        [
            ("the values of X differ", lambda est, X, y: (est, X + 1, y)),
            ("the values of X differ", lambda est, X, y: (est, X[::-1], y)),
            ("the answers in y differ", lambda est, X, y: (est, X, y[1:] + y[:1])),
            (r"X was .*\(30, 6\).*\(30, 5\)", lambda est, X, y: (est, X[:, 1:], y)),
            (
                "codec was .*OtherCodec",
                lambda est, X, y: (est.set_params(codec=OtherCodec()), X, y),
            ),
            (
                "codec__min_df was 1 and is 1.0",
                lambda est, X, y: (est.set_params(codec__min_df=1.0), X, y),
            ),
            (
                "gan__lr was 0.003 and is 0.1;?",
                lambda est, X, y: (est.set_params(gan__lr=0.1), X, y),
            ),
            ("n_latents was 3 and is 2", lambda est, X, y: (est.set_params(n_latents=2), X, y)),
            ("random_state", lambda est, X, y: (est.set_params(random_state=1), X, y)),
        ],
    )
    def test__of_another_fit__is_refused_by_name(self, ended, named, change):
        make, X, y = FITS["labels of features"]
        before = {file: (ended / file).read_bytes() for file in os.listdir(ended)}
        assert before
        est, X, y = change(make(), X, y)
        with pytest.raises(CheckpointError, match=named):
            est.fit(X, y, checkpoints=ended)
        assert {file: (ended / file).read_bytes() for file in os.listdir(ended)} == before
        assert not hasattr(est, "gan_")

    def test__of_another_version__is_refused_by_name(self, ended, monkeypatch):
        make, X, y = FITS["labels of features"]
        monkeypatch.setattr("condcap_sk.model.identity.__version__", "99.0")
        with pytest.raises(CheckpointError, match=r'condcap_sk was ".*" and is "99\.0"'):
            make().fit(X, y, checkpoints=ended)

    def test__n_jobs_and_verbose__do_not_count(self, ended):
        make, X, y = FITS["labels of features"]
        make().set_params(n_jobs=2, verbose=0, gan__n_jobs=2).fit(X, y, checkpoints=ended)

    def test__another_analyzer_of_the_same_name__is_not_taken_for_it(self, tmp_path):
        def fit(analyzer):
            tiny(analyzer=analyzer).fit(FEATURES, CAPTIONS[:30], checkpoints=tmp_path)

        fit(lambda text: text.split())
        fit(lambda text: text.split(" "))
        with pytest.raises(CheckpointError, match=r"captions\.safetensors .*another analyzer"):
            fit(lambda text: text.split()[::-1])

    def test__other_word_vectors__are_not_taken_for_them(self, tmp_path):
        def fit(vectors):
            est = tiny().set_params(codec__word_vectors=vectors)
            est.fit(FEATURES, CAPTIONS[:30], checkpoints=tmp_path)

        fit(VECTORS)
        fit(dict(VECTORS))
        with pytest.raises(CheckpointError, match=r"captions\.safetensors .*other word_vectors"):
            fit({**VECTORS, "dog": VECTORS["red"]})

    @pytest.mark.parametrize("folder", ["", 7, "a\0b", "~/kept", "/proc/self", "/dev/null/x"])
    def test__no_folder__error_names_the_argument(self, folder):
        make, X, y = FITS["labels of features"]
        with pytest.raises(
            CheckpointError, match="checkpoints=.*cannot be used as a folder.*Pass "
        ):
            make().fit(X, y, checkpoints=folder)

    def test__a_file_in_its_place__error_names_the_argument(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(CheckpointError, match="checkpoints=.*cannot be used as a folder"):
            Checkpoints(tmp_path / "file", {}, [1], True)
        assert (tmp_path / "file").read_text() == "mine"

    def test__draft_of_a_killed_process__is_cleared_away(self, tmp_path):
        for name in ("old", "new"):
            (tmp_path / f"{checkpoints.DRAFT}{name}").write_text("half")
        os.utime(tmp_path / f"{checkpoints.DRAFT}old", (0, 0))
        (tmp_path / f"{checkpoints.DRAFT}folder").mkdir()
        (tmp_path / "notes.txt").write_text("mine")
        Checkpoints(tmp_path, {}, [1], True)
        kept = [f"{checkpoints.DRAFT}{name}" for name in ("folder", "new")]
        assert sorted(os.listdir(tmp_path)) == [*kept, checkpoints.ABOUT, "notes.txt"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{}",
            '{"epochs": 3}',
            '{"format": "?", "about": {}, "seeds": [1]}',
            '{"format": "condcap_sk.checkpoint.1", "about": 3, "seeds": [1]}',
            '{"format": "condcap_sk.checkpoint.1", "about": {}, "seeds": 5}',
            '{"format": "condcap_sk.checkpoint.1", "about": {}, "seeds": [1, 2]}',
            '{"format": "condcap_sk.checkpoint.1", "about": {}, "seeds": [Infinity]}',
            "[" * 200_000,
        ],
    )
    def test__damaged_about__error_says_what_to_do(self, tmp_path, text):
        (tmp_path / checkpoints.ABOUT).write_text(text)
        with pytest.raises(CheckpointError, match=r"fit\.json is damaged or none of condcap_sk's"):
            Checkpoints(tmp_path, {}, [1], True)
        assert (tmp_path / checkpoints.ABOUT).read_text() == text

    def test__about_that_is_no_text__error_says_what_to_do(self, tmp_path):
        (tmp_path / checkpoints.ABOUT).write_bytes(b"\xff\xfe")
        with pytest.raises(CheckpointError, match="cannot be used as a folder"):
            Checkpoints(tmp_path, {}, [1], True)
        (tmp_path / checkpoints.ABOUT).unlink()
        (tmp_path / checkpoints.ABOUT).mkdir()
        with pytest.raises(CheckpointError, match="cannot be used as a folder"):
            Checkpoints(tmp_path, {}, [1], True)

    def test__link__what_it_points_at_is_not_written(self, tmp_path):
        make, X, y = FITS["labels of features"]
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "captions.safetensors").symlink_to(tmp_path / "outside")
        make().fit(X, y, checkpoints=folder)
        assert not (tmp_path / "outside").exists()
        assert not (folder / "captions.safetensors").is_symlink()

    def test__model_file_and_checkpoint__are_not_mistaken_for_each_other(self, tmp_path):
        make, X, y = FITS["labels of features"]
        est = make().fit(X, y, checkpoints=tmp_path)
        with pytest.raises(ModelFileError, match="checkpoint"):
            ConditionalCaptioner.load(tmp_path / "latents.safetensors")
        est.save(tmp_path / "latents.safetensors")
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be resumed"):
            make().fit(X, y, checkpoints=tmp_path)


class TestFile:
    @pytest.fixture
    def begun(self, once_begun, tmp_path, often):
        """A copy of it."""
        return shutil.copytree(once_begun, tmp_path / "begun")

    def changed(self, begun, change):
        """Fit again after the file of latents was changed, with a checksum that fits."""
        file = begun / "latents.safetensors"
        header, tensors = _persistence.read(file, checkpoints.FORMAT)
        header.pop("version")
        change(header, tensors)
        checkpoints.write(file, header, tensors, checkpoints.FORMAT)
        make, X, y = FITS["labels of features"]
        return make().fit(X, y, checkpoints=begun)

    @pytest.mark.parametrize(
        "change",
        [
            lambda header, tensors: header.update(key="0"),
            lambda header, tensors: header.update(n_epochs=10**9),
            lambda header, tensors: header.update(n_batches=-1),
            lambda header, tensors: header.update(n_epochs="many"),
            lambda header, tensors: header.update(history=3),
            lambda header, tensors: header.update(counts={}),
            lambda header, tensors: header.update(counts={"n_batches_": "x"}),
            lambda header, tensors: header.update(counts={"n_batches_": float("nan")}),
            lambda header, tensors: header.update(counts={"n_batches_": 10**400}),
            lambda header, tensors: header.update(latest={"a": [1]}),
            lambda header, tensors: header.update(losses=[3]),
            lambda header, tensors: header.update(has_ended=True),
            lambda header, tensors: header.update(has_ended=True, n_epochs=10**9),
            lambda header, tensors: header.update(losses=["a"]),
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
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be resumed.*Del"):
            self.changed(begun, change)

    def test__unchanged__goes_on(self, begun):
        self.changed(begun, lambda header, tensors: None)

    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test__cut_short__error_says_what_to_do(self, begun, share):
        file = begun / "latents.safetensors"
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        make, X, y = FITS["labels of features"]
        with pytest.raises(CheckpointError, match=r"latents\.safetensors cannot be resumed"):
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


class TestBudget:
    def test__cost__is_a_share_of_the_time_that_has_passed(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
        budget, written = Budget(), []
        while now[0] < 2000:
            now[0] += 1.0
            if budget.allows():
                written.append(now[0])
                with budget.spending():
                    now[0] += 2.0
        assert written[0] == checkpoints.FIRST
        assert 2.0 * len(written) <= checkpoints.COST * now[0]
        assert len(written) >= 8
