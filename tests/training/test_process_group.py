"""process_group: processes that make one fit."""

import os
import socket
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import EarlyStopping

from condcap_sk._processes import joined, sharing
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.exceptions import CheckpointError, ProcessGroupError
from condcap_sk.training import process_group

pytestmark = [
    pytest.mark.bits,
    # Fits of a few steps, as most tests make them, have learned nothing.
    pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.CollapseWarning"),
]


@pytest.fixture(scope="session")
def scenes():
    data = make_captioned_shapes(40, random_state=0)
    return data.images, data.captions


@pytest.fixture(scope="session")
def grids():
    rng = np.random.RandomState(0)
    return rng.random((80, 12, 12)), [{i % 3, 3} for i in range(80)]


def saved(est, folder, name="model"):
    est.save(folder / f"{name}.safetensors")
    return (folder / f"{name}.safetensors").read_bytes()


class TestFit:
    """Threads stand for processes."""

    @pytest.mark.parametrize("size", [2, 3, 4])
    def test__labels__same_bits_as_alone(self, quick, grids, as_processes, tmp_path, size):
        alone = saved(quick().fit(*grids), tmp_path)
        found = as_processes(size, lambda processes: quick().fit(*grids))
        assert [saved(est, tmp_path) for est in found] == [alone] * size

    @pytest.mark.parametrize("images", ["matched", "end-to-end"])
    def test__sentences__same_bits_as_alone(self, quick, scenes, as_processes, tmp_path, images):
        def fit(processes=None):
            return quick(images=images).set_params(gan__batch_size=64).fit(*scenes)

        alone = saved(fit(), tmp_path)
        assert [saved(est, tmp_path) for est in as_processes(2, fit)] == [alone] * 2

    def test__stored_images__each_reads_its_part(self, quick, grids, as_processes, tmp_path):
        X, y = grids

        def fit(reads):
            return quick().set_params(image_encoder__max_iter=40).fit(Reads(X, reads), y)

        reads = [], [], []
        alone = saved(fit(reads[2]), tmp_path)
        found = as_processes(2, lambda processes: fit(reads[processes.rank]))
        assert [saved(est, tmp_path) for est in found] == [alone] * 2
        # What is compared, and what is held out, is read by both.
        assert max(map(len, reads[:2])) < 0.65 * len(reads[2])

    def test__warm_start__same_bits_as_alone(self, quick, grids, as_processes, tmp_path):
        def fit(processes=None):
            est = quick(warm_start=True).fit(*grids)
            return est.fit(*grids)

        alone = saved(fit(), tmp_path)
        assert [saved(est, tmp_path) for est in as_processes(2, fit)] == [alone] * 2

    def test__answers_afterwards__need_no_other_process(self, quick, grids, as_processes):
        def fit(processes):
            est = quick().fit(*grids)
            return est if processes.rank else est.predict(grids[0])

        first, second = as_processes(2, fit)
        np.testing.assert_array_equal(first, second.predict(grids[0]))

    def test__callback_that_predicts__in_one_process__is_no_part_of_the_fit(
        self, quick, grids, as_processes
    ):
        def fit(processes):
            est = quick()
            seen = []
            if processes.rank == 0:

                class Context:
                    def call_on_fit_task_begin(self, **kwargs):
                        seen.append(sharing())
                        return self

                    def call_on_fit_task_end(self, **kwargs):
                        seen.append(sharing())

                    def subcontext(self, **kwargs):
                        return self

                est._init_callback_context = lambda **kwargs: Context()
            est.fit(*grids)
            return seen

        first, second = as_processes(2, fit)
        assert set(first) == {None}
        assert second == []

    def test__progress_bar__is_shown_by_one(self, quick, grids, as_processes, capsys):
        as_processes(2, lambda processes: quick(verbose=1).fit(*grids))
        # Drawn once, when a bar appears; how often its last state is drawn depends on the time.
        assert capsys.readouterr().err.count("latents:   0%") == 1


class Reads:
    """Images that are read one by one, of which it is noted."""

    def __init__(self, X, rows):
        self.X, self.rows = X, rows

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        self.rows.append(row)
        return self.X[row]


