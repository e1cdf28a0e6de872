"""Checks of what users hand in. Each error names the argument, what it got and what to type."""

import numbers
import re
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

_CHANNELS = (1, 3, 4)


@contextmanager
def _told_of(name):
    """Let errors that are raised inside name the argument, as NumPy's do not."""
    try:
        # What is infinite, or becomes it in float32, is told by errors; NumPy would warn first.
        with np.errstate(invalid="ignore", over="ignore"):
            yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def for_torch(array):
    """Return `array` contiguous and writable: torch shares no read-only memory (a memmap, say)."""
    return np.require(array, requirements=["C", "W"])


def as_rows(values, n_columns, name):
    """Return `values` as a finite float32 array of shape (n, n_columns)."""
    with _told_of(name):
        values = check_array(values, dtype=np.float32, input_name=name)
    if values.shape[1] != n_columns:
        raise ValueError(
            f"{name} has {values.shape[1]} columns, but {n_columns} are expected: "
            f"pass an array of shape (n, {n_columns})."
        )
    return for_torch(values)


def check_given(y, estimator):
    """Raise, in the words that scikit-learn's tools expect, if there is no `y`."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Pass "
            "the right answers of each row of X."
        )


def check_vector_sets(y, n_rows, dtype=np.float32):
    """Return the distinct vectors of `y` (m, d) and, per row, which of them it holds.

    The second array, of shape (n_rows, most answers of one row), is filled up with −1.
    """
    y = table_rows(y) if hasattr(y, "__len__") else np.asarray(y)
    if len(y) != n_rows:
        raise ValueError(f"X holds {n_rows} rows, but y holds {len(y)}. Pass one set for each row.")
    with _told_of("y"):
        rows = [np.atleast_2d(np.asarray(row, dtype=dtype)) for row in y]
    lengths = np.array([len(row) for row in rows])
    if not lengths.all() or len({row.shape[1] for row in rows}) != 1:
        raise ValueError(
            "y holds sets that are empty or vectors of different lengths. Pass for each row an "
            "array of shape (n_answers, n_components) with at least one answer."
        )
    bank, index = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
    answers = np.full((n_rows, lengths.max()), -1)
    answers[np.arange(lengths.max()) < lengths[:, None]] = index.reshape(-1)
    return bank, answers


def as_array(X):
    """Return `X`, as an array if it is none; rows that are arrays themselves become one array."""
    if np.ma.is_masked(X):
        raise ValueError("X is a masked array, of which some is masked. Fill it: X.filled(0).")
    try:
        if not hasattr(X, "ndim"):
            X = np.asarray(X)
        if X.ndim == 1 and X.dtype == object:
            rows = [np.asarray(row) for row in X]
            if any(row.ndim for row in rows):
                X = np.stack(rows)
    except ValueError as error:
        raise ValueError(
            "X holds rows or images of different sizes. Bring all to one size first; of files, "
            "LoadImages(size=…) does."
        ) from error
    return X


def check_images(X, estimator=None, image_shape=None, reset=False):
    """Return images as (n, C, H, W) and feature vectors as (n, d); uint8 or float32, finite.

    `estimator` keeps what is known of the columns of a 2-D `X`; with `reset`, in fit, it learns
    that. `image_shape`, (H, W) or (H, W, C), tells that the rows of a 2-D `X` are flattened images.
    """
    X = as_array(X)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if X.ndim == 2 and estimator is not None:
        with _told_of("X"):
            X = validate_data(estimator, X, dtype="numeric", reset=reset)
    if not 2 <= X.ndim <= 4:
        raise ValueError(
            f"X has {X.ndim} dimension(s). Expected 2D array of features (n, d) or images of shape "
            "(n, H, W), (n, H, W, C) or (n, C, H, W). Reshape your data: X.reshape(-1, 1) for a "
            "single feature, X[None] for a single sample."
        )
    with _told_of("X"):
        X = check_array(X, dtype="numeric", allow_nd=True, input_name="X")
    if reset and len(X) == 1:
        raise ValueError(
            "X holds one image (n_samples=1). Nothing can be compared: pass at least two."
        )
    if X.dtype != np.uint8:
        with np.errstate(over="ignore"):
            X = X.astype(np.float32)
        if not np.isfinite(X).all():
            raise ValueError("X holds values too large for float32. Scale it down first.")
    if X.ndim == 2 and image_shape is not None:
        sizes = [int(size) for size in image_shape if isinstance(size, numbers.Integral)]
        if not 2 <= len(sizes) == len(image_shape) <= 3 or min(sizes) < 1:
            raise ValueError(
                f"image_shape={image_shape!r} is no size of images. Pass (H, W) or (H, W, C)."
            )
        if X.shape[1] != np.prod(image_shape):
            raise ValueError(
                f"image_shape={tuple(image_shape)} needs {np.prod(image_shape)} columns, but X has "
                f"{X.shape[1]}. Set `image_shape` to (H, W) or (H, W, C) of your images."
            )
        X = X.reshape(len(X), *image_shape)
    if X.ndim == 3:
        X = X[:, None]
    elif X.ndim == 4 and X.shape[3] in _CHANNELS:
        X = X.transpose(0, 3, 1, 2)
    elif X.ndim == 4 and X.shape[1] not in _CHANNELS:
        raise ValueError(
            f"X holds images of shape {X.shape[1:]}, with 1, 3 or 4 channels neither last nor "
            "first. Pass images as (n, H, W, C) or (n, C, H, W)."
        )
    return for_torch(X)


def check_same_images(X, shape, given=None, name="X"):
    """Raise if the images of `X` (or feature vectors) are not of the `shape` seen in fit.

    `given` is the shape that the user's array had.
    """
    if X.shape[1:] == tuple(shape):
        return
    was, now = _describe(shape), _describe(X.shape[1:])
    channels, *size = shape
    single = {(*size, channels), (channels, *size), *([tuple(size)] if channels == 1 else [])}
    if given in single:
        raise ValueError(
            f"{name} is one image of shape {given}, where a batch of images is expected. Pass "
            f"{name}[None]."
        )
    raise ValueError(
        f"{name} holds {now}, but fit saw {was}. Resize {name} to what fit saw, or fit again."
    )


def _describe(shape):
    if len(shape) == 1:
        return f"vectors of {shape[0]} features"
    channels, height, width = shape
    return f"{height}x{width} images with {channels} channel(s)"


def check_answers(answers, name, rows=None, without="Leave it out."):
    """Return a 1-D array of labels, in their own dtype, or of str objects.

    Labels of several dtypes come in one that holds them all, and no value is changed. `rows` tell
    errors which row of `name` each answer is from, and `without` how to leave out a missing one.
    """
    if isinstance(answers, str | bytes):
        raise ValueError(f"{name}={answers!r} is one bare string. Pass a list of answers.")
    if isinstance(answers, set | frozenset | dict) or not hasattr(answers, "__iter__"):
        raise ValueError(
            f"{name}={answers!r:.80} is no sequence. Pass a list of answers, in the images' order."
        )
    if getattr(answers, "ndim", 1) != 1:
        raise ValueError(
            f"{name} has shape {answers.shape}. Pass one answer for each image, shape (n,)."
        )
    _refuse_masked(answers, name)
    if hasattr(answers, "__array__"):
        answers = np.asarray(answers)
    answers = answers if hasattr(answers, "__len__") else list(answers)
    if len(answers) == 0:
        raise ValueError(f"{name} is empty. Pass at least one answer.")

    def place(i):
        return name if rows is None else f"{name}[{rows[i]}]"

    dtype = getattr(answers, "dtype", np.dtype(object))
    if dtype.kind in "biuf":
        labels = answers.astype(dtype.newbyteorder("="))
        _refuse_nan(labels, place, without)
        return labels
    # Of dates, tolist would make integers.
    is_array = isinstance(answers, np.ndarray)
    answers = answers.tolist() if is_array and dtype.kind in "OU" else list(answers)
    kinds = {cls: _kind(cls) for cls in set(map(type, answers))}
    if None in kinds.values():
        i = next(i for i, answer in enumerate(answers) if kinds[type(answer)] is None)
        raise ValueError(_no_answer(answers[i], place(i), without))
    if "number" in kinds.values():
        _refuse_nan(
            np.array([a if isinstance(a, float | np.floating) else 0 for a in answers]),
            place,
            without,
        )
    if len(found := set(kinds.values())) > 1:
        first = {
            kind: next(i for i, answer in enumerate(answers) if kinds[type(answer)] == kind)
            for kind in sorted(found)
        }
        raise ValueError(
            f"{name} mixes types: "
            + " and ".join(
                f"{answers[i]!r} ({kind})" + f" in {place(i)}" * (rows is not None)
                for kind, i in first.items()
            )
            + ", which cannot be ordered or told apart. Convert all answers to one type, "
            "for example with str()."
        )
    if "str" in found:
        # In fixed width all would be as long as the longest, and lose NULs at their ends.
        return np.array([str.__str__(answer) for answer in answers], dtype=object)
    return np.array(answers, dtype=bool if "bool" in found else _number_dtype(answers, place))


def _refuse_nan(numbers, place, without):
    if numbers.dtype.kind == "f" and (missing := np.isnan(numbers)).any():
        raise ValueError(f"{place(missing.argmax())} holds nan, a missing answer. {without}")


def _kind(cls):
    """Return what answers of a class are: "str", "bool" or "number", or None if they are none."""
    if issubclass(cls, str):
        return "str"
    if issubclass(cls, bool | np.bool_):
        return "bool"
    # NumPy takes time spans for integers.
    is_number = issubclass(cls, int | float | np.integer | np.floating)
    return "number" if is_number and not issubclass(cls, np.timedelta64) else None


def _no_answer(value, place, without):
    if type(value).__name__ in ("NAType", "NaTType"):
        return f"{place} holds {value!r}, a missing answer. {without}"
    return (
        f"{place} holds {value!r:.200} of type {type(value).__name__}. An answer is an int, float, "
        "bool or str: convert others, for example with str()."
        + f" Is it missing? {without}"
        * (value is None)
    )


def _number_dtype(numbers, place):
    """Return the dtype that all of these numbers have, or else one that holds them exactly."""
    classes = set(map(type, numbers))
    is_integer = [issubclass(cls, int | np.integer) for cls in classes]
    dtype = np.result_type(
        *(
            cls if issubclass(cls, np.generic) else np.int64 if integer else np.float64
            for cls, integer in zip(classes, is_integer, strict=True)
        )
    )
    integers = [(int(n), i) for i, n in enumerate(numbers) if isinstance(n, int | np.integer)]
    if all(is_integer):
        # The first of equal ones.
        low, high = min(integers), max(integers, key=lambda found: found[0])
        for candidate in (dtype, np.dtype(np.int64), np.dtype(np.uint64)):
            if candidate.kind in "iu" and all(_holds(candidate, n) for n, _ in (low, high)):
                return candidate
        worst, i = low if low[0] < np.iinfo(np.int64).min else high
        beside = f" beside {low[0]}" * (worst > 0 > low[0])
        raise ValueError(
            f"{place(i)} holds {worst}{beside}, which no integer type of NumPy can hold. Pass "
            "labels as str."
        )
    for number, i in integers:
        if not _holds(dtype, number):
            raise ValueError(
                f"{place(i)} holds {number}, which among floats would change its value. Pass only "
                "ints, or labels as str."
            )
    return dtype


def _holds(dtype, integer):
    """Whether a number type has this very integer."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min <= integer <= np.iinfo(dtype).max
    try:
        return int(float(integer)) == integer
    except OverflowError:
        return False


