"""The estimator's file: what is checked between its parts; the rest is in test_persistence.py."""

import copy
import json
import struct

import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from condcap_sk import ConditionalCaptioner
from condcap_sk._persistence import digest_of
from condcap_sk.exceptions import ModelFileError


def taken_apart(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entry = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["condcap_sk"])
    return entry, json.loads(entry["header"]), load_tensors(content)


def written(path, entry, header, tensors):
    text = json.dumps(header)
    entry = {**entry, "header": text, "sha256": digest_of(text, tensors)}
    path.write_bytes(save_tensors(tensors, {"condcap_sk": json.dumps(entry)}))
    return path


@pytest.fixture
def files(tmp_path, labels_model, captions_model):
    labels_model.save(tmp_path / "labels")
    captions_model.save(tmp_path / "captions")
    return tmp_path


@pytest.mark.parametrize("part", ["codec", "image_encoder", "gan"])
def test__load__a_part_of_another_model__is_refused(files, part):
    for one, other in (("labels", "captions"), ("captions", "labels")):
        entry, header, tensors = taken_apart(files / one)
        _, other_header, other_tensors = taken_apart(files / other)
        header[part] = other_header[part]
        mixed = {k: v for k, v in tensors.items() if not k.startswith(f"{part}.")}
        mixed |= {k: v for k, v in other_tensors.items() if k.startswith(f"{part}.")}
        with pytest.raises(ModelFileError, match="parts of different models"):
            ConditionalCaptioner.load(written(files / "mixed", entry, header, mixed))


@pytest.mark.parametrize(
    "changed",
    [
        {"objective": "paper"},
        {"images": "ignored"},
        {"images": "end-to-end"},
        {"n_latents": 2},
    ],
    ids=str,
)
def test__load__parameters_of_another_model__are_refused(files, changed):
    entry, header, tensors = taken_apart(files / "labels")
    header["params"] |= changed
    with pytest.raises(ModelFileError):
        ConditionalCaptioner.load(written(files / "changed", entry, header, tensors))


def test__load__architecture__is_read_from_the_config(files):
    _, header, _ = taken_apart(files / "captions")
    modules = header["gan"]["modules"]
    assert modules["generator"]["class"] == "SentenceGenerator"
    assert modules["consensus"]["generator"] == modules["generator"]
    assert modules["decoder"]["max_length"] == header["codec"]["modules"]["decoder"]["max_length"]
    est = ConditionalCaptioner.load(files / "captions")
    for name, config in modules.items():
        module = getattr(est.gan_, f"{name}_")
        assert {"class": type(module).__name__, **module.config} == config


def test__load__config_beside_the_tensors__is_refused(files):
    entry, header, tensors = taken_apart(files / "captions")
    for path in ("generator", "discriminator", "recogniser", "decoder"):
        changed = copy.deepcopy(header)
        changed["gan"]["modules"][path]["n_components"] += 1
        with pytest.raises(ModelFileError):
            ConditionalCaptioner.load(written(files / "changed", entry, changed, tensors))


def test__load__calibration__is_checked(files):
    entry, header, tensors = taken_apart(files / "labels")
    header["calibration"] = [[1.5, -0.5], [0.2, 0.1], [0.7, 0.9]]
    est = ConditionalCaptioner.load(written(files / "changed", entry, header, tensors))
    assert est.model_.calibrator.to_rows()[0] == [1.5, -0.5]
    for rows in (None, [], "no", [[1.5]], [[1.5, -0.5]], [[-1, 0], [0.5, 0.5]],
                 [[1, 0], [0.5, 1.5]], [[1, float("nan")], [0.5, 0.5]]):  # fmt: skip
        header["calibration"] = rows
        with pytest.raises(ModelFileError, match="calibration"):
            ConditionalCaptioner.load(written(files / "changed", entry, header, tensors))
