"""Images that lie elsewhere: read when they are needed, to the same bits."""

import functools
import os
import tracemalloc

import numpy as np
import pytest
import torch
from scipy import sparse

from condcap_sk import ConditionalCaptioner
from condcap_sk._pixels import blocks_of, count_below_zero, pixel_range
from condcap_sk._stored import ArrayRows, StoredImages, rows_of, source_of, take
from condcap_sk._torch.stored import tensor_of
from condcap_sk._validation import check_images
from condcap_sk.exceptions import UnreadableImageError
from condcap_sk.gan import LatentGAN
from condcap_sk.inspection import describe_latents
from condcap_sk.metrics import control_report
from condcap_sk.training.net import Rows
from condcap_sk.vision import LoadImages, PretrainedFeatures

RNG = np.random.RandomState(0)


class Items:
    """What a torch Dataset is: pairs of an image and a label."""

    def __init__(self, X):
        self.X = X

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        return self.X[row], 0


class Lists(Items):
    """A Dataset whose pairs are lists."""

    def __getitem__(self, row):
        return [self.X[row], 0]


class Sliced:
    """What all arrays in files have in common."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype
        self.largest = 0

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.largest = max(self.largest, rows.stop - rows.start)
        return self.X[rows]


def mapped(X, folder, mode="r"):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode=mode)


def in_hdf5(X, folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "X.h5", "w") as file:
        file["X"] = X
    return h5py.File(folder / "X.h5")["X"]


FORMS = {
    "mapped": mapped,
    "items": lambda X, folder: Items(X),
    "lists": lambda X, folder: Lists(X),
    "sliced": lambda X, folder: Sliced(X),
    "hdf5": in_hdf5,
}
ARRAYS = {
    "bytes": RNG.randint(255, size=(30, 9, 8, 3), dtype=np.uint8),
    "grey": RNG.random((30, 9, 8)),
    "centred": RNG.random((30, 3, 9, 8)).astype("f4") * 2 - 1,
    "features": RNG.standard_normal((30, 5)),
    "half": RNG.standard_normal((30, 5)).astype("f2"),
    "big-endian": RNG.randint(1000, size=(30, 9, 8)).astype(">i4"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ARRAYS)
def test__check_images__stored__are_those_in_memory(form, kind, tmp_path):
    X = ARRAYS[kind]
    images, stored = check_images(X), check_images(FORMS[form](X, tmp_path))
    assert isinstance(stored, StoredImages)
    assert (stored.shape, stored.dtype, stored.ndim, stored.nbytes) == (
        images.shape, images.dtype, images.ndim, images.nbytes,
    )  # fmt: skip
    rows = np.array([7, 3, 3, 29, 4])
    for some in (rows, slice(2, 9), slice(None, None, 7), slice(0, 0)):
        found = stored[some]
        np.testing.assert_array_equal(found, images[some])
        assert found.flags.c_contiguous
        assert found.flags.writeable
    np.testing.assert_array_equal(np.asarray(take(stored, rows)), images[rows])
    np.testing.assert_array_equal(np.concatenate(list(blocks_of(stored))), images)
    assert pixel_range(stored) == pixel_range(images)
    assert pixel_range(take(stored, rows)) == pixel_range(images[rows])
    assert (count_below_zero(stored, 1) == count_below_zero(images, 1)).all()


@pytest.mark.parametrize("name", ["zarr", "dask.array"])
def test__source_of__arrays_in_files__are_read_by_rows(name):
    library = pytest.importorskip(name)
    X = ARRAYS["bytes"]
    made = library.array(X) if name == "zarr" else library.from_array(X)
    assert isinstance(source_of(made), ArrayRows)
    np.testing.assert_array_equal(check_images(made)[np.array([4, 1])], check_images(X)[[4, 1]])


@pytest.mark.parametrize("X", [[[1.0]], "abc", {"a": 1}, np.ones((2, 2)), None, {1}, range(3)])
def test__source_of__what_is_in_memory__is_none(X):
    assert source_of(X) is None


def test__source_of__tensors_frames_and_sparse_matrices__are_in_memory():
    pandas = pytest.importorskip("pandas")
    every = torch.ones(2, 2), pandas.DataFrame([[1.0]]), pandas.Series([1.0]), sparse.eye(3).tocsr()
    assert [source_of(X) for X in every] == [None] * 4


def test__check_images__loader_of_batches__error_asks_for_its_dataset():
    loader = torch.utils.data.DataLoader(Items(ARRAYS["features"]), batch_size=4)
    with pytest.raises(ValueError, match=r"X is a DataLoader.*X=loader\.dataset"):
        check_images(loader)


def test__mapped__copy_on_write__changes_count(tmp_path):
    X = mapped(ARRAYS["features"], tmp_path, mode="c")
    X[3] = 7
    stored = check_images(X)
    assert (stored[np.array([3])] == 7).all()
    assert (stored[np.array([3])] == 7).all()


def test__mapped__view_of_a_file__is_that_part(tmp_path):
    X = mapped(ARRAYS["bytes"], tmp_path)[5:25:2]
    np.testing.assert_array_equal(
        np.asarray(check_images(X)), check_images(ARRAYS["bytes"][5:25:2])
    )


def test__sliced__consecutive_rows__are_read_at_once():
    X = Sliced(ARRAYS["features"])
    check_images(X)
    assert X.largest == len(ARRAYS["features"])


@pytest.mark.parametrize("form", FORMS)
def test__nan__row_is_named(form, tmp_path):
    X = ARRAYS["features"].copy()
    X[17, 2] = np.nan
    with pytest.raises(ValueError, match=r"X\[17\]: .*NaN"):
        check_images(FORMS[form](X, tmp_path))


def test__file_cut_off__is_named(tmp_path):
    stored = check_images(mapped(ARRAYS["features"], tmp_path))
    os.truncate(tmp_path / "X.npy", 500)
    with pytest.raises(OSError, match="X.npy has 500 bytes and had .* cut off"):
        stored[np.array([29])]


def test__file_removed__is_read_on(tmp_path):
    stored = check_images(mapped(ARRAYS["features"], tmp_path))
    (tmp_path / "X.npy").unlink()
    np.testing.assert_array_equal(np.asarray(stored), ARRAYS["features"].astype("f4"))


def test__items__of_other_shapes__row_is_named():
    items = [np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 5))]
    with pytest.raises(ValueError, match=r"X\[2\] is float64 of shape \(4, 5\), but X\[0\]"):
        check_images(Items(items))


def test__items__none__raises():
    with pytest.raises(ValueError, match="0 sample"):
        check_images(Items(np.zeros((0, 4, 4))))


def test__sliced__shrunk__raises():
    X = Sliced(ARRAYS["features"])
    stored = check_images(X)
    X.X = X.X[:10]
    with pytest.raises(ValueError, match=r"X\[20:21\] is float64 of shape \(0, 5\)"):
        stored[np.array([20])]


def fitted(X, y, **params):
    est = ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=5,
        codec__hidden_size=8,
        image_encoder__max_iter=5,
        image_encoder__n_filters=2,
        gan__max_iter=5,
        gan__hidden_size=8,
        gan__decoder_size=8,
    )
    return est.fit(X, y)


def file_of(est, folder):
    est.save(folder / "model.safetensors")
    return (folder / "model.safetensors").read_bytes()


LABELS = [{i % 3, i % 5} for i in range(30)]
CAPTIONS = [[f"a {i % 3} and {i % 5}", f"the {i % 5}"] for i in range(30)]


KINDS = {
    "bytes": (ARRAYS["bytes"], LABELS, {}),
    "grey": (ARRAYS["grey"], LABELS, {"images": "end-to-end"}),
    "centred": (ARRAYS["centred"], CAPTIONS, {}),
    "features": (ARRAYS["features"], LABELS, {"images": "ignored"}),
    "half": (np.tile(ARRAYS["half"], (1, 5)), CAPTIONS, {"n_regions": 4}),
}


@functools.cache
def fitted_in_memory(kind):
    X, y, params = KINDS[kind]
    return fitted(X, y, **params)


@pytest.mark.filterwarnings("ignore:The latent decides")
# A fit reads every form as the same StoredImages, compared above for each form of each kind: here
# each form is of one kind, and each kind in one form.
@pytest.mark.parametrize(
    ("form", "kind"),
    [("mapped", "bytes"), ("items", "grey"), ("lists", "features"), ("sliced", "centred"),
     ("hdf5", "half"), ("hdf5", "bytes"), ("items", "half")],
)  # fmt: skip
def test__fit__stored__ends_in_the_same_model(form, kind, tmp_path):
    X, y, params = KINDS[kind]
    stored = FORMS[form](X, tmp_path)
    est, other = fitted_in_memory(kind), fitted(stored, y, **params)
    assert file_of(est, tmp_path) == file_of(other, tmp_path)
    answers = est.predict(X)
    latents = est.sample_latents(2, random_state=0)
    np.testing.assert_array_equal(est.predict(stored), answers)
    np.testing.assert_array_equal(est.predict_grid(stored, latents), est.predict_grid(X, latents))
    np.testing.assert_array_equal(est.infer_latent(stored, answers), est.infer_latent(X, answers))
    np.testing.assert_array_equal(
        est.recover_latent(stored, latents[0]), est.recover_latent(X, latents[0])
    )
    assert est.score(stored, y) == est.score(X, y)


@pytest.mark.filterwarnings("ignore:The latent decides")
def test__checkpoints__of_stored_images__are_those_of_images_in_memory(tmp_path):
    X = ARRAYS["bytes"]
    est = fitted(X, LABELS)
    est.fit(X, LABELS, checkpoints=tmp_path / "kept")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    est.fit(mapped(X, tmp_path), LABELS, checkpoints=tmp_path / "kept")
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}


@pytest.mark.filterwarnings("ignore:The latent decides")
def test__fit__file__is_not_held_in_memory(tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, (8000, 60, 60))
    X[:] = np.arange(8000)[:, None, None] % 251
    tracemalloc.start()
    fitted(X, [{i % 3} for i in range(8000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test__load_images__lazy__reads_the_same(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    files = []
    for i in range(6):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(RNG.randint(255, size=(12, 10, 3), dtype=np.uint8)).save(files[-1])
    images, lazy = LoadImages(8).transform(files), LoadImages(8, lazy=True).transform(files)
    assert lazy.shape == images.shape
    np.testing.assert_array_equal(lazy[np.array([4, 2])], images[[4, 2]])
    network = torch.nn.AvgPool2d(4)
    features = PretrainedFeatures(network, preprocess=lambda x: x / 255)
    np.testing.assert_array_equal(features.transform(lazy), features.transform(images))
    files[3].unlink()
    with pytest.raises(UnreadableImageError, match=r"1 of 6 files.*3.png.*row 3"):
        lazy[:]


def test__latent_gan__stored_vectors__are_fitted(tmp_path):
    X = np.repeat(np.eye(2, dtype="f4"), 20, axis=0)
    y = [np.eye(4)[:2]] * 20 + [np.eye(4)[2:]] * 20
    gan, other = (
        LatentGAN(max_iter=3, random_state=0).fit(images, y, validation=(images, y))
        for images in (X, mapped(X, tmp_path))
    )
    assert gan.history_ == other.history_


def test__source__rows__by_whatever_takes_rows_of_an_array():
    X = ARRAYS["bytes"]
    source = source_of(Sliced(X))
    for rows in (3, -1, [4, 2], np.arange(30) % 3 == 0, slice(4, None, 5), (np.array([2]), ...)):
        np.testing.assert_array_equal(source[rows], X[rows])
    np.testing.assert_array_equal(np.asarray(source), X)
    with pytest.raises(IndexError):
        source[30]


def test__sliced__of_another_dtype__raises():
    X = Sliced(ARRAYS["features"])
    X.dtype = np.dtype("u1")
    with pytest.raises(ValueError, match=r"X is uint8 .*, but X\[0:2\] is float64"):
        check_images(X)


@pytest.mark.filterwarnings("ignore:The latent decides")
# An array in a file and a Dataset: all other forms are read as one of them.
@pytest.mark.parametrize("form", ["mapped", "items"])
def test__metrics_and_inspection__stored__are_those_in_memory(form, tmp_path):
    X = ARRAYS["bytes"]
    est = fitted_in_memory("bytes")
    stored = FORMS[form](X, tmp_path)
    assert str(control_report(est, stored, LABELS)) == str(control_report(est, X, LABELS))
    assert str(describe_latents(est, stored)) == str(describe_latents(est, X))
    np.testing.assert_array_equal(
        np.asarray(rows_of(stored, np.array([3, 1]))), np.asarray(rows_of(X, np.array([3, 1])))
    )


def test__rows__stored__stay_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1e12, 1e12))
    rows = Rows(images=tensor_of(check_images(mapped(ARRAYS["bytes"], tmp_path))))
    assert rows.near(torch.device("cuda")) is rows
