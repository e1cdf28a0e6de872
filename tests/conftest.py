"""Small data and fitted estimators, shared by all tests."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, settings

from condcap_sk import ConditionalCaptioner
from condcap_sk._processes import Processes, joining
from condcap_sk.datasets import load_grid_digits

# Figures are the same on every machine; CONDCAP_DEVICE=cuda runs the whole suite on a GPU.
os.environ.setdefault("CONDCAP_DEVICE", "cpu")

# Nothing is tested by how long it takes: others may need the cores, too.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    if os.environ["CONDCAP_DEVICE"] == "cpu":
        return
    for item in items:
        # Of scikit-learn's checks, one compares with a pickle, which is loaded onto the CPU.
        if item.get_closest_marker("bits") or "check_estimators_pickle" in item.name:
            item.add_marker(pytest.mark.skip(reason="equal bits are promised on CPUs alone"))


def small_captioner(**params):
    """The default estimator, smaller and trained several times shorter."""
    return ConditionalCaptioner(**{"random_state": 0, **params}).set_params(
        codec__batch_size=64,
        image_encoder__n_filters=8,
        image_encoder__max_iter=250,
        gan__batch_size=128,
        gan__max_iter=300,
    )


@pytest.fixture(scope="session")
def quick():
    """Make an estimator for tests of form, not of quality."""

    def make(**params):
        return ConditionalCaptioner(**{"random_state": 0, **params}).set_params(
            codec__max_iter=3,
            codec__hidden_size=8,
            codec__batch_size=32,
            image_encoder__max_iter=3,
            image_encoder__n_filters=2,
            gan__max_iter=3,
            gan__hidden_size=8,
            gan__decoder_size=8,
        )

    return make


@pytest.fixture(scope="session")
def tiny():
    """Feature vectors of three kinds, each with its own two labels."""
    kinds = np.arange(60) % 3
    X = np.eye(3)[kinds] + 0.01 * np.random.RandomState(0).standard_normal((60, 3))
    return X, [{2 * k, 2 * k + 1} for k in kinds.tolist()]


@pytest.fixture(scope="session")
def digits():
    return load_grid_digits()


@pytest.fixture(scope="session")
def fitted(digits):
    """Good answers; a quarter of a minute."""
    return small_captioner().fit(digits.images, digits.label_sets)


@pytest.fixture(scope="session")
def hardly_fitted(digits):
    """Answers that differ by image and latent, no better than half right; two seconds."""
    est = small_captioner().set_params(
        codec__max_iter=100,
        image_encoder__n_filters=4,
        image_encoder__max_iter=60,
        gan__max_iter=60,
    )
    return est.fit(digits.images[:50], digits.label_sets[:50])


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a folder that ``write(folder)`` fills, once for all processes that run tests."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def written(name, write):
        folder = root / name
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                unfinished = tmp_path_factory.mktemp(name)
                write(unfinished)
                unfinished.rename(folder)
        return folder

    return written


class Meeting:
    """Where threads that stand for processes give and get tensors."""

    def __init__(self, size):
        self.size = size
        self.given = []  # in each exchange, by rank
        self.changed = threading.Condition()
        self.one_is_lost = False

    def exchange(self, place, rank, tensors):
        with self.changed:
            if place == len(self.given):
                self.given.append({})
            given = self.given[place]
            given[rank] = [tensor.clone() for tensor in tensors]
            self.changed.notify_all()
            self.changed.wait_for(lambda: len(given) == self.size or self.one_is_lost, 60)
            if len(given) < self.size:
                raise RuntimeError("nobody comes")
            return [[given[rank][i].clone() for rank in range(self.size)]
                    for i in range(len(tensors))]  # fmt: skip

    def lose(self):
        with self.changed:
            self.one_is_lost = True
            self.changed.notify_all()


class Threads(Processes):
    """Processes that are threads of one: the same work, without a network."""

    def __init__(self, rank, meeting):
        self.rank, self.size = rank, meeting.size
        self._timeout = 60
        self._meeting, self._place = meeting, -1

    def close(self):
        self.is_closed = True

    def exchange(self, *tensors):
        self._place += 1
        with self._naming_the_lost():
            found = self._meeting.exchange(self._place, self.rank, tensors)
        for received in found:
            assert len({(t.shape, t.dtype) for t in received}) == 1
        return found

    def _broadcast(self, tensor, rank):
        sent = tensor if self.rank == rank else torch.zeros_like(tensor)
        tensor.copy_(self.exchange(sent)[0][rank])


@pytest.fixture(scope="session")
def as_processes():
    """Call ``function(processes)`` in as many threads, each in a process group; return all."""

    def call(size, function):
        meeting = Meeting(size)

        def run(rank):
            processes = Threads(rank, meeting)
            try:
                with joining(processes):
                    return function(processes)
            except BaseException as error:
                meeting.lose()
                return error

        with ThreadPoolExecutor(size) as pool:
            return list(pool.map(run, range(size)))

    return call


@pytest.fixture(scope="session")
def torchrun():
    """Run a program in several processes of this machine, in a folder."""

    def run(program, folder, size=2):
        (folder / "program.py").write_text(program, encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone",
                   f"--nproc-per-node={size}", "program.py"]  # fmt: skip
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    return run