def in_one_dtype(*arrays):
    """Return labels from `check_answers` in one dtype that keeps all apart."""
    dtype = np.result_type(*arrays)
    if dtype.kind == "f":
        most = 2 ** (np.finfo(dtype).nmant + 1)
        integers = [a for a in arrays if a.dtype.kind in "iu"]
        if any(int(a.max()) > most or int(a.min()) < -most for a in integers):
            dtype = np.dtype(object)
    return [array.astype(dtype) for array in arrays]


def in_kept_dtype(labels, dtype):
    """Return labels in the number type of this name, if there is one and it holds all of them.

    The name may come from a stranger's file: NumPy has types that are no numbers.
    """
    if dtype not in {np.dtype(char).str for char in np.typecodes["AllInteger"] + "efdg"}:
        return labels
    with np.errstate(all="ignore"):
        kept = labels.astype(dtype) if labels.dtype.kind in "iuf" else labels
    is_float = {kept.dtype.kind == "f", labels.dtype.kind == "f"}
    return kept if len(is_float) == 1 and kept.tolist() == labels.tolist() else labels


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
    _refuse_masked(label_sets, name)
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


# How the missing cells of a 2-D array, and of a DataFrame, are left out.
_LEAVE_OUT = (
    "[[a for a in row if a is not None and a == a] for row in {}]",
    "[row.dropna().tolist() for _, row in {}.iterrows()]",
)


