"""condcap_sk explore; export and page are tested by themselves."""

import inspect
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner, explorer
from condcap_sk._command_line import models
from condcap_sk.explorer.examples import MOST


@pytest.fixture
def calls(monkeypatch):
    """Stand in for export and page; note what is shown and served."""
    calls = SimpleNamespace(exported=[], served=[], shown=[])

    def export(self, folder):
        calls.exported.append(folder)
        os.makedirs(folder)
        (folder / "manifest.json").write_text(f"{self.n_latents} latents")

    def serve(folder, *, port=0, open_browser=True, ready=None):
        calls.served.append((folder, (folder / "manifest.json").read_text(), port, open_browser))
        ready("http://127.0.0.1:8000/")
        if port == 1:
            raise OSError("port=1 cannot be had: it is in use. Pass another one.")

    def write_examples(folder, X, *, pictures=None):
        assert (folder / "manifest.json").exists()
        calls.shown.append((X, pictures))

    def check_address(port):
        if port == 2:
            raise OSError("port=2 cannot be had: it is in use. Pass another one.")

    monkeypatch.setattr(ConditionalCaptioner, "export", export)
    monkeypatch.setattr(explorer, "serve", serve)
    monkeypatch.setattr(explorer, "write_examples", write_examples)
    monkeypatch.setattr(explorer.server, "check_address", check_address)
    return calls


def test__explore__serves_the_exported_model_and_leaves_nothing(program, pixel_model, calls):
    code, out, err = program("explore", pixel_model)
    assert (code, out) == (0, "")
    assert err == "condcap_sk explore: http://127.0.0.1:8000/ (Ctrl-C stops it)\n"
    ((folder, manifest, port, open_browser),) = calls.served
    assert (manifest, port, open_browser) == ("2 latents", 0, True)
    assert folder.name == "pixels"
    assert not folder.parent.exists()
    assert not calls.shown


def test__options__are_those_of_the_server(program, pixel_model, calls):
    assert program("explore", pixel_model, "--port", "8000", "--no-browser")[0] == 0
    assert calls.served[0][2:] == (8000, False)


def test__photographs__are_shown_as_they_are_and_as_the_model_takes_them(
    program, pixel_model, calls, folder, scenes
):
    (folder / "03.png").write_text("a text")
    code, _, err = program("explore", pixel_model, folder)
    assert code == 1
    assert "03.png' cannot be read" in err
    ((X, pictures),) = calls.shown
    np.testing.assert_array_equal(X, np.delete(scenes.images, 3, axis=0))
    assert (pictures.shape, pictures.dtype) == ((11, 224, 224, 3), np.uint8)
    assert calls.served


def test__port_in_use__is_a_sentence(program, pixel_model, calls):
    code, _, err = program("explore", pixel_model, "--port", "1")
    assert code == 2
    assert err.endswith("condcap_sk explore: error: port=1 cannot be had: it is in use. Pass "
                        "another one.\n")  # fmt: skip
    assert not calls.served[0][0].parent.exists()


def test__folder_without_photographs__is_2_before_the_work(program, pixel_model, calls, tmp_path):
    code, _, err = program("explore", pixel_model, tmp_path)
    assert code == 2
    assert "holds no photographs" in err
    assert not calls.served


def test__what_is_known_at_once__is_refused_before_the_work(
    program, pixel_model, calls, folder, monkeypatch
):
    def never(*args):
        raise AssertionError("the model was loaded")

    in_use = explorer.server.check_address
    monkeypatch.setattr(models, "load", never)
    code, _, err = program("explore", pixel_model, *[folder / "00.png"] * (MOST + 1))
    assert code == 2
    assert err == (
        "condcap_sk explore: error: The page shows 400 photographs at most, and these are 401. "
        "Pass fewer.\n"
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = program("explore", pixel_model, folder)
    assert code == 2
    assert "pip install 'condcap_sk[export]'" in err
    monkeypatch.undo()
    monkeypatch.setattr(models, "load", never)
    monkeypatch.setattr(explorer.server, "check_address", in_use)
    code, _, err = program("explore", pixel_model, folder, "--port", "2")
    assert code == 2
    assert err.startswith("condcap_sk explore: error: port=2 cannot be had")


def test__model__that_has_nothing_to_show__is_refused_before_the_work(
    program, bare_models, calls, folder
):
    for arguments, words in (
        ([], "Pass photographs, or a folder of them."),
        ([folder], "does not know how they were made of photographs"),
    ):
        code, _, err = program("explore", bare_models / "vectors", *arguments)
        assert code == 2
        assert words in err
        assert err.count("\n") == 1
    assert not calls.exported


def test__photographs__none_of_which_can_be_read__are_no_export(program, pixel_model, calls):
    code, _, err = program("explore", pixel_model, "no.jpg")
    assert code == 2
    assert "None of the photographs can be read" in err
    assert not calls.exported


def test__room_for_temporary_files__is_asked_for(program, pixel_model, calls, monkeypatch):
    def full(self, folder):
        raise OSError("Pass a folder.") from OSError(28, "No space left on device")

    monkeypatch.setattr(ConditionalCaptioner, "export", full)
    code, _, err = program("explore", pixel_model)
    assert code == 2
    assert "cannot take the export: [Errno 28] No space left on device. Make room there" in err
    assert "TMPDIR" in err


def test__page__takes_what_it_is_called_with():
    inspect.signature(explorer.serve).bind("m", port=0, open_browser=False, ready=print)
    inspect.signature(explorer.write_examples).bind("m", [], pictures=[])
