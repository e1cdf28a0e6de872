"""A fitted estimator as one safetensors file that holds numbers and JSON, and no code."""

import hashlib
import inspect
import json
import os
import struct
import tempfile
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch.overrides import TorchFunctionMode

from ._fields import Fields
from ._version import __version__
from ._warnings import warn_user
from .exceptions import ModelFileError, VersionMismatchWarning

FORMAT = "condcap_sk.5"
NOT_KEPT = "callbacks", "word_vectors", "image_network"  # parameters of training, objects
DRAFT = ".condcap_sk-"  # how names of files begin that are being written
AT_ONCE = 1024  # rows that a checksum reads at a time; by hand
LARGEST_HEADER = 2**26  # bytes; a vocabulary of a million words is a quarter of that


def write(path, header, tensors, file_format=FORMAT):
    """Write a model file; what was at `path` stays whole until the new file is.

    Parameters
    ----------
    path : str or path-like
    header : dict
        Anything that JSON has.
    tensors : dict of {str: Tensor}
    file_format : str, default=FORMAT
        Of what the file is.
    """
    given = os.fsdecode(path)
    # What a link points at is replaced, and not the link.
    path = Path(os.path.realpath(given))
    if not given or (path.exists() and not path.is_file()):
        raise ValueError(f"path={given!r} is no file. Pass the name of a file.")
    if not path.parent.is_dir():
        remedy = "Make it first, with os.makedirs"
        if given.startswith("~"):
            remedy = "Pass os.path.expanduser(path)"
        elif path.parent.exists():
            remedy = "There is a file of that name"
        raise FileNotFoundError(
            f"path={given!r}: there is no folder {str(path.parent)!r}. {remedy}."
        )
    text = json.dumps({"version": __version__, **header}, default=_as_python)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # One entry: safetensors writes several in any order, and the same model is the same bytes.
    about = {"format": file_format, "sha256": digest_of(text, tensors), "header": text}
    replace_file(path, save(tensors, {"condcap_sk": json.dumps(about)}))


def replace_file(path, content):
    """Write bytes to a file; what was there stays whole until the new file is."""
    # Its name is no longer than that of the file, which may be as long as names can be.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp lets only the owner read; a saved model is an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(draft, 0o666 & ~umask)
        os.replace(draft, path)
    except BaseException:
        # Not there, if Ctrl-C came after it took the file's place.
        Path(draft).unlink(missing_ok=True)
        raise


def _as_python(value):
    """Return what JSON does not know, a NumPy number, as one that it does."""
    return value.item()


def read(path, file_format=FORMAT):
    """Read a model file and check that it is whole, see `parse`."""
    path = Path(os.fsdecode(path))
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder. Pass the name of a file that `save` wrote.")
    return parse(path.read_bytes(), path, file_format)


def parse(content, path, file_format):
    """Read the bytes of a model file and check that it is whole; `path` is named in errors.

    Returns
    -------
    header : dict
        With the "version" that wrote it.
    tensors : dict of {str: Tensor}

    Raises
    ------
    ModelFileError
        If it is no model file, of another format, or damaged.
    """
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    if not 0 < length <= min(LARGEST_HEADER, len(content) - 8):
        raise ModelFileError(f"{path} is not a safetensors file, or cut short. Copy it again.")
    try:
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        about = json.loads(metadata.get("condcap_sk", "{}"))
        tensors = load(content)
        text = about.get("header", "{}")
        whole = about.get("sha256") == digest_of(text, tensors)
        header = json.loads(text)
    # safetensors raises its own error, and others where sizes or types are hostile.
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
            OverflowError, RuntimeError) as error:  # fmt: skip
        raise ModelFileError(
            f"{path} is not a safetensors file, or damaged: {error!s:.200}. Copy it again."
        ) from error
    if about.get("format") != file_format:
        raise ModelFileError(
            f"{path} has the format {about.get('format')!r:.80}, not {file_format!r}. Pass a file "
            "written by `save`, or install the version of condcap_sk that wrote it."
        )
    if not whole or not isinstance(header, dict):
        raise ModelFileError(f"{path} is damaged: its checksum does not fit. Copy it again.")
    return header, tensors


def warn_of_version(written_by, what):
    """Warn where a model comes from another version of this package."""
    if written_by != __version__:
        warn_user(
            f"{what} was saved by condcap_sk {written_by!r:.40}, this is {__version__}. If its "
            "answers differ, install that version or fit again.",
            VersionMismatchWarning,
        )


