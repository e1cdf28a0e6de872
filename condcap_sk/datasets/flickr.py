"""load_flickr8k: photographs with five captions each."""

import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .tables import is_text, read_captions, read_lines, read_text

_DESCR = """\
Flickr8k: photographs with five captions each by people (M. Hodosh, P. Young, J. Hockenmaier,
"Framing Image Description as a Ranking Task", JAIR 2013). For non-commercial research and
education; the photographs belong to their Flickr users.
"""
_SPLITS = {"train": "trainImages", "val": "devImages", "test": "testImages"}
_ENTRY = '{"file": "a.jpg", "split": "train", "captions": ["A dog"]}'
_ONE_PHOTO = re.compile(r"(?!.*\.jpe?g[\s,;]).*\.jpe?g", re.IGNORECASE)
_OPEN_ARCHIVES = 8  # that a process keeps open, by hand

Captions = dict[str, list[str]]  # of each photograph, by its name
Parts = dict[str, list[str]]  # the names of the photographs of each part


def load_flickr8k(path: str | os.PathLike[str]) -> Bunch:
    """Find the photographs and captions of Flickr8k in a folder.

    Photographs are not read. Their files are returned, for `condcap_sk.vision.LoadImages`.

    Parameters
    ----------
    path : str or path-like
        A folder in one of three layouts. Files may lie in the folder itself or in folders inside.

        1. The release: ``Flickr8k.token.txt``, ``Flickr_8k.trainImages.txt``,
           ``Flickr_8k.devImages.txt``, ``Flickr_8k.testImages.txt`` and a folder of photographs.
        2. A table: ``captions.txt`` with lines ``image,caption``, and a folder of photographs. A
           caption in the last column may hold commas, with or without quotes around it.
        3. ``captions.json``, with a list "images" of "file", "split" and "captions"; a folder or
           zip file of photographs; and optionally a file ``*.npz`` of "files" and their
           "features".

        All text is in UTF-8.

    Returns
    -------
    bunch : Bunch
        With the fields

        files : dict of list
            Files of the photographs, by part: those of "train", "val" and "test" that there are.
            In a layout without parts, all are "train". Files are paths, and in a zip file objects
            with a method ``open("rb")``.
        captions : dict of lists of lists of str
            Their captions.
        features : dict of ndarray of shape (n, n_features), float32
            Image vectors, where the folder holds some.
        DESCR : str
            What the data are.

    Raises
    ------
    FileNotFoundError
        If there are no captions, if a photograph that has captions is missing, or if there are
        lists of other parts, but none of "train".
    ValueError
        If a file is not in UTF-8 or a line is not of the expected form; the message names both.
        If two photographs that differ have the same name.

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
        files={part: [_only(photos[name]) for name in names] for part, names in parts.items()},
        captions={part: [captions[name] for name in names] for part, names in parts.items()},
        features=features,
        DESCR=_DESCR,
    )


def _read_captions(root: Path) -> tuple[Captions, Parts]:
    """Return the captions of each photograph by name, and the names of each part."""
    for layout, read in _LAYOUTS.items():
        found = _find(root, layout)
        if found is not None:
            captions, parts = read(found)
            break
    else:
        packed = ", ".join(sorted(file.name for file in root.rglob("*.zip"))[:3])
        advice = f"Unpack {packed} there" if packed else "Pass the folder of Flickr8k"
        *first, last = _LAYOUTS
        raise FileNotFoundError(
            f"{root} holds no captions: none of {', '.join(first)} and {last}. {advice}."
        )
    if not captions:
        raise ValueError(f"{found} holds no captions.")
    return captions, parts or _read_lists(root, captions, found) or {"train": list(captions)}


def _find(root: Path, name: str) -> Path | None:
    return next((file for file in sorted(root.rglob(name)) if file.is_file()), None)


def _read_json(file: Path) -> tuple[Captions, Parts]:
    try:
        images = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} line {error.lineno}: this is no JSON ({error.msg}).") from error
    images = images.get("images") if isinstance(images, dict) else None
    if not isinstance(images, list):
        raise ValueError(f'{file} holds no list of "images". Expected {{"images": [{_ENTRY}, …]}}.')
    captions: Captions = {}
    parts: Parts = {}
    for i, image in enumerate(images):
        fields = image if isinstance(image, dict) else {}
        name, split, texts = (fields.get(key, "") for key in ("file", "split", "captions"))
        is_entry = is_text(name) and is_text(split) and isinstance(texts, list)
        if not is_entry or not all(map(is_text, texts)):
            raise ValueError(f"{file}: images[{i}] is {image!r:.200}. Expected {_ENTRY}.")
        name = _photo_name(name)
        if name in captions:
            raise ValueError(
                f"{file}: images[{i}] names {name} once more. Put all its captions into one entry."
            )
        captions[name] = texts
        parts.setdefault(split.strip(), []).append(name)
    return captions, parts


def _read_tokens(file: Path) -> tuple[Captions, Parts]:
    captions: Captions = {}
    for number, line in read_lines(file):
        # 1000268201_693b08cb0e.jpg#0<TAB>A child in a pink dress …
        head, _, caption = line.partition("\t")
        name, _, place = head.rpartition("#")
        if not (name.strip() and place.strip().isdecimal() and caption.strip()):
            raise ValueError(
                f"{file} line {number} is {line!r:.80}. Expected a photograph's file, #, a "
                "number, a tab and a caption: a.jpg#0<tab>A dog."
            )
        captions.setdefault(_photo_name(name), []).append(caption.strip())
    return captions, {}


def _read_table(file: Path) -> tuple[Captions, Parts]:
    captions: Captions = {}
    for name, caption in read_captions(file):
        captions.setdefault(_photo_name(name), []).append(caption)
    return captions, {}


def _read_lists(root: Path, captions: Captions, found: Path) -> Parts:
    parts: Parts = {}
    for part, name in _SPLITS.items():
        file = _find(root, f"Flickr_8k.{name}.txt")
        if file is None:
            continue
        names = []
        for number, line in read_lines(file):
            names.append(_photo_name(line))
            if not _ONE_PHOTO.fullmatch(names[-1]):
                raise ValueError(
                    f"{file} line {number} is {line!r:.80}. Expected one photograph's file: a.jpg."
                )
        # The release lists some photographs without captions.
        parts[part] = [name for name in dict.fromkeys(names) if name in captions]
        if names and not parts[part]:
            raise ValueError(
                f"{file} lists {len(names)} photographs, and {found} holds captions of none of "
                f"them: {names[0]!r} there, {next(iter(captions))!r} here."
            )
    if parts and "train" not in parts:
        raise FileNotFoundError(
            f"{root} holds lists of the parts {', '.join(parts)}, but no "
            f"Flickr_8k.{_SPLITS['train']}.txt. Put it beside them, or remove all lists: then all "
            "photographs are in the part train."
        )
    return parts


def _photo_name(text: str) -> str:
    # The release has captions of 2258277193_586949ec62.jpg.1, whose photograph ends in .jpg.
    return re.sub(r"(\.jpe?g)\.\d+$", r"\1", text.strip(), flags=re.IGNORECASE)


_LAYOUTS = {
    "captions.json": _read_json,
    "Flickr8k.token.txt": _read_tokens,
    "captions.txt": _read_table,
}


@dataclass(frozen=True)
class _ZippedFile:
    """A file in a zip file. Unlike `zipfile.Path`, it can be pickled after it was read."""

    archive: str
    member: str

    def __str__(self) -> str:
        return f"{self.archive}/{self.member}"

    def open(self, mode: str = "rb") -> IO[bytes]:
        if mode != "rb":
            raise ValueError(f"mode={mode!r}: {self} can only be read as bytes. Use 'rb'.")
        return _opened(self.archive, os.getpid()).open(self.member)


# Kept open, as opening reads the whole table of contents. For each process by itself, as forked
# processes would share the position in the file.
@lru_cache(maxsize=_OPEN_ARCHIVES)
def _opened(archive: str, process: int) -> ZipFile:
    return ZipFile(archive)


File = Path | _ZippedFile


def _find_photos(root: Path) -> dict[str, list[File]]:
    """Return the files of each name: those in the folder, or else those in its zip files."""
    unpacked: dict[str, list[File]] = {}
    zipped: dict[str, list[File]] = {}
    for file in sorted(root.rglob("*")):
        if _is_photo(file.name) and file.is_file():
            unpacked.setdefault(file.name, []).append(file)
    for archive in sorted(root.rglob("*.zip")):
        try:
            with ZipFile(archive) as opened:
                members = opened.namelist()
        except BadZipFile as error:
            raise BadZipFile(
                f"{archive} is no zip file, or not all of it: {error}. Download it again, or "
                "remove it."
            ) from error
        for member in filter(_is_photo, members):
            name = member.rpartition("/")[2]
            zipped.setdefault(name, []).append(_ZippedFile(str(archive), member))
    return zipped | unpacked


def _only(files: list[File]) -> File:
    """Return the first of several files of one name; raise if they are not copies of it."""
    first, *others = files
    for other in others:
        with first.open("rb") as one, other.open("rb") as another:
            if one.read() != another.read():
                raise ValueError(
                    f"{first} and {other} are two photographs of one name. Move the one that has "
                    "other captions, or none, out of the folder."
                )
    return first


def _is_photo(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg"))


def _read_features(root: Path) -> dict[str, NDArray[np.floating]]:
    for file in sorted(root.rglob("*.npz")):
        with np.load(file, allow_pickle=False) as arrays:
            if not {"files", "features"} <= set(arrays.files):
                continue
            try:
                names, features = arrays["files"].astype(str), arrays["features"]
            except ValueError as error:  # pickled, as arrays of dtype object are
                raise ValueError(
                    f'{file}: {error}. Save "files" and "features" as arrays of str and of float.'
                ) from error
        if names.ndim != 1 or features.shape[:1] != names.shape:
            raise ValueError(
                f'{file}: "files" has shape {names.shape}, and "features" {features.shape}. '
                "Expected one row of features for each file."
            )
        return dict(zip(map(_photo_name, names.tolist()), features, strict=True))
    return {}
