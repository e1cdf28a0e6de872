"""SentenceGame: a decoder in the game, a steered KL weight, and latents that stay true."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.game import HeldOut
from condcap_sk.gan.losses import channel_cross_entropy, divergence_from_prior, set_cross_entropy
from condcap_sk.gan.modules import SentenceGenerator
from condcap_sk.gan.sentence_game import SentenceGame
from condcap_sk.text.circles import most_repeats, nearest_returns, recurring
from condcap_sk.text.modules import TiedDecoder


def test__word_term__reaches_the_decoder_and_what_is_before_it(play):
    played = play(SentenceGame)
    terms = played.generator_losses(*played.inputs())
    assert played.reached_by(terms["posterior"]) == {"generator", "recogniser", "decoder"}


@pytest.mark.parametrize(
    ("term", "networks"),
    [("channel", {"generator", "recogniser"}), ("divergence", {"recogniser"})],
)
def test__vector_terms__reach_no_decoder(play, term, networks):
    played = play(SentenceGame)
    terms = played.generator_losses(*played.inputs())
    assert played.reached_by(terms[term]) == networks


def test__truth_term__teaches_the_generator_alone_under_every_latent(play):
    played = play(SentenceGame, truth_weight=0.5)
    images, answers, truth, c = played.inputs()
    term = played.generator_losses(images, answers, truth, c)["truth"]
    assert played.reached_by(term) == {"generator"}
    assert term > 0
    every = torch.tensor([[0, 1, 2]] * 8)
    assert played.generator_losses(images, every, truth, c)["truth"].item() == pytest.approx(0)


@pytest.mark.parametrize(("kl_target", "direction"), [(1e-3, 1), (1e3, -1)])
def test__kl_weight__is_steered_to_the_target(play, kl_target, direction):
    net = play(SentenceGame, n_steps=5, kl_target=kl_target).net
    assert (net.kl_weight_ - 0.3) * direction > 0
    # The setting itself stays, and a step moves the weight by two percent at most.
    assert net.kl_weight == 0.3
    assert 0.3 * 1.03**-5 < net.kl_weight_ < 0.3 * 1.03**5


@pytest.mark.parametrize(("bound", "kl_target"), [(5.0, 1e-6), (0.01, 1e6)])
def test__kl_weight__at_its_bounds__stays_there(play, bound, kl_target):
    net = play(SentenceGame, n_steps=3, kl_weight=bound, kl_target=kl_target).net
    assert net.kl_weight_ == bound


def test__zero_latent__is_taught_in_a_third_of_the_pairs(play):
    played = play(SentenceGame)
    latents = []
    generator = played.networks.generator
    forward = generator.forward
    generator.forward = lambda images, c: latents.append(c) or forward(images, c)
    played.generator_losses(*played.inputs())
    assert (latents[-1] == 0).all(dim=1).tolist() == [True] * 2 + [False] * 6


def test__posterior_terms__count_the_pairs_whose_latent_is_used(play):
    played = play(SentenceGame, posterior_weight=0.5)
    net, networks = played.net, played.networks
    images, *_ = played.inputs()
    truth = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    mean, log_variance = networks.recogniser(images, net.bank[truth])
    # A variance of almost nothing: the latent is the mean, of the last six of eight pairs.
    certain = torch.full_like(log_variance, -50.0)
    terms = played.posterior_losses(images, truth, mean, certain)
    vectors = networks.generator(images[2:], mean[2:])
    of_vectors = channel_cross_entropy(vectors, net.bank, truth[2:], 1.0)
    torch.testing.assert_close(terms["channel"], 6 / 8 * 0.5 * of_vectors)
    terms = played.posterior_losses(images, truth, mean, log_variance)
    divergence = divergence_from_prior(mean[2:], log_variance[2:])
    torch.testing.assert_close(terms["divergence"], 6 / 8 * net.kl_weight_ * divergence)


def test__glimpse__image_vectors_and_pixels__leaves_out_components_of_vectors_only(play):
    net = play(SentenceGame).net
    net.module_.generator.n_image = 600
    vectors, pixels = torch.ones(50, 600), torch.ones(5, 3, 20, 20)
    assert (net.glimpse(net.module_, vectors, make_rng(0)) == 0).any()
    net.module_.generator.n_image = 3
    assert torch.equal(net.glimpse(net.module_, pixels, make_rng(0)), pixels)


def test__callbacks_needed__are_new_each_time():
    one, other = SentenceGame.callbacks_needed(), SentenceGame.callbacks_needed()
    assert type(one[0]).__name__ == "GradientNormClipping"
    assert one[0] is not other[0]


@pytest.mark.parametrize(
    ("kl_target", "n_latents", "expected"),
    [("auto", 3, 3), ("auto", 16, 9), ("auto", 0, 1), (2.5, 16, 2.5)],
)
def test__settings__kl_target__is_a_nat_for_each_latent_or_as_given(
    sentences, kl_target, n_latents, expected
):
    gan = LatentGAN(n_latents=n_latents, n_categories=2, kl_target=kl_target, truth_weight=0.7)
    settings = SentenceGame.settings(gan, sentences.answers, torch.device("cpu"))
    assert settings["kl_target"] == expected
    assert settings["truth_weight"] == 0.7
    assert settings["ids"].tolist() == sentences.answers.ids.tolist()


def test__n_steps__number_of_pairs__decides(sentences):
    # 40 images with two captions each.
    assert SentenceGame.size_of_batch(sentences.answers, 256) == 32
    assert SentenceGame.n_steps(sentences.answers, 32) == 150
    assert SentenceGame.n_steps(sentences.answers, 1) == 1000


def test__build__decoder__has_the_rules_that_its_captions_keep(sentences):
    decoder = SentenceGame.build(LatentGAN(), sentences.answers, 2, [None] * 3).decoder
    ids, n_tokens = sentences.answers.ids, sentences.answers.n_tokens
    assert decoder.repeats.tolist() == most_repeats(ids).tolist()
    assert bool(decoder.recurs) == recurring(ids)
    assert decoder.returns.tolist() == nearest_returns(ids, n_tokens).tolist()
    assert decoder.returns.max() > 1


def test__build__sentences__have_a_decoder_of_their_sizes(sentences):
    gan = LatentGAN(n_latents=5, decoder_size=np.int64(9))
    networks = SentenceGame.build(gan, sentences.answers, 2, [None] * 3)
    assert type(networks.generator) is SentenceGenerator
    assert type(networks.decoder) is TiedDecoder
    assert networks.decoder.config == {
        "n_tokens": 7,
        "n_components": 8,
        "hidden_size": 9,
        "max_length": 3,
        "attention": None,
    }
    vectors = networks.generator(torch.randn(4, 2), torch.randn(4, 5))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))
    assert networks.discriminator.config["hidden_size"] == 256


def test__measure__first_captions_without_a_latent__their_cross_entropy(play):
    net = play(SentenceGame, n_steps=2).net
    images = np.random.RandomState(0).standard_normal((10, 4)).astype(np.float32)
    ids, index = np.array([[2, 3, 0], [4, 2, 3]]), np.array([[1, 0]] * 5 + [[0, -1]] * 5)
    answers = EncodedAnswers(np.eye(6, dtype=np.float32)[:2], index, ids, 5, None, True)
    found = HeldOut(images, answers, seed=0, device=torch.device("cpu"))(net)
    assert set(found) == {"valid_cross_entropy", "valid_latent_error"}
    networks = net.average_
    vectors = networks.generator(torch.from_numpy(images), torch.zeros(10, 2))
    first = torch.from_numpy(ids[[1] * 5 + [0] * 5])
    expected = -networks.decoder.log_probability(vectors, first).mean().item()
    assert found["valid_cross_entropy"] == pytest.approx(expected, rel=1e-5)


def test__history__names_every_term(play):
    history = play(SentenceGame, n_steps=4).history
    of_d = {"discriminator", "mismatch", "penalty"}
    of_others = {"generator", "latent", "truth", "posterior", "channel", "divergence"}
    assert set(history) == {"epoch", *of_d, *of_others}


def test__truth_term__is_the_set_s_cross_entropy_by_its_weight(play):
    played = play(SentenceGame, truth_weight=0.25)
    images, answers, _, c = played.inputs()
    generated = played.networks.generator(images, c)
    played.net.see_batch(answers, answers[:, 0])
    fits = torch.tensor([[True, True, False], [False, False, True]] * 4)
    expected = 0.25 * set_cross_entropy(generated, played.net.bank, fits, 1.0)
    torch.testing.assert_close(played.net.prior_losses(generated, answers)["truth"], expected)


def test__optimizer__gains_and_biases__do_not_decay(play):
    groups = play(SentenceGame).net.optimizer_.param_groups
    decay = {p.ndim > 1: group["weight_decay"] for group in groups for p in group["params"]}
    assert decay == {True: 0.02, False: 0.0}


def test__build__word_vectors__are_what_the_decoder_begins_with(sentences):
    vectors = np.random.RandomState(0).standard_normal((7, 256)).astype(np.float32)
    answers = replace(sentences.answers, word_vectors=vectors)
    decoder = SentenceGame.build(LatentGAN(), answers, 2, [None] * 3).decoder
    ours = torch.nn.functional.normalize(decoder.embedding.weight[:7])
    torch.testing.assert_close(ours, torch.nn.functional.normalize(torch.from_numpy(vectors)))
