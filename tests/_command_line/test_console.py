"""What is printed of results and of errors."""

import errno
import io
import json
import sys

import pytest

from condcap_sk._command_line import console
from condcap_sk.exceptions import ProcessGroupError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (console.UsageError("Do this."), "Do this."),
        (ValueError("X is odd."), "X is odd."),
        (ImportError("Install it."), "Install it."),
        (ProcessGroupError("One is lost."), "One is lost."),
        (MemoryError(), "MemoryError"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device."),
        (FileNotFoundError(2, "No such file", "a b"), "'a b': No such file."),
    ],
)
def test__sentence__of_an_expected_error__is_its_own(error, sentence):
    assert console.sentence_of(error) == sentence


def test__sentence__of_another__asks_to_report_it():
    assert console.sentence_of(IndexError("7")).startswith("IndexError: 7. That is a fault of")


@pytest.mark.parametrize("name", ["a b.jpg", "é犬.jpg", 'a"b.jpg', "a\\b.jpg", "-a.jpg", "\udcff"])
def test__line__of_a_usual_name__is_the_name(name):
    assert console.in_line(name) == name


ODD = ["a\nb.jpg", "a\tb.jpg", "\r", "\x1b[31mred.jpg", "\x7f", "\x9b2J.jpg", "a\u2028b", "犬\0"]


@pytest.mark.parametrize("name", ODD)
def test__line__of_a_name_that_would_break_it__is_json(name):
    for line in (console.in_line(name), console.quoted(name)):
        assert all(sign.isprintable() for sign in line)
        assert json.loads(line) == name


@pytest.mark.parametrize("name", ODD)
def test__report__is_one_line_that_a_terminal_only_shows(name, capsys):
    console.report(f"{name} is é odd.")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" is é odd.")
    assert line.isprintable()


def test__report__that_nobody_reads__is_no_error(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    console.report("One is lost.")


def test__json__is_readable_and_of_any_name():
    assert console.quoted("犬") == '"犬"'
    assert console.quoted("a\udcff犬").isascii()
    assert json.loads(console.quoted("a\udcff犬")) == "a\udcff犬"


def test__output__of_another_locale__takes_every_caption(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.set_up_output()
    console.put("犬\udcff")
    assert raw.getvalue() == "犬".encode() + b"\xff\n"


def test__output__that_was_closed__is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    console.set_up_output()
    with pytest.raises(console.UsageError, match=r"output is closed\. Send"):
        console.check_output()
    console.close_output()


def test__errors__of_which_the_output_was_closed__go_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    console.set_up_output()
    with sys.stderr:
        console.report("One is lost.")
