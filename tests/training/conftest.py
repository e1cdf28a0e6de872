"""The smallest training: the slope of a line."""

import pytest
import torch

from condcap_sk._torch.config import keeps_config
from condcap_sk._torch.seeding import make_rng
from condcap_sk.training.net import Rows, SupervisedNet, train


class Line(torch.nn.Module):
    """y = w x, fitted by least squares."""

    @keeps_config
    def __init__(self, n_inputs: int = 1):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(n_inputs))

    def loss(self, x, y, rng):
        return {"squared": (self.w * x - y).square().mean()}


@pytest.fixture
def line():
    """The class of the module."""
    return Line


@pytest.fixture
def rows():
    """Return a function that makes 30 points of a line."""

    def rows(slope=2.0):
        x = torch.linspace(-1, 1, 30)
        return Rows(x=x, y=slope * x)

    return rows


@pytest.fixture
def fit_line(rows):
    """Return a function that trains, by default 20 epochs of three batches."""

    def fit_line(slope=2.0, n_steps=60, **params):
        settings = {
            "stage": "line",
            "n_steps": n_steps,
            "batch_size": 8,
            "order_rng": make_rng(0),
            "device": torch.device("cpu"),
            "optimizer": torch.optim.Adam,
            "lr": 0.2,
            "seed": 0,
            **params,
        }
        return train(SupervisedNet, Line(), rows(slope), **settings)

    return fit_line
