"""Model files: whole or refused, and never run."""

import copy
import json
import os
import pickle
import stat
import struct
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from condcap_sk import ConditionalCaptioner
from condcap_sk._persistence import FORMAT, digest_of
from condcap_sk.exceptions import ModelFileError, VersionMismatchWarning
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

GOLDEN = Path(__file__).parent / "data"
RNG = np.random.RandomState(0)
FEATURES = RNG.random((30, 5)).astype(np.float32)
IMAGES = RNG.randint(255, size=(30, 12, 12, 3), dtype=np.uint8)
LABEL_SETS = [[i % 3, 3 + i % 2] for i in range(30)]
CAPTIONS = [["a red dog", "the dog is red"], ["one cat"]] * 15


def tiny(**params):
    """An estimator with the smallest parts, and enough held out to calibrate its confidence."""
    return ConditionalCaptioner(
        codec=CaptionCodec(hidden_size=4, n_components=4, max_iter=5),
        image_encoder=ImageEncoder(n_filters=1, max_iter=3),
        gan=LatentGAN(hidden_size=4, decoder_size=4, max_iter=3),
        random_state=0,
        **{"validation_fraction": 0.5, **params},
    )


MODELS = {
    "features": (lambda: tiny(), FEATURES, LABEL_SETS),
    "none held out": (lambda: tiny(validation_fraction=0.0), FEATURES, LABEL_SETS),
    "images": (lambda: tiny(), IMAGES, LABEL_SETS),
    "flat images": (lambda: tiny(image_shape=(12, 12, 3)), IMAGES.reshape(30, -1), LABEL_SETS),
    "paper": (lambda: tiny(images="end-to-end", objective="paper"), IMAGES, LABEL_SETS),
    "no images": (lambda: tiny(images="ignored", n_latents=2), FEATURES, LABEL_SETS),
    "words": (lambda: tiny(), FEATURES, CAPTIONS),
    "words of regions": (lambda: tiny(n_regions=4), FEATURES, CAPTIONS),
    "words of images": (lambda: tiny(), IMAGES, CAPTIONS),
    "words, end to end": (lambda: tiny(images="end-to-end"), IMAGES, CAPTIONS),
    "characters": (lambda: tiny(analyzer="char"), FEATURES, [["赤い犬", "犬"], ["猫"]] * 15),
    "characters, NUL": (lambda: tiny(analyzer="char"), FEATURES, [["a\0b", "c\0"], ["d"]] * 15),
    "str labels": (lambda: tiny(), FEATURES, [["b", "a"], ["c"]] * 15),
    "float labels": (lambda: tiny(), FEATURES, [[0.1, 1e300], [-np.inf]] * 15),
    "bool labels": (lambda: tiny(), FEATURES, [[True, False], [False]] * 15),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    make, X, answers = MODELS[request.param]
    return make().fit(X, answers), X


@pytest.fixture(scope="module", params=["features", "words of regions"])
def content(request, tmp_path_factory):
    """The bytes of a small model file, for `FEATURES`: of labels, and with attention to regions."""
    path = tmp_path_factory.mktemp("model") / "m"
    make, X, answers = MODELS[request.param]
    make().fit(X, answers).save(path)
    return path.read_bytes()


def about(content):
    """Return what a file says, (its entry, the header in it), and its tensors."""
    (length,) = struct.unpack("<Q", content[:8])
    entry = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["condcap_sk"])
    return entry, json.loads(entry["header"]), load_tensors(content)


def signed(entry, header, tensors):
    """Return the bytes of a file with a checksum that fits."""
    text = json.dumps(header)
    entry = {**entry, "header": text, "sha256": digest_of(text, tensors)}
    return save_tensors(tensors, {"condcap_sk": json.dumps(entry)})


