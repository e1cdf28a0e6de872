"""condcap_sk caption."""

import json
import os

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk._command_line import caption as caption_file
from condcap_sk.vision import LoadImages

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def est(pixel_model):
    return ConditionalCaptioner.load(pixel_model)


@pytest.fixture
def files(folder):
    return sorted(str(path) for path in folder.iterdir())


@pytest.fixture
def X(files):
    return LoadImages(size=32).transform(files)


def rows_of(out):
    return [tuple(line.split("\t")) for line in out.splitlines()]


def test__folder__captions_are_those_of_predict(program, pixel_model, folder, files, est, X):
    code, out, err = program("caption", pixel_model, folder)
    assert (code, err) == (0, "")
    assert rows_of(out) == list(zip(files, est.predict(X), strict=True))


def test__n__captions_are_those_of_sample(program, pixel_model, files, est, X):
    code, out, _ = program("caption", pixel_model, *files[:3], "-n", "4")
    assert code == 0
    expected = [(file, caption) for file, captions in zip(files, est.sample(X[:3], 4), strict=False)
                for caption in captions]  # fmt: skip
    assert rows_of(out) == expected


@pytest.mark.parametrize("given", [["--latent", "-0.5,1"], ["--latent=-0.5,1"]])
def test__latent__captions_are_those_under_it(program, pixel_model, files, est, X, given):
    code, out, _ = program("caption", pixel_model, *files, *given)
    assert code == 0
    assert rows_of(out) == list(zip(files, est.predict(X, [-0.5, 1]), strict=True))


def test__latent__of_another_length__says_how_many(program, pixel_model, files):
    code, out, err = program("caption", pixel_model, files[0], "--latent", "1,2,3")
    assert (code, out) == (2, "")
    assert "--latent has 3 numbers" in err
    assert "pass 2." in err


def test__latent__that_is_no_number__is_a_sentence(program, pixel_model, files):
    code, out, err = program("caption", pixel_model, files[0], "--latent", "nan,1")
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith("condcap_sk caption: error: argument --latent: 'nan,1' is not numbers")
    assert "Traceback" not in err


def test__json__has_the_latents_to_the_last_bit(program, pixel_model, files, est, X):
    _, out, _ = program("caption", pixel_model, *files, "--json", "-n", "2")
    found = [json.loads(line) for line in out.splitlines()]
    captions = [caption for some in est.sample(X, 2) for caption in some]
    assert [row["caption"] for row in found] == captions
    places = [files.index(row["image"]) for row in found]
    latents = np.array([row["latent"] for row in found], dtype=np.float32)
    np.testing.assert_array_equal(latents, est.infer_latent(X[places], captions))
    _, out, _ = program("caption", pixel_model, files[0], "--json", "--latent", "0.5,1")
    assert json.loads(out)["latent"] == [0.5, 1]


def test__unreadable__are_named_and_the_others_captioned(program, pixel_model, folder, files):
    (folder / "05.png").write_text("a text")
    os.remove(files[7])
    code, out, err = program("caption", pixel_model, *files)
    assert code == 1
    assert [row[0] for row in rows_of(out)] == [f for f in files if f not in (files[5], files[7])]
    first, second = err.splitlines()
    assert first.startswith(
        f"condcap_sk caption: {files[5]!r} cannot be read. No image of a format"
    )
    assert second.startswith(f"condcap_sk caption: {files[7]!r} cannot be read. No such file")


def test__nothing_readable__is_2(program, pixel_model):
    code, out, err = program("caption", pixel_model, "no.jpg")
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith("condcap_sk caption: 'no.jpg' cannot be read. No such file")
    assert second.startswith("condcap_sk caption: error: None of the photographs can be read. ")


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test__odd_names__are_one_line_each(program, pixel_model, folder, files, monkeypatch):
    names = ["a b.png", "é 犬.png", "-n", "x\ny.png", "\x1b[2Jz.png",
             b"\xff.png".decode(errors="surrogateescape")]  # fmt: skip
    monkeypatch.chdir(folder)
    for name in names:
        os.link(files[0], name)
    code, out, err = program("caption", pixel_model, "--json", "--", *names)
    assert (code, err) == (0, "")
    assert [json.loads(line)["image"] for line in out.splitlines()] == names
    code, out, _ = program("caption", pixel_model, "--", *names[:5])
    assert code == 0
    assert [row[0] for row in rows_of(out)] == [*names[:3], '"x\\ny.png"', '"\\u001b[2Jz.png"']


def test__captions__come_before_later_photographs_are_read(pixel_model, files, est, monkeypatch):
    # What is slow, or not there yet, keeps nobody waiting for what is done.
    events = []
    monkeypatch.setattr(caption_file, "put", events.append)
    read = caption_file.photographs.Reader.batches

    def noting(self, files):
        for rows, X in read(self, files):
            events.append(len(rows))
            yield rows, X

    monkeypatch.setattr(caption_file.photographs.Reader, "batches", noting)
    from condcap_sk._command_line.main import main

    assert main(["caption", pixel_model, *files]) == 0
    first, second = [i for i, event in enumerate(events) if isinstance(event, int)]
    assert second - first - 1 == events[first] == 4


def test__model__that_is_none__is_2(program, files):
    code, out, err = program("caption", files[0], files[1])
    assert (code, out) == (2, "")
    assert "is not a safetensors file" in err
    assert len(err.splitlines()) == 1


def test__pixels__resize_is_asked_for(program, bare_models, files, X):
    code, _, err = program("caption", bare_models / "pixels", files[0])
    assert code == 2
    assert "Pass --resize" in err
    code, out, _ = program("caption", bare_models / "pixels", *files, "--resize")
    assert code == 0
    expected = ConditionalCaptioner.load(bare_models / "pixels").predict(X)
    assert rows_of(out) == list(zip(files, expected, strict=True))


def test__labels__are_written_as_they_are(program, tmp_path, files, scenes, quick):
    est = quick(n_latents=2).fit(scenes.images, [[i % 3, 10 + i % 2] for i in range(12)])
    est.save(tmp_path / "labels", preprocessor=LoadImages(size=32))
    expected = est.predict(scenes.images[:3]).tolist()
    _, out, _ = program("caption", tmp_path / "labels", *files[:3])
    assert [row[1] for row in rows_of(out)] == [str(label) for label in expected]
    _, out, _ = program("caption", tmp_path / "labels", *files[:3], "--json")
    assert [json.loads(line)["caption"] for line in out.splitlines()] == expected


def test__infinite_labels__are_text_in_json(program, tmp_path, files, scenes, quick):
    est = quick(n_latents=2).fit(scenes.images, [[np.inf, -np.inf]] * 12)
    est.save(tmp_path / "labels", preprocessor=LoadImages(size=32))
    expected = [str(label) for label in est.predict(scenes.images[:3]).tolist()]
    _, out, _ = program("caption", tmp_path / "labels", *files[:3], "--json")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    assert [row["caption"] for row in rows] == expected


def test__large_photograph__is_read_like_any(program, pixel_model, tmp_path):
    Image.new("RGB", (8700, 5800), "red").save(tmp_path / "large.jpg")  # 50 megapixels
    code, out, err = program("caption", pixel_model, tmp_path / "large.jpg")
    assert (code, err) == (0, "")
    assert len(rows_of(out)) == 1
