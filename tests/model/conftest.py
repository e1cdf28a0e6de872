"""Fitted models of the smallest size, shared by the tests of how they answer."""

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner

X = np.random.RandomState(0).random((20, 4))
LABELS = [{"a", "b"}, {"c"}] * 10
CAPTIONS = [["a red dog", "the dog"], ["one cat", "a cat sits"]] * 10


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=5,
        codec__hidden_size=8,
        codec__n_components=16,
        image_encoder__max_iter=5,
        gan__max_iter=5,
        gan__hidden_size=16,
        gan__decoder_size=16,
    )


@pytest.fixture(scope="session")
def labels_model():
    return quick().fit(X, LABELS)


@pytest.fixture(scope="session")
def captions_model():
    return quick().fit(X, CAPTIONS)


@pytest.fixture(scope="session")
def paper_model():
    return quick(objective="paper").fit(X, CAPTIONS)


@pytest.fixture(params=["labels_model", "captions_model", "paper_model"])
def any_model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def features():
    return X.astype(np.float32)
