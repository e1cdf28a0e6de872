"""The consensus decoder, and how its captions climb by their reward."""

import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.ngrams import CiderScorer
from condcap_sk.answers.tokens import UNKNOWN
from condcap_sk.gan.consensus import (
    N_DRAWN,
    TEMPERATURE,
    ConsensusDecoder,
    SelfCriticalTraining,
)
from condcap_sk.gan.modules import SentenceGenerator
from condcap_sk.text.modules import N_EMBEDDING, Attention, TiedDecoder
from condcap_sk.text.search import beam_search

N_IMAGE, N_LATENTS, N_COMPONENTS = 4, 2, 6
IMAGES = torch.eye(N_IMAGE)[:2]
ROWS = torch.arange(2)
# Of the first image most are "2 3", of the second "4 5".
REFERENCES = [[[2, 3, 0], [2, 3, 0], [2, 3, 6]], [[4, 5, 0], [4, 5, 0], [5, 4, 6]]]


@pytest.fixture
def consensus():
    with seeded_init(0):
        return ConsensusDecoder(
            SentenceGenerator(N_IMAGE, N_LATENTS, N_COMPONENTS, radius=2.0),
            TiedDecoder(7, N_COMPONENTS, 8, max_length=3),
        )


@pytest.fixture
def training(consensus):
    return SelfCriticalTraining(consensus)


@pytest.fixture
def given():
    """The further arguments of the loss."""
    return {"scorer": CiderScorer(REFERENCES), "rng": make_rng(1)}


@pytest.fixture
def drawn(monkeypatch):
    """Return a function that decides which captions are drawn, of one image and the other."""

    def decide(first, second):
        captions = torch.tensor(first * N_DRAWN + second * N_DRAWN)
        monkeypatch.setattr("condcap_sk.gan.consensus.draw", lambda *args: captions)

    return decide


def test__consensus__its_vectors__are_those_of_the_generator_without_a_latent(consensus):
    images = torch.randn(3, N_IMAGE)
    expected = consensus.generator(images, torch.zeros(3, N_LATENTS))
    torch.testing.assert_close(consensus(images), expected)


def test__loss__its_value__is_the_negative_reward_of_captions_drawn(training, drawn, given):
    drawn([[2, 3, 0]], [[3, 3, 3]])
    # All its words are right, and one of the captions is as long.
    best, nothing = CiderScorer(REFERENCES).cider_d(0, [2, 3, 0]) + 1, 0.0
    loss = training.loss(IMAGES, ROWS, **given)["negative_reward"]
    assert loss.item() == pytest.approx(-(best + nothing) / 2, rel=1e-5)


def test__loss__short_caption__ends_once(training, drawn, given):
    drawn([[2, 0, 0]], [[4, 0, 0]])
    scorer = CiderScorer(REFERENCES)
    rewards = [
        scorer.cider_d(i, row) + scorer.bleu_1(i, row) for i, row in enumerate([[2, 0], [4, 0]])
    ]
    loss = training.loss(IMAGES, ROWS, **given)["negative_reward"]
    assert loss.item() == pytest.approx(-sum(rewards) / 2, rel=1e-5)


def test__loss__rows__are_whose_references_count(training, drawn, given):
    drawn([[4, 5, 4]], [[2, 3, 2]])
    assert training.loss(IMAGES, ROWS, **given)["negative_reward"].item() == pytest.approx(0)
    drawn([[4, 5, 0]], [[2, 3, 0]])
    assert training.loss(IMAGES, ROWS.flip(0), **given)["negative_reward"].item() < -1


def test__loss__caption_that_breaks_off__is_worth_less_than_one_that_ends(training, drawn, given):
    drawn([[2, 3, 0]], [[4, 5, 0]])
    ends = training.loss(IMAGES, ROWS, **given)["negative_reward"].item()
    drawn([[2, 3, 5]], [[4, 5, 3]])
    assert ends < training.loss(IMAGES, ROWS, **given)["negative_reward"].item() - 0.5


