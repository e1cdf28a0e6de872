"""Where tensors live."""

import pytest
import torch

from condcap_sk.training.device import resolve_device


def test__resolve_device__auto__is_one_that_works():
    assert torch.ones(2, device=resolve_device("auto")).sum().item() == 2


def test__resolve_device__cpu__is_the_cpu():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "tpu", ""])
def test__resolve_device__not_there__says_what_to_use(device):
    with pytest.raises(ValueError, match=f"device='{device}'.*Use"):
        resolve_device(device)
