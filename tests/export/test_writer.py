"""A folder is written whole or not at all, and other folders are left alone."""

import json
import shutil

import numpy as np
import pytest

from condcap_sk.exceptions import ExportError
from condcap_sk.export import ExportedCaptioner, writer

from .conftest import FEATURES, small

LABEL_SETS = [["b", "a"], ["c"]] * 15


@pytest.fixture(scope="module")
def est():
    return small(images="ignored").fit(FEATURES, LABEL_SETS)


@pytest.fixture(scope="module")
def made():
    """Return the files of `est` that are there already, by the names of its networks."""
    return {}


@pytest.fixture
def quickly(monkeypatch, made):
    """Let networks be written without the exporter, which takes seconds."""
    write = writer.onnx_files

    def onnx_files(*args):
        if not made:
            made.update(write(*args))
        return made.items()

    monkeypatch.setattr(writer, "onnx_files", onnx_files)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test__export__again__needs_overwrite_and_replaces_all(est, tmp_path, quickly):
    folder = tmp_path / "model"
    folder.mkdir()  # an empty one is taken
    est.export(folder)
    assert names(tmp_path) == ["model"]
    first = names(folder)
    with pytest.raises(FileExistsError, match="is there already. Pass overwrite=True"):
        est.export(folder)
    est.export(str(folder), overwrite=True)
    assert names(folder) == first
    assert names(tmp_path) == ["model"]
    exported = ExportedCaptioner(folder)
    found, answers = exported.predict(FEATURES), est.predict(FEATURES)
    np.testing.assert_array_equal(found, answers)
    assert found.dtype == answers.dtype
    assert exported.classes_.tolist() == ["a", "b", "c"]
    # What is somebody else's is not overwritten.
    for name in ("thesis.tex", "mine.onnx"):
        (folder / name).touch()
        with pytest.raises(FileExistsError, match="holds other things than an export"):
            est.export(folder, overwrite=True)
        (folder / name).unlink()
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "photo.jpg").touch()
    with pytest.raises(FileExistsError, match="holds other things"):
        est.export(folder, overwrite=True)


def test__export__folder_that_others_make_meanwhile__stays(est, tmp_path, quickly, monkeypatch):
    write = writer._write

    def write_slowly(draft, *args):
        write(draft, *args)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "thesis.tex").touch()

    monkeypatch.setattr(writer, "_write", write_slowly)
    with pytest.raises(FileExistsError, match="is there already"):
        est.export(tmp_path / "model")
    assert names(tmp_path / "model") == ["thesis.tex"]
    assert names(tmp_path) == ["model"]


def test__export__file_or_no_folder_around__is_named(est, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is no folder. Pass the name of one"):
        est.export(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="Make it first, with os.makedirs"):
        est.export(tmp_path / "a" / "b")
    with pytest.raises(ValueError, match="folder='' is no folder"):
        est.export("")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("earlier", [False, True])
def test__export__full_disk__leaves_what_was_there(est, tmp_path, monkeypatch, earlier):
    folder = tmp_path / "model"
    if earlier:
        folder.mkdir()
        (folder / "manifest.json").write_text('{"networks": {}}')

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_write", full)
    with pytest.raises(OSError, match="No space left on device. Nothing was exported; make room"):
        est.export(folder, overwrite=True)
    assert names(tmp_path) == ["model"] * earlier
    assert not earlier or (folder / "manifest.json").read_text() == '{"networks": {}}'


def test__export__network_that_differs__leaves_nothing(est, tmp_path, monkeypatch):
    def differ(*_):
        raise ExportError("It differs.")

    monkeypatch.setattr(writer, "onnx_files", differ)
    with pytest.raises(ExportError):
        est.export(tmp_path / "model")
    assert not names(tmp_path)


def test__export__place_taken_meanwhile__puts_the_earlier_one_back(tmp_path, monkeypatch):
    draft, folder = tmp_path / "draft", tmp_path / "model"
    draft.mkdir()
    folder.mkdir()
    (folder / "manifest.json").write_text('{"networks": {}}')
    rename = type(draft).rename

    def fail(self, target):
        if self == draft:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(type(draft), "rename", fail)
    with pytest.raises(OSError, match="no"):
        writer._take_place(draft, folder)
    assert (folder / "manifest.json").read_text() == '{"networks": {}}'
    assert names(tmp_path) == ["draft", "model"]


def test__manifest__says_what_the_estimator_is(pair_of):
    pair = pair_of("regions")
    fields = json.loads((pair.folder / "manifest.json").read_text())
    est = pair.estimator
    assert fields["answering"]["relevance_weight"] == est.relevance_weight
    assert fields["answering"]["beam_width"] == est.beam_width
    assert fields["images"]["shape"] == list(est.image_shape_)
    assert fields["sizes"]["n_regions"] == 4
    assert pair_of("ends").exported.manifest_.images == "end-to-end"
