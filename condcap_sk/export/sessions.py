"""Exported networks, run by onnxruntime."""

import numpy as np

from ..exceptions import ModelFileError
from .graphs import check_graph
from .signatures import INTEGERS

# Rows that are computed together, in the cache of a core. By hand.
ROWS = {"image": 16}
OTHERS = 4096


class Network:
    """One exported network.

    Parameters
    ----------
    content : bytes
        Of the ONNX file.
    name : str
        Of the network, for errors, too.
    signature : Signature
    n_jobs : int or None
        Threads; None is as many as onnxruntime takes.
    """

    def __init__(self, content, name, signature, n_jobs=None):
        # An extra: who trains models and exports none does without.
        import onnxruntime

        self._signature = signature
        self._rows = ROWS.get(name, OTHERS)
        self._file = f"{name}.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what is wrong is an exception
        options.intra_op_num_threads = n_jobs or 0
        options.inter_op_num_threads = 1
        # Threads of one network do not wait for work while another one's compute.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            check_graph(content)
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except ModelFileError as error:
            raise ModelFileError(f"{self._file} {error}") from error
        # onnxruntime raises classes of its own, which have no common base.
        except Exception as error:
            raise ModelFileError(
                f"{self._file} is no network that onnxruntime reads: {_line(error)}"
            ) from error
        self._check()

    def _check(self):
        session = self._session
        for kind, found, expected in (
            ("inputs", session.get_inputs(), self._signature.inputs),
            ("outputs", session.get_outputs(), self._signature.outputs),
        ):
            ours = {
                name: (_type(name), tuple(s if isinstance(s, int) else None for s in shape))
                for name, shape in expected.items()
            }
            theirs = {
                value.name: (
                    value.type,
                    tuple(s if isinstance(s, int) else None for s in value.shape),
                )
                for value in found
            }
            if ours != theirs:
                raise ModelFileError(f"{self._file} has the {kind} {theirs}, not {ours}")

    def __call__(self, *inputs):
        """Return the outputs (n, …), a list, of inputs (n, …) in the order of the signature."""
        arrays = [
            np.ascontiguousarray(values, dtype=np.int32 if name in INTEGERS else np.float32)
            for name, values in zip(self._signature.inputs, inputs, strict=True)
        ]
        n = len(arrays[0])
        if n <= self._rows:
            return self._run(arrays)
        parts = [
            self._run([values[start : start + self._rows] for values in arrays])
            for start in range(0, n, self._rows)
        ]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _run(self, inputs):
        names = self._signature.inputs
        try:
            outputs = self._session.run(None, dict(zip(names, inputs, strict=True)))
        except Exception as error:
            raise ModelFileError(f"{self._file} cannot be computed: {_line(error)}") from error
        sizes: dict[int | str, int] = {}
        for shape, values in zip(names.values(), inputs, strict=True):
            sizes |= dict(zip(shape, values.shape, strict=True))
        for shape, values in zip(self._signature.outputs.values(), outputs, strict=True):
            expected = tuple(sizes[s] if isinstance(s, str) else s for s in shape)
            if values.shape != expected:
                raise ModelFileError(
                    f"{self._file} gives an output of shape {values.shape}, not {expected}"
                )
        return outputs


def _type(name):
    return "tensor(int32)" if name in INTEGERS else "tensor(float)"


def _line(error):
    return " ".join(str(error).split())[:300]
