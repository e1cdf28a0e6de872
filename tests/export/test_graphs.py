"""What a graph may hold."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from condcap_sk.exceptions import ModelFileError  # noqa: E402
from condcap_sk.export.graphs import check_graph  # noqa: E402


def model_of(*nodes, initializers=(), **more):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(list(nodes), "g", [value], [value], list(initializers))
    return helper.make_model(graph, **more)


RELU = helper.make_node("Relu", ["x"], ["y"])
ONES = numpy_helper.from_array(np.ones(3, dtype=np.float32), "ones")


def test__check__of_our_own_kind__passes():
    axes = helper.make_node("Constant", [], ["a"], value=ONES)
    check_graph(model_of(RELU, axes, initializers=[ONES]).SerializeToString())


def refused(model, match):
    with pytest.raises(ModelFileError, match=match):
        check_graph(model if isinstance(model, bytes) else model.SerializeToString())


def test__check__operators_that_are_none_of_ours__are_named():
    refused(model_of(helper.make_node("NonZero", ["x"], ["y"])), "operator b'NonZero'")
    refused(model_of(helper.make_node("Relu", ["x"], ["y"], domain="evil")), "operators of b'evil'")


def test__check__graphs_within_graphs__are_refused():
    body = model_of(RELU).graph
    for name in ("Loop", "If", "Relu"):
        refused(
            model_of(helper.make_node(name, ["x"], ["y"], body=body)), "operator|graph in a node"
        )
    function = helper.make_function(
        "ours", "f", ["x"], ["y"], [RELU], [helper.make_opsetid("", 18)]
    )
    refused(model_of(RELU, functions=[function]), "holds a function")


def test__check__numbers_in_other_files__are_refused():
    tensor = TensorProto()
    tensor.CopyFrom(ONES)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    refused(model_of(RELU, initializers=[tensor]), "names another file")
    refused(model_of(helper.make_node("Constant", [], ["a"], value=tensor)), "names another file")
    sparse = helper.make_sparse_tensor(ONES, numpy_helper.from_array(np.arange(3)), [9])
    model = model_of(RELU)
    model.graph.sparse_initializer.append(sparse)
    refused(model, "sparse")


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                b"\x3b\0", b"\x3a\x05ab"]
)  # fmt: skip
def test__check__no_protocol_buffer__is_refused(content):
    refused(content, "no ONNX file, or damaged")


@pytest.mark.parametrize("number", [0, 1 + 2**29])
def test__check__fields_that_other_readers_see_elsewhere__are_refused(number):
    key, tag = number << 3 | 2, []
    while key > 127:
        tag.append(key & 127 | 128)
        key >>= 7
    content = model_of(RELU, initializers=[ONES]).SerializeToString()
    refused(content + bytes([*tag, key, 1, 0]), "no ONNX file, or damaged")
