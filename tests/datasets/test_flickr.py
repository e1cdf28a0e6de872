"""load_flickr8k: its layouts, imitated."""

import json
import zipfile

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


def test__nothing_there__says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no captions: none of captions.json"):
        load_flickr8k(tmp_path)


def test__photograph_missing__is_named(tmp_path):
    release(tmp_path)
    (tmp_path / "Flicker8k_Dataset" / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"captions of 2_ab.jpg, but not this.*of 1 that"):
        load_flickr8k(tmp_path)
