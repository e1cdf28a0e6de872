"""condcap_sk explore."""

import os
import sys
from types import SimpleNamespace

import pytest

from condcap_sk import ConditionalCaptioner


@pytest.fixture
def served(monkeypatch):
    """Stand in for export and server, which are tested by themselves; note what is served."""
    calls = []

    def export(self, folder):
        os.makedirs(folder)
        (folder / "manifest.json").write_text(f"{self.n_latents} latents")

    def serve(folder, *, port=0, open_browser=True, ready=None):
        calls.append((folder, (folder / "manifest.json").read_text(), port, open_browser))
        ready("http://127.0.0.1:8000/")
        if port == 1:
            raise KeyboardInterrupt
        if port == 2:
            raise OSError(98, "Address already in use")

    monkeypatch.setattr(ConditionalCaptioner, "export", export, raising=False)
    monkeypatch.setitem(sys.modules, "condcap_sk.explorer", SimpleNamespace(serve=serve))
    return calls


def test__explore__serves_the_exported_model_and_leaves_nothing(program, pixel_model, served):
    code, out, err = program("explore", pixel_model)
    assert (code, out) == (0, "")
    assert err == "condcap_sk explore: http://127.0.0.1:8000/ (Ctrl-C stops it)\n"
    ((folder, manifest, port, open_browser),) = served
    assert (manifest, port, open_browser) == ("2 latents", 0, True)
    assert not folder.parent.exists()


def test__options__are_those_of_the_server(program, pixel_model, served):
    assert program("explore", pixel_model, "--port", "8000", "--no-browser")[0] == 0
    assert served[0][2:] == (8000, False)


def test__ctrl_c__is_how_it_ends(program, pixel_model, served):
    code, _, err = program("explore", pixel_model, "--port", "1")
    assert code == 130
    assert err.endswith("condcap_sk explore: stopped. The page is not served any more.\n")
    assert not served[0][0].parent.exists()


def test__port_in_use__is_a_sentence(program, pixel_model, served):
    code, _, err = program("explore", pixel_model, "--port", "2")
    assert code == 2
    assert "Address already in use" in err
    assert not served[0][0].parent.exists()
