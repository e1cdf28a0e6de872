"""RelativisticGame: its terms, by definition, and which networks they reach."""

import pytest
import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.gan.losses import (
    channel_cross_entropy,
    divergence_from_prior,
    imbalance,
    latent_error,
    relativistic_loss,
)
from condcap_sk.gan.prior import Prior
from condcap_sk.gan.relativistic_game import RelativisticGame


@pytest.fixture
def quiet(play):
    """Return a function that plays without noise: then the terms are what definitions give."""

    def quiet(**changed):
        played = play(RelativisticGame, image_dropout=0.0, **changed)
        played.net.noisy = lambda vectors, rng: vectors
        return played

    return quiet


def test__discriminator_term__is_relativistic(quiet):
    played = quiet()
    images, answers, truth, c = played.inputs()
    d, fake = played.networks.discriminator, played.networks.generator(images, c)
    expected = relativistic_loss(d(images, played.net.bank[truth]), d(images, fake))
    terms = played.discriminator_losses(images, answers, truth, c)
    torch.testing.assert_close(terms["discriminator"], expected)


def test__generator_terms__are_relativistic_and_equation_6(quiet):
    played = quiet()
    images, answers, truth, c = played.inputs()
    networks = played.networks
    d, fake = networks.discriminator, networks.generator(images, c)
    terms = played.generator_losses(images, answers, truth, c)
    expected = relativistic_loss(d(images, fake), d(images, played.net.bank[truth]))
    torch.testing.assert_close(terms["generator"], expected)
    recovered, _ = networks.recogniser(images, fake)
    torch.testing.assert_close(terms["latent"], 0.1 * latent_error(c, recovered))


def test__penalty__every_fourth_step__is_twice_the_squared_slope_of_d_on_all_three_kinds(quiet):
    played = quiet(gradient_penalty=0.5)
    played.net.n_batches_ = 0
    images, answers, truth, c = played.inputs()
    d, bank = played.networks.discriminator, played.net.bank
    kinds = bank[truth], played.networks.generator(images, c).detach(), bank[truth.roll(1)]
    expected = 0.0
    for vectors in kinds:
        inputs = vectors.clone().requires_grad_()
        (slope,) = torch.autograd.grad(d(images, inputs).sum(), inputs)
        expected += 0.5 * slope.square().sum(1).mean()
    found = [played.discriminator_losses(images, answers, truth, c)["penalty"] for _ in range(5)]
    torch.testing.assert_close(found[0], 4 * 0.5 * expected)
    assert found[1:4] == [0, 0, 0]
    torch.testing.assert_close(found[4], found[0])


class TestMismatchedPairs:
    def test__neighbours_answers__are_scored_below_the_true_ones(self, quiet):
        played = quiet(mismatch_weight=2.0)
        images, _, _, c = played.inputs()
        # No image has its neighbour's answer.
        truth = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
        terms = played.discriminator_losses(images, truth[:, None], truth, c)
        d, bank = played.networks.discriminator, played.net.bank
        expected = relativistic_loss(d(images, bank[truth]), d(images, bank[truth.roll(1)]))
        torch.testing.assert_close(terms["mismatch"], 2 * expected)
        assert terms["mismatch"] > 0

    def test__neighbours_answer_that_fits_too__is_left_out(self, quiet):
        played = quiet()
        images, _, _, c = played.inputs()
        truth = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
        answers = torch.stack([truth, torch.full_like(truth, -1)], dim=1)
        # The neighbour of the third image has the answer 1.
        answers[2, 1] = 1
        terms = played.discriminator_losses(images, answers, truth, c)
        d, bank = played.networks.discriminator, played.net.bank
        scores = d(images, bank[truth]), d(images, bank[truth.roll(1)])
        expected = relativistic_loss(*(score[[0, 1, 3, 4, 5, 6, 7]] for score in scores))
        torch.testing.assert_close(terms["mismatch"], expected)

    def test__every_neighbour_fits__count_for_nothing(self, play):
        played = play(RelativisticGame)
        images, _, truth, c = played.inputs()
        all_fit = torch.tensor([[0, 1, 2]] * 8)
        terms = played.discriminator_losses(images, all_fit, truth, c)
        assert terms["mismatch"].item() == 0

    def test__their_gradient__teaches_the_discriminator_alone(self, play):
        played = play(RelativisticGame)
        images, _, _, c = played.inputs()
        truth = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
        terms = played.discriminator_losses(images, truth[:, None], truth, c)
        assert played.reached_by(terms["mismatch"]) == {"discriminator"}


