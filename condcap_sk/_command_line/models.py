"""Model files, and what they know of photographs."""

from argparse import ArgumentParser
from typing import Any

from .console import UsageError
from .photographs import Reader


def add_model(parser: ArgumentParser) -> None:
    """Add MODEL."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fit`, or est.save, wrote")


def load(path: str, device: str = "cpu") -> Any:
    """Return the captioner in a file.

    Raises
    ------
    UsageError
        If there is none.
    ModelFileError
        If the file is none, or damaged.
    """
    from ..captioner import ConditionalCaptioner

    if not path:  # which would be this folder
        raise UsageError("MODEL is empty. Pass the name of a file that `condcap_sk fit` wrote.")
    try:
        return ConditionalCaptioner.load(path).to(device)
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no file {path!r}. Pass a model, as `condcap_sk fit` writes it."
        ) from error


def as_answers(est: Any, path: str, captions: list[list[str]]) -> list[list[Any]]:
    """Return captions of a table as answers of a model: its labels may be numbers or bools.

    Raises
    ------
    UsageError
        If one cannot be, or no text of the table is a label.
    """
    if not hasattr(est, "classes_"):
        return captions
    labels = est.classes_.tolist()
    answers: list[list[Any]] = captions
    if not isinstance(labels[0], str):
        known = {str(label).casefold(): label for label in labels}
        answers = [[_as_number(text, known, path) for text in some] for some in captions]
    found = [answer for some in answers for answer in some]
    if set(found).isdisjoint(labels):
        raise UsageError(
            f"No answer of the table is a label of {path!r}: its first is {found[0]!r:.80}, and "
            f"the labels are {_some(labels)}."
        )
    return answers


def _as_number(text: str, known: dict[str, Any], path: str) -> Any:
    if text.casefold() in known:
        return known[text.casefold()]
    try:
        number = float(text)
    except ValueError as error:
        raise UsageError(
            f"The table has the answer {text!r:.80}, and the labels of {path!r} are no text: "
            f"{_some(list(known))}. Write those."
        ) from error
    # 1.0 is 1, and True.
    return next((label for label in known.values() if label == number), number)


def _some(labels: list[Any]) -> str:
    return ", ".join(map(str, labels[:10])) + ", …" * (len(labels) > 10)


def reader_of(est: Any, path: str, *, resize: bool, device: str, prefix: str) -> Reader:
    """Return what turns photographs into what a model takes.

    Raises
    ------
    UsageError
        If the model does not know; or if it was fitted on pixels, and nobody asked to `resize`.
    """
    from ..vision import LoadImages

    shape = est.image_shape_
    if est.preprocessor_ is not None:
        steps = [step for _, step in est.preprocessor_.steps]
    elif len(shape) == 1:
        raise UsageError(
            f"{path!r} was fitted on vectors of {shape[0]} numbers, and does not know how they "
            "were made of photographs. Save it again in Python, with est.save(path, "
            "preprocessor=…), or fit a model with `condcap_sk fit`."
        )
    elif shape[0] != 3 or shape[1] != shape[2]:
        raise UsageError(
            f"{path!r} was fitted on images of the shape {shape}, which photographs are not "
            "brought to. Ask it in Python."
        )
    elif not resize:
        raise UsageError(
            f"{path!r} was fitted on images of {shape[1]} × {shape[2]} pixels, and does not know "
            "how they were made of photographs. Pass --resize to squeeze photographs to that."
        )
    else:
        steps = [LoadImages(size=shape[1])]
    for step in steps[1:]:
        step.set_params(device=device)
    return Reader(steps, prefix)