def with_header(content, entry, header, tensors):
    """Return the bytes that `signed` does; `content` is a file of the same tensors.

    They are not packed again, which is what takes time there.
    """
    (length,) = struct.unpack("<Q", content[:8])
    raw, text = json.loads(content[8 : 8 + length]), json.dumps(header)
    entry = {**entry, "header": text, "sha256": digest_of(text, tensors)}
    about_all = json.dumps({**raw, "__metadata__": {"condcap_sk": json.dumps(entry)}}).encode()
    about_all += b" " * (-len(about_all) % 8)  # tensors begin at a multiple of eight bytes
    return struct.pack("<Q", len(about_all)) + about_all + content[8 + length :]


def load_bytes(content, tmp_path):
    path = tmp_path / "changed"
    path.write_bytes(content)
    return ConditionalCaptioner.load(path)


def assert_same(one, other, X):
    c = one.sample_latents(3, random_state=0)
    answers = one.predict(X)
    assert answers.dtype == other.predict(X).dtype
    np.testing.assert_array_equal(answers, other.predict(X))
    np.testing.assert_array_equal(one.predict_grid(X, c), other.predict_grid(X, c))
    np.testing.assert_array_equal(one.infer_latent(X, answers), other.infer_latent(X, answers))
    np.testing.assert_array_equal(one.score_samples(X, answers), other.score_samples(X, answers))
    assert (one.model_.calibrator is None) == (other.model_.calibrator is None)
    if one.model_.calibrator is not None:
        np.testing.assert_array_equal(one.confidence(X, answers), other.confidence(X, answers))
    assert one.history_ == other.history_
    assert repr(one) == repr(other)


@pytest.mark.bits
def test__load__saved__is_the_same_in_everything(model, tmp_path):
    est, X = model
    before = torch.random.get_rng_state()
    est.save(tmp_path / "m")
    loaded = ConditionalCaptioner.load(tmp_path / "m")
    assert torch.equal(before, torch.random.get_rng_state())
    assert_same(est, loaded, X)
    for name in ("codec_", "image_encoder_", "gan_"):
        ours, theirs = getattr(est, name), getattr(loaded, name)
        assert (ours and set(vars(ours))) == (theirs and set(vars(theirs)))
    assert set(vars(est)) == set(vars(loaded))


def test__save__again__is_the_same_bytes(model, tmp_path):
    est, _ = model
    est.save(tmp_path / "a")
    ConditionalCaptioner.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test__load__data_frame_names__are_kept(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(FEATURES, columns=list("abcde"))
    tiny().fit(frame, LABEL_SETS).save(tmp_path / "m")
    assert ConditionalCaptioner.load(tmp_path / "m").feature_names_in_.tolist() == list("abcde")


def test__load__fit_again__gives_the_same_model(tmp_path):
    est = tiny().fit(FEATURES, LABEL_SETS)
    est.save(tmp_path / "m")
    assert_same(est, ConditionalCaptioner.load(tmp_path / "m").fit(FEATURES, LABEL_SETS), FEATURES)


@pytest.mark.parametrize(("name", "X"), [("labels-0.1", IMAGES), ("captions-0.1", FEATURES)])
def test__load__golden_file__answers_as_ever(name, X):
    est = ConditionalCaptioner.load(GOLDEN / f"{name}.safetensors")
    then = json.loads((GOLDEN / f"{name}.json").read_text())
    assert est.predict(X[:6]).tolist() == then["predict"]
    assert est.predict_grid(X[:6], np.eye(3)).tolist() == then["predict_grid"]
    latents = est.infer_latent(X[:6], then["predict"])
    np.testing.assert_allclose(latents, then["infer_latent"], rtol=1e-4, atol=1e-5)
    confidence = est.confidence(X[:6], then["predict"])
    np.testing.assert_allclose(confidence, then["confidence"], rtol=1e-4)


@pytest.mark.newest
def test__size__of_the_paper_s_experiment__is_little_more_than_its_parameters(tmp_path):
    # The default networks for 64×64 images, trained just long enough for a full history.
    X = RNG.randint(255, size=(20, 64, 64), dtype=np.uint8)
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=20, image_encoder__max_iter=20, gan__max_iter=20
    )
    est.fit(X, [{i % 10, (i + 3) % 10} for i in range(20)])
    networks = [est.codec_.encoder_, est.codec_.decoder_, est.image_encoder_.matcher_,
                est.gan_.generator_, est.gan_.discriminator_, est.gan_.recogniser_]  # fmt: skip
    parameters = sum(4 * p.numel() for network in networks for p in network.parameters())
    est.save(tmp_path / "model.safetensors")
    joblib.dump(est, tmp_path / "model.joblib")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(est))
    sizes = {path.suffix: path.stat().st_size / parameters for path in tmp_path.iterdir()}
    assert len(sizes) == 3
    assert max(sizes.values()) < 1.2, sizes
    assert len(est.history_["latents_epoch"]) == 20


