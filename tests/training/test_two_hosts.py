"""One fit on two hosts: network namespaces, each with a network of its own and a cable between."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import pytest

from condcap_sk.training import checkpoints
from condcap_sk.training.checkpoints import Checkpoint

pytestmark = pytest.mark.bits
HOSTS = ("10.213.7.1", "10.213.7.2")
TIMEOUT = 8
FIT = """
import os, sys, time, warnings
import numpy as np
from condcap_sk import ConditionalCaptioner
from condcap_sk.training import checkpoints, process_group

warnings.simplefilter("ignore")
# Write after each step.
checkpoints.FIRST, checkpoints.COST = 0, float("inf")
write = checkpoints.Checkpoint._write

def write_and_wait(self, *args, **header):
    write(self, *args, **header)
    while self.file.stem == "images" and not os.path.exists("pulled"):
        time.sleep(0.01)

checkpoints.Checkpoint._write = write_and_wait
rng = np.random.RandomState(0)
X, y = rng.random((80, 12, 12)), [{i % 3, 3} for i in range(80)]
est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=5, image_encoder__max_iter=30, image_encoder__n_filters=2,
    gan__max_iter=5, gan__hidden_size=8, gan__decoder_size=8,
)

def fit():
    with process_group(timeout=float(sys.argv[1])) as rank:
        est.fit(X, y, checkpoints=sys.argv[2] if len(sys.argv) > 2 else None)
    est.save(f"{rank}.safetensors")

if len(sys.argv) > 2:
    # The program is started twice: forked, as importing torch takes longer than the fit.
    if not (broken := os.fork()):
        fit()
        os._exit(0)
    _, status = os.waitpid(broken, 0)
    with open(f"{os.environ['RANK']}.draft", "w") as file:
        file.write(str(os.waitstatus_to_exitcode(status)))
    os.rename(f"{os.environ['RANK']}.draft", f"{os.environ['RANK']}.code")
    while not os.path.exists("plugged"):
        time.sleep(0.01)
fit()
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture
def hosts():
    """Names of two namespaces that reach each other, and nothing else."""
    if shutil.which("ip") is None or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs ip and root")
    names = [f"condcap{os.getpid()}{side}" for side in "ab"]
    try:
        try:
            for name in names:
                ip("netns", "add", name)
            ip("link", "add", "wa", "netns", names[0], "type", "veth",
               "peer", "name", "wb", "netns", names[1])  # fmt: skip
            for name, end, address in zip(names, ("wa", "wb"), HOSTS, strict=True):
                ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "link", "set", end, "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr}")
        yield names
    finally:
        for name in names:
            ip("netns", "del", name, check=False)


def start(hosts, folder, *arguments):
    """Start the program on both hosts, as torchrun would, and return the two processes.

    torchrun itself needs half a minute and more to see that its peer is gone.
    """
    (folder / "fit.py").write_text(FIT, encoding="utf-8")
    return [
        subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "fit.py", *map(str, arguments)],
            cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": end,
                 "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": "0",
                 "MASTER_ADDR": HOSTS[0], "MASTER_PORT": "29511"},
        )
        for rank, (name, end) in enumerate(zip(hosts, ("wa", "wb"), strict=True))
    ]  # fmt: skip


def end(running):
    """Kill what still runs, with what it forked, and return all that was written to stderr."""
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return [process.communicate()[1] for process in running if not process.stderr.closed]


def wait_for(path, running):
    """Wait until a process has written a file, and return its path."""
    latest = time.monotonic() + 120
    while not path.exists():
        has_failed = any(process.poll() is not None for process in running) or (
            path.suffix != ".code" and list(path.parents[1].glob("*.code"))
        )
        if has_failed or time.monotonic() > latest:
            pytest.fail(f"{path} was not written: {end(running)}")
        time.sleep(0.05)
    return path


def fit_alone(folder, monkeypatch):
    """Make the same fit in this process, and return the bytes of its model."""
    folder.mkdir()
    with monkeypatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["fit.py", str(TIMEOUT)])
        # The program replaces these: so they are put back.
        for owner, name in ((checkpoints, "FIRST"), (checkpoints, "COST"), (Checkpoint, "_write")):
            patch.setattr(owner, name, getattr(owner, name))
        exec(FIT, {})
    return (folder / "0.safetensors").read_bytes()


def test__two_hosts__the_cable_is_pulled__error_in_time_and_it_goes_on(
    hosts, tmp_path, monkeypatch
):
    running = start(hosts, tmp_path, TIMEOUT, tmp_path / "kept")
    try:
        wait_for(tmp_path / "kept" / "images.safetensors", running)
        ip("-n", hosts[1], "link", "set", "wb", "down")
        pulled = time.monotonic()
        (tmp_path / "pulled").touch()
        # While the others wait in vain.
        alone = fit_alone(tmp_path / "alone", monkeypatch)
        codes = [wait_for(tmp_path / f"{rank}.code", running) for rank in (0, 1)]
        assert time.monotonic() - pulled < TIMEOUT + 60
        assert all(code.read_text() != "0" for code in codes)
        assert not (tmp_path / "0.safetensors").exists()

        ip("-n", hosts[1], "link", "set", "wb", "up")
        (tmp_path / "plugged").touch()
        errors = [process.communicate(timeout=120)[1] for process in running]
    finally:
        end(running)
    assert [process.returncode for process in running] == [0, 0], errors
    assert any("ProcessGroupError" in error for error in errors), errors
    models = [(tmp_path / f"{rank}.safetensors").read_bytes() for rank in (0, 1)]
    assert models == [alone] * 2
