"""Values as Markdown, whatever they hold: nothing of them is markup, nor leaves its line."""

import re
from collections.abc import Iterable, Sequence

MOST_SHOWN = 60  # characters of a value, and values of a list; by hand


def code(value: object, most: int | None = MOST_SHOWN) -> str:
    """Return a value as a code span, in which no character has a meaning.

    At most so many of its characters, or all. What is not printable, such as the end of a line,
    stands there as Python escapes it. Not for cells of tables, which end at a "|" in a code span,
    too.
    """
    text = str(value) or " "
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    text = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    # A span ends at as many backticks as it begins with.
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # One space at both ends is no part of it; without, a backtick would belong to the fence.
    space = " " if text.strip() and text.strip(" `") != text else ""
    return f"{fence}{space}{text}{space}{fence}"


def counted(n: int, thing: str) -> str:
    """Return a number of things."""
    return f"{n:,} {thing}{'s' * (n != 1)}"


def several(values: Sequence[object]) -> str:
    """Return values as code spans, the first ones of many."""
    rest = len(values) - MOST_SHOWN
    shown = ", ".join(map(code, values[:MOST_SHOWN]))
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """Return a table; numbers have three decimals, and None is a dash. Texts are ours."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: str | float | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.3f}"


def bullets(items: Iterable[str]) -> str:
    """Return a list of these items."""
    return "\n".join(f"- {item}" for item in items)