def digest_of(text, tensors):
    """Return a checksum of a text and named tensors, stored ones among them."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for part in tensor.split(AT_ONCE) if tensor.ndim else [tensor]:
            digest.update(part.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def kept_params(estimator):
    """Return all parameters of an estimator, but for those that count in training only."""
    params = estimator.get_params()
    return {k: v for k, v in params.items() if k.rpartition("__")[2] not in NOT_KEPT}


def pack_params(estimator, params=None):
    """Return the parameters of an estimator as JSON has them, parts as {"class", "params"}.

    `params` are those to take, as `kept_params` once gave them; None is now.
    """
    params = kept_params(estimator) if params is None else params
    packed = {}
    for name, parameter in inspect.signature(type(estimator).__init__).parameters.items():
        if name not in params:
            continue
        value = params[name]
        if hasattr(value, "get_params"):
            inner = {
                key.removeprefix(f"{name}__"): inner
                for key, inner in params.items()
                if key.startswith(f"{name}__")
            }
            packed[name] = {
                "class": type(value).__name__,
                "params": pack_params(value, inner),
            }
        else:
            where = f"{type(estimator).__name__}.{name}"
            packed[name] = _plain(value, where, parameter.default)
    return packed


def _plain(value, name, default):
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_ | np.str_):
        return value.item()
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, tuple | list):
        return [_plain(part, name, default) for part in value]
    if isinstance(value, np.random.RandomState):
        # It was used up by the fit: the same stream is not to be had again.
        return None
    raise ValueError(
        f"{name}={value!r:.80} is an object, and a model file holds only numbers and text. "
        f"Set it to {default!r} or a plain value and fit again, or keep the estimator with "
        "joblib.dump."
    )


def unpack_params(cls, fields, parts=()):
    """Return an unfitted `cls` with the parameters in `fields`, all checked; none may be missing.

    `parts` are the classes that a parameter may be an instance of.
    """
    params = {}
    for name in inspect.signature(cls.__init__).parameters:
        if name == "self":
            continue
        value = fields.take(name, object) if name in fields else None
        if isinstance(value, dict):
            inner = Fields(value, f"{fields.where}.{name}")
            kinds = {kind.__name__: kind for kind in parts}
            kind = inner.take("class", str)
            if kind not in kinds:
                raise ModelFileError(f"{inner.where} names the class {kind!r:.80}, which is none.")
            value = unpack_params(kinds[kind], inner.inner("params"))
            inner.end()
        elif isinstance(value, list):
            value = tuple(value)
        params[name] = value
    fields.end()
    estimator = cls(**params)
    try:
        estimator._validate_params()
    except ValueError as error:
        raise ModelFileError(f"{fields.where}: {error}") from error
    return estimator


def history(fields, name):
    """Take the history of a training: lists of numbers, all of one length."""
    found = fields.take(name, dict)
    columns = list(found.values())
    if not all(
        isinstance(column, list)
        and len(column) == len(columns[0])
        and all(isinstance(value, int | float) for value in column)
        for column in columns
    ):
        raise ModelFileError(f"{fields.where}.{name} is not made of lists of numbers.")
    return found


def image_shape(fields, name):
    """Take the shape of images, (C, H, W), or of feature vectors, (d,)."""
    shape = fields.take(name, list)
    possible = all(type(size) is int and 1 <= size < 2**31 for size in shape)
    if len(shape) not in (1, 3) or not possible:
        raise ModelFileError(f"{fields.where}.{name} is {shape!r:.80}, no shape of images.")
    return tuple(shape)


class Tensors:
    """The tensors of a file, each taken once and checked."""

    def __init__(self, tensors):
        self.tensors = tensors

    def module(self, prefix, fields, classes, parts=()):
        """Return the module that `fields` describe, with the tensors named after `prefix`.

        `classes` are those that it may be of, and `parts` those of the modules in it.
        """
        # Memory is taken only by what the file really holds.
        with torch.device("meta"), _Uninitialised():
            module = _build(fields, classes, parts)
        expected = module.state_dict()
        found = {
            name.removeprefix(prefix): self.tensors.pop(name)
            for name in list(self.tensors)
            if name.startswith(prefix)
        }
        for name in expected.keys() | found.keys():
            ours, theirs = (_kind_of(tensors.get(name)) for tensors in (expected, found))
            if ours != theirs:
                raise ModelFileError(f"The tensor {prefix + name!r} is {theirs}, not {ours}.")
            if not found[name].isfinite().all():
                raise ModelFileError(f"The tensor {prefix + name!r} holds what is no number.")
        # Not by assignment: that would lose the memory layout, and the last bits of answers.
        module._apply(_on_cpu).load_state_dict(found)
        return module.eval().requires_grad_(False)

    def end(self):
        if self.tensors:
            raise ModelFileError(f"The tensors {list(self.tensors)[:5]} belong to nothing.")


def _on_cpu(tensor):
    """Return memory for a tensor, laid out alike; what `Module.to_empty` calls imports sympy."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")


class _Uninitialised(TorchFunctionMode):
    """Make modules without their initial values, which on "meta" take as long as all else."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _build(fields, classes, parts, depth=2):
    """Return an untrained module by the config that `describe` made.

    Modules are parts of parts to this depth.
    """
    name = fields.take("class", str)
    cls = {cls.__name__: cls for cls in classes}.get(name)
    if cls is None:
        raise ModelFileError(f"{fields.where} is of the class {name!r:.80}, which is none of ours.")
    arguments = {}
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.annotation is int:
            value = fields.size(parameter.name)
        elif parameter.annotation in (float, bool):
            value = fields.take(parameter.name, parameter.annotation)
        else:
            # A module or, where there need be none, null.
            value = fields.take(parameter.name, object)
            if value is not None or parameter.default is not None:
                part = Fields(value, f"{fields.where}.{parameter.name}")
                value = _build(part, parts if depth else (), parts, depth - 1)
        arguments[parameter.name] = value
    fields.end()
    try:
        return cls(**arguments)
    # Sizes whose product no tensor can have.
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(f"{fields.where} describes no module: {error!s:.200}") from error


def _kind_of(tensor):
    return "missing" if tensor is None else (tensor.dtype, tuple(tensor.shape))


def named_tensors(prefix, module):
    """Return the state of a module, its names after `prefix`."""
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}
