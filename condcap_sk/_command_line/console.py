"""Standard output and standard error: results go to the first, everything else to the second."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Errors whose messages are for users, as are those of this package; others are faults of it.
EXPECTED = (ValueError, OSError, ImportError, MemoryError, ArithmeticError)


class UsageError(Exception):
    """What was asked for cannot be done; the message says what to do instead."""


def report(message: str) -> None:
    """Print a line on standard error, above the progress bars that are there."""
    from tqdm import tqdm

    tqdm.write(message, file=sys.stderr)


def put(text: str) -> None:
    """Print a result on standard output, at once."""
    print(text, flush=True)


def set_up_output() -> None:
    """Let standard output take every caption and every file's name, whatever the locale."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def close_output() -> None:
    """Let go of what standard output cannot take, as on a full disk or in a closed pipe.

    Python would complain of it when the program ends.
    """
    if sys.stdout is None:  # closed before the program began
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def warnings_reported(prefix: str) -> Iterator[None]:
    """Print warnings as lines, without the line of code that gave them."""

    def show(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        report(f"{prefix}: warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def sentence_of(error: Exception) -> str:
    """Return what to print of an error."""
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename!r}: "
        return f"{where}{error.strerror}."
    if isinstance(error, EXPECTED) or type(error).__module__.startswith("condcap_sk."):
        return str(error) or type(error).__name__
    return (
        f"{type(error).__name__}: {error}. That is a fault of condcap_sk: report it, please, with "
        "what --debug prints."
    )


def in_line(text: object) -> str:
    """Return a text of one line: one with a tab or a line break in quotes, as JSON has it."""
    text = str(text)
    return quoted(text) if any(sign in text for sign in "\t\n\r") else text


def quoted(value: object) -> str:
    """Return a value as JSON, readable where it is Unicode."""
    import json

    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file that is no text
        return json.dumps(value)
    return text
