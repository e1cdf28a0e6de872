"""Small data and fitted estimators, shared by all tests."""

import os

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

# Figures are the same on every machine; CONDCAP_DEVICE=cuda runs the whole suite on a GPU.
os.environ.setdefault("CONDCAP_DEVICE", "cpu")


def pytest_collection_modifyitems(items):
    if os.environ["CONDCAP_DEVICE"] == "cpu":
        return
    for item in items:
        # Of scikit-learn's checks, one compares with a pickle, which is loaded onto the CPU.
        if item.get_closest_marker("bits") or "check_estimators_pickle" in item.name:
            item.add_marker(pytest.mark.skip(reason="equal bits are promised on CPUs alone"))


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
def quick():
    """Make an estimator for tests of form, not of quality."""

    def make(**params):
        return ConditionalCaptioner(**{"random_state": 0, **params}).set_params(
            codec__max_iter=5,
            codec__hidden_size=8,
            codec__batch_size=32,
            image_encoder__max_iter=5,
            image_encoder__n_filters=2,
            gan__max_iter=5,
            gan__hidden_size=8,
            gan__decoder_size=8,
        )

    return make


@pytest.fixture(scope="session")
def tiny():
    """Feature vectors of three kinds, each with its own two labels."""
    kinds = np.arange(60) % 3
    X = np.eye(3)[kinds] + 0.01 * np.random.RandomState(0).standard_normal((60, 3))
    return X, [{2 * k, 2 * k + 1} for k in kinds.tolist()]


@pytest.fixture(scope="session")
def digits():
    return load_grid_digits()


@pytest.fixture(scope="session")
def fitted(digits):
    """Good answers; a quarter of a minute."""
    return small_captioner().fit(digits.images, digits.label_sets)


@pytest.fixture(scope="session")
def hardly_fitted(digits):
    """Answers that differ by image and latent, no better than half right; two seconds."""
    est = small_captioner().set_params(
        codec__max_iter=100,
        image_encoder__n_filters=4,
        image_encoder__max_iter=60,
        gan__max_iter=60,
    )
    return est.fit(digits.images[:50], digits.label_sets[:50])
