"""The prior N(0, I)."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.gan.prior import draw_latents, propose, propose_each, sample_prior


def test__sample_prior__many_draws__are_standard_normal():
    draws = sample_prior(20_000, 2, make_rng(0))
    torch.testing.assert_close(draws.mean(0), torch.zeros(2), atol=0.03, rtol=0)
    torch.testing.assert_close(draws.T.cov(), torch.eye(2), atol=0.04, rtol=0)


def test__sample_prior__same_seed__same_draws():
    assert torch.equal(sample_prior(5, 3, make_rng(7)), sample_prior(5, 3, make_rng(7)))


def test__draw_latents__many_draws__are_standard_normal_floats():
    draws = draw_latents(20_000, 2, 0)
    assert draws.dtype == np.float32
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(2), atol=0.04)


def test__draw_latents__same_seed__same_draws_and_none_others():
    np.testing.assert_array_equal(draw_latents(5, 3, 7), draw_latents(5, 3, 7))
    assert not np.array_equal(draw_latents(5, 3, None), draw_latents(5, 3, None))
    assert draw_latents(0, 3, 7).shape == (0, 3)


def moments(means, stds):
    proposals, log_weights = propose(np.array(means), np.array(stds), 20_000)
    weights = np.exp(log_weights)
    mean = np.average(proposals, axis=0, weights=weights)
    return weights.mean(), mean, np.average((proposals - mean) ** 2, axis=0, weights=weights)


@pytest.mark.parametrize(
    ("means", "stds"), [([[0.0, 0.0]], [[1.0, 1.0]]), ([[1.0, -1.0]] * 10, [[0.5, 0.5]] * 10)]
)
def test__propose__weighted_proposals__are_the_prior(means, stds):
    mass, mean, variance = moments(means, stds)
    assert mass == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(mean, 0, atol=0.05)
    np.testing.assert_allclose(variance, 1, atol=0.1)


def test__propose__many_sure_answers__half_are_where_they_point():
    proposals, _ = propose(np.full((10, 2), 1.0), np.full((10, 2), 0.5), 1000)
    near = np.linalg.norm(proposals - 4 / 3, axis=1) < 1.5
    assert 0.5 <= near.mean() < 0.8


def test__propose__an_answer_without_information__changes_nothing():
    one = propose(np.array([[1.0, 0.5]]), np.array([[0.5, 0.5]]), 10)
    two = propose(np.array([[1.0, 0.5], [0, 0]]), np.array([[0.5, 0.5], [1, 1]]), 10)
    np.testing.assert_array_equal(one[0], two[0])


def test__propose__latents_near_the_product__are_spread_twice_as_wide():
    means, stds = np.array([[1.0, -1.0]]), np.array([[0.5, 0.2]])
    near = propose(means, stds, 20_000)[0][::2]
    np.testing.assert_allclose(near.mean(axis=0), means[0], atol=0.03)
    np.testing.assert_allclose(near.std(axis=0), 2 * stds[0], rtol=0.03)


def test__propose_each__several_answers__are_proposals_for_each_by_itself():
    means, stds = np.array([[1.0, -1.0], [0.0, 2.0]]), np.array([[0.5, 0.2], [1.0, 2.0]])
    found = propose_each(means, stds, 30)
    assert found.dtype == np.float32
    for mean, std, proposals in zip(means, stds, found, strict=True):
        np.testing.assert_array_equal(proposals, propose(mean[None], std[None], 30)[0])