def test__loss__captions__are_drawn_and_taught_at_the_same_temperature(
    training, consensus, given, monkeypatch
):
    """Else the gradient is that of another distribution than what they were drawn from."""
    temperatures = []
    log_probability = consensus.decoder.log_probability

    def drawing(decoder, plans, rng, temperature):
        temperatures.append(temperature)
        return torch.tensor([[2, 3, 0]]).expand(len(plans), -1)

    def taught(plans, ids, temperature, drawn):
        temperatures.append(temperature)
        return log_probability(plans, ids, temperature, drawn)

    monkeypatch.setattr("condcap_sk.gan.consensus.draw", drawing)
    monkeypatch.setattr(consensus.decoder, "log_probability", taught)
    training.loss(IMAGES, ROWS, **given)
    assert temperatures == [TEMPERATURE, TEMPERATURE]


def test__loss__equal_captions__teach_nothing(training, drawn, given):
    drawn([[2, 3, 0]], [[2, 3, 0]])
    training.loss(IMAGES, ROWS, **given)["negative_reward"].backward()
    assert all(p.grad is None or not p.grad.any() for p in training.parameters())


def test__loss__captions_that_differ__teach_the_generator_and_the_decoder(
    training, consensus, given
):
    training.loss(IMAGES, ROWS, **given)["negative_reward"].backward()
    assert consensus.generator.of_image.weight.grad.abs().sum() > 0
    assert consensus.decoder.embedding.weight.grad.abs().sum() > 0
    # There is no latent to learn from.
    assert not consensus.generator.of_latent.weight.grad.any()
    # It is never drawn: nothing would keep it from becoming more and more probable.
    assert consensus.decoder.bias.grad[UNKNOWN] == 0
    assert consensus.decoder.bias.grad[UNKNOWN + 1 :].all()


def test__loss__same_seed__same_captions_and_global_stream_untouched(training, given):
    state = torch.get_rng_state()
    one, other = (training.loss(IMAGES, ROWS, given["scorer"], make_rng(3)) for _ in range(2))
    assert torch.equal(one["negative_reward"], other["negative_reward"])
    assert torch.equal(torch.get_rng_state(), state)


def test__training__likeliest_caption_of_an_image__comes_to_agree_with_its_own(
    training, consensus, given
):
    def likeliest():
        return beam_search(consensus.decoder, consensus(IMAGES), 1)[0][:, 0].tolist()

    optimizer = torch.optim.Adam(training.parameters(), 1e-3)
    before = likeliest()
    for _ in range(400):
        optimizer.zero_grad()
        training.loss(IMAGES, ROWS, **given)["negative_reward"].backward()
        optimizer.step()
    after = likeliest()
    assert after != before
    assert [caption[:2] for caption in after] == [[2, 3], [4, 5]]


def test__loss__many_components_of_an_image__are_partly_left_out(training, given, monkeypatch):
    read = []
    training.consensus.generator.n_image = 600
    monkeypatch.setattr(
        ConsensusDecoder, "vectors", lambda self, images: read.append(images) or torch.ones(2, 6)
    )
    training.loss(torch.ones(2, 600), ROWS, **given)
    assert (read[0] == 0).any()


def test__loss__many_components_of_regions__are_partly_left_out(given, monkeypatch):
    with seeded_init(0):
        attention = Attention(8, 600, N_EMBEDDING)
        decoder = TiedDecoder(7, N_COMPONENTS, 8, max_length=3, attention=attention)
        generator = SentenceGenerator(N_IMAGE, N_LATENTS, N_COMPONENTS, radius=2.0)
    training, read = SelfCriticalTraining(ConsensusDecoder(generator, decoder)), []
    memory = Attention.memory
    monkeypatch.setattr(
        Attention, "memory", lambda self, regions: read.append(regions) or memory(self, regions)
    )
    training.loss(torch.ones(2, N_IMAGE + 2 * 600), ROWS, **given)
    assert read[0].shape == (2, 1200)
    assert 0.3 < (read[0] == 0).float().mean() < 0.5
