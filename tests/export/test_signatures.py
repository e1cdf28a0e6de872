"""Which networks there are, and what goes in and comes out."""

import numpy as np
import pytest

from condcap_sk.export.manifest import parse
from condcap_sk.export.onnx_files import onnx_files
from condcap_sk.export.signatures import INTEGERS, signatures_of
from condcap_sk.export.writer import manifest_of, networks_of

from .conftest import CAPTIONS, FEATURES, IMAGES, small

ALL = {"generator", "recogniser", "relevance"}
SENTENCES = ALL | {"start", "step", "encoder_step", "encoder_end"}
CONSENSUS = SENTENCES | {"consensus", "consensus_start", "consensus_step"}
ATTENTIVE = CONSENSUS | {"image", "memory"}


@pytest.mark.newest
def test__signatures__each_kind__has_its_networks(pair_of):
    expected = {
        "labels": ALL | {"image", "encoder", "decoder"},
        "regions": ATTENTIVE,
        "ends": SENTENCES,
        "categories": CONSENSUS,
    }
    for name, networks in expected.items():
        manifest = pair_of(name).exported.manifest_
        assert set(signatures_of(manifest)) == networks, name


@pytest.mark.parametrize(
    ("params", "X", "expected", "n_regions"),
    [({}, IMAGES, ATTENTIVE, 16), ({"objective": "paper"}, FEATURES, SENTENCES | {"image"}, 0)],
    ids=["captions of pixels", "the paper's captions of features"],
)
def test__other_kinds__differ_in_what_they_see_and_that_is_exported(params, X, expected, n_regions):
    # Their other networks are those of models that are exported as a whole.
    est = small(**params).fit(X, CAPTIONS)
    manifest = manifest_of(est.model_, est)
    assert manifest.sizes.n_regions == n_regions
    signatures = signatures_of(manifest)
    networks = networks_of(est.model_, manifest.kind)
    assert set(signatures) == set(networks) == expected
    # It raises where onnxruntime computes something else than torch.
    assert dict(onnx_files(networks, {"image": signatures["image"]}, est.pixel_range_))


def test__signatures__dimensions__are_rows_or_known(pair):
    for signature in signatures_of(pair.exported.manifest_).values():
        for shape in (signature.inputs | signature.outputs).values():
            assert shape[0] == "n"
            assert all(size == "k" or size > 0 for size in shape[1:])
        assert not INTEGERS & set(signature.outputs)


def test__files__no_other_ones_and_no_traces_of_the_machine(pair):
    manifest, entries = parse((pair.folder / "manifest.json").read_bytes())
    names = {path.name for path in pair.folder.iterdir()}
    assert names == {"manifest.json", *(entry["file"] for entry in entries.values())}
    for path in pair.folder.glob("*.onnx"):
        assert b"site-packages" not in path.read_bytes()
        assert b".py" not in path.read_bytes()
    assert np.array_equal(manifest.tokens, pair.estimator.codec_.vocabulary_.tokens_)
