"""load_flickr8k: its layouts, photographs and features."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from condcap_sk.datasets import load_flickr8k

NAMES = [f"{i}_ab.jpg" for i in range(4)]
CAPTIONS = [[f"A dog , number {i} .", "Two men"] for i in range(4)]


def release(root):
    lines = [
        f"{name}#{j}\t{caption}"
        for name, captions in zip(NAMES, CAPTIONS, strict=True)
        for j, caption in enumerate(captions)
    ]
    (root / "text").mkdir()
    (root / "text/Flickr8k.token.txt").write_text("\n".join(lines))
    parts = {"trainImages": NAMES[:2], "devImages": NAMES[2:3], "testImages": [NAMES[3], "x.jpg"]}
    for part, names in parts.items():
        (root / f"text/Flickr_8k.{part}.txt").write_text("\n".join(names) + "\n")
    photos(root / "Flicker8k_Dataset")


def table(root):
    lines = [
        f'{name},"{caption}"'
        for name, captions in zip(NAMES, CAPTIONS, strict=True)
        for caption in captions
    ]
    (root / "captions.txt").write_text("\n".join(["image,caption", *lines]))
    photos(root / "Images")


def development(root):
    images = [
        {"file": name, "split": "val" if i == 3 else "train", "captions": captions}
        for i, (name, captions) in enumerate(zip(NAMES, CAPTIONS, strict=True))
    ]
    (root / "captions.json").write_text(json.dumps({"images": images}))
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(f"images/{name}", name)
    features = np.arange(8, dtype=np.float16).reshape(4, 2)
    np.savez(root / "pooled.npz", files=np.array(NAMES)[::-1], features=features[::-1])


def photos(folder):
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name)


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        (release, {"train": [0, 1], "val": [2], "test": [3]}),
        (table, {"train": [0, 1, 2, 3]}),
        (development, {"train": [0, 1, 2], "val": [3]}),
    ],
)
def test__layout__photographs_and_captions__stay_together(layout, parts, tmp_path):
    layout(tmp_path)
    photos = load_flickr8k(tmp_path)
    assert list(photos.files) == list(photos.captions) == list(parts)
    for part, rows in parts.items():
        assert photos.captions[part] == [CAPTIONS[i] for i in rows]
        for file, i in zip(photos.files[part], rows, strict=True):
            with file.open("rb") as stream:
                assert stream.read().decode() == NAMES[i]
    if layout is development:
        np.testing.assert_array_equal(photos.features["val"], [[6, 7]])
        assert photos.features["train"].dtype == np.float32
    else:
        assert photos.features == {}


@pytest.mark.parametrize("layout", [release, table, development])
def test__layout__with_byte_order_marks__loses_nothing(layout, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in [*tmp_path.rglob("*.txt"), *tmp_path.rglob("*.json")]:
        file.write_text(file.read_text(), encoding="utf-8-sig")
    assert load_flickr8k(tmp_path).captions == plain.captions


@pytest.mark.parametrize("name", ["0_ab.JPG", "0_ab.jpeg", "0_ab.JPEG"])
@pytest.mark.parametrize("layout", [release, table, development])
def test__photographs__any_suffix_of_jpeg__are_found(layout, name, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "NAMES", [name, *NAMES[1:]])
    layout(tmp_path)
    with load_flickr8k(tmp_path).files["train"][0].open("rb") as stream:
        assert stream.read().decode() == name


def test__release__without_the_list_of_train__is_an_error_with_a_remedy(tmp_path):
    release(tmp_path)
    (tmp_path / "text/Flickr_8k.trainImages.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lists.*val, test.*no .*trainImages\.txt.*Put it"):
        load_flickr8k(tmp_path)


def test__zipped_photographs__read_or_not__survive_pickling(tmp_path):
    development(tmp_path)
    first, *_ = files = load_flickr8k(tmp_path).files["train"]
    for _ in range(2):
        again = pickle.loads(pickle.dumps(files))
        assert again == files == load_flickr8k(tmp_path).files["train"]
        assert len({*files, *again}) == 3
        for file, name in zip(again, NAMES, strict=False):
            with file.open("rb") as stream:
                assert stream.read().decode() == name
            assert str(file) == str(tmp_path / "images.zip" / "images" / name)
    with pytest.raises(ValueError, match="mode='r'.*Use 'rb'"):
        first.open("r")


def test__zipped_photographs__many__need_one_reading_of_the_contents(tmp_path, monkeypatch):
    development(tmp_path)
    files = load_flickr8k(tmp_path).files["train"]
    made = []
    make = zipfile.ZipFile.__init__

    def count(archive, *args, **kwargs):
        made.append(archive)
        make(archive, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", count)
    for file in files * 3:
        file.open("rb").close()
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test__zipped_photographs__in_several_processes__are_read_without_warning(tmp_path):
    development(tmp_path)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in NAMES:  # larger than what a process keeps of a file
            archive.writestr(f"images/{name}", name * 100_000)
    script = """if True:
        import multiprocessing, sys
        from condcap_sk.datasets import load_flickr8k

        def read(file):
            with file.open("rb") as stream:
                return stream.read().decode() == file.member.rpartition("/")[2] * 100_000

        files = load_flickr8k(sys.argv[1]).files["train"]
        assert all(map(read, files))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert all(pool.map(read, files * 20, chunksize=1))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script, tmp_path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test__release__still_packed__is_an_error_with_a_remedy(tmp_path):
    for name in ("Flickr8k_text.zip", "Flickr8k_Dataset.zip"):
        zipfile.ZipFile(tmp_path / name, "w").close()
    with pytest.raises(FileNotFoundError, match="Unpack Flickr8k_Dataset.zip, Flickr8k_text.zip"):
        load_flickr8k(tmp_path)


