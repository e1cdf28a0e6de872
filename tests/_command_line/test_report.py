"""condcap_sk report."""

import json

import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.metrics import caption_report, control_report
from condcap_sk.vision import LoadImages


def test__captions__figures_are_those_of_caption_report(
    program, pixel_model, folder, scenes, tmp_path
):
    table = tmp_path / "captions.csv"
    code, out, _ = program("report", pixel_model, folder, table)
    assert code == 0
    est = ConditionalCaptioner.load(pixel_model)
    assert out == caption_report(est, scenes.images, scenes.captions) + "\n"
    code, out, _ = program("report", pixel_model, folder, table, "--json")
    assert code == 0
    assert json.loads(out) == caption_report(est, scenes.images, scenes.captions, output_dict=True)


def test__labels__figures_are_those_of_control_report(
    program, folder, scenes, tmp_path, quick, table
):
    labels = [["red", "blue"] if i % 2 else ["green"] for i in range(len(scenes.images))]
    est = quick(n_latents=2).fit(scenes.images, labels)
    est.save(tmp_path / "labels", preprocessor=LoadImages(size=32))
    path = table([(f"{i:02}.png", label) for i, some in enumerate(labels) for label in some])
    code, out, _ = program("report", tmp_path / "labels", folder, path, "--json")
    assert code == 0
    assert json.loads(out) == control_report(est, scenes.images, labels, output_dict=True)


@pytest.mark.parametrize("labels", [(3, 10), (0.5, 2.0), (False, True)])
def test__labels__that_are_no_text__are_found_in_the_table(
    program, folder, scenes, tmp_path, quick, table, labels
):
    y = [[labels[i % 2]] for i in range(len(scenes.images))]
    est = quick(n_latents=2).fit(scenes.images, y)
    est.save(tmp_path / "labels", preprocessor=LoadImages(size=32))
    path = table([(f"{i:02}.png", label) for i, (label,) in enumerate(y)])
    code, out, _ = program("report", tmp_path / "labels", folder, path, "--json")
    assert code == 0
    assert json.loads(out) == control_report(est, scenes.images, y, output_dict=True)
    code, out, _ = program("card", tmp_path / "labels", folder, path)
    assert code == 0
    assert "On 12 images with 12 right answers" in out


def test__unreadable__is_left_out(program, pixel_model, folder, scenes, tmp_path):
    (folder / "11.png").write_text("a text")
    code, out, err = program("report", pixel_model, folder, tmp_path / "captions.csv")
    assert code == 1
    assert "11.png' cannot be read" in err
    est = ConditionalCaptioner.load(pixel_model)
    assert out == caption_report(est, scenes.images[:-1], scenes.captions[:-1]) + "\n"


@pytest.mark.parametrize("name", ["vectors", "grey"])
def test__model_that_does_not_know_photographs__is_2(program, bare_models, folder, tmp_path, name):
    code, out, err = program("report", bare_models / name, folder, tmp_path / "captions.csv")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
