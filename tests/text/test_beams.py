"""The beams of a search, and which tokens they may go on with."""

import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.tokens import END, UNKNOWN
from condcap_sk.text.beams import Beams, allowed, likeliest
from condcap_sk.text.modules import TiedDecoder

WIDTH = 2


@pytest.fixture
def decoder():
    with seeded_init(0):
        made = TiedDecoder(7, 4, 6, 5)
    return made.eval().requires_grad_(False)


def started(decoder, plans):
    """Steps of plans after one token, the likeliest tokens and their log-probabilities."""
    steps = decoder.steps(plans)
    scores, tokens = likeliest(steps(torch.full((len(plans),), decoder.start)), WIDTH, first=True)
    return steps, tokens, scores


def finished(decoder, plans, numbers, slots):
    """What is found of some of the plans, which are searched in some of the slots."""
    beams = Beams(decoder, plans[:3], WIDTH, len(plans))
    steps, tokens, scores = started(decoder, plans)
    numbers, slots = torch.tensor(numbers), torch.tensor(slots)
    beams.begin(slots, numbers, steps, numbers, tokens[numbers], scores[numbers])
    while len(beams.free()) < len(plans[:3]):
        beams.extend()
    return beams.found_ids, beams.found_scores


def test__beams__plans_in_any_slots__are_found_as_in_others(decoder):
    plans = torch.randn(4, 4, generator=make_rng(0))
    ids, scores = finished(decoder, plans, [1, 2, 3], [0, 1, 2])
    others, their_scores = finished(decoder, plans, [3, 1], [1, 2])
    for plan in (1, 3):
        assert torch.equal(ids[plan], others[plan])
        torch.testing.assert_close(scores[plan], their_scores[plan])
    # What was not searched has no captions.
    assert (their_scores[[0, 2]] == -torch.inf).all()
    assert (others[[0, 2]] == END).all()


def test__beams__slot_that_was_used__begins_anew(decoder):
    plans = torch.randn(2, 4, generator=make_rng(1))
    decoder.repeats.fill_(1)
    expected, _ = finished(decoder, plans, [0, 1], [0, 1])
    beams = Beams(decoder, plans[:1], WIDTH, 2)
    steps, tokens, scores = started(decoder, plans)
    for plan in (0, 1):
        number = torch.tensor([plan])
        beams.begin(beams.free(), number, steps, number, tokens[number], scores[number])
        assert not len(beams.free())
        while not len(beams.free()):
            beams.extend()
    assert torch.equal(beams.found_ids, expected)


def test__likeliest__closing_tokens__are_left_out_and_keep_their_share():
    logits = torch.tensor([[0.0, 0.0, 3.0, 2.0, 1.0]] * 2)
    scores, tokens = likeliest(logits, 2, closing=torch.tensor([[-1, 2], [-1, -1]]))
    assert tokens.tolist() == [[3, 4], [2, 3]]
    total = logits[0, [END, 2, 3, 4]].logsumexp(0)
    torch.testing.assert_close(scores, torch.tensor([[2.0, 1], [3, 2]]) - total)


@pytest.mark.parametrize("first", [True, False])
def test__allowed__unknown_never__end_not_at_the_beginning(first):
    logits = torch.zeros(1, 4)
    banned = torch.isinf(allowed(logits, first))[0].nonzero()[:, 0].tolist()
    assert banned == sorted([UNKNOWN, END] if first else [UNKNOWN])
    assert (logits == 0).all()
