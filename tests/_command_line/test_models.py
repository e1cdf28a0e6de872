"""Models out of their files, and what they know of photographs."""

from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk._command_line import models
from condcap_sk._command_line.console import UsageError
from condcap_sk.exceptions import ModelFileError


def test__load__no_file__is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no file '.*no'. Pass a model"):
        models.load(str(tmp_path / "no"))


def test__load__no_name__is_no_folder():
    # As of a variable of a shell that is not set.
    with pytest.raises(UsageError, match="MODEL is empty"):
        models.load("")


def test__load__another_file__is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("no model")
    with pytest.raises(ModelFileError, match="a.jpg is not a safetensors file"):
        models.load(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("labels", "texts", "answers"),
    [
        ([0, 1, 10], ["1", "10", "1.0", "7"], [1, 10, 1, 7.0]),
        ([0.5, 2.0], ["0.5", ".5", "2", "2.00"], [0.5, 0.5, 2.0, 2.0]),
        ([False, True], ["True", "false", "TRUE", "0"], [True, False, True, False]),
        (["1", "2"], ["1", "3"], ["1", "3"]),
    ],
)
def test__answers__of_a_table__are_of_the_type_of_the_labels(labels, texts, answers):
    est = SimpleNamespace(classes_=np.array(labels))
    (found,) = models.as_answers(est, "m", [texts])
    assert found == answers
    assert [type(a) for a in found] == [type(a) for a in answers]


def test__answers__that_no_label_is_like__are_named():
    est = SimpleNamespace(classes_=np.arange(20))
    with pytest.raises(UsageError, match="answer 'dog'.* labels of 'm' are no text: 0, 1.*9, …. W"):
        models.as_answers(est, "m", [["1"], ["dog"]])


@pytest.mark.parametrize(
    ("labels", "text", "first"), [(["cat", "dog"], "a dog", "'a dog'"), ([1, 2], "3", "3.0")]
)
def test__answers__of_which_none_is_a_label__are_refused(labels, text, first):
    """A table of captions for a model of labels: the report would be nothing but zeros."""
    est = SimpleNamespace(classes_=np.array(labels))
    words = f"its first is {first}, and the labels are {labels[0]}, {labels[1]}."
    with pytest.raises(UsageError, match=words):
        models.as_answers(est, "m", [[text], ["7"]])


def test__answers__of_a_model_of_captions__are_the_captions(pixel_model):
    captions = [["a dog", "1"], []]
    assert models.as_answers(models.load(pixel_model), "m", captions) == captions


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
