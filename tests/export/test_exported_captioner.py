"""Exports answer as the estimator, without torch; damaged ones are refused with a sentence."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from condcap_sk.exceptions import ModelFileError, PixelRangeWarning
from condcap_sk.export import ExportedCaptioner


def test__answers__all_methods__are_the_estimator_s(pair):
    est, exported, X, _ = pair
    latents = est.sample_latents(len(X), random_state=0)
    np.testing.assert_array_equal(exported.sample_latents(len(X), random_state=0), latents)
    answers = est.predict(X)
    found = exported.predict(X)
    assert found.dtype == answers.dtype
    np.testing.assert_array_equal(found, answers)
    under = est.predict(X, latents)
    np.testing.assert_array_equal(exported.predict(X, latents), under)
    np.testing.assert_array_equal(
        exported.predict_grid(X[:7], latents[:4]), est.predict_grid(X[:7], latents[:4])
    )
    assert exported.sample(X[:6], 4) == est.sample(X[:6], 4)
    for ours, theirs in zip(
        est.infer_latent(X, under, return_std=True),
        exported.infer_latent(X, under, return_std=True),
        strict=True,
    ):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
        assert theirs.dtype == np.float32
    np.testing.assert_array_equal(exported.latent_bank_, est.latent_bank_)
    assert exported.image_shape_ == est.image_shape_


def test__answers__one_image_and_small_batches__are_the_same(pair):
    _, exported, X, folder = pair
    expected = exported.predict(X)
    assert [exported.predict(X[[i]])[0] for i in range(4)] == expected[:4].tolist()
    small = ExportedCaptioner(folder, batch_size=np.int8(7), n_jobs=2)
    np.testing.assert_array_equal(small.predict(X), expected)


def test__attention_weights__are_the_estimator_s(pair_of):
    est, exported, X, _ = pair_of("regions")
    captions = ["a red dog"] * 15 + ["one cat and the dog"] * 15
    for ours, theirs in zip(
        est.attention_weights(X, captions), exported.attention_weights(X, captions), strict=True
    ):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test__attention_weights__without_regions__is_an_error(pair_of):
    _, exported, X, _ = pair_of("ends")
    with pytest.raises(ValueError, match="no regions of images to attend to"):
        exported.attention_weights(X, ["a dog"] * 30)


def test__classes__of_labels_alone(pair_of):
    assert pair_of("labels").exported.classes_.tolist() == [0, 1, 2, 3, 4]
    assert not hasattr(pair_of("regions").exported, "classes_")


def test__pixels__of_another_scale__warn(pair_of):
    _, exported, X, _ = pair_of("labels")
    with pytest.warns(PixelRangeWarning, match=r"X \* 255"):
        exported.predict(X / 255)


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "sklearn", "skorch", "scipy", "joblib", "safetensors"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import json
import numpy as np
from condcap_sk.export import ExportedCaptioner

exported = ExportedCaptioner(sys.argv[1])
X = np.load(sys.argv[2])
c = exported.sample_latents(len(X), random_state=0)
answers = exported.predict(X, c)
print(json.dumps({
    "predict": exported.predict(X).tolist(),
    "under": answers.tolist(),
    "sample": exported.sample(X[:4], 3),
    "infer_latent": exported.infer_latent(X, answers).tolist(),
}))
"""


@pytest.mark.parametrize("name", ["labels", "regions", "categories"])
def test__without_torch_sklearn_skorch_and_scipy__answers_are_the_same(pair_of, name, tmp_path):
    est, _, X, folder = pair_of(name)
    np.save(tmp_path / "X.npy", X)
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, folder, tmp_path / "X.npy"], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    latents = est.sample_latents(len(X), random_state=0)
    answers = est.predict(X, latents)
    assert found["predict"] == est.predict(X).tolist()
    assert found["under"] == answers.tolist()
    assert found["sample"] == est.sample(X[:4], 3)
    np.testing.assert_allclose(found["infer_latent"], est.infer_latent(X, answers), atol=1e-5)


class TestArguments:
    @pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
    @pytest.mark.parametrize("name", ["batch_size", "n_jobs"])
    def test__no_number__is_named(self, name, value, pair_of):
        with pytest.raises(ValueError, match=f"{name}={value!r} is no number. Pass 1"):
            ExportedCaptioner(pair_of("labels").folder, **{name: value})

    def test__latents_and_labels__wrong_ones_are_named(self, pair_of):
        _, exported, X, _ = pair_of("labels")
        with pytest.raises(
            ValueError, match=r"c has shape \(2,\). Pass one latent of shape \(3,\)"
        ):
            exported.predict(X, [0, 1])
        with pytest.raises(ValueError, match="latents has shape"):
            exported.predict_grid(X, [0, 1, 2])
        with pytest.raises(ValueError, match="labels holds answers never seen in fit: 7"):
            exported.infer_latent(X, [7] * 30)
        with pytest.raises(ValueError, match="n_samples=0 is no number of answers"):
            exported.sample(X, 0)


@pytest.fixture
def copied(pair_of, tmp_path):
    """A folder to be damaged."""
    return shutil.copytree(pair_of("regions").folder, tmp_path / "model")


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def refused(folder, match):
    with pytest.raises(ModelFileError, match=match) as error:
        ExportedCaptioner(folder)
    text = str(error.value)
    assert text.count("\n") == 0
    assert text.endswith("Export the model again, or copy the folder again.")
    assert len(text) < 1000


