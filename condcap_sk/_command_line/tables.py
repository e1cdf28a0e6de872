"""FOLDER and CAPTIONS.csv: photographs, and a table with a row for each of their captions."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .console import UsageError

N_NAMED = 3  # photographs that are not there; the others are counted


def add_table(parser: ArgumentParser, nargs: str | None = None) -> None:
    """Add FOLDER, CAPTIONS.csv and their options; with `nargs` "?", they may be left out."""
    parser.add_argument("folder", metavar="FOLDER", nargs=nargs, help="of the photographs")
    parser.add_argument(
        "captions", metavar="CAPTIONS.csv", nargs=nargs,
        help="a table in UTF-8 with a row for each caption, under a header: image,caption. Images "
        "are named as in FOLDER (a.jpg, or trip/a.jpg); one has as many rows as it has captions. "
        "Flickr8k's captions.txt is such a table",
    )  # fmt: skip
    parser.add_argument(
        "--image-column",
        metavar="NAME",
        default="image",
        help="the column of photographs (default: image)",
    )
    parser.add_argument(
        "--caption-column",
        metavar="NAME",
        default="caption",
        help="that of captions (default: caption)",
    )
    parser.add_argument(
        "--skip-missing", action="store_true",
        help="leave out photographs that are in the table and not in FOLDER",
    )  # fmt: skip


def read_table(args: Namespace) -> tuple[list[str], list[list[str]]]:
    """Return the files of the photographs, and the captions of each.

    Raises
    ------
    UsageError
        If there is no such folder or table, or photographs are not there.
    ValueError
        If the table is of another form; the message names the line.
    """
    from ..datasets.tables import read_captions

    if not os.path.isdir(args.folder):
        raise UsageError(f"There is no folder {args.folder!r}. Pass that of the photographs.")
    if not os.path.isfile(args.captions):
        raise UsageError(f"There is no file {args.captions!r}. Pass a table of captions.")
    captions: dict[str, list[str]] = {}
    advice = " Or name other columns, with --image-column and --caption-column."
    rows = read_captions(Path(args.captions), args.image_column, args.caption_column, advice)
    for name, caption in rows:
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise UsageError(f"{args.captions!r} holds no captions. Write a row for each.")
    files = {name: os.path.join(args.folder, name) for name in captions}
    missing = [name for name, file in files.items() if not os.path.isfile(file)]
    if missing and (not args.skip_missing or len(missing) == len(files)):
        named = ", ".join(map(repr, missing[:N_NAMED])) + ", …" * (len(missing) > N_NAMED)
        skipping = " or pass --skip-missing" * (len(missing) < len(files))
        raise UsageError(
            f"{len(missing)} of the {len(files)} photographs in {args.captions!r} are not in "
            f"{args.folder!r}: {named}. Put them there{skipping}."
        )
    for name in missing:
        del files[name]
    return list(files.values()), [captions[name] for name in files]
