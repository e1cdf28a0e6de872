"""What commands write: checked before the work, and never half there."""

import errno
import os
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .console import UsageError

ROOM = 2**27  # bytes that a disk must have left before a fit: most models take less; by hand
LONGEST = 255 - 32  # bytes of a name: most systems have 255, and drafts have longer names
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def add_force(parser: ArgumentParser) -> None:
    """Add --force."""
    parser.add_argument("--force", action="store_true", help="replace what is there")


def check_file(path: str, force: bool, *inputs: str | None) -> None:
    """Raise a UsageError if a file cannot be written, or is there and may not be replaced.

    `inputs` are files that are read, which nobody wants to lose.
    """
    if not path:
        raise UsageError("-o has no name. Pass the name of a file.")
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise UsageError(f"{path!r} is a folder. Pass -o the name of a file.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path!r} is no file that can be replaced. Pass -o the name of a file.")
    if path in {os.path.realpath(file) for file in inputs if file}:
        raise UsageError(f"{path!r} is read by this command. Pass -o the name of another file.")
    if os.path.exists(path) and not force:
        raise UsageError(f"{path!r} is there already. Pass another name, or --force to replace it.")
    _check_parent(path)


def check_room(path: str) -> None:
    """Raise a UsageError if the disk of a file has no room for a model."""
    path = os.path.realpath(path)
    free = shutil.disk_usage(os.path.dirname(path)).free
    if free < ROOM:
        raise UsageError(
            f"The disk of {path!r} has {free >> 20} MB left, and {ROOM >> 20} may be needed. Make "
            "room there, or pass the name of a file on another one."
        )


def check_folder(path: str, force: bool) -> None:
    """Raise a UsageError if a folder cannot be made, or holds anything and may not be replaced."""
    if os.path.exists(path) and not os.path.isdir(path):
        raise UsageError(f"{path!r} is a file. Pass the name of a folder.")
    if os.path.isdir(path) and os.listdir(path) and not force:
        raise UsageError(
            f"{path!r} is there already, and not empty. Pass another folder, or --force to replace "
            "an earlier export."
        )
    _check_parent(path)


def _check_parent(path: str) -> None:
    parent = Path(path).absolute().parent
    if not parent.is_dir():
        raise UsageError(f"{path!r}: there is no folder {str(parent)!r}. Make it first.")
    if len(os.fsencode(Path(path).name)) > LONGEST:
        raise UsageError(f"{path!r:.80} is too long for the name of a file. Pass a shorter one.")
    if not os.access(parent, os.W_OK):
        raise UsageError(f"{path!r}: the folder {str(parent)!r} cannot be written to.")


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Write inside; say what to do if that fails."""
    try:
        yield
    except OSError as error:
        remedy = "Make room there, or" if error.errno in NO_ROOM else "Allow it, or"
        raise UsageError(
            f"{path!r} could not be written: {error.strerror or error}. {remedy} pass a name on "
            "another disk. What was there before is as it was."
        ) from error
