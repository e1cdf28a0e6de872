"""What a fit is of, in a form that can be compared: its data, its parameters, versions."""

import hashlib
import json
from numbers import Integral, Real

import numpy as np
import torch

from .._torch.device import resolve_device
from .._version import __version__
from ..exceptions import CheckpointError
from ..training.checkpoints import Checkpoints

# Parameters on which no training depends, or that count by another name: that of answering, and
# the callbacks, whose trainings are not kept.
LEFT_OUT = frozenset({
    "n_jobs", "verbose", "random_state", "device", "callbacks",
    "relevance_weight", "beam_width", "batch_size",
})  # fmt: skip
AT_ONCE = 2**24  # bytes that are read at a time, about


def begin_checkpoints(folder, estimator, stages, X, answers, owners, seeds):
    """Return the `Checkpoints` of a fit, whose seeds the stages get; arguments as of `identity_of`.

    Raises
    ------
    CheckpointError
        As `Checkpoints`, and if the estimator has callbacks of scikit-learn.
    """
    if getattr(estimator, "_skl_callbacks", None):
        raise CheckpointError(
            "checkpoints cannot keep what callbacks of scikit-learn know. Take them off, with "
            "est.set_callbacks(), and pass verbose=1 for a progress bar; or leave out "
            "`checkpoints`."
        )
    identity = identity_of(stages, estimator.get_params(deep=False), X, answers, owners)
    kept = Checkpoints(folder, identity, seeds, estimator.random_state is not None)
    for stage, seed in zip(stages.values(), kept.seeds, strict=False):
        stage.set_params(random_state=seed)
    return kept


def identity_of(stages, params, X, answers, owners):
    """Return what a fit is of, by the names under which users know it, as JSON has it.

    Of objects, such as an analyzer, their names count alone: what they do shows in the data and the
    initial weights of the trainings, by which `Checkpoints` knows these.

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
    known = {
        name: value for name, value in params.items() if name not in stages and name not in LEFT_OUT
    }
    for name, stage in stages.items():
        known[name] = type(stage)
        # Here, the batch size is that of the training.
        left_out = LEFT_OUT - {"batch_size"}
        inner = stage.get_params().items()
        known |= {f"{name}__{key}": value for key, value in inner if key not in left_out}
    return {
        "the version of condcap_sk": __version__,
        "the version of torch": torch.__version__,
        "device": str(resolve_device(params["device"])),
        **{name: _value(value) for name, value in sorted(known.items())},
        "X": f"{X.dtype} {X.shape}",
        "y": f"{len(answers)} answers",
        "the values of X": {"sha256": _digest_of_rows(X)},
        "the answers in y": {"sha256": _digest_of_answers(answers, owners)},
    }


def _value(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        return [_value(part) for part in value]
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


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
