"""The consensus: what is said climbs by its reward, and who learns from it."""

import copy

import numpy as np
import pytest
import torch

from condcap_sk.answers.ngrams import CiderScorer
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.consensus import ConsensusSpeaker
from condcap_sk.gan.modules import SentenceGenerator
from condcap_sk.text.modules import CaptionSpeaker
from condcap_sk.training.seeding import generator, seeded_init

N_IMAGE, N_LATENTS, N_COMPONENTS = 4, 2, 6
IMAGES = torch.eye(N_IMAGE)[:2]
ROWS = torch.arange(2)
# Of the first image most say "2 3", of the second "4 5".
REFERENCES = [[[2, 3], [2, 3], [2, 3, 6]], [[4, 5], [4, 5], [5, 4, 6]]]


@pytest.fixture
def speaker():
    with seeded_init(0):
        return ConsensusSpeaker(
            SentenceGenerator(N_IMAGE, N_LATENTS, N_COMPONENTS, radius=2.0),
            CaptionSpeaker(7, N_COMPONENTS, 8, max_length=3),
            CiderScorer(REFERENCES),
            generator(1),
        )


def said(speaker):
    return speaker.decoder.candidates(speaker(IMAGES), 1)[0][:, 0].tolist()


def test__loss__its_value__is_the_negative_reward_of_captions_drawn(speaker):
    captions = torch.tensor([[2, 3, 0]] * 5 + [[3, 3, 3]] * 5)
    speaker.decoder.sample = lambda vectors, rng: captions
    # All its words are right, and one of the captions is as long.
    best, nothing = CiderScorer(REFERENCES).cider_d(0, [2, 3]) + 1, 0.0
    loss = speaker.loss(IMAGES, ROWS)["negative_reward"]
    assert loss.item() == pytest.approx(-(best + nothing) / 2, rel=1e-5)


def test__loss__all_captions_alike__nobody_learns(speaker):
    speaker.decoder.sample = lambda vectors, rng: torch.tensor([[2, 3, 0]] * 10)
    speaker.loss(IMAGES, ROWS)["negative_reward"].backward()
    assert all(p.grad is None or not p.grad.any() for p in speaker.parameters())


def test__loss__captions_that_differ__teach_the_generator_and_the_decoder(speaker):
    speaker.loss(IMAGES, ROWS)["negative_reward"].backward()
    assert speaker.generator.of_image.weight.grad.abs().sum() > 0
    assert speaker.decoder.embedding.weight.grad.abs().sum() > 0


def test__training__what_is_said_of_an_image__comes_to_agree_with_its_captions(speaker):
    optimizer = torch.optim.Adam(speaker.parameters(), 1e-3)
    before = said(speaker)
    for _ in range(400):
        optimizer.zero_grad()
        speaker.loss(IMAGES, ROWS)["negative_reward"].backward()
        optimizer.step()
    after = said(speaker)
    assert after != before
    assert [caption[:2] for caption in after] == [[2, 3], [4, 5]]


def world():
    X = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0)
    rng = np.random.RandomState(0)
    tokens = [np.array([[2, 3, 0], [2, 3, 6]] if x[0] else [[4, 5, 0], [5, 4, 6]]) for x in X]
    of_caption = {tuple(t): rng.standard_normal(8).astype(np.float32) for t in np.vstack(tokens)}
    vectors = [np.stack([of_caption[tuple(t)] for t in rows]) for rows in tokens]
    return X, [v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors], tokens


def fit(**params):
    X, y, tokens = world()
    gan = LatentGAN(n_latents=2, noise=0.2, max_iter=12, random_state=0, **params)
    return gan.fit(X, y, tokens=tokens, n_tokens=7), X


def test__fit__consensus__is_a_copy_that_leaves_the_game_alone(monkeypatch):
    gan, X = fit()
    (vectors, decoder), (agreed, other) = gan.central(X)
    assert not np.allclose(vectors, agreed)
    weights = copy.deepcopy(gan.generator_.state_dict()), copy.deepcopy(decoder.state_dict())
    monkeypatch.setattr(LatentGAN, "_agree", lambda *args: (None, {}))
    without, _ = fit()
    assert without.consensus_ is None
    for module, known in zip((without.generator_, without.decoder_), weights, strict=True):
        for name, value in module.state_dict().items():
            assert torch.equal(value, known[name])
    assert len(without.central(X)) == 1
    assert other is gan.consensus_.decoder


def test__fit__history__tells_the_reward():
    gan, _ = fit()
    rewards = gan.consensus_history_["reward"]
    assert len(rewards) == len(gan.consensus_history_["epoch"]) > 1
    assert all(0 <= reward <= 11 for reward in rewards)


def test__fit__labels_or_the_paper_s_objective__have_no_consensus():
    X, y, tokens = world()
    assert LatentGAN(max_iter=2, random_state=0).fit(X, y).consensus_ is None
    paper = LatentGAN(objective="paper", max_iter=2, random_state=0)
    assert paper.fit(X, y, tokens=tokens, n_tokens=7).consensus_ is None
