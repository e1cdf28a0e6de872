"""The prior: categories that are equally likely, and N(0, I)."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.gan.losses import divergence_from_prior, latent_error
from condcap_sk.gan.prior import Prior

BOTH = Prior(2, (2, 3))  # columns 0–1 and 2–4 are one-hot parts
BORDERS = [2, 5]


def parts(rows):
    return np.split(np.asarray(rows), BORDERS, axis=1)


def test__sizes__without_and_with_categories__count_the_columns():
    assert (Prior(3).n_latents, Prior(3).n_one_hot) == (3, 0)
    assert (BOTH.n_latents, BOTH.n_one_hot) == (7, 5)
    assert Prior(0, 4).n_latents == 4
    assert Prior(0, np.int64(4)).n_categories == (4,)
    assert type(Prior(np.uint64(2)).n_latents) is int


@pytest.mark.parametrize("n_categories", [None, (), []], ids=["none", "tuple", "list"])
def test__no_latent_at_all__is_named(n_categories):
    with pytest.raises(ValueError, match="n_latents=0 leaves no latent.*n_categories=2"):
        Prior(0, n_categories)


@pytest.mark.parametrize("n_categories", [1, 0, (2, 1), "3", (2.5,), True, ((2, 3), 4)], ids=str)
def test__impossible_numbers_of_categories__are_named(n_categories):
    with pytest.raises(ValueError, match="n_categories=.*is no number of categories. Pass 2"):
        Prior(1, n_categories)


@pytest.mark.parametrize(
    "drawn",
    [
        BOTH.sample(20_000, make_rng(0)).numpy(),
        BOTH.draw(20_000, 0),
        BOTH.draw_evenly(20_000, 0),
    ],
    ids=["sample", "draw", "draw_evenly"],
)
def test__many_draws__are_uniform_and_standard_normal(drawn):
    assert drawn.dtype == np.float32
    two, three, gaussian = parts(drawn)
    for part in (two, three):
        assert set(np.unique(part)) == {0, 1}
        assert (part.sum(axis=1) == 1).all()
        np.testing.assert_allclose(part.mean(axis=0), 1 / part.shape[1], atol=0.02)
    np.testing.assert_allclose(gaussian.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(gaussian.T), np.eye(2), atol=0.04)
    # Independent of each other.
    joint = np.einsum("ni,nj->ij", two, three) / len(drawn)
    np.testing.assert_allclose(joint, 1 / 6, atol=0.02)


def test__draws__same_seed__are_the_same_and_else_others():
    assert torch.equal(BOTH.sample(5, make_rng(7)), BOTH.sample(5, make_rng(7)))
    np.testing.assert_array_equal(BOTH.draw(5, 7), BOTH.draw(5, 7))
    assert not np.array_equal(BOTH.draw(5, None), BOTH.draw(5, None))
    assert BOTH.draw(0, 7).shape == (0, 7)


def test__draws__with_categories__have_the_gaussian_part_of_those_without():
    np.testing.assert_array_equal(BOTH.draw(5, 7)[:, 5:], Prior(2).draw(5, 7))
    gaussian = BOTH.sample(5, make_rng(7))[:, 5:]
    torch.testing.assert_close(gaussian, Prior(2).sample(5, make_rng(7)), rtol=0, atol=0)


@pytest.mark.parametrize("n", [6, 32])
def test__draw_evenly__each_category__comes_equally_often(n):
    for part in parts(BOTH.draw_evenly(n, 0))[:2]:
        counts = part.sum(axis=0)
        assert counts.max() - counts.min() <= 1


def test__join__undoes_split():
    latents = BOTH.draw(10, 0)
    *one_hot, gaussian = BOTH.split(latents)
    again = BOTH.join([part.argmax(axis=1) for part in one_hot], gaussian)
    np.testing.assert_array_equal(again, latents)


@pytest.mark.parametrize(
    ("column", "value"), [(0, 1.0), (1, 0.0), (2, 0.5), (4, np.inf), (3, -1.0)]
)
def test__check__a_part_that_is_no_one_hot__is_named_with_its_columns(column, value):
    latents = np.tile(np.array([0, 1, 1, 0, 0, 0.3, -2.0]), (3, 1))
    BOTH.check(latents, "c")
    latents[1, column] = value
    columns = "0 to 1" if column < 2 else "2 to 4"
    with pytest.raises(ValueError, match=f"c holds .* in columns {columns}, .*`join_latents`"):
        BOTH.check(latents, "c")


def test__centred__is_zero_and_in_the_second_half_the_categories_alone():
    drawn = torch.from_numpy(BOTH.draw(6, 0))
    *one_hot, gaussian = parts(BOTH.centred(drawn))
    assert not gaussian.any()
    for part, of in zip(one_hot, parts(drawn), strict=False):
        assert not part[:3].any()
        np.testing.assert_array_equal(part[3:], of[3:])
    assert not Prior(2).centred(drawn[:, -2:]).any()


class TestObjective:
    LATENTS = BOTH.sample(6, make_rng(1))
    FOUND = torch.randn(6, 7, generator=make_rng(2))
    LOG_VARIANCE = torch.randn(6, 7, generator=make_rng(3))

    def test__recovery__is_equation_6_and_the_cross_entropy_of_categories(self):
        expected = latent_error(self.LATENTS[:, 5:], self.FOUND[:, 5:])
        for part in (slice(0, 2), slice(2, 5)):
            log_probabilities = self.FOUND[:, part].log_softmax(1)
            expected = expected - (self.LATENTS[:, part] * log_probabilities).sum(1).mean()
        torch.testing.assert_close(BOTH.recovery_error(self.LATENTS, self.FOUND), expected)

    def test__without_categories__is_that_of_the_gaussian_alone_to_the_last_bit(self):
        latents, found, log_variance = self.LATENTS, self.FOUND, self.LOG_VARIANCE
        plain = Prior(7)
        assert plain.recovery_error(latents, found) == latent_error(latents, found)
        expected = divergence_from_prior(found, log_variance)
        assert plain.divergence(found, log_variance) == expected
        drawn = plain.posterior_sample(found, log_variance, make_rng(4))
        noise = torch.randn(6, 7, generator=make_rng(4))
        assert torch.equal(drawn, found + (0.5 * log_variance).exp() * noise)

    def test__divergence__is_that_of_the_gaussian_part(self):
        expected = divergence_from_prior(self.FOUND[:, 5:], self.LOG_VARIANCE[:, 5:])
        assert BOTH.divergence(self.FOUND, self.LOG_VARIANCE) == expected

    def test__imbalance__of_equal_use__is_zero_however_sure(self):
        sure = 50 * BOTH.draw_evenly(6, 0)
        assert BOTH.imbalance(torch.from_numpy(sure)).item() == pytest.approx(0, abs=1e-5)

    def test__imbalance__of_one_category_alone__is_the_logarithm_of_their_number(self):
        sure = 50 * torch.tensor([[0, 1, 1, 0, 0, 0.3, -2.0]] * 6)
        assert BOTH.imbalance(sure).item() == pytest.approx(np.log(2) + np.log(3), abs=1e-4)

    def test__posterior_sample__of_categories__is_drawn_by_their_probabilities(self):
        found = torch.tensor([[0.0, 1.0, 2.0, 0.0, -1.0, 0.5, -0.5]]).repeat(20_000, 1)
        drawn = BOTH.posterior_sample(found, torch.full((20_000, 7), -2.0), make_rng(5))
        BOTH.check(drawn.round(decimals=5).numpy(), "drawn")
        for part in (slice(0, 2), slice(2, 5)):
            torch.testing.assert_close(
                drawn[:, part].mean(0), found[0, part].softmax(0), atol=0.02, rtol=0
            )
        torch.testing.assert_close(drawn[:, 5:].mean(0), found[0, 5:], atol=0.02, rtol=0)

    def test__posterior_sample__its_gradient__reaches_logits_means_and_variances(self):
        found = self.FOUND.clone().requires_grad_()
        log_variance = self.LOG_VARIANCE.clone().requires_grad_()
        drawn = BOTH.posterior_sample(found, log_variance, make_rng(6))
        (drawn * torch.randn(6, 7, generator=make_rng(7))).sum().backward()
        assert (found.grad != 0).all()
        assert (log_variance.grad[:, 5:] != 0).all()

    def test__measured__of_what_is_right__is_no_error(self):
        assert BOTH.measured(self.LATENTS, self.LATENTS) == {
            "valid_latent_error": 0,
            "valid_category_accuracy": 1,
        }
        wrong = self.LATENTS.clone()
        wrong[:, :2] = wrong[:, :2].flip(1)
        assert BOTH.measured(self.LATENTS, wrong)["valid_category_accuracy"] == 0.5
        assert set(Prior(2).measured(self.FOUND[:, :2], self.FOUND[:, :2])) == {
            "valid_latent_error"
        }
        assert set(Prior(0, 7).measured(self.FOUND, self.FOUND)) == {"valid_category_accuracy"}
