"""Properties of captions that have names: functions of a caption's tokens."""

from collections.abc import Callable, Mapping

from ..metrics._estimator import Analyzer

Property = Callable[[list[str]], float]

COLOURS = """
beige black blond blonde blue brown crimson gold golden gray green grey lavender maroon navy orange
pink purple red silver tan teal turquoise violet white yellow
"""
NUMBERS = """
two three four five six seven eight nine ten couple pair several many group groups crowd some few
"""
PLACES = """
in on at near by through over under behind beside with between above below inside outside across
along around against
"""


def count_of(words: str) -> Property:
    """Return what counts how many of a caption's tokens are among `words`."""
    known = frozenset(words.split())
    return lambda tokens: sum(token in known for token in tokens)


def length_name(analyzer: Analyzer) -> str:
    """Return the name of the property "number of tokens"."""
    return "words" if analyzer == "word" else "tokens"


def named_properties(analyzer: Analyzer) -> Mapping[str, Property]:
    """Return the properties that are known by name; but for the length, of English words."""
    return {
        length_name(analyzer): len,
        "colours": count_of(COLOURS),
        "numbers": count_of(NUMBERS),
        "places": count_of(PLACES),
    }
