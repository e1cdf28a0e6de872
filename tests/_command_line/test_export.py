"""condcap_sk export."""

import os

import pytest

from condcap_sk import ConditionalCaptioner


@pytest.fixture
def exported(monkeypatch):
    """Stand in for what takes long, and is tested by itself."""

    def export(self, folder):
        os.makedirs(folder)
        (folder / "manifest.json").write_text(f"{self.n_latents} latents")

    monkeypatch.setattr(ConditionalCaptioner, "export", export, raising=False)


@pytest.mark.usefixtures("exported")
def test__export__is_the_estimator_s(program, pixel_model, tmp_path):
    folder = tmp_path / "new"
    assert program("export", pixel_model, folder) == (0, "", "")
    assert (folder / "manifest.json").read_text() == "2 latents"
    code, _, err = program("export", pixel_model, folder)
    assert code == 2
    assert "not empty" in err
    (folder / "manifest.json").write_text("old")
    assert program("export", pixel_model, folder, "--force") == (0, "", "")
    assert (folder / "manifest.json").read_text() == "2 latents"


def test__export_that_fails__leaves_nothing(program, pixel_model, tmp_path, monkeypatch):
    def fail(self, folder):
        os.makedirs(folder)
        raise ImportError("Install it with: pip install 'condcap_sk[export]'")

    monkeypatch.setattr(ConditionalCaptioner, "export", fail, raising=False)
    code, out, err = program("export", pixel_model, tmp_path / "new")
    assert (code, out) == (2, "")
    assert err == "condcap_sk export: error: Install it with: pip install 'condcap_sk[export]'\n"
    assert not list(tmp_path.iterdir())