class TestDamage:
    def test__no_folder__is_the_usual_error(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="Pass one that ConditionalCaptioner.export"):
            ExportedCaptioner(tmp_path / "model")

    def test__empty_folder_or_a_file__is_refused(self, tmp_path):
        refused(tmp_path, "manifest.json is not there")
        (tmp_path / "file").touch()
        refused(tmp_path / "file", "manifest.json is not there")

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\x80"])
    def test__manifest_that_is_none__is_refused(self, copied, text):
        (copied / "manifest.json").write_bytes(text.encode("latin-1"))
        refused(copied, "manifest.json is")

    def test__other_format__is_refused(self, copied):
        fields = {**manifest_of(copied), "format": "condcap_sk.export.2"}
        (copied / "manifest.json").write_text(json.dumps(fields))
        refused(copied, "of another version of condcap_sk")

    def test__network__missing_changed_or_cut__is_refused(self, copied):
        content = (copied / "step.onnx").read_bytes()
        (copied / "step.onnx").write_bytes(content[:-1] + b"\0")
        refused(copied, "step.onnx is not what was exported: its checksum differs")
        (copied / "step.onnx").write_bytes(content[:-1])
        refused(copied, "step.onnx is not what was exported")
        (copied / "step.onnx").write_bytes(content + b"\0")
        refused(copied, "step.onnx has .* bytes, more than")
        (copied / "step.onnx").unlink()
        refused(copied, "step.onnx is not there")

    def test__network_of_another_kind__is_refused(self, copied):
        fields = manifest_of(copied)
        fields["networks"]["generator"] = fields["networks"]["recogniser"]
        (copied / "manifest.json").write_text(json.dumps(fields))
        refused(copied, "generator.onnx has the (inputs|outputs)")
        del fields["networks"]["generator"]
        (copied / "manifest.json").write_text(json.dumps(fields))
        refused(copied, "networks lacks, or has too many: generator")

    @pytest.mark.parametrize("name", ["../step.onnx", "/etc/passwd", "a/b.onnx", "step.ONNX", ""])
    def test__file_that_is_elsewhere__is_refused(self, copied, name):
        fields = manifest_of(copied)
        fields["networks"]["step"]["file"] = name
        (copied / "manifest.json").write_text(json.dumps(fields))
        refused(copied, "networks.step.file is")


HOSTILE = [None, -1, 0, 1, 2**31, 2**62, 10**400, 1e308, float("nan"), "", "../../etc/passwd", [],
           [[]], [2**40], {}, {"a": 1}, True, "A" * 10_000, [0] * 1000]  # fmt: skip


def mutated(node, rng):
    """Drop, add to or replace one field somewhere in JSON by something hostile."""
    places = []

    def walk(node, path=()):
        items = node.items() if isinstance(node, dict) else enumerate(node[:3])
        for key, value in items:
            places.append((*path, key))
            if isinstance(value, dict | list):
                walk(value, (*path, key))

    walk(node)
    *parents, last = places[rng.randint(len(places))]
    changed = json.loads(json.dumps(node))
    at = changed
    for key in parents:
        at = at[key]
    change = rng.randint(len(HOSTILE) + 2)
    if change < len(HOSTILE):
        at[last] = HOSTILE[change]
    elif change == len(HOSTILE):
        del at[last]
    elif isinstance(at, dict):
        at["surprise"] = 1
    else:
        at.append(at[-1])
    return changed


def outcome(folder, X):
    """Load, and answer: anything but our error goes on up."""
    try:
        exported = ExportedCaptioner(folder, n_jobs=1)
        exported.predict(X)
        exported.predict(X, exported.sample_latents(random_state=0))
    except ModelFileError as error:
        return str(error)
    except ValueError as error:
        # Weights and the sizes of images can be changed so that these look odd.
        return str(error) if re.match("X h(as|olds) ", str(error)) else f"ours? {error}"
    return ""


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.PixelRangeWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
class TestFuzz:
    @pytest.mark.parametrize("name", ["labels", "regions"])
    def test__manifests__mutated__are_refused_or_a_model(self, pair_of, tmp_path, name):
        pair = pair_of(name)
        folder = shutil.copytree(pair.folder, tmp_path / "model")
        fields, rng = manifest_of(folder), np.random.RandomState(0)
        found = []
        for _ in range(125):
            (folder / "manifest.json").write_text(json.dumps(mutated(fields, rng)))
            found.append(outcome(folder, pair.X[:2]))
        # What may differ without harm: the version, the bank, weights of merits.
        assert sum(map(bool, found)) > 75
        assert max(map(len, found)) < 1000
        assert not [text for text in found if "ours?" in text]

    @pytest.mark.parametrize("signed", [False, True])
    def test__networks__mutated__are_refused_or_a_model(self, pair_of, tmp_path, signed):
        pair = pair_of("regions")
        folder = shutil.copytree(pair.folder, tmp_path / "model")
        fields, rng = manifest_of(folder), np.random.RandomState(1)
        names = sorted(fields["networks"])
        found = []
        for turn in range(125):
            name = names[turn % len(names)]
            path = folder / f"{name}.onnx"
            content = path.read_bytes()
            damaged = bytearray(content)
            # Half in the beginning, where the graph is.
            end = rng.choice([min(3000, len(content)), len(content)])
            for _ in range(rng.randint(1, 4)):
                damaged[rng.randint(end)] = rng.randint(256)
            if rng.randint(5) == 0:
                damaged = damaged[: rng.randint(len(damaged))]
            path.write_bytes(damaged)
            if signed:
                changed = json.loads(json.dumps(fields))
                changed["networks"][name] |= {
                    "bytes": max(1, len(damaged)),
                    "sha256": hashlib.sha256(damaged).hexdigest(),
                }
                (folder / "manifest.json").write_text(json.dumps(changed))
            found.append(outcome(folder, pair.X[:2]))
            path.write_bytes(content)
            (folder / "manifest.json").write_text(json.dumps(fields))
        assert max(map(len, found)) < 1000
        assert not [text for text in found if "ours?" in text]
        assert signed or sum(map(bool, found)) > 120
