"""The right answers of each image, in every form that they come in."""

import numbers
from itertools import pairwise

import numpy as np
from scipy import sparse

from .labels import check_answers, refuse_masked

# How the missing cells of a 2-D array, and of a DataFrame, are left out.
_LEAVE_OUT = (
    "[[a for a in row if a is not None and a == a] for row in {}]",
    "[row.dropna().tolist() for _, row in {}.iterrows()]",
)


def check_label_sets(label_sets, n_images, name="label_sets", known=None):
    """Return all answers as one 1-D array, and the image each one belongs to.

    Parameters
    ----------
    label_sets : see `ConditionalCaptioner.fit`
    n_images : int
    name : str, default="label_sets"
        What errors call them.
    known : array-like, default=None
        Labels that the answers are compared with. A matrix of 0 and 1 with fewer columns than there
        are labels cannot be meant as class indicators.

    Returns
    -------
    answers : ndarray of shape (n_answers,)
    images : ndarray of shape (n_answers,), int
        Non-decreasing; every image occurs.
    """
    refuse_masked(label_sets, name)
    is_frame, is_sparse = _is_frame(label_sets), sparse.issparse(label_sets)
    if is_sparse and (label_sets.dtype != bool or label_sets.ndim != 2):
        raise ValueError(
            f"{name} is sparse with dtype {label_sets.dtype} and {label_sets.ndim} dimension(s). A "
            "sparse matrix is read as class indicators and must be bool: pass "
            f"{name}.astype(bool)."
        )
    if not is_frame and not is_sparse and hasattr(label_sets, "__array__"):
        label_sets = np.asarray(label_sets)
    scalar = getattr(label_sets, "ndim", 1) == 0 or not (
        hasattr(label_sets, "__len__") or is_sparse
    )
    # One of the sparse formats is a dict, too.
    unordered = isinstance(label_sets, str | bytes | set | frozenset | dict) and not is_sparse
    if scalar or unordered:
        raise ValueError(
            f"{name}={label_sets!r:.80} is not a collection in the images' order. Pass one set of "
            "answers for each image, in a list."
        )
    n_rows = label_sets.shape[0] if hasattr(label_sets, "shape") else len(label_sets)
    if n_rows != n_images:
        raise ValueError(
            f"X holds {n_images} images, but {name} holds {n_rows} sets. "
            "Pass one set of answers for each image."
        )
    if getattr(label_sets, "ndim", 1) > 2:
        raise ValueError(
            f"{name} has {label_sets.ndim} dimensions. Pass a list of sets, or a 1-D or 2-D array."
        )
    known = None if known is None else np.asarray(known)
    without = "Leave it out."
    if is_sparse:
        classes = _positions(label_sets.shape[1])
        rows = _indicated(_canonical(label_sets).nonzero(), classes, n_rows)
    elif is_frame or getattr(label_sets, "ndim", 1) == 2:
        rows = _rows_of_table(label_sets, name, known)
        without = f"Leave it out, as a list of lists can: {_LEAVE_OUT[is_frame].format(name)}."
    else:
        is_array = isinstance(label_sets, np.ndarray)
        rows = [_as_collection(row, f"{name}[{i}]", is_array) for i, row in enumerate(label_sets)]
        if not isinstance(label_sets, _Rows):
            _refuse_lists_of_indicators(label_sets, rows, name, known)
    for i, row in enumerate(rows):
        if len(row) == 0:
            raise ValueError(
                f"{name}[{i}] is empty. Every image needs at least one answer: drop the image."
            )
    images = np.repeat(np.arange(n_images), [len(row) for row in rows])
    answers = [answer for row in rows for answer in row]
    return check_answers(answers, name, images, without), images


def answer_rows(label_sets, n_images, name="label_sets", known=None):
    """Return the answers of each image as lists, whatever form they come in.

    Lists are read alike by all that takes right answers. See `check_label_sets`.
    """
    answers, images = check_label_sets(label_sets, n_images, name, known)
    first = np.flatnonzero(np.diff(images)) + 1
    return _Rows(row.tolist() for row in np.split(answers, first))


class _Rows(list):
    """Answers of each image, once read: nothing in them is taken for class indicators again."""


def table_rows(values):
    """Return the rows of a DataFrame as lists, of the cells and not of its columns' names."""
    return list(map(list, zip(*_columns(values), strict=True))) if _is_frame(values) else values


def _is_frame(values):
    """Whether `values` is a DataFrame: its length and iteration may be those of its columns."""
    return hasattr(values, "columns") and len(getattr(values, "shape", ())) == 2


def _columns(frame):
    """Return the columns of a DataFrame as arrays: together they would be brought to one dtype."""
    at = getattr(frame, "iloc", frame)
    return [np.asarray(at[:, j]) for j in range(frame.shape[1])]


def _canonical(matrix):
    """Return a sparse matrix by rows in order, without entries that are there twice."""
    matrix = matrix.tocsr(copy=True)
    matrix.sum_duplicates()
    return matrix


