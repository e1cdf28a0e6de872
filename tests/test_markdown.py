"""Markdown of values that could be markup."""

import re

import pytest

from condcap_sk._markdown import MOST_SHOWN, bullets, code, several, table

HOSTILE = ["a|b", "`", "``a`", "a\nb", "\r\n# b", "<b>", "[x](y)", "&amp;", "*a*", "\\", " ", "",
           "\u202e", "\x1b[31m", "\ud800", "| a |", "--- ", "`` ` ``"]  # fmt: skip


def read(span):
    """Return what a code span shows, by the rules of CommonMark."""
    fence = re.match("`+", span)[0]
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    # No run of backticks in it is as long as the fence.
    assert len(fence) not in map(len, re.findall("`+", inner))
    if inner.strip(" ") and inner[0] == inner[-1] == " ":
        inner = inner[1:-1]
    return inner


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test__code__anything__is_one_span_of_one_line_that_shows_it(text):
    span = code(text)
    assert span.isprintable()
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    assert read(span) == (escaped or " ")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test__code__anything__is_inert_to_a_parser(text):
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("gfm-like", {"linkify": False})
    html = parser.render(bullets([code(text)]))
    assert re.fullmatch("<ul>\n<li><code>[^<]*</code></li>\n</ul>\n", html)


def test__code__long_value__is_cut():
    assert len(read(code("x" * 1000))) == MOST_SHOWN


def test__several__more_than_are_shown__are_counted():
    assert several(["a", "b"]) == "`a`, `b`"
    assert several(["a"] * (MOST_SHOWN + 1234)).endswith("`a` and 1,234 more")


def test__table__numbers_and_none__are_cells():
    assert table(["a", "b"], [("x", 1.23456), ("y", None)]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| x | 1.235 |",
        "| y | – |",
    ]
