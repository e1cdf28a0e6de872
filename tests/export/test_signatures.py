"""Which networks there are, and what goes in and comes out."""

import numpy as np

from condcap_sk.export.manifest import parse
from condcap_sk.export.signatures import INTEGERS, signatures_of


def test__signatures__each_kind__has_its_networks(pair_of):
    shared = {"generator", "recogniser", "relevance"}
    sentences = {"start", "step", "encoder_step", "encoder_end"}
    attentive = sentences | {"image", "memory", "consensus", "consensus_start", "consensus_step"}
    expected = {
        "labels": {"image", "encoder", "decoder"},
        "captions": attentive,
        "regions": attentive,
        "paper": sentences | {"image"},
        "ends": {"encoder", "decoder"},
    }
    for name, more in expected.items():
        manifest = pair_of(name).exported.manifest_
        assert set(signatures_of(manifest)) == shared | more, name


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