class TestSave:
    def test__not_fitted__raises(self, tmp_path):
        from sklearn.exceptions import NotFittedError

        with pytest.raises(NotFittedError):
            tiny().save(tmp_path / "m")
        assert not list(tmp_path.iterdir())

    def test__analyzer_that_is_a_function__is_named_with_the_remedy(self, tmp_path):
        est = tiny(analyzer=str.split).fit(FEATURES, CAPTIONS)
        with pytest.raises(ValueError, match="CaptionCodec.analyzer=.* to 'auto'") as error:
            est.save(tmp_path / "m")
        assert "joblib.dump" in str(error.value)
        assert not list(tmp_path.iterdir())

    def test__subclass__is_refused(self, tmp_path):
        class Mine(ConditionalCaptioner):
            pass

        est = Mine(**tiny().get_params(deep=False)).fit(FEATURES, LABEL_SETS)
        with pytest.raises(ValueError, match="Mine"):
            est.save(tmp_path / "m")

    def test__writing_fails__earlier_file_stays_whole(self, tmp_path, monkeypatch):
        est = tiny().fit(FEATURES, LABEL_SETS)
        est.save(tmp_path / "m")
        before = (tmp_path / "m").read_bytes()

        def full(_):
            raise OSError("No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            est.save(tmp_path / "m")
        assert [path.name for path in tmp_path.iterdir()] == ["m"]
        assert (tmp_path / "m").read_bytes() == before

    @pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
    def test__file__has_the_mode_of_any_new_file(self, tmp_path):
        (tmp_path / "other").touch()
        tiny().fit(FEATURES, LABEL_SETS).save(tmp_path / "m")
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert len(modes) == 1


class TestLoad:
    def test__no_file__is_the_usual_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            ConditionalCaptioner.load(tmp_path / "m")

    @pytest.mark.parametrize("other", [b"", b"PK\3\4", b"\x80\x04N.", b"{}" * 100, b"\xff" * 100])
    def test__other_file__is_refused(self, other, tmp_path):
        with pytest.raises(ModelFileError, match="not a safetensors file"):
            load_bytes(other, tmp_path)

    def test__tensors_of_another_program__are_refused(self, tmp_path):
        with pytest.raises(ModelFileError, match="has the format None"):
            load_bytes(save_tensors({"a": torch.ones(3)}), tmp_path)

    def test__later_format__is_refused(self, content, tmp_path):
        entry, header, tensors = about(content)
        with pytest.raises(ModelFileError, match="condcap_sk.6"):
            load_bytes(signed({**entry, "format": "condcap_sk.6"}, header, tensors), tmp_path)
        assert entry["format"] == FORMAT

    def test__other_version__warns(self, content, tmp_path):
        entry, header, tensors = about(content)
        header["version"] = "0.0.1"
        with pytest.warns(VersionMismatchWarning, match="0.0.1"):
            load_bytes(signed(entry, header, tensors), tmp_path)

    @pytest.mark.parametrize("where", ["", "codec", "image_encoder", "gan"])
    def test__field_that_is_none_of_ours__is_refused(self, content, tmp_path, where):
        entry, header, tensors = about(content)
        (header[where] if where else header)["surprise"] = 1
        with pytest.raises(ModelFileError, match="surprise"):
            load_bytes(signed(entry, header, tensors), tmp_path)

    @pytest.mark.parametrize("where", ["", "codec", "image_encoder", "gan"])
    def test__class_that_is_none_of_ours__is_refused(self, content, tmp_path, where):
        entry, header, tensors = about(content)
        of = header[where] if where else header
        of["params"]["random_state"] = {"class": "os.system", "params": {"command": "true"}}
        with pytest.raises(ModelFileError, match="os.system"):
            load_bytes(signed(entry, header, tensors), tmp_path)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test__weights_that_are_no_numbers__are_refused(self, content, tmp_path, value):
        entry, header, tensors = about(content)
        tensors["gan.generator.radius"] = torch.tensor(value)
        with pytest.raises(ModelFileError, match="radius.*no number"):
            load_bytes(signed(entry, header, tensors), tmp_path)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_columns", None),
            ("n_columns", 6),
            ("columns", []),
            ("columns", ["a"]),
            ("columns", [[f"x{i}"] for i in range(5)]),
            ("columns", list(range(5))),
        ],
    )
    def test__columns_that_fit_no_row__are_refused(self, content, tmp_path, name, value):
        entry, header, tensors = about(content)
        header.pop(name, None)
        if value is not None:
            header[name] = value
        with pytest.raises(ModelFileError, match=name):
            load_bytes(signed(entry, header, tensors), tmp_path)

    @pytest.mark.parametrize(
        ("where", "name", "value"),
        [
            ("", "n_regions", 1),
            ("image_encoder", "n_regions", 1),
            ("", "image_shape", [1, 5]),
        ],
    )
    def test__parameters_of_another_model__are_refused(self, content, tmp_path, where, name, value):
        entry, header, tensors = about(content)
        (header[where] if where else header)["params"][name] = value
        with pytest.raises(ModelFileError, match="different models|n_columns"):
            load_bytes(signed(entry, header, tensors), tmp_path)


