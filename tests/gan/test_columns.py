"""The columns of a latent, without torch: as the prior has them."""

import numpy as np
import pytest

from condcap_sk.gan.columns import LatentColumns
from condcap_sk.gan.prior import Prior

BOTH = LatentColumns(2, (2, 3))


def test__draw__any_seed__is_what_the_prior_draws():
    for seed in (0, 7):
        np.testing.assert_array_equal(BOTH.draw(5, seed), Prior(2, (2, 3)).draw(5, seed))
    rng, same = np.random.RandomState(1), np.random.RandomState(1)
    np.testing.assert_array_equal(BOTH.draw(3, rng), BOTH.draw(3, same))
    assert (BOTH.draw(3, None) != BOTH.draw(3, None)).any()


def test__sizes_and_parts__of_both_kinds__fit_each_other():
    assert (BOTH.n_one_hot, BOTH.n_latents) == (5, 7)
    latents = BOTH.draw(4, 0)
    assert [part.shape for part in BOTH.split(latents)] == [(4, 2), (4, 3), (4, 2)]
    *one_hot, gaussian = BOTH.split(latents)
    joined = BOTH.join([part.argmax(axis=1) for part in one_hot], gaussian)
    np.testing.assert_array_equal(joined, latents)
    BOTH.check(latents, "c")


@pytest.mark.parametrize("part", [[0, 0], [1, 1], [0.5, 0.5]], ids=str)
def test__check__no_one_hot__is_named(part):
    latents = BOTH.draw(2, 0)
    latents[1, :2] = part
    with pytest.raises(ValueError, match="c holds .* in columns 0 to 1, which are a category"):
        BOTH.check(latents, "c")
