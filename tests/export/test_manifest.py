"""The manifest: what is written is read, and what contradicts itself is not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from condcap_sk.exceptions import ModelFileError
from condcap_sk.export.manifest import CONSTANTS, FORMAT, LARGEST, Manifest, parse


def text_of(pair):
    return (pair.folder / "manifest.json").read_text(encoding="utf-8")


def test__parse__written__is_the_same(pair):
    manifest, entries = parse(text_of(pair).encode())
    again, _ = parse(manifest.to_json(entries).encode())
    for name in Manifest.__dataclass_fields__:
        one, other = getattr(manifest, name), getattr(again, name)
        if name == "columns":
            one, other = vars(one), vars(other)
        np.testing.assert_equal(one, other)
    assert manifest.vocabulary().tokens_.dtype == pair.estimator.codec_.vocabulary_.tokens_.dtype
    np.testing.assert_array_equal(manifest.bank, pair.estimator.latent_bank_)


def test__to_json__has_what_other_programs_need(pair_of):
    fields = json.loads(text_of(pair_of("regions")))
    assert fields["format"] == FORMAT
    assert fields["kind"] == "sentences"
    assert fields["answers"]["glue"] == " "
    assert fields["answers"]["first_id"] == 2
    assert {name: fields["answering"][name] for name in CONSTANTS} == CONSTANTS
    assert set(fields["answering"]["circles"]) == {"decoder", "consensus"}


@pytest.mark.parametrize("constant", ["Infinity", "-Infinity", "NaN"])
def test__numbers_that_json_has_not__are_neither_written_nor_read(pair, constant):
    # Python's own reader takes them, and no browser does.
    fields = json.loads(text_of(pair))
    fields["answering"]["relevance_weight"] = float(constant)
    with pytest.raises(ModelFileError, match=f"is no JSON: {constant} is no number"):
        parse(json.dumps(fields).encode())
    manifest, entries = parse(text_of(pair).encode())
    with pytest.raises(ValueError, match="JSON"):
        replace(manifest, relevance_weight=float(constant)).to_json(entries)


CHANGES = [
    ("kind", "labels"),
    ("objective", "best"),
    ("has_consensus", 1),
    ("images.seen", "ignored"),
    ("images.shape", [0]),
    ("images.shape", [3, 4]),
    ("images.image_shape", [5, 5]),
    ("images.n_regions", 7),
    ("images.pixel_range", [[1, 0]]),
    ("latents.n_gaussian", 2),
    ("latents.n_gaussian", True),
    ("latents.n_categories", [1]),
    ("latents.bank", []),
    ("latents.bank", [[0, 0, 1e39]]),
    ("answers.analyzer", "callable"),
    ("answers.glue", ", "),
    ("answers.first_id", 0),
    ("answers.tokens", ["a"]),
    ("answers.tokens", ["b", "a"]),
    ("answers.tokens", [1, 2]),
    ("answers.dtype", "<i8"),
    ("answers.max_length", 2**30),
    ("answering.relevance_reads", "pixels"),
    ("answering.relevance_weight", -1),
    ("answering.relevance_weight", True),
    ("answering.beam_width", 0),
    ("answering.wider", 4),
    ("answering.circles", {}),
    ("answering.circles.decoder.repeats", [1]),
    ("answering.circles.decoder.repeats", ["a"] * 3),
    ("answering.circles.decoder.recurs", 0),
    ("answering.circles.decoder.returns", [-1]),
    ("sizes.latent", 4),
    ("sizes.n_tokens", 3),
    ("sizes.memory", 0),
    ("sizes.state", 0),
    ("sizes.encoder_state", 0),
    ("sizes.vector", 0),
    ("sizes.vector", -1),
    ("networks.step.file", "step.pkl"),
    ("networks.step.sha256", "0"),
    ("networks.step.bytes", 0),
    ("networks.step", []),
    ("version", 1),
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=str)
def test__parse__field_that_cannot_be__is_named(pair_of, name, value):
    fields = json.loads(text_of(pair_of("regions")))
    *parents, last = name.split(".")
    at = fields
    for key in parents:
        at = at[key]
    at[last] = value
    # One of two that contradict each other may be the other one.
    with pytest.raises(ModelFileError, match=r"^manifest\.json\.\w+"):
        parse(json.dumps(fields).encode())


@pytest.mark.newest
def test__parse__category_that_is_none__is_named(pair_of):
    fields = json.loads(text_of(pair_of("categories")))
    assert fields["answers"]["glue"] == ""
    fields["latents"]["bank"][0] = [0.5] * 6
    with pytest.raises(ModelFileError, match="bank holds .* which are a category"):
        parse(json.dumps(fields).encode())


def test__parse__too_large__is_refused():
    with pytest.raises(ModelFileError, match="more than any vocabulary needs"):
        parse(b" " * (LARGEST + 1))