HOSTILE = [None, -1, 0, 2**31, 2**62, 10**400, 1e308, float("nan"), "", "../../etc/passwd",
           "__import__('os')", [], [[]], [2**40], {}, {"class": "LatentGAN", "params": {}},
           True, "A" * 10_000, [0] * 1000]  # fmt: skip


def changed_headers(header):
    """Every field of a header, dropped or replaced by something hostile, and every object added to.

    Each is replaced by some of the values; neighbours get the others.
    """

    def places(node, path=()):
        if isinstance(node, dict):
            for key, value in node.items():
                yield (*path, key)
                yield from places(value, (*path, key))
        elif isinstance(node, list) and node:
            yield (*path, 0)

    for i, path in enumerate(places(header)):
        # Fields of parameters and of histories are read by one function each: every other one of
        # them is dropped, and those between get one value.
        changes = ["drop", "add", *HOSTILE[i % 14 :: 14]]
        if {"params", "history"} & set(path[:-1]):
            changes = ["add", HOSTILE[i % len(HOSTILE)] if i % 2 else "drop"]
        for change in changes:
            changed = copy.deepcopy(header)
            *parents, last = path
            node = changed
            for key in parents:
                node = node[key]
            if change == "drop":
                del node[last]
            elif change != "add":
                node[last] = change
            elif isinstance(node, dict) and next(iter(node)) == last:  # once for each object
                node["surprise"] = 1
            else:
                continue
            yield changed


