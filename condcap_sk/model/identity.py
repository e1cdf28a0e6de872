"""What a fit is of, in a form that can be compared: its data, its parameters, versions."""

import hashlib
import json
from numbers import Integral, Real

import numpy as np
import torch

from .._persistence import digest_of
from .._processes import sharing
from .._stored import StoredImages
from .._torch.device import resolve_device
from .._version import __version__
from ..exceptions import CheckpointError
from ..training.checkpoints import Checkpoints, FollowedCheckpoints

# Parameters on which no training depends, or that count by another name: that of answering, and
# the callbacks, whose trainings are not kept.
LEFT_OUT = frozenset({
    "n_jobs", "verbose", "random_state", "device", "callbacks",
    "relevance_weight", "beam_width", "batch_size",
})  # fmt: skip
AT_ONCE = 2**24  # bytes that are read at a time, about
COMPARED = 1000  # images by which processes compare what is not in memory; by hand


def begin_fit(folder, estimator, stages, earlier, X, answers, owners, seeds):
    """Return the `Checkpoints` of a fit, None without a folder, and its seeds, as the stages get.

    Processes that make the fit together compare what it is of.

    Parameters
    ----------
    folder : str, path-like or None
    estimator : ConditionalCaptioner
    earlier : dict
        The fitted stages from which the others go on, if they do.
    stages, X, answers, owners
        As of `identity_of`.
    seeds : list of int

    Raises
    ------
    CheckpointError
        As `Checkpoints`, and if the estimator has callbacks of scikit-learn.
    ProcessGroupError
        If processes fit other things.
    """
    of_fit = stages, estimator.get_params(deep=False), X, answers, owners
    processes = sharing()
    if processes is not None:
        compared = X
        if isinstance(X, StoredImages):
            rows = np.linspace(0, len(X) - 1, min(COMPARED, len(X))).astype(int)
            compared = X.take(rows)
        before: dict = {}
        for name, stage in enumerate(earlier.values()):
            before |= stage._to_state(str(name))[1]
        processes.compare({
            **identity_of(*of_fit[:2], compared, answers, owners),
            "X": f"{X.dtype} {tuple(X.shape)}",
            "the seeds": seeds,
            **{f"{name}__callbacks": _value(stage.callbacks) for name, stage in stages.items()},
            "callbacks of scikit-learn": _value(getattr(estimator, "_skl_callbacks", None)),
            "the models before": {"sha256": digest_of("", before)},
            "checkpoints": "no folder" if folder is None else "a folder",
        })  # fmt: skip
    if folder is None:
        return None, seeds
    if getattr(estimator, "_skl_callbacks", None):
        raise CheckpointError(
            "checkpoints cannot keep what callbacks of scikit-learn know. Take them off, with "
            "est.set_callbacks(), and pass verbose=1 for a progress bar; or leave out "
            "`checkpoints`."
        )
    kept: Checkpoints | FollowedCheckpoints
    if processes is not None and processes.rank:
        kept = FollowedCheckpoints(processes, seeds)
    else:
        are_given = estimator.random_state is not None
        kept = Checkpoints(folder, identity_of(*of_fit), seeds, are_given, processes)
    for stage, seed in zip(stages.values(), kept.seeds, strict=False):
        stage.set_params(random_state=seed)
    return kept, kept.seeds


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
