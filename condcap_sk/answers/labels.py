"""One answer each: what is one, and which dtype holds them all."""

import numpy as np


def check_answers(answers, name, rows=None, without="Leave it out."):
    """Return a 1-D array of labels, in their own dtype, or of str objects.

    Labels of several dtypes come in one that holds them all, and no value is changed. In errors,
    `rows` are the rows of `name` that the answers are from, and `without` is how to leave one out.
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
    refuse_masked(answers, name)
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
            + ", which cannot be ordered or distinguished. Convert all answers to one type, "
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


def with_abstention(answers, is_abstained, abstention):
    """Return answers (n,), some of them replaced by one value, in a dtype that holds both.

    That is the answers' own, if it holds the value unchanged, and else that of objects; str of
    fixed width becomes wider. Which it is does not depend on how many are replaced.
    """
    if not (abstention is None or _kind(type(abstention))):
        raise ValueError(
            f"abstention={abstention!r:.80} is none of what predict can return. Pass None, an int, "
            "float, bool or str, such as -1 or ''."
        )
    value, dtype = np.array(abstention), np.dtype(object)
    kinds = {_kind(answers.dtype.type), _kind(value.dtype.type)}
    if kinds == {"str"}:
        dtype = np.result_type(answers, value)
    elif kinds in ({"bool"}, {"number"}):
        with np.errstate(all="ignore"):
            kept = value.astype(answers.dtype)
        if kept == value or (kept != kept and value != value):
            dtype = answers.dtype
    filled = answers.astype(dtype)
    filled[is_abstained] = abstention
    return filled


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


def refuse_masked(answers, name):
    if np.ma.is_masked(answers):
        raise ValueError(
            f"{name} is a masked array, of which some is masked. Leave that out: a list of lists "
            "has rows of any length."
        )