def changed_tensors(tensors):
    """Every tensor, changed in two of nine ways; its neighbours are changed in the others."""
    for i, (name, tensor) in enumerate(sorted(tensors.items())):
        others = {key: value for key, value in tensors.items() if key != name}
        ways = [
            others,
            {**others, name + "x": tensor},
            {**tensors, "more": tensor.clone()},
            {**others, name: tensor.to(torch.float16)},
            {**others, name: tensor.to(torch.int64) + 1},
            {**others, name: tensor[None].clone()},
            {**others, name: tensor.flatten()[:-1].clone()},
            {**others, name: torch.zeros((0, 2**40))},
            {**others, name: torch.full_like(tensor, 1) * float("nan")},
        ]
        yield from (ways[2 * i % 9], ways[(2 * i + 1) % 9])


def outcome(content, tmp_path):
    """Load; a model must answer, and anything but our error goes on up."""
    try:
        est = load_bytes(content, tmp_path)
    except ModelFileError:
        return None
    return est


@pytest.mark.fuzz
class TestFuzz:
    """Each damaged file loads as the same model, or is refused; each forged one may be another."""

    @pytest.fixture(autouse=True)
    def _no_blow_up(self):
        resource = pytest.importorskip("resource")  # not on Windows
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 300 * (2**20 if sys.platform == "darwin" else 2**10)

    def test__truncated__is_refused(self, content, tmp_path):
        (length,) = struct.unpack("<Q", content[:8])
        raw = json.loads(content[8 : 8 + length])
        ends = {8 + length + end for t in raw.values() for end in t.get("data_offsets", [])}
        # At every tensor, around the header's two ends, and here and there inside it.
        ends |= {*range(20), *range(length - 20, length + 20), *range(0, length, 29)}
        for end in ends - {len(content)}:
            with pytest.raises(ModelFileError):
                load_bytes(content[:end], tmp_path)

    def test__bits_flipped__are_refused_or_without_effect(self, content, tmp_path):
        rng = np.random.RandomState(0)
        expected = load_bytes(content, tmp_path)
        for _ in range(300):
            damaged = bytearray(content)
            # Half in the header, which is the smaller and the more dangerous part.
            (length,) = struct.unpack("<Q", content[:8])
            end = rng.choice([8 + length, len(content)])
            damaged[rng.randint(end)] ^= 1 << rng.randint(8)
            est = outcome(bytes(damaged), tmp_path)
            if est is not None:
                assert_same(est, expected, FEATURES)

    def test__length_of_the_header__hostile__is_refused(self, content, tmp_path):
        for length in [0, 1, 7, 2**26 + 1, 2**31, 2**32, 2**62, 2**64 - 1, 100_000_001]:
            with pytest.raises(ModelFileError):
                load_bytes(struct.pack("<Q", length) + content[8:], tmp_path)

    def test__nested_too_deeply__is_refused(self, content, tmp_path):
        entry, _, tensors = about(content)
        for text in ["[" * 100_000, '{"a":' * 100_000]:
            forged = {**entry, "header": text, "sha256": digest_of(text, tensors)}
            with pytest.raises(ModelFileError):
                load_bytes(save_tensors(tensors, {"condcap_sk": json.dumps(forged)}), tmp_path)

    @pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.VersionMismatchWarning")
    def test__header_forged_and_signed__is_refused_or_a_model(self, content, tmp_path):
        entry, header, tensors = about(content)
        # Otherwise all would be refused, whatever they hold.
        assert outcome(with_header(content, entry, header, tensors), tmp_path)
        refused = [
            outcome(with_header(content, entry, changed, tensors), tmp_path) is None
            for changed in changed_headers(header)
        ]
        assert len(refused) > 400
        assert sum(refused) > 0.8 * len(refused)

    def test__tensors_forged_and_signed__are_refused(self, content, tmp_path):
        entry, header, tensors = about(content)
        for changed in changed_tensors(tensors):
            est = outcome(signed(entry, header, changed), tmp_path)
            if est is not None:
                # Only other numbers in the same places: no harm but wrong answers.
                assert {name: t.shape for name, t in changed.items()} == {
                    name: t.shape for name, t in tensors.items()
                }
