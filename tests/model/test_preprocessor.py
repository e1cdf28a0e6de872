"""What makes X of photographs, in the header of a model file."""

import copy
import json

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from condcap_sk._persistence import Fields
from condcap_sk.exceptions import ModelFileError
from condcap_sk.model.preprocessor import from_fields, to_fields
from condcap_sk.vision import LoadImages, PretrainedFeatures
from condcap_sk.vision.efficientnet import WEIGHTS

PIXELS = LoadImages(size=np.int64(8))
VECTORS = make_pipeline(LoadImages(size=224), PretrainedFeatures())
REGIONS = make_pipeline(
    LoadImages(size=260, lazy=True, verbose=1),
    PretrainedFeatures("efficientnet_lite2", n_regions=4, device="cuda", batch_size=7, verbose=1),
)
SHAPES = {(3, 8, 8): PIXELS, (1280,): VECTORS, (5 * 1280,): REGIONS}


def read(fields, shape):
    """Return what a file's header gives, which is JSON."""
    of_file = Fields({"preprocessor": json.loads(json.dumps(fields))}, "header")
    found = from_fields(of_file, shape)
    of_file.end()
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test__fields__are_read_as_the_same_steps_without_what_is_of_the_machine(shape):
    given = SHAPES[shape]
    found = read(to_fields(given, shape), shape)
    steps = [given] if isinstance(given, LoadImages) else [step for _, step in given.steps]
    assert [type(step) for _, step in found.steps] == [type(step) for step in steps]
    for (_, step), before in zip(found.steps, steps, strict=True):
        kept = {"size", "model", "n_regions"}
        params = {**type(step)().get_params(), **{
            name: value for name, value in before.get_params().items() if name in kept
        }}  # fmt: skip
        assert step.get_params() == params
    # Read and written again, the same.
    assert to_fields(found, shape) == to_fields(given, shape)


def test__fields__that_are_not_there__are_none():
    assert from_fields(Fields({}, "header"), (3,)) is None


def preprocess(images):
    return images


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (PretrainedFeatures(), "preprocessor=PretrainedFeatures.* Pass the steps before the capt"),
        (StandardScaler(), "preprocessor=StandardScaler"),
        ("efficientnet_lite0", "preprocessor='efficientnet_lite0'"),
        (make_pipeline(LoadImages(), StandardScaler()), "(?s)preprocessor=Pipeline.* is not known"),
        (make_pipeline(*[LoadImages()] * 2), "is not known"),
        (make_pipeline(LoadImages(), PretrainedFeatures(), "passthrough"), "is not known"),
        (make_pipeline(LoadImages(), PretrainedFeatures(nn.Identity())), "(?s)model=Id.*joblib"),
        (
            make_pipeline(LoadImages(), PretrainedFeatures(preprocess=preprocess)),
            "preprocess=.*joblib.dump",
        ),
        (LoadImages(), r"shape \(3, 224, 224\), and those of fit had \(1280,\)"),
        (REGIONS, r"shape \(6400,\), and those of fit had \(1280,\)"),
    ],
)
def test__steps__that_a_file_cannot_hold__are_an_error_with_a_remedy(steps, message):
    with pytest.raises(ValueError, match=message):
        to_fields(steps, (1280,))


def changed(change):
    fields = copy.deepcopy(to_fields(REGIONS, (6400,)))
    change(fields)
    return fields


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.clear(), "not the steps"),
        (lambda f: f.append(f[0]), "not the steps"),
        (lambda f: f.pop(), "makes no images of shape"),
        (lambda f: f.reverse(), "names the class 'PretrainedFeatures', not LoadImages"),
        (lambda f: f[1].update({"class": "os.system"}), "names the class 'os.system'"),
        (lambda f: f[1].update(weights=WEIGHTS["efficientnet_lite0"]), "names other weights"),
        (lambda f: f[1].pop("weights"), "weights is missing"),
        (lambda f: f[1]["params"].update(model="resnet"), "'model' parameter"),
        (lambda f: f[1]["params"].update(model={"class": "Conv2d", "params": {}}), "'Conv2d'"),
        (lambda f: f[1]["params"].update(preprocess="os.system"), "'preprocess' parameter"),
        (lambda f: f[1]["params"].update(n_regions=9), "makes no images of shape"),
        (lambda f: f[0]["params"].update(size=0), "'size' parameter"),
        (lambda f: f[0]["params"].pop("lazy"), "lazy|different|missing"),
        (lambda f: f[0]["params"].update(surprise=1), "surprise"),
        (lambda f: f[0].update(surprise=1), "surprise"),
        (lambda f: f.__setitem__(0, None), "not a JSON object"),
    ],
)
def test__fields__that_are_forged__are_refused(change, message):
    with pytest.raises(ModelFileError, match=message):
        read(changed(change), (6400,))
