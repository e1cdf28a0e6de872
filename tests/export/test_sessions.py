"""Networks in onnxruntime."""

import numpy as np
import pytest
from torch import nn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from condcap_sk.exceptions import ModelFileError  # noqa: E402
from condcap_sk.export import sessions  # noqa: E402
from condcap_sk.export.onnx_files import onnx_files  # noqa: E402
from condcap_sk.export.sessions import Network  # noqa: E402
from condcap_sk.export.signatures import Signature  # noqa: E402

DOUBLE = Signature({"vectors": ("n", 2)}, {"latents": ("n", 2)})


class Double(nn.Module):
    def forward(self, vectors):
        return 2 * vectors


@pytest.fixture(scope="module")
def content():
    return dict(onnx_files({"double": Double()}, {"double": DOUBLE}, (0, 1)))["double"]


def test__call__more_rows_than_at_once__are_joined(content, monkeypatch):
    monkeypatch.setattr(sessions, "OTHERS", 3)
    network = Network(content, "double", DOUBLE)
    for n in (1, 3, 7):
        rows = np.random.RandomState(0).random((n, 2))
        (found,) = network(rows)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, 2 * rows, rtol=1e-6)


def test__new__other_inputs_or_outputs__are_named(content):
    for other in (
        Signature({"vectors": ("n", 3)}, DOUBLE.outputs),
        Signature({"images": ("n", 2)}, DOUBLE.outputs),
        Signature({"vectors": (4, 2)}, DOUBLE.outputs),
    ):
        with pytest.raises(ModelFileError, match="double.onnx has the inputs"):
            Network(content, "double", other)
    with pytest.raises(ModelFileError, match="double.onnx has the outputs"):
        Network(content, "double", Signature(DOUBLE.inputs, {"spreads": ("n", 2)}))


def test__new__no_network__is_named(content):
    with pytest.raises(ModelFileError, match="double.onnx is no ONNX file"):
        Network(b"no", "double", DOUBLE)
    # A whole message, of a version that is none.
    with pytest.raises(ModelFileError, match="double.onnx is no network that onnxruntime reads"):
        Network(content.replace(b"Mul", b"Div").replace(b"\x10\x12", b"\x10\x7f"), "double", DOUBLE)


def test__call__output_of_another_shape__is_named(content):
    model = onnx.load_from_string(content)
    node = onnx.helper.make_node("Concat", ["vectors", "vectors"], ["latents"], axis=0)
    del model.graph.node[:]
    model.graph.node.append(node)
    network = Network(model.SerializeToString(), "double", DOUBLE)
    with pytest.raises(ModelFileError, match=r"gives an output of shape \(6, 2\), not \(3, 2\)"):
        network(np.zeros((3, 2)))
