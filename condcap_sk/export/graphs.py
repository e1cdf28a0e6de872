"""What is in an ONNX file, read from its bytes before a runtime gets it.

A graph from a stranger could loop for ever or name files of its reader. What is exported here is
made of a few operators without subgraphs, and holds all its numbers itself.
"""

from collections.abc import Iterator

from ..exceptions import ModelFileError

# Numbers of fields in onnx.proto3.
GRAPH, OPSETS, FUNCTIONS = 7, 8, 25  # of a model
NODES, INITIALIZERS = 1, 5  # of a graph
OP_TYPE, DOMAIN, ATTRIBUTES = 4, 7, 5  # of a node
SUBGRAPHS = {6, 11}  # of an attribute: a graph, or several
TENSOR, SPARSE_TENSOR, TENSORS = 5, 22, {10, 23}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of a tensor
OPERATORS = frozenset({
    "Add", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant",
    "ConstantOfShape", "Conv", "Div", "Equal", "Erf", "Exp", "Expand", "Flatten", "Gather",
    "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "Greater", "Identity", "LayerNormalization",
    "LeakyRelu", "Less", "LogSoftmax", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "OneHot", "Pow",
    "Range", "Reciprocal", "ReduceL2", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape",
    "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose",
    "Unsqueeze", "Where",
})  # fmt: skip


def check_graph(content: bytes) -> None:
    """Raise if the bytes of an ONNX file hold more than networks of this package do.

    Raises
    ------
    ModelFileError
        If it is damaged, or has an operator, subgraph, function or file that is none of ours.
    """
    try:
        _check_model(memoryview(content))
    except ModelFileError:
        raise
    except (IndexError, ValueError) as error:
        raise ModelFileError("is no ONNX file, or damaged") from error


def _check_model(content: memoryview) -> None:
    graphs = []
    for field, value in _fields(content):
        if field == FUNCTIONS:
            raise ModelFileError("holds a function, as no exported network does")
        if field == GRAPH:
            graphs.append(value)
    if len(graphs) != 1:
        raise ValueError("A model has one graph.")
    for field, value in _fields(graphs[0]):
        if field == NODES:
            _check_node(value)
        elif field == INITIALIZERS:
            _check_tensor(value)
        elif field == 15:
            raise ModelFileError("holds sparse numbers, as no exported network does")


def _check_node(content: memoryview) -> None:
    for field, value in _fields(content):
        if field == OP_TYPE and bytes(value).decode("utf-8") not in OPERATORS:
            raise ModelFileError(
                f"has the operator {bytes(value)!r:.40}, which no exported network has"
            )
        if field == DOMAIN and bytes(value) not in (b"", b"ai.onnx"):
            raise ModelFileError(f"has operators of {bytes(value)!r:.40}, which are none of ours")
        if field == ATTRIBUTES:
            for kind, part in _fields(value):
                if kind in SUBGRAPHS or kind == SPARSE_TENSOR or kind in TENSORS:
                    raise ModelFileError("has a graph in a node, as no exported network does")
                if kind == TENSOR:
                    _check_tensor(part)


def _check_tensor(content: memoryview) -> None:
    for field, value in _fields(content):
        if field == EXTERNAL_DATA or (field == DATA_LOCATION and value):
            raise ModelFileError("names another file for its numbers, as no exported network does")


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the numbers and the contents of a message's fields; of numbers, their bytes."""
    at, end = 0, len(content)
    while at < end:
        key, at = _varint(content, at)
        field, wire = key >> 3, key & 7
        # Other readers keep 32 bits of it, and would find a field that was hidden from this one.
        if key >= 2**32 or not field:
            raise ValueError("No such field.")
        if wire == 0:
            start = at
            value, at = _varint(content, at)
            found = content[start:at] if value else content[:0]
        elif wire in (1, 5):
            start, at = at, at + (8 if wire == 1 else 4)
            found = content[start:at]
        elif wire == 2:
            size, at = _varint(content, at)
            start, at = at, at + size
            found = content[start:at]
        else:
            raise ValueError("No such kind of field.")
        if at > end:
            raise ValueError("Cut short.")
        yield field, found


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("A number of more than 64 bits.")