class TestRefusals:
    @pytest.mark.parametrize(
        ("of_second", "message"),
        [
            (lambda est, X, y: est.fit(1 + X, y), "the values of X differ"),
            (
                lambda est, X, y: est.fit(X[:-1], y[:-1]),
                'X: "float32 (80, 1, 12, 12)" and "float32 (79',
            ),
            (lambda est, X, y: est.fit(X, [{0, 1}] * 80), "the answers in y differ"),
            (lambda est, X, y: est.set_params(random_state=1).fit(X, y), "the seeds"),
            (lambda est, X, y: est.set_params(gan__lr=0.1).fit(X, y), "gan__lr: 0.003 and 0.1"),
            (
                lambda est, X, y: est.fit(Reads(X, []), y),
                'X: "in memory" and "float64 (80, 12, 12)"',
            ),
            (lambda est, X, y: est.set_params(codec__min_df=1.0).fit(X, y), "min_df: 1 and 1.0"),
            (
                lambda est, X, y: est.set_params(gan__callbacks=[EarlyStopping()]).fit(X, y),
                'gan__callbacks: null and ["skorch.callbacks.',
            ),
            (
                lambda est, X, y: est.fit(X, y, checkpoints="kept"),
                'checkpoints: "no folder" and "a folder"',
            ),
            (lambda est, X, y: est.set_params(warm_start=True).fit(X, y).fit(X, y), "warm_start"),
        ],
    )
    def test__other_data_or_parameters__are_named(
        self, quick, grids, as_processes, of_second, message
    ):
        def fit(processes):
            return of_second(quick(), *grids) if processes.rank else quick().fit(*grids)

        errors = as_processes(2, fit)
        assert all(isinstance(error, ProcessGroupError) for error in errors), errors
        assert all(message in str(error) for error in errors), errors
        assert not os.path.exists("kept")

    def test__other_stored_images__are_refused_before_they_are_shared(
        self, quick, grids, as_processes
    ):
        X, y = grids
        of_bytes = (255 * X).astype(np.uint8)
        errors = as_processes(
            2, lambda processes: quick().fit(Reads(of_bytes if processes.rank else X, []), y)
        )
        assert all('"float64 (80, 12, 12)" and "uint8' in str(error) for error in errors), errors

    def test__other_word_vectors__are_refused(self, quick, scenes, as_processes):
        def fit(processes):
            vectors = {"circle": np.full(8, processes.rank), "cross": np.ones(8)}
            return quick().set_params(codec__word_vectors=vectors).fit(*scenes)

        errors = as_processes(2, fit)
        assert all("initial weights of the training on captions" in str(e) for e in errors), errors

    def test__after_a_fit_that_failed__another_one_is_refused(self, quick, grids, as_processes):
        def fit(processes):
            X, y = grids
            with pytest.raises((ValueError, ProcessGroupError)):
                quick().fit(X, y[: -processes.rank or None])
            return quick().fit(X, y)

        errors = as_processes(2, fit)
        assert all("enter a new one" in str(error) for error in errors), errors

    def test__other_models_before__are_refused(self, quick, grids, as_processes):
        X, y = grids
        befores = [quick(warm_start=True, random_state=seed).fit(X, y) for seed in (0, 1)]

        def fit(processes):
            return befores[processes.rank].set_params(random_state=0).fit(X, y)

        errors = as_processes(2, fit)
        assert all("the models before differ" in str(error) for error in errors), errors

    def test__other_versions__are_refused(self, quick, grids, as_processes, monkeypatch):
        def fit(processes):
            compare = processes.compare

            def of_other(values):
                name = "the version of torch"
                compare({**values, name: "1.0"} if processes.rank else {**values, name: "2.0"})

            processes.compare = of_other
            return quick().fit(*grids)

        errors = as_processes(2, fit)
        assert all('the version of torch: "2.0" and "1.0"' in str(error) for error in errors), (
            errors
        )

    @pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
    def test__no_int_as_seed__is_refused(self, quick, grids, as_processes, random_state):
        fit = lambda processes: quick(random_state=random_state).fit(*grids)  # noqa: E731
        assert all("Set an int" in str(error) for error in as_processes(2, fit))

    def test__more_processes_than_shards__are_refused(self, quick, grids, as_processes):
        errors = as_processes(5, lambda processes: quick().fit(*grids))
        assert all("has 4 shards, but there are 5 processes" in str(error) for error in errors)

    def test__a_process_fails__the_others_get_an_error(self, quick, grids, as_processes):
        def fit(processes):
            X, y = grids
            return quick().fit(X, y[: -processes.rank or None])

        first, second = as_processes(2, fit)
        assert isinstance(first, ProcessGroupError)
        assert isinstance(second, ValueError)
        assert not isinstance(second, ProcessGroupError)


