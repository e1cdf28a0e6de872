"""Decoders as plain modules."""

import pytest
import torch

from condcap_sk.text.modules import CaptionSpeaker
from condcap_sk.training.seeding import seeded_init

N_TOKENS, N_COMPONENTS, MAX_LENGTH = 6, 4, 3


def make_speaker(n_members):
    with seeded_init(0):
        return CaptionSpeaker(N_TOKENS, N_COMPONENTS, n_members, 8, MAX_LENGTH).eval()


def heard_and_said(n_members):
    rng = torch.Generator().manual_seed(0)
    heard = torch.randn(5, n_members, N_COMPONENTS, generator=rng)
    return heard, torch.tensor([[2, 3, 0], [4, 0, 0], [5, 5, 5], [3, 2, 4], [2, 0, 0]])


def test__speaker__one_member__says_what_its_voice_says():
    speaker, (heard, said) = make_speaker(1), heard_and_said(1)
    torch.testing.assert_close(
        speaker.log_probability(heard, said), speaker.voices[0].log_probability(heard[:, 0], said)
    )


def test__speaker__two_members__each_is_listened_to():
    speaker, (heard, said) = make_speaker(2), heard_and_said(2)
    heard.requires_grad_(True)
    speaker.log_probability(heard, said).sum().backward()
    assert (heard.grad.abs().sum(2) > 0).all()


def test__speaker__order_of_members__does_not_matter():
    speaker, (heard, said) = make_speaker(2), heard_and_said(2)
    before = speaker.log_probability(heard, said)
    speaker.voices = torch.nn.ModuleList(reversed(speaker.voices))
    torch.testing.assert_close(speaker.log_probability(heard.flip(1), said), before)


@pytest.mark.parametrize("n_members", [1, 3])
def test__candidates__all_that_can_be_said__share_a_probability_of_one(n_members):
    speaker, (heard, _) = make_speaker(n_members), heard_and_said(n_members)
    _, scores = speaker.candidates(heard, 500)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(5))
    assert (scores.isfinite().sum(1) == 4 * (1 + 4 * (1 + 4))).all()


def test__loss__every_member__learns():
    speaker, (heard, said) = make_speaker(2), heard_and_said(2)
    speaker.loss(heard, said, torch.Generator().manual_seed(0)).backward()
    for voice in speaker.voices:
        assert voice.embedding.weight.grad.abs().sum() > 0
