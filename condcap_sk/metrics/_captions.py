"""Captions and references as tokens, whatever form they come in."""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain

from numpy.typing import ArrayLike

from ..answers.label_sets import answer_rows, table_rows
from ..answers.tokenizer import splitter, warn_if_unspaced
from ._estimator import Analyzer

Split = Callable[[str], list[str]]


def split_both(
    captions: ArrayLike, references: Collection[object], analyzer: Analyzer
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Return the tokens of each image's caption, and those of its references."""
    split = splitter(analyzer)
    references = check_references(references, len(check_list(captions, "captions")))
    ours, theirs = _split(captions, split, "captions"), split_rows(references, split, "references")
    warn_of_unspaced(analyzer, ours, *theirs)
    return ours, theirs


def split_rows(rows: object, split: Split, name: str) -> list[list[list[str]]]:
    """Return the tokens of each caption of each image."""
    return [_split(row, split, f"{name}[{i}]") for i, row in enumerate(check_rows(rows, name))]


def split_flat(captions: ArrayLike, split: Split, name: str) -> list[list[str]]:
    """Return the tokens of each caption, of one list or several."""
    rows = [
        [row] if isinstance(row, str) else check_list(row, name)
        for row in check_list(captions, name)
    ]
    return _split([text for row in rows for text in row], split, name)


def _split(texts: object, split: Split, name: str) -> list[list[str]]:
    split_texts = []
    for text in check_list(texts, name):
        if not isinstance(text, str):
            raise ValueError(f"{name} holds {text!r:.80} where a caption belongs. Pass strings.")
        split_texts.append(split(text))
    return split_texts


def warn_of_unspaced(analyzer: Analyzer, *captions: Iterable[list[str]]) -> None:
    """Warn where words were to be found in captions without spaces."""
    warn_if_unspaced(map(" ".join, chain.from_iterable(captions)), analyzer)


def check_references(
    references: Collection[object],
    n_images: int,
    name: str = "references",
    captions: str = "captions",
) -> list[list[str]]:
    """Return the true captions of each image as lists, whatever form they come in."""
    rows = check_list(references, name)
    if len(rows) != n_images:
        raise ValueError(
            f"{captions} holds {n_images} images, {name} {len(rows)}. Pass the true captions of "
            "each image."
        )
    if not hasattr(references, "__array__"):
        check_rows(rows, name)
    return answer_rows(references, n_images, name)


def check_rows(rows: object, name: str) -> list[Sequence[object]]:
    """Return the captions of each image as what has a length and is run through in order."""
    return [check_list(row, f"{name}[{i}]") for i, row in enumerate(check_list(rows, name))]


def check_list(captions: object, name: str) -> Sequence[object]:
    """Return captions, or rows of them, as what has a length and is run through in order."""
    rows = table_rows(captions)
    if isinstance(rows, str) or not hasattr(rows, "__len__") or getattr(rows, "ndim", 1) == 0:
        raise ValueError(
            f"{name}={rows!r:.80} is no list of captions. Wrap a single one: [{rows!r:.80}]."
        )
    if len(rows) == 0:
        raise ValueError(
            f"{name} is empty. Pass at least one caption, and leave out images without any."
        )
    return rows
