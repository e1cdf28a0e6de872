"""condcap_sk export; the export itself is tested with the estimator."""

import inspect

import pytest

from condcap_sk import ConditionalCaptioner


@pytest.fixture
def calls(monkeypatch):
    """Stand in for what takes long; note with what it is called."""
    calls = []

    def export(self, folder, *, overwrite=False):
        calls.append((self.n_latents, folder, overwrite))

    monkeypatch.setattr(ConditionalCaptioner, "export", export, raising=False)
    return calls


def test__export__is_the_estimator_s(program, pixel_model, tmp_path, calls):
    folder = str(tmp_path / "new")
    assert program("export", pixel_model, folder) == (0, "", "")
    assert program("export", pixel_model, folder, "--force") == (0, "", "")
    assert calls == [(2, folder, False), (2, folder, True)]


def test__folder_that_holds_something__is_refused_before_the_work(
    program, pixel_model, tmp_path, calls
):
    (tmp_path / "mine").touch()
    code, out, err = program("export", pixel_model, tmp_path)
    assert (code, out) == (2, "")
    assert "not empty" in err
    assert not calls
    assert program("export", pixel_model, tmp_path, "--force")[0] == 0


def test__export_that_fails__is_a_sentence(program, pixel_model, tmp_path, monkeypatch):
    def fail(self, folder, *, overwrite=False):
        raise ImportError("Install it with: pip install 'condcap_sk[export]'")

    monkeypatch.setattr(ConditionalCaptioner, "export", fail, raising=False)
    code, out, err = program("export", pixel_model, tmp_path / "new")
    assert (code, out) == (2, "")
    assert err == "condcap_sk export: error: Install it with: pip install 'condcap_sk[export]'\n"


def test__estimator__takes_what_it_is_called_with():
    export = getattr(ConditionalCaptioner, "export", None)
    if export is None:
        pytest.skip("there is no export")
    inspect.signature(export).bind(None, "folder", overwrite=True)
