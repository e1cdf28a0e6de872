"""Latents that may have given answers."""

import numpy as np
import pytest

from condcap_sk.gan.prior import Prior
from condcap_sk.gan.proposals import propose, propose_each

PLAIN = Prior(2)
BOTH = Prior(1, (2, 3))


def moments(prior, latents, spreads):
    proposals, log_weights = propose(prior, np.array(latents), np.array(spreads), 20_000)
    weights = np.exp(log_weights)
    mean = np.average(proposals, axis=0, weights=weights)
    return weights.mean(), mean, np.average((proposals - mean) ** 2, axis=0, weights=weights)


@pytest.mark.parametrize(
    ("means", "stds"), [([[0.0, 0.0]], [[1.0, 1.0]]), ([[1.0, -1.0]] * 10, [[0.5, 0.5]] * 10)]
)
def test__propose__weighted_proposals__are_the_prior(means, stds):
    mass, mean, variance = moments(PLAIN, means, stds)
    assert mass == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(mean, 0, atol=0.05)
    np.testing.assert_allclose(variance, 1, atol=0.1)


def test__propose__categories__weighted_proposals_are_the_prior():
    latents = [[1.0, 0.0, 0.0, 0.0, 1.0, 0.7]] * 3
    spreads = [[0.8, 0.2, 0.1, 0.2, 0.7, 0.5]] * 3
    mass, mean, _ = moments(BOTH, latents, spreads)
    assert mass == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(mean, [1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 0], atol=0.05)


def test__propose__categories__half_are_of_the_square_root_of_their_product():
    latents = [[1.0, 0.0, 0.0, 0.0, 1.0, 0.7]] * 2
    spreads = [[0.8, 0.2, 0.1, 0.2, 0.7, 0.5]] * 2
    proposals, _ = propose(BOTH, np.array(latents), np.array(spreads), 20_000)
    # The square root of the product of two equal distributions is each of them.
    np.testing.assert_allclose(proposals[::2, :5].mean(axis=0), spreads[0][:5], atol=0.02)
    np.testing.assert_allclose(proposals[1::2, :2].mean(axis=0), 1 / 2, atol=0.02)


def test__propose__a_category_ruled_out__is_proposed_all_the_same():
    latents, spreads = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])
    proposals, log_weights = propose(Prior(0, 2), latents, spreads, 100)
    assert set(proposals[:, 0]) == {0.0, 1.0}
    assert np.isfinite(log_weights).all()


def test__propose__many_sure_answers__half_are_where_they_point():
    proposals, _ = propose(PLAIN, np.full((10, 2), 1.0), np.full((10, 2), 0.5), 1000)
    near = np.linalg.norm(proposals - 4 / 3, axis=1) < 1.5
    assert 0.5 <= near.mean() < 0.8


def test__propose__an_answer_without_information__changes_nothing():
    one = propose(PLAIN, np.array([[1.0, 0.5]]), np.array([[0.5, 0.5]]), 10)
    two = propose(PLAIN, np.array([[1.0, 0.5], [0, 0]]), np.array([[0.5, 0.5], [1, 1]]), 10)
    np.testing.assert_array_equal(one[0], two[0])


def test__propose__latents_near_the_product__are_spread_twice_as_wide():
    means, stds = np.array([[1.0, -1.0]]), np.array([[0.5, 0.2]])
    near = propose(PLAIN, means, stds, 20_000)[0][::2]
    np.testing.assert_allclose(near.mean(axis=0), means[0], atol=0.03)
    np.testing.assert_allclose(near.std(axis=0), 2 * stds[0], rtol=0.03)


@pytest.mark.parametrize("prior", [PLAIN, Prior(0, 2)], ids=["gaussian", "categories"])
def test__propose_each__several_answers__are_proposals_for_each_by_itself(prior):
    means, stds = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.5, 0.2], [0.1, 0.9]])
    found = propose_each(prior, means, stds, 30)
    assert found.dtype == np.float32
    for mean, std, proposals in zip(means, stds, found, strict=True):
        np.testing.assert_array_equal(proposals, propose(prior, mean[None], std[None], 30)[0])
