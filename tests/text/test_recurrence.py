"""The GRU of training, against torch's own."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.text.recurrence import Layout, gates_of, gates_of_words, states_of

N_INPUTS, HIDDEN_SIZE, LENGTH = 3, 5, 6


@pytest.fixture
def recurrence():
    with seeded_init(0):
        return nn.GRU(N_INPUTS, HIDDEN_SIZE, batch_first=True)


def mask_of(lengths):
    return torch.arange(LENGTH) < torch.tensor(lengths)[:, None]


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=make_rng(seed)).requires_grad_()


def torch_s_own(recurrence, inputs, lengths, initial):
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    states, _ = recurrence(packed, initial[None])
    return pad_packed_sequence(states, batch_first=True, total_length=LENGTH)[0]


def ours(recurrence, inputs, lengths, initial):
    layout = Layout(mask_of(lengths))
    gates = gates_of(recurrence, layout.of(inputs))
    return layout.padded(states_of(recurrence, gates, layout, initial), LENGTH)


@pytest.mark.parametrize(
    "lengths", [[LENGTH] * 4, [1, 1, 1, 1], [2, 5, 1, 3], [3, 2, 2, 6], [4]], ids=str
)
def test__states_of__any_lengths__are_torch_s_and_so_are_all_gradients(recurrence, lengths):
    inputs = normal(len(lengths), LENGTH, N_INPUTS)
    initial = normal(len(lengths), HIDDEN_SIZE, seed=2)
    weights = normal(len(lengths), LENGTH, HIDDEN_SIZE, seed=3).detach()
    found = []
    for states_by in (torch_s_own, ours):
        learned = [inputs, initial, *recurrence.parameters()]
        states = states_by(recurrence, inputs, lengths, initial)
        found.append([states, *torch.autograd.grad((states * weights).sum(), learned)])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected)


def test__states_of__no_initial_state__is_zero(recurrence):
    layout = Layout(mask_of([2, 3]))
    gates = normal(5, 3 * HIDDEN_SIZE)
    zero = torch.zeros(2, HIDDEN_SIZE)
    assert torch.equal(
        states_of(recurrence, gates, layout), states_of(recurrence, gates, layout, zero)
    )


def test__states_of__inputs__stay_as_they_are(recurrence):
    layout = Layout(mask_of([2, 3]))
    gates, initial = normal(5, 3 * HIDDEN_SIZE), normal(2, HIDDEN_SIZE)
    before = gates.clone(), initial.clone()
    states_of(recurrence, gates, layout, initial).sum().backward()
    assert torch.equal(gates, before[0])
    assert torch.equal(initial, before[1])


def test__layout__row_without_a_token__has_its_first_one():
    layout = Layout(torch.tensor([[False, False], [True, True]]))
    tokens = layout.of(torch.tensor([[1, 2], [3, 4]]))
    assert sorted(tokens.tolist()) == [1, 3, 4]


def test__padded__tokens__come_back_where_they_were():
    values = normal(3, LENGTH, 2).detach()
    mask = mask_of([2, LENGTH, 1])
    layout = Layout(mask)
    assert torch.equal(layout.padded(layout.of(values), LENGTH), values * mask[..., None])


def test__gates_of__parts_of_the_inputs__add_up(recurrence):
    inputs = normal(7, N_INPUTS)
    parts = gates_of(recurrence, inputs[:, :2]) + gates_of(recurrence, inputs[:, 2:], first=2)
    torch.testing.assert_close(parts, gates_of(recurrence, inputs))


def test__gates_of_words__repeated_words__are_those_of_each_and_so_are_gradients(recurrence):
    embedding = nn.Embedding(9, N_INPUTS)
    ids = torch.tensor([4, 4, 0, 8, 4, 0])
    weights = normal(6, 3 * HIDDEN_SIZE).detach()
    found = []
    for gates in (
        gates_of(recurrence, embedding(ids)),
        gates_of_words(recurrence, embedding, ids),
    ):
        learned = [embedding.weight, recurrence.weight_ih_l0, recurrence.bias_ih_l0]
        found.append([gates, *torch.autograd.grad((gates * weights).sum(), learned)])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected)