def _rows_of_table(table, name, known):
    """Return the answers of each row of a 2-D array or DataFrame, which may be indicators."""
    n_rows, n_columns = table.shape
    if not _is_frame(table):
        if table.dtype == bool:
            return _indicated(table.nonzero(), _positions(n_columns), n_rows)
        labels = f"list(map(set, {name}{'.astype(int)' * (table.dtype == object)}.tolist()))"
        _refuse_zeros_and_ones(table.T, known, name, f"{name}.astype(bool)", labels)
        return list(map(list, table))
    columns = _columns(table)
    if _are_indicators(columns):
        classes = _class_names(table, columns, name)
        return _indicated(np.stack(columns, axis=1).astype(bool).nonzero(), classes, n_rows)
    labels = f"list(map(set, {name}.astype(int).to_numpy().tolist()))"
    _refuse_zeros_and_ones(columns, known, name, f"{name}.astype(bool)", labels)
    return list(zip(*columns, strict=True)) if columns else [()] * n_rows


def _are_indicators(columns):
    """Whether the columns of a DataFrame hold True and False; cells may be missing."""
    return any(_is_bool(cell) for column in columns for cell in column) and all(
        column.dtype == bool
        or (column.dtype == object and all(_is_bool(cell) or _is_missing(cell) for cell in column))
        for column in columns
    )


def _is_bool(cell):
    return isinstance(cell, bool | np.bool_)


def _is_missing(cell):
    is_nan = isinstance(cell, float | np.floating) and cell != cell
    return cell is None or is_nan or type(cell).__name__ in ("NAType", "NaTType")


def _class_names(frame, columns, name):
    """Return the names of a DataFrame's columns as labels; raise if they, or cells, are missing."""
    for label, column in zip(frame.columns, columns, strict=True):
        for i, cell in enumerate(column if column.dtype == object else ()):
            if not _is_bool(cell):
                raise ValueError(
                    f"{name}[{i}] holds {cell!r} for the class {label!r}, a missing answer. If it "
                    f"means no, pass {name}.fillna(False).astype(bool)."
                )
    labels = check_answers(frame.columns, f"{name}.columns", without="Give that column a name.")
    names, counts = np.unique(labels, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"{name} has several columns of the name {names[counts > 1].tolist()[0]!r}. Each "
            "class needs one column with a name of its own."
        )
    return labels


def _positions(n_columns):
    return np.arange(n_columns, dtype=np.int64)


def _indicated(places, classes, n_rows):
    """Return the classes of each row by the places, in order, of what is True."""
    rows, columns = places
    bounds = np.searchsorted(rows, np.arange(n_rows + 1))
    return [classes[columns[start:end]] for start, end in pairwise(bounds)]


def _refuse_zeros_and_ones(columns, known, name, as_classes, as_labels):
    """Raise if a table of answers may be meant as class indicators, of the `known` labels.

    The last two are what to pass for either meaning.
    """
    n_classes = 2 if known is None else max(2, len(np.unique(known)))
    if len(columns) >= n_classes and all(
        np.isin(column, (0, 1)).all()
        if column.dtype.kind in "biuf"
        else column.dtype == object and all(map(_is_zero_or_one, column))
        for column in columns
    ):
        raise ValueError(
            f"{name} is a table of 0 and 1. Pass {as_classes} if its columns are classes that a "
            f"row has or has not, {as_labels} if its cells are the labels 0 and 1."
        )


def _is_zero_or_one(cell):
    return isinstance(cell, int | float | np.bool_ | np.integer | np.floating) and cell in (0, 1)


def _refuse_lists_of_indicators(label_sets, rows, name, known):
    """Raise if rows in a list look like those of an indicator matrix."""
    widths = {len(row) for row in rows}
    if len(widths) != 1 or max(widths) < 2 or any(map(_is_set, label_sets)):
        return
    of_bools = known is not None and known.dtype.kind == "b"
    if not of_bools and all(_is_bool(cell) for row in rows for cell in row):
        matrix = f"np.array({name}{'.tolist()' * isinstance(label_sets, np.ndarray)})"
        raise ValueError(
            f"{name} holds rows of {max(widths)} bools each. Pass {matrix} if they mark which "
            "classes a row has, sets if they are the labels False and True."
        )
    # Two cells may well be the answers of two people; in rows of more, all would hold one twice.
    if max(widths) > 2 or all(hasattr(row, "__array__") for row in label_sets):
        columns = np.array(rows, dtype=object).T
        as_classes = f"np.array(list({name}), dtype=bool)"
        _refuse_zeros_and_ones(columns, known, name, as_classes, f"list(map(set, {name}))")


def _is_set(row):
    return isinstance(row, set | frozenset)


def _as_collection(row, name, is_array):
    if _is_set(row):
        # Sets of strings iterate in another order in every process.
        try:
            return sorted(row)
        except TypeError:
            return list(row)
    if isinstance(row, list | tuple):
        return list(row)
    if hasattr(row, "__array__") and np.ndim(row):
        refuse_masked(row, name)
        return list(np.asarray(row))
    if isinstance(row, str) and not is_array:
        raise ValueError(
            f"{name}={row!r} is a bare string where a set of answers belongs. Wrap it: [{row!r}]; "
            "or pass a NumPy array of strings where each image has one answer."
        )
    if isinstance(row, str | numbers.Real | np.bool_) or (is_array and np.ndim(row) == 0):
        return [row]
    raise ValueError(
        f"{name} is {row!r} of type {type(row).__name__}. Pass a set, list, tuple or "
        "array of answers."
    )
