"""LatentGAN on a toy world: two kinds of image, two right answers each."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from condcap_sk.gan import LatentGAN

CODES = (4 * np.eye(16, dtype=np.float32))[:4]


def make_world(n=200):
    X = np.repeat(np.eye(2, dtype=np.float32), n // 2, axis=0)
    return X, [CODES[:2]] * (n // 2) + [CODES[2:]] * (n // 2)


def nearest(vectors):
    return ((vectors[:, None] - CODES) ** 2).sum(2).argmin(1)


@pytest.fixture(scope="module")
def gan():
    return LatentGAN(n_latents=1, mi_weight=0.3, random_state=0).fit(*make_world())


def test__generate__random_latents__gives_right_answers_and_all_of_them(gan):
    X, _ = make_world()
    latents = np.random.RandomState(0).standard_normal((len(X), 1))
    answers = nearest(gan.generate(X, latents))
    kinds = X.argmax(1)
    assert (answers // 2 == kinds).mean() > 0.95
    for kind in (0, 1):
        share = (answers[kinds == kind] % 2).mean()
        assert 0.2 < share < 0.8


def test__infer__answer_of_a_latent__leads_back_to_that_answer(gan):
    X, _ = make_world()
    latents = np.random.RandomState(1).standard_normal((len(X), 1))
    answers = nearest(gan.generate(X, latents))
    again = nearest(gan.generate(X, gan.infer(X, CODES[answers])[0]))
    assert (answers == again).mean() > 0.9


def test__relevance__right_and_wrong_answers__ranks_the_right_ones_higher(gan):
    X, _ = make_world()
    relevance = gan.relevance(X[[0, -1]], np.stack([CODES, CODES]))
    assert relevance[0, :2].min() > relevance[0, 2:].max()
    assert relevance[1, 2:].min() > relevance[1, :2].max()


def test__fit__same_seed__same_weights_and_untouched_streams():
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    a, b = (LatentGAN(max_iter=5, random_state=1).fit(*make_world()) for _ in range(2))
    assert (torch.rand(1), np.random.rand()) == expected
    for name, value in a.generator_.state_dict().items():
        assert torch.equal(value, b.generator_.state_dict()[name])


def test__fit__other_seed__other_weights():
    a, b = (LatentGAN(max_iter=5, random_state=seed).fit(*make_world()) for seed in (1, 2))
    assert not torch.equal(a.generator_.layers[0].weight, b.generator_.layers[0].weight)


def test__generate__rows_by_themselves__are_the_same(gan):
    X, _ = make_world()
    latents = np.random.RandomState(2).standard_normal((len(X), 1)).astype(np.float32)
    whole = gan.generate(X, latents)
    order = np.random.RandomState(3).permutation(len(X))[:17]
    np.testing.assert_allclose(gan.generate(X[order], latents[order]), whole[order], atol=1e-5)


def test__fit__validation_rows__are_measured_and_change_nothing():
    X, y = make_world()
    plain = LatentGAN(max_iter=6, random_state=0).fit(X, y)
    watched = LatentGAN(max_iter=6, random_state=0).fit(X, y, X[:10], y[:10])
    assert {"valid_accuracy", "valid_latent_error"} <= set(watched.history_)
    assert "valid_accuracy" not in plain.history_
    np.testing.assert_array_equal(plain.generate(X, [0.1] * 3), watched.generate(X, [0.1] * 3))


def test__fit__sets_of_another_number__says_so():
    X, y = make_world()
    with pytest.raises(ValueError, match="X holds 200 rows, but y holds 3"):
        LatentGAN().fit(X, y[:3])


def test__clone__parameters__are_kept():
    gan = LatentGAN(n_latents=5, kl_weight=0.7)
    assert clone(gan).get_params() == gan.get_params()
