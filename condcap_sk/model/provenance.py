"""What a model comes from: the sizes of its data, the device and the versions of its fit."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from .._version import __version__
from ..answers.tokens import END
from ..exceptions import ModelFileError

# On which the weights of a fit, or what is done with them, can depend.
PACKAGES = ("torch", "skorch", "scikit-learn", "numpy")
# What a fit may depend on, and no file keeps: scikit-learn's callbacks, and parameters of stages.
PASSED = (
    "callbacks", "codec__callbacks", "codec__word_vectors", "image_encoder__callbacks",
    "gan__callbacks",
)  # fmt: skip


def provenance_of(encoded, n_held_out, stages, callbacks):
    """Return what is known of a fit besides its parameters; of the data, counts alone.

    Parameters
    ----------
    encoded : EncodedAnswers
        Of all images, the held-out ones among them.
    n_held_out : int
    stages : dict of {str: object}
        Those that are trained, of which the codec already was.
    callbacks : sequence
        Of scikit-learn, which watch the fit.

    Returns
    -------
    provenance : dict
        See `ConditionalCaptioner.provenance_`.
    """
    passed = {"callbacks": callbacks} | {
        f"{stage}__{name}": getattr(part, name, None)
        for stage, part in stages.items()
        for name in ("callbacks", "word_vectors")
    }
    has_answer = encoded.index >= 0
    lengths = (encoded.ids != END).sum(axis=1)[encoded.index[has_answer]]
    return {
        "n_images": len(encoded),
        "n_held_out": int(n_held_out),
        "n_answers": int(has_answer.sum()),
        "n_distinct": len(encoded.vectors),
        "answers_per_image": _spread(has_answer.sum(axis=1)),
        "tokens_per_answer": _spread(lengths),
        "not_kept": tuple(name for name in PASSED if passed.get(name)),
        "device": stages["codec"].device_.type,
        "versions": _versions(),
    }


def to_fields(provenance):
    """Return a provenance as JSON has it."""
    tuples = "answers_per_image", "tokens_per_answer", "not_kept"
    return provenance | {name: list(provenance[name]) for name in tuples}


def from_fields(fields):
    """Return the provenance that `to_fields` wrote, checked."""
    found = {"n_images": fields.size("n_images"), "n_held_out": fields.take("n_held_out", int)}
    if not 0 <= found["n_held_out"] < found["n_images"]:
        raise ModelFileError(
            f"{fields.where}.n_held_out is {found['n_held_out']!r:.80}, of {found['n_images']} "
            "images."
        )
    # In the order of `provenance_of`: the same model is the same bytes.
    found |= {name: fields.size(name) for name in ("n_answers", "n_distinct")}
    for name in ("answers_per_image", "tokens_per_answer"):
        # Not as rows of numbers, which are float32: the mean is kept to the last bit.
        values = fields.take(name, list)
        are_counts = all(type(value) is float and 0 < value < 2**31 for value in values)
        if len(values) != 3 or not are_counts:
            raise ModelFileError(f"{fields.where}.{name} is {values!r:.80}, no spread of counts.")
        found[name] = tuple(values)
    not_kept = fields.take("not_kept", list)
    found["not_kept"] = tuple(name for name in PASSED if name in not_kept)
    if list(found["not_kept"]) != not_kept:
        raise ModelFileError(f"{fields.where}.not_kept is {not_kept!r:.80}, no such names.")
    found["device"] = fields.take("device", str)
    versions = fields.inner("versions")
    found["versions"] = {
        name: versions.take(name, str) for name in ("condcap_sk", "python", *PACKAGES)
    }
    versions.end()
    fields.end()
    return found


def _spread(counts):
    """Return the least, the mean and the most of counts."""
    return float(counts.min()), float(np.mean(counts)), float(counts.max())


def _versions():
    return {
        "condcap_sk": __version__,
        "python": platform.python_version(),
        **{name: _version_of(name) for name in PACKAGES},
    }


@cache
def _version_of(package):
    # It is looked up on the disk, which takes milliseconds.
    try:
        return version(package)
    except PackageNotFoundError:  # a build that is no distribution, such as a vendored one
        return "unknown"
