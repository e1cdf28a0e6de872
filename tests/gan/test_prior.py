"""The prior N(0, I)."""

import torch

from condcap_sk.gan.prior import sample_prior
from condcap_sk.training.seeding import generator


def test__sample_prior__many_draws__are_standard_normal():
    draws = sample_prior(20_000, 2, generator(0))
    torch.testing.assert_close(draws.mean(0), torch.zeros(2), atol=0.03, rtol=0)
    torch.testing.assert_close(draws.T.cov(), torch.eye(2), atol=0.04, rtol=0)


def test__sample_prior__same_seed__same_draws():
    assert torch.equal(sample_prior(5, 3, generator(7)), sample_prior(5, 3, generator(7)))
