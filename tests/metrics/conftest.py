"""Estimators whose every quantity of control is known; an image is its row of four labels."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr

DIRECTIONS = np.random.RandomState(1).standard_normal((10, 3))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


class Known:
    n_latents = 3

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, self.n_latents))

    def predict(self, X, c):
        each = zip(X, np.broadcast_to(c, (len(X), self.n_latents)), strict=True)
        return np.array([self.predict_grid(x[None], row[None])[0, 0] for x, row in each])


class Oracle(Known):
    """Ten directions in latent space; the answer is the image's label that lies most along c."""

    def predict_grid(self, X, latents):
        return np.take_along_axis(X, (DIRECTIONS[X] @ latents.T).argmax(axis=1), axis=1)

    def infer_latent(self, X, labels):
        return 1.3 * DIRECTIONS[labels]

    def recover_latent(self, X, c):
        return self.infer_latent(X, self.predict(X, c))


class PreferenceOrder(Known):
    """Each latent has an order of all labels that has nothing to do with its neighbours'."""

    def predict_grid(self, X, latents):
        columns = []
        for latent in latents:
            rank = np.random.RandomState(latent.view(np.uint32)).permutation(10)
            columns.append(np.take_along_axis(X, rank[X].argmin(axis=1)[:, None], axis=1)[:, 0])
        return np.stack(columns, axis=1)


class Positional(Known):
    """The latent points at a cell."""

    def predict_grid(self, X, latents):
        return X[:, (4 * ndtr(latents[:, 0])).astype(int)]

    def infer_latent(self, X, labels):
        cell = (np.asarray(X) == labels[:, None]).argmax(axis=1)
        c = np.zeros((len(X), self.n_latents))
        c[:, 0] = np.array([-1.27, -0.32, 0.32, 1.27])[cell]
        return c


class Constant(Known):
    def predict_grid(self, X, latents):
        return np.full((len(X), len(latents)), 3)


class Random(Known):
    """Labels that have nothing to do with image or latent."""

    def predict_grid(self, X, latents):
        return np.random.RandomState(0).randint(10, size=(len(X), len(latents)))


class Leaking(Positional):
    """The recogniser reads from the vector what the answer does not show."""

    def recover_latent(self, X, c):
        return 0.99 * c


@pytest.fixture(scope="session")
def estimators():
    return SimpleNamespace(
        oracle=Oracle(),
        order=PreferenceOrder(),
        positional=Positional(),
        constant=Constant(),
        random=Random(),
        leaking=Leaking(),
    )


@pytest.fixture(scope="session")
def grids():
    """Images that are their own multisets of four labels."""
    return np.random.RandomState(0).randint(10, size=(1000, 4))
