"""Decoders as plain modules."""

import pytest
import torch

from condcap_sk.text.modules import CaptionEncoder, CaptionSpeaker
from condcap_sk.text.vocabulary import END, UNKNOWN
from condcap_sk.training.seeding import seeded_init

N_TOKENS, N_COMPONENTS, MAX_LENGTH = 6, 4, 3


@pytest.fixture
def speaker():
    with seeded_init(0):
        return CaptionSpeaker(N_TOKENS, N_COMPONENTS, 8, MAX_LENGTH).eval().requires_grad_(False)


@pytest.fixture
def heard():
    return torch.randn(5, N_COMPONENTS, generator=torch.Generator().manual_seed(0))


def test__candidates__all_that_can_be_said__share_a_probability_of_one(speaker, heard):
    _, scores = speaker.candidates(heard, 500)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(5))
    assert (scores.isfinite().sum(1) == 4 * (1 + 4 * (1 + 4))).all()


def test__sample__many_draws__are_as_frequent_as_they_are_probable(speaker, heard):
    tokens, scores = speaker.candidates(heard[:1], 500)
    drawn = speaker.sample(heard[:1].expand(20_000, -1), torch.Generator().manual_seed(1))
    for said, probability in zip(tokens[0, :10], scores[0, :10].exp(), strict=True):
        share = (drawn == said).all(1).float().mean()
        assert abs(share - probability) < 4 * (probability / 20_000).sqrt()


def test__sample__what_is_drawn__is_what_can_be_said(speaker, heard):
    drawn = speaker.sample(heard.repeat(200, 1), torch.Generator().manual_seed(2))
    assert drawn.shape == (1000, MAX_LENGTH)
    assert not (drawn == UNKNOWN).any()
    assert not (drawn[:, 0] == END).any()
    # After the end there is nothing but filling.
    assert not ((drawn[:, :-1] == END) & (drawn[:, 1:] != END)).any()


CAPTIONS = torch.tensor([[2, END, END], [3, 2, 4], [END, END, END], [4, 5, END], [2, 2, END]])


def test__encoder__captions_alone_or_filled_up_beside_longer_ones__have_the_same_vectors():
    with seeded_init(0):
        encoder = CaptionEncoder(N_TOKENS, N_COMPONENTS, 8)
    together = encoder(CAPTIONS)
    alone = [encoder(row[None, : max(1, (row != END).sum())]) for row in CAPTIONS]
    torch.testing.assert_close(together, torch.cat(alone))


def test__log_probability__captions_beside_longer_ones__are_as_probable_as_told_word_by_word(
    speaker, heard
):
    state, previous = speaker._initial_state(heard), torch.full((5, 1), speaker.start)
    total, goes_on = torch.zeros(5), torch.ones(5, dtype=torch.bool)
    for column in CAPTIONS.T:
        logits, state = speaker._step(heard, previous, state)
        told = logits[:, 0].log_softmax(1).gather(1, column[:, None])[:, 0]
        total += told.where(goes_on, 0)
        goes_on, previous = goes_on & (column != END), column[:, None]
    torch.testing.assert_close(speaker.log_probability(heard, CAPTIONS), total)
