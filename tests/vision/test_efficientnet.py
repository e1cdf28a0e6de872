"""Networks by name: whole, kept, and left as they were."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from condcap_sk.vision import PretrainedFeatures, efficientnet
from condcap_sk.vision.efficientnet import N_FEATURES, WEIGHTS, efficientnet_lite, lite_input

pytest.importorskip("efficientnet_lite_pytorch")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def forgotten():
    efficientnet_lite.cache_clear()
    yield
    efficientnet_lite.cache_clear()


@pytest.mark.parametrize("name", WEIGHTS)
def test__network__has_as_many_features_as_model_files_expect(name):
    maps = efficientnet_lite(name, CPU)(torch.zeros(1, 3, 64, 64))
    assert maps.shape[:2] == (1, N_FEATURES)


def test__network__is_read_once_and_left_as_it_was(monkeypatch):
    images = torch.zeros((1, 64, 64, 3), dtype=torch.uint8).numpy()
    before = PretrainedFeatures().transform(images)
    network = efficientnet_lite("efficientnet_lite0", CPU)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was read again"))
    after = PretrainedFeatures().transform(images)
    assert (before == after).all()
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(tensor, state[n]) for n, tensor in network.state_dict().items())


def test__weights__that_are_others__are_refused(monkeypatch):
    monkeypatch.setitem(efficientnet.WEIGHTS, "efficientnet_lite0", "0" * 64)
    with pytest.raises(ImportError, match="does not hold the weights of efficientnet_lite0.*pip"):
        efficientnet_lite("efficientnet_lite0", CPU)


def test__input__is_as_in_the_training():
    found = lite_input(torch.tensor([127, 255], dtype=torch.uint8))
    assert found.tolist() == [0, 1]


def test__network__threads_share_it__features_are_the_same():
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    expected = PretrainedFeatures().transform(images)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(PretrainedFeatures().transform, [images] * 6):
            np.testing.assert_array_equal(found, expected)
