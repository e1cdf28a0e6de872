"""Models out of their files, and what they know of photographs."""

import pytest

from condcap_sk._command_line import models
from condcap_sk._command_line.console import UsageError
from condcap_sk.exceptions import ModelFileError


def test__load__no_file__is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no file '.*no'. Pass a model"):
        models.load(str(tmp_path / "no"))


def test__load__another_file__is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("no model")
    with pytest.raises(ModelFileError, match="a.jpg is not a safetensors file"):
        models.load(str(tmp_path / "a.jpg"))


def reader(est, path, resize):
    return models.reader_of(est, path, resize=resize, device="cpu", prefix="")


@pytest.mark.parametrize("resize", [False, True])
def test__reader__model_that_knows__needs_no_option(pixel_model, resize):
    (load,) = reader(models.load(pixel_model), pixel_model, resize).steps
    assert load.size == 32


@pytest.mark.parametrize(
    ("name", "resize", "message"),
    [
        ("vectors", False, "vectors of 48 numbers.*est.save.*preprocessor=.*condcap_sk fit"),
        ("vectors", True, "vectors of 48 numbers"),
        ("grey", False, "images of the shape .1, 32, 32.*Ask it in Python"),
        ("grey", True, "shape .1, 32, 32"),
        ("pixels", False, "images of 32 × 32 pixels.*Pass --resize"),
    ],
)
def test__reader__model_that_does_not__says_what_to_do(bare_models, name, resize, message):
    path = str(bare_models / name)
    with pytest.raises(UsageError, match=message):
        reader(models.load(path), path, resize)


def test__reader__resize__takes_the_size_of_the_fit(bare_models):
    path = str(bare_models / "pixels")
    (load,) = reader(models.load(path), path, resize=True).steps
    assert load.size == 32
