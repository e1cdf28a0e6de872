"""Text files of photographs and captions: lines, and tables with a row for each caption."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TypeGuard

_ENCODING = "utf-8-sig"  # with a byte order mark, as some editors leave, or without
_LINE_END = re.compile(r"\r\n|\r|\n")
_PHOTO = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|avif)\b", re.IGNORECASE)


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a str that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def read_text(file: Path) -> str:
    """Return what is in a file of UTF-8.

    Raises
    ------
    ValueError
        If it is in another encoding; the message names the line.
    """
    content = file.read_bytes()
    try:
        text = content.decode(_ENCODING)
        end = text.find("\0")  # every second character of ASCII in UTF-16
    except UnicodeDecodeError as error:
        text, end = content.decode("latin-1"), error.start
    if end >= 0:
        number = len(_LINE_END.split(text[:end]))
        raise ValueError(f"{file} line {number} is not in UTF-8. Save the file in UTF-8.")
    return text


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not blank."""
    # Not splitlines: a caption may hold other characters that end a line in Unicode.
    for number, line in enumerate(_LINE_END.split(read_text(file)), 1):
        if line.strip():
            yield number, line


def read_captions(
    file: Path, image_column: str = "image", caption_column: str = "caption", advice: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the name of a photograph and a caption of it, for each row of a table.

    Parameters
    ----------
    file : Path
        Comma-separated values under a header. A caption in the last column may hold commas, with or
        without quotes around it.
    image_column, caption_column : str
        Names in the header.
    advice : str, default=""
        What else to do where the header has them not, for the end of the message.

    Raises
    ------
    ValueError
        If the file is not in UTF-8, or of another form; the message names the line.
    """
    rows = _read_rows(file)
    number, header, _ = next(rows, (1, [], ""))
    columns = [name.strip() for name in header]
    if columns.count(image_column) != 1 or columns.count(caption_column) != 1:
        raise ValueError(
            f"{file} line {number}: the header is {','.join(header)!r:.80}. Expected one column "
            f"{image_column} and one column {caption_column}: {image_column},{caption_column}."
            f"{advice}"
        )
    image, caption = columns.index(image_column), columns.index(caption_column)
    for number, row, written in rows:
        rest = ",".join(row[caption:])
        # Commas in the last column need no quotes, unless quotes stand around a part of it.
        if caption == len(columns) - 1 and written.rstrip("\r\n").endswith(f",{rest}"):
            row[caption:] = [rest]
        if len(row) > len(columns):
            raise ValueError(
                f"{file} line {number} has {len(row)} fields, and the header {len(columns)}. Put "
                'a caption that holds commas between quotes: a.jpg,"A dog, a cat".'
            )
        name, text = (row[i].strip() if i < len(row) else "" for i in (image, caption))
        if not (name and text):
            raise ValueError(
                f"{file} line {number} has no {caption_column if name else image_column}: "
                f"{written!r:.80}. Expected {','.join(columns)}."
            )
        yield name, text


def _read_rows(file: Path) -> Iterator[tuple[int, list[str], str]]:
    """Yield each row: the number of its first line, its fields, and its lines as they are."""
    lines = list(StringIO(read_text(file), newline=""))
    reader = csv.reader(lines, strict=True)
    while True:
        start = reader.line_num
        try:
            row = next(reader)
            # A quote that is not closed ends at the next one, and swallows the rows between.
            if any(_LINE_END.search(field) and _PHOTO.search(field) for field in row):
                raise csv.Error("the quotes go on over another photograph's line")
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(
                f"{file} line {start + 1}: {error}. Close quotes on the line they begin on, and "
                'double those inside: a.jpg,"A dog, ""Rex"".'
            ) from error
        if len(row) > 1 or any(map(is_text, row)):
            yield start + 1, row, "".join(lines[start : reader.line_num])
