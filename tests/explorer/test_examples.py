"""write_examples: what the page reads back."""

import json

import numpy as np
import pytest

from condcap_sk.explorer import write_examples


@pytest.fixture
def exported(tmp_path):
    """Return what makes a folder with the manifest of a model of images of a shape."""

    def make(*shape):
        manifest = {"images": {"shape": shape}, "latents": {"bank": [[0, 1]]}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        return tmp_path

    return make


def read(folder):
    index = json.loads((folder / "examples.json").read_text())
    array = np.fromfile(folder / index["file"], index["dtype"])
    return index, array.reshape(index["n"], *index["shape"])


def test__write_examples__images__are_read_back_channels_first(exported):
    X = np.random.default_rng(0).normal(size=(5, 4, 6, 3))
    folder = exported(3, 4, 6)
    write_examples(folder, X)
    index, array = read(folder)
    np.testing.assert_array_equal(array, X.transpose(0, 3, 1, 2).astype(np.float32))
    assert index["latents"] == {}
    assert "pictures" not in index


@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 24)])
def test__write_examples__bytes__stay_bytes(exported, shape):
    X = np.arange(48, dtype=np.uint8).reshape(shape)
    write_examples(folder := exported(1, 4, 6), X)
    assert read(folder)[1].dtype == np.uint8
    assert read(folder)[1].ravel().tolist() == X.ravel().tolist()


def test__write_examples__features__with_pictures_and_named_latents(exported):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), dtype=np.uint8)
    folder = exported(7)
    write_examples(folder, np.ones((3, 7)), pictures=pictures, latents={"long": [0.5, -1]})
    index, array = read(folder)
    assert array.shape == (3, 7)
    assert index["latents"] == {"long": [0.5, -1.0]}
    assert index["pictures"]["shape"] == [8, 9, 3]
    found = np.fromfile(folder / index["pictures"]["file"], np.uint8)
    np.testing.assert_array_equal(found.reshape(pictures.shape), pictures)


@pytest.mark.parametrize(
    ("X", "options", "words"),
    [
        (np.ones((2, 5, 6)), {}, "was fitted to (1, 4, 6)"),
        (np.ones((401, 4, 6)), {}, "Pass 400 at most"),
        (np.full((2, 4, 6), np.nan), {}, "NaN"),
        (np.ones((2, 4, 6)), {"pictures": np.ones((2, 4, 6))}, "Pass uint8"),
        (np.ones((2, 4, 6)), {"pictures": np.ones((1, 4, 6), np.uint8)}, "one for each row"),
        (np.ones((2, 4, 6)), {"latents": {"long": [1]}}, "latents['long'] has 1 columns"),
    ],
)
def test__write_examples__what_does_not_fit__is_refused(exported, X, options, words):
    folder = exported(1, 4, 6)
    with pytest.raises(ValueError) as caught:
        write_examples(folder, X, **options)
    assert words in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test__write_examples__no_export__says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"est\.export"):
        write_examples(tmp_path, np.ones((1, 4, 6)))


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"images": {"shape": 3}, "latents": {"bank": []}}']
)
def test__write_examples__a_damaged_manifest__says_so(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        write_examples(tmp_path, np.ones((1, 4, 6)))


def test__write_examples__a_link__is_replaced_and_what_it_names_stays(exported, tmp_path):
    folder = exported(1, 4, 6)
    (tmp_path / "private.txt").write_text("private")
    for name in ("examples.bin", "examples.json"):
        (folder / name).symlink_to(tmp_path / "private.txt")
    write_examples(folder, np.ones((2, 4, 6)))
    assert (tmp_path / "private.txt").read_text() == "private"
    assert read(folder)[1].shape == (2, 1, 4, 6)
