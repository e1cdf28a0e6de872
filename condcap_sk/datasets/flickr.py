"""load_flickr8k: photographs with five captions each."""

import csv
import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from sklearn.utils import Bunch

_DESCR = """\
Flickr8k: photographs with five captions each by people (M. Hodosh, P. Young, J. Hockenmaier,
"Framing Image Description as a Ranking Task", JAIR 2013). For non-commercial research and
education; the photographs belong to their Flickr users.
"""
_ENCODING = "utf-8-sig"  # with a byte order mark, as some editors leave, or without
_SPLITS = {"train": "trainImages", "val": "devImages", "test": "testImages"}


def load_flickr8k(path):
    """Find the photographs and captions of Flickr8k in a folder.

    Photographs are not read: their files are named, for `condcap_sk.vision.LoadImages`.

    Parameters
    ----------
    path : str or path-like
        A folder in one of three layouts, all in the folder itself or in folders inside:
        the release (``Flickr8k.token.txt``, ``Flickr_8k.trainImages.txt``, ``….devImages.txt``,
        ``….testImages.txt`` and a folder of photographs), a table of captions (``captions.txt``
        with lines ``image,caption``, and a folder of photographs), or ``captions.json`` (a list
        "images" of "file", "split" and "captions") beside a folder or zip file of photographs and
        perhaps a file ``*.npz`` of "files" and their "features".

    Returns
    -------
    bunch : Bunch
        With the fields

        files : dict of list
            Files of the photographs, by part: "train", "val" and "test", as far as there are.
            Where the layout tells no parts, all are "train". Paths, or for those in a zip file
            objects with a method ``open("rb")``.
        captions : dict of lists of lists of str
            Their captions.
        features : dict of ndarray of shape (n, n_features), float32
            Image vectors, where the folder holds some.
        DESCR : str
            What the data are.

    Raises
    ------
    FileNotFoundError
        If no captions are found, a photograph that has captions is missing, or there are lists of
        the other parts but none of what to train on.

    See Also
    --------
    make_captioned_shapes : Scenes that need no files.

    Examples
    --------
    >>> from condcap_sk.datasets import load_flickr8k
    >>> photos = load_flickr8k("Flickr8k")  # doctest: +SKIP
    >>> len(photos.files["train"]), len(photos.captions["train"][0])  # doctest: +SKIP
    (6000, 5)
    """
    root = Path(path)
    captions, parts = _read_captions(root)
    photos = _find_photos(root)
    missing = [name for names in parts.values() for name in names if name not in photos]
    if missing:
        raise FileNotFoundError(
            f"{root} holds captions of {missing[0]}, but not this photograph (of "
            f"{len(missing)} that are missing). Put the photographs into a folder inside."
        )
    known = _read_features(root)
    features = {
        part: np.array([known[name] for name in names], dtype=np.float32)
        for part, names in parts.items()
        if known and all(name in known for name in names)
    }
    return Bunch(
        files={part: [photos[name] for name in names] for part, names in parts.items()},
        captions={part: [captions[name] for name in names] for part, names in parts.items()},
        features=features,
        DESCR=_DESCR,
    )


def _read_captions(root):
    """Return the captions of each photograph by name, and the names of each part."""
    found = next(iter(sorted(root.rglob("captions.json"))), None)
    if found is not None:
        images = json.loads(found.read_text(encoding=_ENCODING))["images"]
        captions = {image["file"]: image["captions"] for image in images}
        parts: dict = {}
        for image in images:
            parts.setdefault(image["split"], []).append(image["file"])
        return captions, parts
    captions = {}
    found = next(iter(sorted(root.rglob("Flickr8k.token.txt"))), None)
    if found is not None:
        for line in found.read_text(encoding=_ENCODING).splitlines():
            # 1000268201_693b08cb0e.jpg#0<TAB>A child in a pink dress …
            match = re.fullmatch(r"(.+?)#\d+\t(.*)", line)
            if match:
                captions.setdefault(match[1], []).append(match[2].strip())
    else:
        found = next(iter(sorted(root.rglob("captions.txt"))), None)
        if found is None:
            packed = ", ".join(sorted(file.name for file in root.rglob("*.zip"))[:3])
            advice = f"Unpack {packed} there" if packed else "Pass the folder of Flickr8k"
            raise FileNotFoundError(
                f"{root} holds no captions: none of captions.json, Flickr8k.token.txt and "
                f"captions.txt. {advice}."
            )
        with found.open(encoding=_ENCODING, newline="") as lines:
            for row in csv.DictReader(lines):
                captions.setdefault(row["image"], []).append(row["caption"].strip())
    parts = {}
    for part, name in _SPLITS.items():
        listed = next(iter(sorted(root.rglob(f"Flickr_8k.{name}.txt"))), None)
        if listed is not None:
            # The release lists photographs that it holds no captions of.
            names = listed.read_text(encoding=_ENCODING).split()
            parts[part] = [name for name in names if name in captions]
    if parts and "train" not in parts:
        raise FileNotFoundError(
            f"{root} holds lists of the parts {', '.join(parts)}, but no "
            f"Flickr_8k.{_SPLITS['train']}.txt. Put it beside them; without any list, all "
            "photographs are to train on."
        )
    return captions, parts or {"train": list(captions)}


def _find_photos(root):
    photos = {file.name: file for file in root.rglob("*") if _is_photo(file.name)}
    for archive in sorted(root.rglob("*.zip")):
        with ZipFile(archive) as opened:
            members = opened.namelist()
        for member in members:
            if _is_photo(member):
                photos.setdefault(member.rpartition("/")[2], _ZippedFile(str(archive), member))
    return photos


def _is_photo(name):
    return name.lower().endswith((".jpg", ".jpeg"))


@dataclass(frozen=True)
class _ZippedFile:
    """A file in a zip file. Unlike `zipfile.Path`, it can be pickled after it was read."""

    archive: str
    member: str

    def __str__(self):
        return f"{self.archive}/{self.member}"

    def open(self, mode="rb"):
        if mode != "rb":
            raise ValueError(f"mode={mode!r}: {self} can only be read as bytes. Use 'rb'.")
        return _opened(self.archive, os.getpid()).open(self.member)


# To open a zip file is to read its whole table of contents. Forked processes would move each
# other's place in the file if they shared it.
@lru_cache(maxsize=8)
def _opened(archive, process):
    return ZipFile(archive)


def _read_features(root):
    for file in sorted(root.rglob("*.npz")):
        with np.load(file, allow_pickle=False) as arrays:
            if {"files", "features"} <= set(arrays.files):
                return dict(zip(arrays["files"].tolist(), arrays["features"], strict=True))
    return {}
