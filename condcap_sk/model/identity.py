"""What a fit is of: all that the fitted model depends on, in a form that can be compared."""

import hashlib
import json
import pickle
from numbers import Integral, Real

import joblib
import torch

from .._torch.device import resolve_device
from .._version import __version__

# Parameters on which no bit of the model depends, or that count by another name.
LEFT_OUT = frozenset({"n_jobs", "verbose", "random_state", "device"})
AT_ONCE = 2**24  # bytes that are read at a time, about


def identity_of(stages, params, X, answers, owners):
    """Return what a fit is of, by the names under which users know it, as JSON has it.

    Parameters
    ----------
    stages : dict
        The unfitted stages, by name.
    params : dict
        Of the estimator, without those of its stages.
    X : ndarray
        As `check_images` returns it.
    answers, owners : ndarray
        As `check_label_sets` returns them.
    """
    known = {name: value for name, value in params.items() if name not in stages}
    for name, stage in stages.items():
        known |= {f"{name}__{inner}": value for inner, value in stage.get_params().items()}
    return {
        "the version of condcap_sk": __version__,
        "the version of torch": torch.__version__,
        "device": str(resolve_device(params["device"])),
        **{
            name: _value(value)
            for name, value in sorted(known.items())
            if name.rpartition("__")[2] not in LEFT_OUT
        },
        "X": f"{X.dtype} {X.shape} {_digest_of_rows(X)}",
        "y": f"{len(answers)} answers {_digest_of_answers(answers, owners)}",
    }


def _value(value):
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        return [_value(part) for part in value]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    try:
        return f"{name} {joblib.hash(value)}"
    except (pickle.PicklingError, AttributeError, TypeError):
        # A function of a session, say, has no name by which it could be found again.
        return name


def _digest_of_rows(X):
    digest = hashlib.sha256()
    step = max(1, AT_ONCE // max(1, X[:1].nbytes))
    for start in range(0, len(X), step):
        digest.update(X[start : start + step].tobytes())
    return digest.hexdigest()


def _digest_of_answers(answers, owners):
    digest = hashlib.sha256(json.dumps(answers.tolist(), default=str).encode())
    digest.update(owners.tobytes())
    return digest.hexdigest()
