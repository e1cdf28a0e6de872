"""condcap_sk card."""

import os
from pathlib import Path

import pytest

from condcap_sk import ConditionalCaptioner


def test__without_photographs__is_the_estimator_s(program, pixel_model, bare_models):
    for path in (pixel_model, bare_models / "vectors"):
        code, out, err = program("card", path)
        assert (code, err) == (0, "")
        assert out == ConditionalCaptioner.load(path).model_card().replace(
            'load("model.safetensors")', f'load("{Path(path).name}")'
        )
        assert Path(path).name in out


def test__without_photographs__of_labels__has_figures_of_the_fit(program, quick, tiny, tmp_path):
    est = quick(validation_fraction=0.2).fit(*tiny)
    est.save(tmp_path / "labels")
    code, out, err = program("card", tmp_path / "labels")
    assert (code, err) == (0, "")
    assert "latents_valid_accuracy" in out


def test__with_photographs__has_their_figures(program, pixel_model, folder, scenes, tmp_path):
    path = tmp_path / "card.md"
    arguments = ["card", pixel_model, folder, tmp_path / "captions.csv", "-o", path]
    code, out, _ = program(*arguments)
    assert (code, out) == (0, "")
    est = ConditionalCaptioner.load(pixel_model)
    expected = est.model_card(scenes.images, scenes.captions)
    expected = expected.replace('"model.safetensors"', '"pixels.safetensors"')
    assert path.read_text(encoding="utf-8") == expected
    code, _, err = program(*arguments)
    assert code == 2
    assert "--force" in err
    (folder / "00.png").write_text("a text")
    code, _, _ = program(*arguments, "--force")
    assert code == 1
    assert "On 11 images with 22" in path.read_text(encoding="utf-8")


def test__folder_without_a_table__is_2(program, pixel_model, folder):
    code, out, err = program("card", pixel_model, folder)
    assert (code, out) == (2, "")
    assert "without a table" in err


def test__write_that_fails__leaves_what_was_there(program, pixel_model, tmp_path, monkeypatch):
    (tmp_path / "card.md").write_text("mine")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = program("card", pixel_model, "-o", tmp_path / "card.md", "--force")
    assert code == 2
    assert "Make room there" in err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["no", "."])
def test__model_that_is_none__is_2(program, tmp_path, name):
    code, out, err = program("card", tmp_path / name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