class TestPosteriorPath:
    def test__its_gradient__reaches_generator_and_recogniser(self, play):
        played = play(RelativisticGame)
        terms = played.generator_losses(*played.inputs())
        assert played.reached_by(terms["posterior"]) == {"generator", "recogniser"}

    def test__divergence__reaches_the_recogniser_alone(self, play):
        played = play(RelativisticGame)
        terms = played.generator_losses(*played.inputs())
        assert played.reached_by(terms["divergence"]) == {"recogniser"}

    def test__terms__are_those_of_true_pairs(self, play):
        played = play(RelativisticGame, posterior_weight=0.5, kl_weight=0.4)
        images, _, truth, _ = played.inputs()
        networks, net = played.networks, played.net
        mean, log_variance = networks.recogniser(images, net.bank[truth])
        # A variance of almost nothing: the latent is the mean.
        certain = torch.full_like(log_variance, -50.0)
        terms = played.posterior_losses(images, truth, mean, certain)
        vectors = networks.generator(images, mean)
        expected = channel_cross_entropy(vectors, net.bank, truth, 1.0)
        torch.testing.assert_close(terms["posterior"], 0.5 * expected)
        terms = played.posterior_losses(images, truth, mean, log_variance)
        expected = 0.5 * 0.4 * divergence_from_prior(mean, log_variance)
        torch.testing.assert_close(terms["divergence"], expected)

    def test__latents__are_drawn_from_the_recogniser_s_gaussian(self, play):
        played = play(RelativisticGame)
        images, _, truth, _ = played.inputs()
        mean, log_variance = torch.randn(8, 2, generator=make_rng(6)), torch.full((8, 2), -2.0)
        given = []
        generator = played.networks.generator
        generator.register_forward_pre_hook(lambda _, inputs: given.append(inputs[1]))
        played.rng.manual_seed(0)
        played.posterior_losses(images, truth, mean, log_variance)
        expected = played.net.prior.posterior_sample(mean, log_variance, make_rng(0))
        torch.testing.assert_close(given[0], expected)

    @pytest.mark.parametrize("weight", [0.5, 0.0])
    def test__categories__are_balanced_where_there_are_any(self, play, weight):
        played = play(RelativisticGame, posterior_weight=weight)
        images, _, truth, _ = played.inputs()
        found, log_variance = torch.randn(8, 2, generator=make_rng(6)), torch.zeros(8, 2)
        assert "imbalance" not in played.posterior_losses(images, truth, found, log_variance)
        played.net.prior = Prior(0, 2)
        found.requires_grad_()
        terms = played.posterior_losses(images, truth, found, log_variance)
        expected = weight * RelativisticGame.BALANCE_WEIGHT * imbalance(found)
        torch.testing.assert_close(terms["imbalance"], expected)
        assert terms["divergence"] == 0

    def test__weight_zero__leaves_it_out(self, play):
        played = play(RelativisticGame, posterior_weight=0.0)
        terms = played.generator_losses(*played.inputs())
        assert terms["posterior"] == terms["divergence"] == 0


def test__noisy__vectors__have_the_noise_that_was_asked_for(play):
    net = play(RelativisticGame, noise=0.7).net
    vectors = torch.randn(5000, 6)
    noise = net.noisy(vectors, make_rng(0)) - vectors
    assert noise.std().item() == pytest.approx(0.7, rel=0.02)
    assert abs(noise.mean().item()) < 0.02


@pytest.mark.parametrize(("image_dropout", "reached"), [(0.0, True), (1.0, False)])
def test__image_dropout__of_all_or_none__hides_the_image_from_the_recogniser(
    play, image_dropout, reached
):
    played = play(RelativisticGame, image_dropout=image_dropout)
    images, *rest = played.inputs()
    images.requires_grad_()
    played.networks.requires_grad_(False)
    # The generator gets the image in any case: cut that way off.
    vectors = played.networks.generator(images, rest[2]).detach()
    played.networks.generator.forward = lambda *inputs: vectors[: len(inputs[0])]
    terms = played.generator_losses(images, *rest)
    (gradient,) = torch.autograd.grad(
        terms["latent"] + terms["divergence"], images, allow_unused=True
    )
    assert (gradient is not None and bool(gradient.abs().sum() > 0)) == reached


def test__image_dropout__half__hides_whole_images(play):
    net = play(RelativisticGame).net
    some = net._some_hidden(torch.ones(1000, 3, 2, 2), make_rng(0)).flatten(1)
    hidden = (some == 0).all(1)
    assert torch.equal(hidden, (some == 0).any(1))
    assert 0.4 < hidden.float().mean() < 0.6


def test__history__names_every_term(play):
    history = play(RelativisticGame, n_steps=4).history
    terms = {"discriminator", "mismatch", "penalty", "generator", "latent", "posterior"}
    assert terms | {"epoch", "divergence"} == set(history)
    assert len({len(values) for values in history.values()}) == 1


def test__discriminator_and_recogniser__read_no_vector_without_noise(play):
    played = play(RelativisticGame)
    inputs = played.inputs()
    read = []
    # Sentence vectors are short: what is moved so far is marked.
    played.net.noisy = lambda vectors, rng: vectors + 100
    for network in (played.networks.discriminator, played.networks.recogniser):
        network.register_forward_pre_hook(lambda _, given: read.append(given[1]))
    played.discriminator_losses(*inputs)
    played.generator_losses(*inputs)
    assert len(read) == 4
    assert all((vectors > 50).all() for vectors in read)


def test__channel__noise_of_the_game__is_its_width(play):
    net = play(RelativisticGame, noise=0.5).net
    vectors, truth = torch.randn(3, 6), torch.tensor([2, 0, 1])
    net.see_batch(truth[:, None], truth)
    expected = channel_cross_entropy(vectors, net.bank, truth, 0.5)
    torch.testing.assert_close(net.channel(vectors, truth), expected)
