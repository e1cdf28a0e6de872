"""condcap_sk fit."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk._command_line import outputs
from condcap_sk._command_line.fit import DECIDED, NETWORKS, PARTS
from condcap_sk.model.file import STAGES
from condcap_sk.vision.efficientnet import WEIGHTS
from condcap_sk.vision.load import LoadImages

SMALL = {
    "codec__max_iter": 5, "codec__hidden_size": 16, "image_encoder__max_iter": 5,
    "gan__max_iter": 5, "gan__hidden_size": 8, "gan__decoder_size": 8,
}  # fmt: skip
SET = [argument for name, value in SMALL.items() for argument in ("--set", f"{name}={value}")]
LITE = ["--features", "efficientnet_lite0"]


@pytest.fixture
def fit(program, folder, tmp_path):
    """Fit for a moment on the photographs; return exit code and what was printed."""
    pytest.importorskip("efficientnet_lite_pytorch")

    def call(*arguments, output="model.safetensors"):
        arguments = [folder, tmp_path / "captions.csv", *LITE, *SET, *arguments]
        return program("fit", *arguments, "-o", tmp_path / output)

    return call


def test__options__are_the_estimator_s_and_those_of_the_networks():
    assert NETWORKS.keys() == WEIGHTS.keys()
    assert set(PARTS) == STAGES.keys()
    assert set(DECIDED) <= set(ConditionalCaptioner().get_params())


def test__fit__caption_needs_nothing_else(fit, program, folder, tmp_path):
    code, out, err = fit("--n-latents", "2", "--n-regions", "4", "--n-categories", "2,3")
    assert (code, out) == (0, "")
    # Bars, and in the end a line.
    assert re.search(r"latents: 100%", err)
    assert "model.safetensors knows 12 photographs with 24 captions.\n" in err
    est = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    assert (est.n_latents, est.n_categories, est.n_regions) == (2, (2, 3), 4)
    assert est.fitted_params_["gan__max_iter"] == 5
    load, features = (step for _, step in est.preprocessor_.steps)
    assert (load.size, features.model, features.n_regions) == (224, "efficientnet_lite0", 4)
    files = sorted(str(path) for path in folder.iterdir())
    code, out, _ = program("caption", tmp_path / "model.safetensors", folder)
    expected = est.predict(est.preprocessor_.transform(files))
    assert [line.split("\t")[1] for line in out.splitlines()] == expected.tolist()
    # The same command, the same bytes.
    fit("--n-latents", "2", "--n-regions", "4", "--n-categories", "2,3", output="again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test__quiet__shows_no_bars(fit):
    code, out, err = fit("--quiet", "--n-regions", "0")
    assert (code, out) == (0, "")
    assert len(err.splitlines()) == 1


def test__unreadable__are_left_out_with_their_captions(fit, folder, tmp_path, scenes, monkeypatch):
    given = []
    original = ConditionalCaptioner.fit

    def noting(self, X, y, **options):
        given.append(y)
        return original(self, X, y, **options)

    monkeypatch.setattr(ConditionalCaptioner, "fit", noting)
    (folder / "03.png").write_text("a text")
    code, _, err = fit("-q", "--n-regions", "0")
    assert code == 1
    assert f"{str(folder / '03.png')!r} cannot be read" in err
    assert "knows 11 photographs with 22 captions" in err
    est = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    assert est.provenance_["n_images"] == 11
    assert given == [scenes.captions[:3] + scenes.captions[4:]]


def test__checkpoints__are_kept(fit, tmp_path):
    code, _, _ = fit("-q", "--n-regions", "0", "--checkpoints", str(tmp_path / "kept"))
    assert code == 0
    assert list((tmp_path / "kept").iterdir())


@pytest.fixture
def no_work(monkeypatch):
    """Nothing takes long before what is wrong is found."""

    def never(*args, **kwargs):
        raise AssertionError("photographs were read")

    monkeypatch.setattr("condcap_sk.vision.load.read_images", never)


@pytest.mark.usefixtures("no_work")
class TestBeforeTheWork:
    def test__output_that_is_there__is_kept(self, fit, tmp_path):
        (tmp_path / "model.safetensors").write_text("mine")
        code, out, err = fit()
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "--force to replace it" in err
        assert (tmp_path / "model.safetensors").read_text() == "mine"

    def test__folder_that_is_not_there__is_named(self, fit):
        code, _, err = fit(output="no/model.safetensors")
        assert code == 2
        assert "there is no folder" in err

    def test__photographs_that_are_not_there__are_named(self, fit, folder):
        os.remove(folder / "03.png")
        code, _, err = fit()
        assert code == 2
        assert "1 of the 12 photographs" in err
        assert "'03.png'" in err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--n-latents", "-1"], "n_latents"),
            (["--n-latents", "0"], "n_latents=0 leaves no latent variable"),
            (["--set", "images=end-to-end"], "n_regions=16 needs images='matched'"),
            (["--set", "images=ignored"], "n_regions=16 needs images='matched'"),
            (["--n-regions", "16", "--analyzer", "label"], "n_regions=16 is for captions"),
            (["--set", "codec__min_df=100"], "min_df=100 leaves no token"),
            (["--n-regions", "15"], "n_regions=15 is no square number"),
            (["--set", "gan__no=1"], "gan__no|Invalid parameter 'no'"),
            (["--set", "mi_weight=-1"], "mi_weight"),
            (["--device", "abacus"], "device='abacus' is not a device"),
        ],
    )
    def test__parameter_that_cannot_be__is_named(self, fit, arguments, message):
        code, _, err = fit(*arguments)
        assert code == 2
        assert re.search(message, err)
        assert "AssertionError" not in err

    def test__checkpoints__that_cannot_be_kept__are_named(self, fit, tmp_path):
        for place in (tmp_path / "captions.csv", tmp_path / "captions.csv" / "x"):
            code, _, err = fit("--checkpoints", place)
            assert code == 2
            assert "cannot be used as a folder" in err

    def test__caption_without_a_word__is_named(self, fit, table):
        table([("00.png", "a dog"), ("01.png", "!!"), ("02.png", "two cats")])
        code, _, err = fit()
        assert code == 2
        assert "'!!'" in err


def test__labels__need_no_option(fit, tmp_path, table):
    table([(f"{i:02}.png", ["dog", "cat"][i % 2]) for i in range(12)])
    code, _, _ = fit("-q")
    assert code == 0
    est = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    assert (est.classes_.tolist(), est.n_regions) == (["cat", "dog"], None)


def test__force__replaces_the_file(fit, tmp_path):
    (tmp_path / "model.safetensors").write_text("old")
    code, _, _ = fit("-q", "--n-regions", "0", "--force")
    assert code == 0
    ConditionalCaptioner.load(tmp_path / "model.safetensors")


def test__write_that_fails__leaves_nothing_and_says_so(fit, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(os.listdir(tmp_path))
    code, out, err = fit("-q", "--n-regions", "0")
    assert (code, out) == (2, "")
    assert "could not be written: No space left on device. Make room there, or pass a name" in err
    assert sorted(os.listdir(tmp_path)) == before


def test__disk__that_is_full__leaves_nothing(folder, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    resource = pytest.importorskip("resource")
    assert resource
    program = """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        from condcap_sk._command_line.main import main
        sys.exit(main(sys.argv[1:]))
    """
    before = sorted(os.listdir(tmp_path))
    arguments = [folder, tmp_path / "captions.csv", *LITE, *SET, "-q", "--n-regions", "0"]
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), "fit", *map(str, arguments),
         "-o", str(tmp_path / "model.safetensors")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "could not be written: File too large. Make room there" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test__room__is_more_than_a_model_takes():
    # Of photographs with default parameters: some 40 MB.
    assert outputs.ROOM > 2 * 40e6


def test__features__are_those_of_all_photographs_at_once(folder):
    pytest.importorskip("efficientnet_lite_pytorch")
    from condcap_sk._command_line.photographs import Reader, progress
    from condcap_sk.vision import PretrainedFeatures

    files = sorted(str(path) for path in folder.iterdir())
    load, features = LoadImages(size=224), PretrainedFeatures(n_regions=4)
    _, X = Reader([load, features], "").read_all(files, progress(files, quiet=True))
    np.testing.assert_array_equal(X, features.transform(load.transform(files)))
