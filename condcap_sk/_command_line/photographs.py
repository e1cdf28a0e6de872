"""Files of photographs: found in folders, read some at a time, and made what a model takes."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from .console import UsageError, report

# What folders are searched for: the usual formats among those that Pillow reads. A file that is
# passed by name is read whatever its name.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
FIRST, MOST = 4, 64  # photographs at a time, doubled from one to the other; by hand


def add_reading(parser: ArgumentParser) -> None:
    """Add the options of commands that give photographs to a model."""
    parser.add_argument(
        "--resize", action="store_true",
        help="for a model that was fitted in Python on arrays of pixels: squeeze photographs to "
        "their size",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 or mps")


def find(paths: Sequence[str]) -> list[str]:
    """Return files as they are, and of folders the photographs in them, sorted.

    Hidden files and folders in a folder, and folders that are links, are left out.

    Raises
    ------
    UsageError
        If a folder holds none.
    """
    found: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(path)
            continue
        inside = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(path, onerror=_stop)
            for name in names
            if name.lower().endswith(SUFFIXES)
            and not any(part[:1] == "." for part in _parts_inside(path, folder, name))
        ]
        if not inside:
            raise UsageError(
                f"The folder {path!r} holds no photographs ({', '.join(SUFFIXES)}). Pass another, "
                "or files by their names."
            )
        found += sorted(inside)
    return found


def _stop(error: OSError) -> None:
    """Let a folder that cannot be read be an error, and not an empty one."""
    raise error


def _parts_inside(path: str, folder: str, name: str) -> list[str]:
    inside = os.path.relpath(folder, path)
    return [*([] if inside == os.curdir else inside.split(os.sep)), name]


class Reader:
    """Turns photographs into what a model takes; those that cannot be read are reported.

    Parameters
    ----------
    steps : list of transformers
        The first is a `LoadImages`.
    prefix : str
        Of the lines about what cannot be read.

    Attributes
    ----------
    n_unreadable : int
        Of all the photographs so far.
    """

    def __init__(self, steps: Sequence[Any], prefix: str) -> None:
        self.steps = steps
        self.prefix = prefix
        self.n_unreadable = 0

    @property
    def exit_code(self) -> int:
        """1 if some photographs could not be read."""
        return int(self.n_unreadable > 0)

    def batches(self, files: Sequence[str]) -> Iterator[tuple[list[int], Any]]:
        """Yield rows of `files` that could be read, and what a model takes for them.

        Raises
        ------
        UsageError
            In the end, if there was none.
        """
        from ..vision.load import read_images

        load, *others = self.steps
        start, size = 0, FIRST
        while start < len(files):
            some = files[start : start + size]
            X, unreadable = read_images(some, load.size, verbose=0)
            for row, why in unreadable.items():
                report(f"{self.prefix}: {some[row]!r} cannot be read. {_reason(why)}")
            self.n_unreadable += len(unreadable)
            rows = [row for row in range(len(some)) if row not in unreadable]
            if rows:
                X = X[rows]
                for step in others:
                    X = step.transform(X)
                yield [start + row for row in rows], X
            start, size = start + size, min(2 * size, MOST)
        if self.n_unreadable == len(files):
            raise UsageError(
                "None of the photographs can be read. Open one that is named above in another "
                "program, or pass others."
            )

    def read_all(self, files: Sequence[str], bar: Any) -> tuple[list[int], Any]:
        """Return the rows of `files` that could be read, and what a model takes for all of them.

        `bar` is updated by the number of files.
        """
        import numpy as np

        rows: list[int] = []
        X = np.empty(0)
        with bar:
            for some, part in self.batches(files):
                if not rows:
                    X = np.empty((len(files), *part.shape[1:]), dtype=part.dtype)
                X[len(rows) : len(rows) + len(some)] = part
                rows += some
                bar.update(some[-1] + 1 - bar.n)
        return rows, X[: len(rows)]


def _reason(why: str) -> str:
    """Return why a file is no photograph, without the name of the error's class."""
    reason = why.partition(": ")[2].partition("] ")
    text = reason[2] if reason[0].startswith("[Errno") else "".join(reason)
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def progress(files: Sequence[str], quiet: bool, **options: Any) -> Any:
    """Return a progress bar over files, on standard error."""
    from tqdm import tqdm

    return tqdm(
        total=len(files), desc="photographs", unit="file", disable=quiet or None,
        dynamic_ncols=True, **options,
    )  # fmt: skip
