"""An ONNX file is checked when it is written."""

import numpy as np
import pytest
import torch
from torch import nn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from condcap_sk.exceptions import ExportError  # noqa: E402
from condcap_sk.export import onnx_files as module  # noqa: E402
from condcap_sk.export.onnx_files import onnx_files  # noqa: E402
from condcap_sk.export.sessions import Network  # noqa: E402
from condcap_sk.export.signatures import Signature  # noqa: E402

SCALED = Signature({"vectors": ("n", 2)}, {"latents": ("n", 2)})


class Scaled(nn.Module):
    def __init__(self, by=2.0):
        super().__init__()
        self.by = by

    def forward(self, vectors):
        return self.by * vectors


def written(scaled):
    return dict(onnx_files({"scaled": scaled}, {"scaled": SCALED}, (0, 1)))["scaled"]


@pytest.fixture(scope="module")
def content():
    return written(Scaled())


def test__file__names_its_dimensions_and_nothing_of_this_machine(content):
    model = onnx.load_from_string(content)
    (value,) = model.graph.input
    dims = value.type.tensor_type.shape.dim
    assert (dims[0].dim_param, dims[1].dim_value) == ("n", 2)
    assert b"/" not in content
    assert b"test_onnx_files" not in content


@pytest.mark.parametrize("by", [2.001, np.nan, np.inf, 0])
def test__file__that_computes_something_else__fails_the_export(content, monkeypatch, by):
    monkeypatch.setattr(module, "_exported", lambda *_: [("scaled", content)])
    with pytest.raises(ExportError, match="'latents' of the network 'scaled', of 1 rows, differs"):
        written(Scaled(by))
    assert written(Scaled(2.00001)) == content


def test__file__that_is_wrong_for_some_numbers_of_rows_alone__fails_the_export(monkeypatch):
    class ByRows(nn.Module):
        def forward(self, vectors):
            return vectors + float(len(vectors) > 10)

    # As if the exporter had taken its three rows for all there can be.
    contents = [*module._exported({"rows": Scaled(1.0)}, {"rows": SCALED})]
    monkeypatch.setattr(module, "_exported", lambda *_: contents)
    with pytest.raises(ExportError, match="of 19 rows"):
        dict(onnx_files({"rows": ByRows()}, {"rows": SCALED}, (0, 1)))


class Spread(nn.Module):
    """Two outputs, and an input that does not matter."""

    def forward(self, vectors, latents):
        return vectors + 1, 3 * vectors.sum(1, keepdim=True)


def test__networks_side_by_side__are_files_of_their_own():
    inputs = {"vectors": ("n", 2), "latents": ("n", 3)}
    spread = Signature(inputs, {"spreads": ("n", 2), "log_odds": ("n", 1)})
    files = dict(
        onnx_files(
            {"scaled": Scaled(), "spread": Spread(), "last": Scaled(5.0), "unused": None},
            {"scaled": SCALED, "spread": spread, "last": SCALED},
            (0, 1),
        )
    )
    assert list(files) == ["scaled", "spread", "last"]
    rows = np.ones((4, 2), dtype=np.float32)
    (five_times,) = Network(files["last"], "last", SCALED)(rows)
    np.testing.assert_allclose(five_times, 5)
    one_more, sums = Network(files["spread"], "spread", spread)(rows, np.zeros((4, 3)))
    np.testing.assert_allclose(one_more, 2)
    np.testing.assert_allclose(sums, 6)


def test__compare__infinite_values__must_be_the_same():
    expected = torch.tensor([1.0, -torch.inf])
    module._compare("x", expected, np.array([1.0, -np.inf]))
    for found in ([1.0, np.inf], [1.0, 5.0], [-np.inf, -np.inf]):
        with pytest.raises(ExportError):
            module._compare("x", expected, np.array(found))
