"""The recurrence of a decoder, one token at a time."""

import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.text.modules import N_EMBEDDING, Attention, TiedDecoder
from condcap_sk.text.steps import Steps

N_TOKENS, N_COMPONENTS, N_REGIONS, REGION_SIZE = 6, 4, 3, 5
CAPTIONS = torch.tensor([[2, 3, 4], [5, 2, 2], [3, 3, 5], [4, 2, 3]])


@pytest.fixture
def decoder():
    with seeded_init(0):
        attention = Attention(8, REGION_SIZE, N_EMBEDDING)
        return TiedDecoder(N_TOKENS, N_COMPONENTS, 8, 3, attention).requires_grad_(False)


@pytest.fixture
def plans(decoder):
    rng = make_rng(0)
    vectors = torch.randn(4, N_COMPONENTS, generator=rng)
    return decoder.plans(vectors, torch.randn(4, N_REGIONS * REGION_SIZE, generator=rng))


def all_at_once(decoder, plans, captions):
    """Logits of captions by torch's own recurrence, and from whole captions."""
    vectors = decoder.vectors_of(plans)
    words = decoder.embedding(decoder.shifted(captions))
    inputs = torch.cat([words, vectors[:, None].expand(-1, captions.shape[1], -1)], dim=2)
    outputs, _ = decoder.recurrence(inputs, torch.tanh(decoder.to_state(vectors))[None])
    memory = plans[:, N_COMPONENTS:]
    return decoder.logits(outputs, decoder.attention(outputs, memory))


def one_by_one(steps, captions, decoder):
    return torch.stack([steps(previous) for previous in decoder.shifted(captions).T], dim=1)


def test__logits__token_by_token__are_those_of_whole_captions(decoder, plans):
    found = one_by_one(Steps(decoder, plans), CAPTIONS, decoder)
    torch.testing.assert_close(found, all_at_once(decoder, plans, CAPTIONS))


def test__several_captions_of_a_plan__each_is_as_it_is_alone(decoder, plans):
    steps = Steps(decoder, plans[:2])
    steps.go_on(torch.tensor([0, 0, 1, 1]))
    found = one_by_one(steps, CAPTIONS, decoder)
    expected = all_at_once(decoder, plans[:2].repeat_interleave(2, 0), CAPTIONS)
    torch.testing.assert_close(found, expected)


def test__go_on__some_captions_and_plans__go_on_as_before(decoder, plans):
    steps = Steps(decoder, plans)
    first, *others = decoder.shifted(CAPTIONS).T
    steps(first)
    kept = torch.tensor([False, True, False, True])
    steps.keep(kept)
    steps.go_on(kept)
    found = torch.stack([steps(previous[kept]) for previous in others], dim=1)
    torch.testing.assert_close(found, all_at_once(decoder, plans, CAPTIONS)[kept, 1:])


def test__replace__plans_of_others__go_on_where_they_were(decoder, plans):
    steps, others = Steps(decoder, plans[:3].flip(0)), Steps(decoder, plans)
    two_each = torch.tensor([0, 0, 1, 1, 2, 2])
    steps.go_on(two_each)
    first, second, _ = decoder.shifted(CAPTIONS).T
    steps(first[:3][two_each])
    others(first)
    steps.replace(torch.tensor([2, 0]), others, torch.tensor([3, 1]))
    # Of the third slot's plan, which stays, the caption is another one's.
    now = torch.tensor([1, 1, 1, 1, 3, 3])
    expected = all_at_once(decoder, plans, CAPTIONS)[:, 1][now]
    found = steps(second[now])
    torch.testing.assert_close(found, expected)


def test__attended__each_token__is_the_attention_of_its_output(decoder, plans):
    steps, others = Steps(decoder, plans), Steps(decoder, plans)
    for previous in decoder.shifted(CAPTIONS).T:
        outputs = others.outputs(previous)[:, None]
        expected, _ = decoder.attention.weights(outputs, plans[:, N_COMPONENTS:])
        torch.testing.assert_close(steps.attended(previous), expected)