def test__nothing_there__is_an_error_that_names_the_layouts(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no captions: none of captions.json"):
        load_flickr8k(tmp_path)


def test__photograph_missing__is_named(tmp_path):
    release(tmp_path)
    (tmp_path / "Flicker8k_Dataset" / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"captions of 2_ab.jpg, but not this.*of 1 that"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("layout", [release, table])
def test__layout__with_blanks_and_any_line_end__loses_nothing(layout, end, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in tmp_path.rglob("*.txt"):
        lines = file.read_text().split("\n")
        if file.name != "captions.txt":  # where blanks may stand inside of quotes
            lines = [f" {line}\t" for line in lines]
        file.write_bytes(f"{end}  {end}".join([*lines, ""]).encode())
    photos = load_flickr8k(tmp_path)
    assert (photos.files, photos.captions) == (plain.files, plain.captions)


@pytest.mark.parametrize("layout", [release, table, development])
def test__names__with_a_space_or_a_number_behind__find_their_photographs(
    layout, tmp_path, monkeypatch
):
    monkeypatch.setitem(globals(), "NAMES", ["0 a b.jpg", *NAMES[1:]])
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in [*tmp_path.rglob("*.txt"), *tmp_path.rglob("*.json")]:
        file.write_text(file.read_text().replace(".jpg", ".jpg.1"))
    photos = load_flickr8k(tmp_path)
    assert (photos.files, photos.captions) == (plain.files, plain.captions)
    assert Path(str(photos.files["train"][0])).name == "0 a b.jpg"


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("0_ab.jpg\n\n1_ab.jpg 2_ab.jpg\n", "line 3 is '1_ab.jpg 2_ab.jpg'. Expected one photo"),
        ("0_ab.jpg,1_ab.jpg\n", "line 1 .*Expected one photograph"),
        ("0_ab\n", "line 1 .*Expected one photograph"),
        ("x.jpg\ny.jpg\n", "lists 2 photographs, .*captions of none of them: 'x.jpg' .*'0_ab.jpg'"),
    ],
)
def test__list__of_another_form__is_named_with_its_line(listed, message, tmp_path):
    release(tmp_path)
    (tmp_path / "text/Flickr_8k.trainImages.txt").write_text(listed)
    with pytest.raises(ValueError, match=f"trainImages.txt {message}"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize("layout", [table, development])
def test__photographs__two_of_one_name__must_be_copies(layout, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)

    def put(folder, content):
        (tmp_path / folder).mkdir()
        if layout is table:
            (tmp_path / folder / NAMES[1]).write_text(content)
        else:
            with zipfile.ZipFile(tmp_path / folder / "others.zip", "w") as archive:
                archive.writestr(NAMES[1], content)

    put("copies", NAMES[1])
    for file, other in zip(
        load_flickr8k(tmp_path).files["train"], plain.files["train"], strict=True
    ):
        with file.open("rb") as one, other.open("rb") as another:
            assert one.read() == another.read()
    put("others", "another")
    with pytest.raises(ValueError, match=rf"{NAMES[1]} and .*{NAMES[1]} are two photographs of"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"files": np.array(NAMES), "features": np.ones((3, 2))}, r"\(4,\), and .*\(3, 2\)"),
        ({"files": np.array([NAMES]), "features": np.ones((1, 2))}, r"\(1, 4\), and .*\(1, 2\)"),
        ({"files": np.array(NAMES, object), "features": np.ones((4, 2))}, "as arrays of str"),
    ],
)
def test__features__of_another_form__are_named(arrays, message, tmp_path):
    development(tmp_path)
    np.savez(tmp_path / "pooled.npz", **arrays)
    with pytest.raises(ValueError, match=rf"pooled\.npz: .*{message}"):
        load_flickr8k(tmp_path)


def test__features__files_named_in_bytes__are_found(tmp_path):
    development(tmp_path)
    plain = load_flickr8k(tmp_path).features
    features = np.arange(8).reshape(4, 2)
    np.savez(tmp_path / "pooled.npz", files=np.array(NAMES, dtype="S"), features=features)
    np.testing.assert_equal(load_flickr8k(tmp_path).features, plain)


def test__zip_file__damaged__is_named(tmp_path):
    table(tmp_path)
    (tmp_path / "Flickr8k_Dataset.zip").write_text("half of it")
    with pytest.raises(zipfile.BadZipFile, match=r"Flickr8k_Dataset\.zip.*Download it again"):
        load_flickr8k(tmp_path)
