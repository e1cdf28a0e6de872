"""The prior N(0, I)."""

import numpy as np
import pytest
import torch

from condcap_sk.gan.prior import propose, sample_prior
from condcap_sk.training.seeding import generator


def test__sample_prior__many_draws__are_standard_normal():
    draws = sample_prior(20_000, 2, generator(0))
    torch.testing.assert_close(draws.mean(0), torch.zeros(2), atol=0.03, rtol=0)
    torch.testing.assert_close(draws.T.cov(), torch.eye(2), atol=0.04, rtol=0)


def test__sample_prior__same_seed__same_draws():
    assert torch.equal(sample_prior(5, 3, generator(7)), sample_prior(5, 3, generator(7)))


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


def test__propose__an_answer_that_tells_nothing__changes_nothing():
    one = propose(np.array([[1.0, 0.5]]), np.array([[0.5, 0.5]]), 10)
    two = propose(np.array([[1.0, 0.5], [0, 0]]), np.array([[0.5, 0.5], [1, 1]]), 10)
    np.testing.assert_array_equal(one[0], two[0])
