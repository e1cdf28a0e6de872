"""Torch modules as ONNX files, each checked against its module by onnxruntime."""

import logging
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from ..exceptions import ExportError
from .sessions import Network
from .signatures import INTEGERS

OPSET = 18  # of onnxruntime 1.14 and newer, and of onnxruntime-web
EXAMPLE = {"n": 3, "k": 2}  # what the exporter sees; all sizes of a row are others
# Numbers of rows that a file is tried with, and scales of the numbers in them.
TRIED = ((1, 1), (2, 3), (19, 4))
SCALES = 1.0, 5.0
# By how much an output may differ, as a share of the largest number in it. Rounding alone gave 2e-6
# at most.
TOLERANCE = 1e-4


def onnx_files(networks, signatures, pixel_range):
    """Yield names of modules and the bytes of their ONNX files.

    Parameters
    ----------
    networks : dict of {str: torch.nn.Module}
        On the CPU, in evaluation mode.
    signatures : dict of {str: Signature}
        Of those that are wanted.
    pixel_range : tuple of two float
        Of images, with which the files are tried.

    Raises
    ------
    ExportError
        If onnxruntime computes from one what differs from the module's outputs by more than
        `TOLERANCE`, at one of several numbers of rows.
    """
    for name, content in _exported(networks, signatures):
        _check(name, content, networks[name], signatures[name], pixel_range)
        yield name, content


def _check(name, content, module, signature, pixel_range):
    network = Network(content, name, signature, n_jobs=1)
    rng = np.random.RandomState(0)
    for n, k in TRIED:
        for scale in SCALES:
            inputs = _inputs(signature, {"n": n, "k": k}, scale, pixel_range, rng)
            with torch.no_grad():
                outputs = module(*map(torch.from_numpy, inputs))
            ours = [outputs] if isinstance(outputs, torch.Tensor) else outputs
            for output, expected, found in zip(
                signature.outputs, ours, network(*inputs), strict=True
            ):
                _compare(f"{output!r} of the network {name!r}, of {n} rows,", expected, found)


def _compare(what, expected, found):
    expected = expected.numpy()
    finite = np.isfinite(expected)
    largest = max(1.0, np.abs(expected[finite]).max(initial=0))
    same = np.array_equal(finite, np.isfinite(found)) and np.array_equal(
        expected[~finite], found[~finite], equal_nan=True
    )
    difference = np.abs(expected[finite] - found[finite]).max(initial=0) if same else np.inf
    if not difference <= TOLERANCE * largest:
        raise ExportError(
            f"{what} differs by {difference:.2g} between torch and onnxruntime, where "
            f"{TOLERANCE * largest:.2g} is allowed. Nothing was exported. Try other versions of "
            "torch, onnxscript and onnxruntime."
        )


def _inputs(signature, sizes, scale, pixel_range, rng):
    """Return random inputs, of images on their scale, of ids in their range."""
    found = []
    for name, dims in signature.inputs.items():
        shape = tuple(sizes.get(size, size) for size in dims)
        if name in INTEGERS:
            # 0 and 1 have a meaning of their own; which others there are does not matter.
            values = rng.randint(0, 3, size=shape).astype(np.int32)
        elif name == "images":
            values = rng.uniform(*pixel_range, size=shape).astype(np.float32)
        else:
            values = (scale * rng.standard_normal(shape)).astype(np.float32)
        found.append(values)
    return found


class _SideBySide(nn.Module):
    """Networks that have nothing to do with each other, as one: all their inputs and outputs.

    The exporter needs a second to begin, whatever it exports.
    """

    def __init__(self, networks, signatures):
        super().__init__()
        # Names for errors of the exporter; by themselves, some are those of a module's methods.
        self.networks = nn.ModuleDict({f"{name}_network": networks[name] for name in signatures})
        self.n_inputs = [len(signature.inputs) for signature in signatures.values()]

    def forward(self, *inputs):
        outputs: list[torch.Tensor] = []
        for network, n in zip(self.networks.values(), self.n_inputs, strict=True):
            found = network(*inputs[:n])
            outputs += [found] if isinstance(found, torch.Tensor) else found
            inputs = inputs[n:]
        return tuple(outputs)


def _exported(networks, signatures):
    from onnx.utils import Extractor  # of the extra

    rng = np.random.RandomState(0)
    inputs = [
        torch.from_numpy(values)
        for signature in signatures.values()
        for values in _inputs(signature, EXAMPLE, 1.0, (0, 1), rng)
    ]
    dynamic = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(dims) if isinstance(size, str)}
        for signature in signatures.values()
        for dims in signature.inputs.values()
    )
    with _quiet():
        program = torch.onnx.export(
            _SideBySide(networks, signatures).eval(),
            tuple(inputs),
            input_names=[_inside(n, x) for n, s in signatures.items() for x in s.inputs],
            output_names=[_inside(n, x) for n, s in signatures.items() for x in s.outputs],
            dynamic_shapes=(dynamic,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = _stripped(program.model_proto)
    del program  # it holds all weights once more
    extractor = Extractor(model)
    for name, signature in signatures.items():
        yield name, _part(extractor, name, signature)


def _inside(network, name):
    """Return what an input or output of a network is called where all are one."""
    return f"{network}/{name}"


def _part(extractor, network, signature):
    """Return the bytes of one network of the model of all."""
    named = {_inside(network, name): name for name in (*signature.inputs, *signature.outputs)}
    model = extractor.extract_model(
        *([_inside(network, name) for name in names] for names in signature)
    )
    model.graph.name = network
    model.graph.ClearField("value_info")
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [named.get(name, name) for name in names]
    for values, shapes in zip((model.graph.input, model.graph.output), signature, strict=True):
        _declare(values, shapes)
    return model.SerializeToString()


def _stripped(model):
    """Leave out what is of no use, and of this machine: names of files, stacks of calls."""
    graph = model.graph  # what is cut out of it has no texts of its own
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return model


def _declare(values, shapes):
    """Name inputs or outputs, and their dimensions, as in a signature."""
    for value, (name, dims) in zip(values, shapes.items(), strict=True):
        value.name = name
        for declared, size in zip(value.type.tensor_type.shape.dim, dims, strict=True):
            if isinstance(size, str):
                declared.dim_param = size
            else:
                declared.dim_value = size


@contextmanager
def _quiet():
    """Keep the exporter's remarks about itself from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
