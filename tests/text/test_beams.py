"""The beams of a search, and which tokens they may go on with."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.tokens import END, UNKNOWN
from condcap_sk.text.beams import Beams, allowed, likeliest_tokens
from condcap_sk.text.modules import TiedDecoder

WIDTH = 3


@pytest.fixture
def decoder():
    with seeded_init(0):
        made = TiedDecoder(7, 4, 6, 8)
    made = made.eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(4)
    made.repeats[0], made.recurs = 2, torch.zeros(())
    made.returns[3:5] = torch.tensor([3.0, 8.0])
    return made


def is_allowed(decoder, ids):
    """Whether no n-gram stands in a row too often, no three tokens stand twice, and no token comes
    back too soon."""
    repeats = decoder.repeats.tolist()
    for period, most in enumerate(repeats, 1):
        n = int(period * (most + 1))
        for start in range(len(ids) - n + 1):
            part = ids[start : start + n]
            if all(part[i] == part[i % period] for i in range(n)):
                return False
    for j, token in enumerate(ids):
        if any(ids[i] == token and j - i < decoder.returns[token] for i in range(j)):
            return False
    triples = [tuple(ids[i : i + 3]) for i in range(len(ids) - 2)]
    return len(set(triples)) == len(triples)


def by_definition(decoder, plan):
    """The captions of a plan and their log-probabilities, one beam after the other."""
    beams = [((), 0.0)]
    for _ in range(decoder.max_length):
        extended = []
        for ids, score in beams:
            if END in ids:
                extended.append((ids, score))
                continue
            steps = decoder.steps(plan[None])
            logits = [steps(torch.tensor([token]))[0] for token in (decoder.start, *ids)][-1]
            scores = allowed(logits[None], first=not ids)[0].log_softmax(0).tolist()
            extended += [
                ((*ids, token), score + scores[token])
                for token in range(decoder.start)
                if scores[token] > -np.inf and (token == END or is_allowed(decoder, [*ids, token]))
            ]
        beams = sorted(extended, key=lambda beam: -beam[1])[:WIDTH]
    return beams


def searched(decoder, plans, numbers, slots, n_slots):
    """What is found of some of the plans, which are searched in some of the slots at first."""
    beams = Beams(decoder, plans[:n_slots], WIDTH, len(plans))
    steps = decoder.steps(plans)
    scores, tokens = likeliest_tokens(
        steps(torch.full((len(plans),), decoder.start)), WIDTH, first=True
    )
    slots = torch.tensor(slots)
    while numbers:
        slots = slots[: len(numbers)]
        rows, numbers = torch.tensor(numbers[: len(slots)]), numbers[len(slots) :]
        beams.begin(slots, rows, steps, rows, tokens[rows], scores[rows])
        while not len(slots := beams.free()):
            beams.extend()
    while len(beams.free()) < n_slots:
        beams.extend()
    return beams.found_ids, beams.found_scores


@pytest.mark.parametrize(
    ("numbers", "slots", "n_slots"),
    [
        ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], 6),
        ([5, 3, 1], [2, 0, 3], 4),
        ([0, 1, 2, 3, 4, 5], [0, 1], 2),
        ([3, 0, 5], [0], 1),
    ],
    ids=str,
)
def test__beams__plans_in_any_slots__have_the_captions_by_definition(
    decoder, numbers, slots, n_slots
):
    plans = torch.randn(6, 4, generator=make_rng(0))
    ids, scores = searched(decoder, plans, list(numbers), slots, n_slots)
    for plan in numbers:
        expected = by_definition(decoder, plans[plan])
        rows = [[*row, *[END] * (decoder.max_length - len(row))] for row, _ in expected]
        assert ids[plan].tolist() == rows
        assert scores[plan].tolist() == pytest.approx([score for _, score in expected], abs=1e-4)
    others = [plan for plan in range(6) if plan not in numbers]
    assert (scores[others] == -torch.inf).all()
    assert (ids[others] == END).all()


def test__by_definition__captions__are_of_different_lengths_and_would_go_round(decoder):
    # Else the test above would show little.
    plans = torch.randn(6, 4, generator=make_rng(0))

    def captions():
        every = [row for plan in plans for row, _ in by_definition(decoder, plan)]
        return {tuple(token for token in row if token != END) for row in every}

    bound = captions()
    assert len(set(map(len, bound))) > 2
    decoder.repeats.fill_(9)
    assert len(captions() - bound) > 2


def test__likeliest_tokens__closing_tokens__are_left_out_and_keep_their_share():
    logits = torch.tensor([[0.0, 0.0, 3.0, 2.0, 1.0]] * 2)
    scores, tokens = likeliest_tokens(logits, 2, closing=torch.tensor([[-1, 2], [-1, -1]]))
    assert tokens.tolist() == [[3, 4], [2, 3]]
    total = logits[0, [END, 2, 3, 4]].logsumexp(0)
    torch.testing.assert_close(scores, torch.tensor([[2.0, 1], [3, 2]]) - total)


@pytest.mark.parametrize("first", [True, False])
def test__allowed__unknown_never__end_not_at_the_beginning(first):
    logits = torch.zeros(1, 4)
    banned = torch.isinf(allowed(logits, first))[0].nonzero()[:, 0].tolist()
    assert banned == sorted([UNKNOWN, END] if first else [UNKNOWN])
    assert (logits == 0).all()