def _refuse_masked(answers, name):
    if np.ma.is_masked(answers):
        raise ValueError(
            f"{name} is a masked array, of which some is masked. Leave that out: a list of lists "
            "has rows of any length."
        )


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
            f"{name} holds rows of {max(widths)} bools each. Pass {matrix} if they say which "
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
        _refuse_masked(row, name)
        return list(np.asarray(row))
    if isinstance(row, str) and not is_array:
        raise ValueError(
            f"{name}={row!r} is a bare string where a set of answers belongs. Wrap it: [{row!r}]; "
            "or pass a NumPy array of strings to say that each image has one answer."
        )
    if isinstance(row, str | numbers.Real | np.bool_) or (is_array and np.ndim(row) == 0):
        return [row]
    raise ValueError(
        f"{name} is {row!r} of type {type(row).__name__}. Pass a set, list, tuple or "
        "array of answers."
    )


def check_latents(c, n_images, n_latents, name="c"):
    """Return latents as float32 (n_images, n_latents); one latent stands for all images."""
    with _told_of(name):
        c = np.atleast_2d(np.asarray(c))
    if c.shape not in {(1, n_latents), (n_images, n_latents)}:
        raise ValueError(
            f"{name} has shape {c.shape}. Pass one latent of shape ({n_latents},) for all images, "
            f"or one each, shape ({n_images}, {n_latents}); `sample_latents` draws some."
        )
    c = as_rows(c, n_latents, name)
    return np.tile(c, (n_images // len(c), 1))
