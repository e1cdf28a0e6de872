"""Small data and one fitted estimator, shared by all tests."""

import os

import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

# Figures are the same on every machine; CONDCAP_DEVICE=cuda runs the whole suite on a GPU.
os.environ.setdefault("CONDCAP_DEVICE", "cpu")


def small_captioner(**params):
    """The default estimator, smaller and trained several times shorter."""
    return ConditionalCaptioner(**{"random_state": 0, **params}).set_params(
        codec__batch_size=64,
        image_encoder__n_filters=8,
        image_encoder__max_iter=400,
        gan__batch_size=128,
        gan__max_iter=500,
    )


@pytest.fixture(scope="session")
def digits():
    return load_grid_digits()


@pytest.fixture(scope="session")
def fitted(digits):
    """Good answers; a quarter of a minute."""
    return small_captioner().fit(digits.images, digits.label_sets)


@pytest.fixture(scope="session")
def hardly_fitted(digits):
    """Answers of the right form; a second."""
    est = small_captioner().set_params(image_encoder__max_iter=5, gan__max_iter=5)
    return est.fit(digits.images[:50], digits.label_sets[:50])
