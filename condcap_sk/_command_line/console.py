"""Standard output and standard error: results go to the first, everything else to the second."""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Errors whose messages are for users, as are those of this package; others are faults of it.
EXPECTED = (ValueError, OSError, ImportError, MemoryError, ArithmeticError)

# What a terminal would take for a command, or a program for the end of a line.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UsageError(Exception):
    """What was asked for cannot be done; the message says what to do instead."""


def report(message: str) -> None:
    """Print a line on standard error, above the progress bars that are there."""
    from tqdm import tqdm

    # A closed standard error takes no message; the exit code is still right.
    with suppress(OSError):
        tqdm.write(escaped(message), file=sys.stderr)


def escaped(message: str) -> str:
    """Return a message in one line, with control characters as Python writes them."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], message)


def check_output() -> None:
    """Raise UsageError if standard output is closed: before a model is loaded in vain."""
    if sys.stdout is None:
        raise UsageError("Standard output is closed. Send results to a file or a pipe.")


def put(text: str) -> None:
    """Print a result on standard output, at once."""
    print(text, flush=True)


def set_up_output() -> None:
    """Let standard output take every caption and every file's name, whatever the locale."""
    if sys.stderr is None:  # closed before the program began
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
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
    """Return a text of one line: one with control characters in quotes, as JSON has it."""
    text = str(text)
    return quoted(text) if CONTROL.search(text) else text


def quoted(value: object) -> str:
    """Return a value as JSON, readable where it is Unicode."""
    import json

    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file that is no text
        return json.dumps(value)
    return json.dumps(value) if CONTROL.search(text) else text
