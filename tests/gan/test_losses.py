"""Each term of the objective against a closed form."""

import math

import pytest
import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.gan import losses


def test__adversarial_value__undecided_discriminator__is_minus_two_log_two():
    zeros = torch.zeros(7)
    assert losses.adversarial_value(zeros, zeros).item() == pytest.approx(-2 * math.log(2))


def test__adversarial_value__given_probabilities__is_equation_5():
    real, fake = torch.tensor([0.9, 0.6]), torch.tensor([0.2, 0.5])
    expected = (math.log(0.9) + math.log(0.6)) / 2 + (math.log(0.8) + math.log(0.5)) / 2
    value = losses.adversarial_value(torch.logit(real), torch.logit(fake))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test__relativistic_loss__given_scores__is_softplus_of_the_difference():
    better, worse = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0])
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(3))) / 2
    assert losses.relativistic_loss(better, worse).item() == pytest.approx(expected, rel=1e-6)


def test__relativistic_loss__common_offset__changes_nothing():
    better, worse = torch.randn(5), torch.randn(5)
    moved = losses.relativistic_loss(better + 10, worse + 10)
    torch.testing.assert_close(moved, losses.relativistic_loss(better, worse))


def test__relativistic_loss__weight_zero__leaves_the_pair_out():
    better, worse = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0])
    weighted = losses.relativistic_loss(better, worse, torch.tensor([1.0, 0.0]))
    assert weighted.item() == pytest.approx(math.log1p(math.exp(-1)), rel=1e-6)
    assert losses.relativistic_loss(better, worse, torch.zeros(2)).item() == 0


def test__gradient_penalty__linear_discriminator__is_half_the_squared_slope():
    slope = torch.tensor([3.0, -4.0])
    inputs = torch.randn(6, 2, requires_grad=True)
    assert losses.gradient_penalty(inputs @ slope, inputs).item() == pytest.approx(12.5)


def test__gradient_penalty__quadratic_discriminator__has_a_gradient_of_its_own():
    scale = torch.tensor(2.0, requires_grad=True)
    inputs = torch.ones(4, 3, requires_grad=True)
    # D = a·Σx², so ∂D/∂x = 2ax, the penalty is ½·4a²·Σx² = 6a² and its slope in a is 12a.
    penalty = losses.gradient_penalty(scale * inputs.square().sum(1), inputs)
    assert penalty.item() == pytest.approx(24)
    assert torch.autograd.grad(penalty, scale)[0].item() == pytest.approx(24)


def test__latent_error__given_latents__is_equation_6():
    c, recovered = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert losses.latent_error(c, recovered).item() == pytest.approx((5 + 25) / 2)


def test__divergence_from_prior__prior_itself__is_zero():
    assert losses.divergence_from_prior(torch.zeros(3, 2), torch.zeros(3, 2)).item() == 0


def test__divergence_from_prior__given_gaussian__agrees_with_torch():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(q, p).sum(1).mean()
    torch.testing.assert_close(losses.divergence_from_prior(mean, log_variance), expected)


def test__imbalance__logits__is_the_divergence_of_their_mean_from_uniform():
    logits = torch.randn(5, 4)
    q = torch.distributions.Categorical(logits.softmax(1).mean(0))
    p = torch.distributions.Categorical(torch.ones(4))
    expected = torch.distributions.kl_divergence(q, p)
    torch.testing.assert_close(losses.imbalance(logits), expected)


def test__channel_cross_entropy__two_candidates__is_the_gaussian_posterior():
    candidates = torch.tensor([[0.0], [2.0]])
    # Distances² 0.25 and 2.25 under variance 4: log-odds (2.25 − 0.25) / 8 for the first.
    loss = losses.channel_cross_entropy(torch.tensor([[0.5]]), candidates, torch.tensor([0]), 2.0)
    assert loss.item() == pytest.approx(math.log1p(math.exp(-0.25)), rel=1e-5)


def test__channel_cross_entropy__halfway__is_undecided():
    candidates = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    loss = losses.channel_cross_entropy(
        torch.tensor([[1.0, 5.0]]), candidates, torch.tensor([1]), 1
    )
    assert loss.item() == pytest.approx(math.log(2), rel=1e-5)


def test__channel_cross_entropy__exact_hit__has_a_finite_gradient():
    candidates = torch.eye(3)
    vectors = torch.eye(3)[[1]].requires_grad_()
    losses.channel_cross_entropy(vectors, candidates, torch.tensor([1]), 1.0).backward()
    assert torch.isfinite(vectors.grad).all()


def test__set_cross_entropy__one_that_fits__is_the_channel_cross_entropy():
    vectors, candidates = torch.randn(4, 3), torch.randn(5, 3)
    truth = torch.tensor([0, 4, 2, 2])
    fits = torch.nn.functional.one_hot(truth, 5).bool()
    one = losses.channel_cross_entropy(vectors, candidates, truth, 0.7)
    torch.testing.assert_close(losses.set_cross_entropy(vectors, candidates, fits, 0.7), one)


def test__set_cross_entropy__any_that_fits__will_do():
    candidates = torch.tensor([[0.0], [2.0], [9.0]])
    fits = torch.tensor([[True, True, False]])
    for vector in (0.0, 2.0):
        loss = losses.set_cross_entropy(torch.tensor([[vector]]), candidates, fits, 1.0)
        assert loss.item() < 1e-6
    loss = losses.set_cross_entropy(torch.tensor([[9.0]]), candidates, fits, 1.0)
    assert loss.item() > 20


def test__expected_reward_loss__value_and_gradient__raise_what_is_better_than_the_others():
    log_probabilities = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).requires_grad_()
    loss = losses.expected_reward_loss(log_probabilities, torch.tensor([[3.0, 0.0, 0.0]]))
    loss.backward()
    assert loss.item() == pytest.approx(-1.0)
    # Each reward less the mean of the two others, averaged over three.
    expected = torch.tensor([[-3.0, 1.5, 1.5]]) / 3
    torch.testing.assert_close(log_probabilities.grad, expected)


def test__expected_reward_loss__its_gradient__is_that_of_the_expectation():
    logits = torch.tensor([0.3, -0.2, 0.5], requires_grad=True)
    rewards = torch.tensor([1.0, 2.0, 0.5])
    (exact,) = torch.autograd.grad(-(logits.softmax(0) * rewards).sum(), logits)
    drawn = logits.detach().softmax(0).multinomial(400_000, True, generator=make_rng(0))
    pairs = drawn.view(-1, 2)
    loss = losses.expected_reward_loss(logits.log_softmax(0)[pairs], rewards[pairs])
    (estimated,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(estimated, exact, atol=3e-3, rtol=0)