class TestCheckpoints:
    def test__broken_off__goes_on_from_the_first_one_s_folder(
        self, quick, scenes, as_processes, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("condcap_sk.training.checkpoints.FIRST", 0)
        monkeypatch.setattr("condcap_sk.training.checkpoints.COST", 100)
        alone = saved(quick().fit(*scenes), tmp_path)
        folder = tmp_path / "kept"
        stop = threading.Event()

        def fit(processes):
            # Only the first one has a folder that counts.
            given = folder if processes.rank == 0 else tmp_path / "not made"
            exchange = processes.exchange

            def dying(*tensors):
                if (
                    processes.rank
                    and (folder / "latents.safetensors").exists()
                    and not stop.is_set()
                ):
                    stop.set()
                    raise ZeroDivisionError
                return exchange(*tensors)

            processes.exchange = dying
            return quick().fit(*scenes, checkpoints=given)

        first, second = as_processes(2, fit)
        assert isinstance(second, ZeroDivisionError)
        assert isinstance(first, ProcessGroupError)
        found = as_processes(2, fit)
        assert [saved(est, tmp_path) for est in found] == [alone] * 2
        assert not (tmp_path / "not made").exists()
        # And one alone goes on from what several wrote, and the other way round.
        assert saved(quick().fit(*scenes, checkpoints=folder), tmp_path) == alone

    def test__damaged_file__is_an_error_of_all(self, quick, grids, as_processes, tmp_path):
        as_processes(2, lambda processes: quick().fit(*grids, checkpoints=tmp_path))
        (tmp_path / "images.safetensors").write_bytes(b"nothing")
        errors = as_processes(2, lambda processes: quick().fit(*grids, checkpoints=tmp_path))
        assert all(isinstance(error, CheckpointError) for error in errors), errors


PROGRAM = """
import numpy as np
from condcap_sk import ConditionalCaptioner
from condcap_sk.training import process_group

rng = np.random.RandomState(0)
X, y = rng.random((80, 12, 12)), [{i % 3, 3} for i in range(80)]
est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=5, image_encoder__max_iter=5, image_encoder__n_filters=2,
    gan__max_iter=5, gan__hidden_size=8, gan__decoder_size=8,
)
"""


EXAMPLE = Path(__file__).parents[2] / "examples" / "fit_by_processes.py"


def shorter_example():
    """Return its code; bits that are equal after few steps on few scenes are so after many."""
    code = EXAMPLE.read_text()
    for of_example, here, count in (
        ("max_iter=20", "max_iter=2", 3),
        ("make_captioned_shapes(100,", "make_captioned_shapes(40,", 1),
    ):
        assert code.count(of_example) == count
        code = code.replace(of_example, here)
    return code


@pytest.fixture(scope="module")
def fitted_by_two(torchrun, tmp_path_factory):
    """Return a folder with what two processes saved in each of several groups, and what they did.

    One start for all of them: it takes longer than their fits.
    """
    folder = tmp_path_factory.mktemp("two")
    if EXAMPLE.exists():
        (folder / "example.py").write_text(shorter_example())
    program = PROGRAM + textwrap.dedent("""
        import os
        from torch import distributed

        if os.path.exists("example.py"):
            exec(open("example.py").read(), {"__name__": "__main__"})

        for k in range(8):
            with process_group(timeout=30) as rank:
                if k == 7:
                    est.fit(X, y).save(f"entered {rank}.safetensors")

        distributed.init_process_group("gloo")
        with process_group() as rank:
            est.fit(X, y).save(f"own {rank}.safetensors")
            try:
                with process_group():
                    raise SystemExit("entered")
            except RuntimeError as error:
                assert "inside of another one" in str(error)
        assert distributed.is_initialized()
        distributed.destroy_process_group()
    """)
    done = torchrun(program, folder)
    assert done.returncode == 0, done.stderr
    return folder, done


class TestTorchrun:
    """Real processes; each one that is started takes seconds to import torch."""

    def test__entered_again_and_again_and_in_an_own_group__same_bits_as_one(
        self, fitted_by_two, tmp_path
    ):
        folder, _ = fitted_by_two
        names = {}
        exec(PROGRAM, names)
        alone = saved(names["est"].fit(names["X"], names["y"]), tmp_path)
        for group in ("entered", "own"):
            files = [folder / f"{group} {rank}.safetensors" for rank in (0, 1)]
            assert [file.read_bytes() for file in files] == [alone] * 2, group

    @pytest.mark.skipif(not EXAMPLE.exists(), reason="the sources are not here")
    def test__example__prints_what_one_prints(self, fitted_by_two, capsys):
        exec(compile(shorter_example(), str(EXAMPLE), "exec"), {"__name__": "__main__"})
        printed = capsys.readouterr().out
        assert fitted_by_two[1].stdout == printed
        assert printed.startswith("model: ")

    def test__a_process_does_not_come_or_is_killed__the_other_gets_an_error(
        self, torchrun, tmp_path
    ):
        done = torchrun(
            PROGRAM
            + textwrap.dedent("""
            import os, signal, time

            with process_group(timeout=3) as rank:
                start = time.monotonic()
                if rank:
                    while not os.path.exists("late") and time.monotonic() - start < 12:
                        time.sleep(0.1)
                else:
                    try:
                        est.fit(X, y)
                    except Exception as error:
                        with open("late", "w") as file:
                            file.write(f"{type(error).__name__} {time.monotonic() - start}")

            with process_group(timeout=20) as rank:
                if rank:
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    est.fit(X, y)
                except Exception as error:
                    with open("lost", "w") as file:
                        file.write(f"{type(error).__name__}: {error}")
                    raise
            """),
            tmp_path,
        )
        name, seconds = (tmp_path / "late").read_text().split()
        assert name == "ProcessGroupError", done.stderr
        assert 2 < float(seconds) < 11
        assert done.returncode != 0
        # The second one is killed, and not, say, unable to enter.
        assert "Signal 9" in done.stderr, done.stderr
        if (tmp_path / "lost").exists():  # unless torchrun was faster
            text = (tmp_path / "lost").read_text()
            assert text.startswith("ProcessGroupError: Process 0 of 2 waits for another one")


class TestAlone:
    def test__not_started_by_torchrun__is_one_process(self):
        with process_group() as rank:
            assert rank == 0
            assert joined() is None

    @pytest.mark.parametrize("timeout", [0, -1, "soon", None, 1e20, float("inf")])
    def test__bad_timeout__is_refused(self, timeout):
        with pytest.raises(ValueError, match="timeout"), process_group(timeout=timeout):
            pass

    @pytest.fixture
    def first_of_two(self, monkeypatch):
        """Be started as torchrun starts the first one of two."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        names = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1"}
        for name, value in {**names, "MASTER_PORT": str(port)}.items():
            monkeypatch.setenv(name, value)
        return port

    def test__nobody_else_comes__is_an_error(self, first_of_two):
        with pytest.raises(ProcessGroupError, match="within 2 seconds"), process_group(2):
            pass
        assert not torch.distributed.is_initialized()

    def test__port_in_use__is_an_error_that_says_so(self, first_of_two):
        with (
            socket.create_server(("", first_of_two)),
            pytest.raises(ProcessGroupError, match="in use, pass it another"),
            process_group(2),
        ):
            pass
