"""What a model comes from: counted, kept in the file, and checked."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from condcap_sk._persistence import Fields
from condcap_sk._version import __version__
from condcap_sk.answers import EncodedAnswers
from condcap_sk.exceptions import ModelFileError
from condcap_sk.model.provenance import from_fields, provenance_of, to_fields

# Three answers of 1, 2 and 3 tokens; the second image has the last one three times.
ENCODED = EncodedAnswers(
    vectors=np.zeros((3, 2), dtype=np.float32),
    index=np.array([[0, -1, -1, -1], [1, 2, 2, 2]]),
    ids=np.array([[5, 0, 0], [5, 6, 0], [5, 6, 7]]),
)


def make():
    parts = {name: SimpleNamespace(callbacks=None) for name in ("codec", "image_encoder", "gan")}
    parts["codec"] = SimpleNamespace(
        callbacks=[], word_vectors={"a": [1.0]}, device_=torch.device("cpu")
    )
    parts["gan"].callbacks = [Callback()]
    return provenance_of(ENCODED, 1, parts, [Callback()])


def test__provenance_of__answers__counts_them():
    found = make()
    versions = found.pop("versions")
    assert found == {
        "n_images": 2,
        "n_held_out": 1,
        "n_answers": 5,
        "n_distinct": 3,
        "answers_per_image": (1, 2.5, 4),
        "tokens_per_answer": (1, 2.4, 3),
        "not_kept": ("callbacks", "codec__word_vectors", "gan__callbacks"),
        "device": "cpu",
    }
    assert versions["condcap_sk"] == __version__
    assert versions["torch"] == torch.__version__


def test__fields__through_json__are_the_same():
    fields = json.loads(json.dumps(to_fields(make())))
    found = from_fields(Fields(fields, "header"))
    assert found == make()
    assert json.dumps(to_fields(found)) == json.dumps(to_fields(make()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_images", 0),
        ("n_answers", "4"),
        ("n_held_out", 2),
        ("n_held_out", -1),
        ("n_held_out", True),
        ("answers_per_image", [1.0, 2.0]),
        ("answers_per_image", []),
        ("not_kept", "gan__callbacks"),
        ("not_kept", [["gan__callbacks"]]),
        ("not_kept", ["gan__lr"]),
        ("not_kept", ["gan__callbacks", "gan__callbacks"]),
        ("tokens_per_answer", [0.0, 1.0, 2.0]),
        ("tokens_per_answer", [1.0, "2", 2.0]),
        ("tokens_per_answer", [1.0, float("nan"), 2.0]),
        ("tokens_per_answer", [1.0, float("inf"), 2.0]),
        ("device", 1),
        ("versions", {}),
        ("surprise", 1),
    ],
)
def test__fields__that_nothing_wrote__are_refused(name, value):
    fields = copy.deepcopy(to_fields(make()))
    fields[name] = value
    with pytest.raises(ModelFileError, match="header"):
        from_fields(Fields(fields, "header"))
