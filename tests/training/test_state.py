"""The state of a training: taken in its middle, and given to another one.

That a training goes on from it in the same bits is tested in test_checkpoints.py.
"""

import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.training.state import Order, taken


def test__order__n_passed__leaves_out_the_first_once():
    rows = range(10)
    whole, order = Order(rows, make_rng(0), 30), Order(rows, make_rng(0), 30)
    order.n_passed = 4
    assert list(order) == list(whole)[4:]
    assert list(order) == list(whole)
    assert torch.equal(order.generator.get_state(), whole.generator.get_state())


def test__order__fewer_rows_than_there_are__are_the_first_of_the_epoch():
    whole, short = (list(Order(range(10), make_rng(0), most)) for most in (10, 4))
    assert sorted(whole) == list(range(10))
    assert short == whole[:4]


def test__taken__leaves_the_others():
    tensors = {"a.x": 1, "b.x": 2, "a.y": 3}
    assert taken(tensors, "a.") == {"x": 1, "y": 3}
    assert tensors == {"b.x": 2}
