"""The columns of a latent, and latents made of their parts, without torch."""

import numpy as np


class LatentColumns:
    """A latent is a row: the one-hot part of each categorical latent, then the Gaussian part.

    Parameters
    ----------
    n_gaussian : int
        Dimension of the Gaussian part.
    n_categories : tuple of int
        How many categories each categorical latent has.
    """

    def __init__(self, n_gaussian, n_categories):
        self.n_gaussian = n_gaussian
        self.n_categories = n_categories

    @property
    def n_one_hot(self):
        """How many columns are one-hot parts."""
        return sum(self.n_categories)

    @property
    def n_latents(self):
        """How many columns a row has."""
        return self.n_one_hot + self.n_gaussian

    def draw(self, n_samples, random_state):
        """Draw (n_samples, n_latents) latents from the prior, float32."""
        rng = random_state
        if not isinstance(rng, np.random.RandomState):
            rng = np.random.RandomState(random_state)
        gaussian = rng.standard_normal((n_samples, self.n_gaussian))
        categories = [rng.randint(k, size=n_samples) for k in self.n_categories]
        return self.join(categories, gaussian).astype(np.float32)

    def join(self, categories, gaussian):
        """Return latents (…, n_latents) of categories, (…) of each kind, and Gaussian parts."""
        one_hot = [
            np.eye(k, dtype=np.float32)[of]
            for of, k in zip(categories, self.n_categories, strict=True)
        ]
        return np.concatenate([*one_hot, gaussian], axis=-1)

    def split(self, latents):
        """Return the one-hot parts and the Gaussian part of latents (…, n_latents), a list."""
        borders = np.cumsum(self.n_categories, dtype=int)
        return np.split(latents, borders, axis=-1)

    def check(self, latents, name):
        """Raise if a row of `latents` has a part that is no one-hot."""
        *one_hot, _ = self.split(latents)
        for number, part in enumerate(one_hot):
            wrong = ((part != 0) & (part != 1)).any(axis=1) | (part.sum(axis=1) != 1)
            if wrong.any():
                first = sum(self.n_categories[:number])
                raise ValueError(
                    f"{name} holds {part[wrong.argmax()].tolist()} in columns {first} to "
                    f"{first + part.shape[1] - 1}, which are a category: one of them must be 1, "
                    "the others 0. `join_latents` makes such rows of categories and numbers."
                )
