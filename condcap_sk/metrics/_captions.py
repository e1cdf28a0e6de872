"""Captions and references as tokens, whatever form they come in."""

from itertools import chain

from ..answers.label_sets import answer_rows, table_rows
from ..answers.tokenizer import splitter, warn_if_unspaced


def split_both(captions, references, analyzer):
    """Return the tokens of each image's caption, and those of its references."""
    split = splitter(analyzer)
    references = check_references(references, len(check_list(captions, "captions")))
    ours, theirs = _split(captions, split, "captions"), split_rows(references, split, "references")
    warn_of_unspaced(analyzer, ours, *theirs)
    return ours, theirs


def split_rows(rows, split, name):
    return [_split(row, split, f"{name}[{i}]") for i, row in enumerate(check_rows(rows, name))]


def split_flat(captions, split, name):
    rows = [
        [row] if isinstance(row, str) else check_list(row, name)
        for row in check_list(captions, name)
    ]
    return _split([text for row in rows for text in row], split, name)


def _split(texts, split, name):
    texts = check_list(texts, name)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{name} holds {text!r:.80} where a caption belongs. Pass strings.")
    return [split(text) for text in texts]


def warn_of_unspaced(analyzer, *tokens):
    warn_if_unspaced(map(" ".join, chain.from_iterable(tokens)), analyzer)


def check_references(references, n_images, name="references", captions="captions"):
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


def check_rows(rows, name):
    return [check_list(row, f"{name}[{i}]") for i, row in enumerate(check_list(rows, name))]


def check_list(captions, name):
    """Return captions, or rows of them, as what has a length and is run through in order."""
    captions = table_rows(captions)
    if (
        isinstance(captions, str)
        or not hasattr(captions, "__len__")
        or getattr(captions, "ndim", 1) == 0
    ):
        raise ValueError(
            f"{name}={captions!r:.80} is no list of captions. Wrap a single one: "
            f"[{captions!r:.80}]."
        )
    if len(captions) == 0:
        raise ValueError(
            f"{name} is empty. Pass at least one caption, and leave out images without any."
        )
    return captions
