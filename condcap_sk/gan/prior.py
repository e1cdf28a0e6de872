"""The prior of the latent variable: categories that are equally likely, and N(0, I)."""

from numbers import Integral

import numpy as np
import torch
from torch.nn import functional as F

from .._torch.seeding import check_seed
from .columns import LatentColumns
from .losses import divergence_from_prior, imbalance, latent_error

# Of the relaxed draws of categories, by hand. Small, and gradients vanish; large, and they are of
# other latents than were drawn.
GUMBEL_TEMPERATURE = 1.0


class Prior(LatentColumns):
    """p(c): uniform over the categories of each categorical latent, N(0, I) over the others.

    What Q infers is a row of the same columns: logits, then means; and log-variances, of which only
    those of the Gaussian part count.

    Parameters
    ----------
    n_gaussian : int
        Dimension of the Gaussian part.
    n_categories : int, sequence of int or None, default=None
        How many categories each categorical latent has. None: there is none.
    """

    def __init__(self, n_gaussian, n_categories=None):
        # Of some old versions of NumPy, the sum of a uint64 and an int is a float.
        super().__init__(int(n_gaussian), _as_tuple(n_categories))
        if not self.n_latents:
            raise ValueError(
                "n_latents=0 leaves no latent variable. Pass n_latents=1 or more, or "
                "n_categories=2 or more."
            )

    @classmethod
    def of(cls, estimator):
        """Return the prior that the parameters of an estimator ask for."""
        return cls(estimator.n_latents, estimator.n_categories)

    def sample(self, n_samples, rng):
        """Draw (n_samples, n_latents) latents with a `torch.Generator`, on its device."""
        device = rng.device
        gaussian = torch.randn(n_samples, self.n_gaussian, generator=rng, device=device)
        drawn = [
            torch.randint(k, (n_samples,), generator=rng, device=device) for k in self.n_categories
        ]
        one_hot = [F.one_hot(of, k).float() for of, k in zip(drawn, self.n_categories, strict=True)]
        return torch.cat([*one_hot, gaussian], dim=1)

    def draw(self, n_samples, random_state):
        return super().draw(n_samples, check_seed(random_state))

    def draw_evenly(self, n_samples, random_state):
        """Draw latents as `draw` does, but each category as often as the others, or once more."""
        rng = check_seed(random_state)
        gaussian = rng.standard_normal((n_samples, self.n_gaussian))
        categories = [rng.permutation(n_samples) % k for k in self.n_categories]
        return self.join(categories, gaussian).astype(np.float32)

    def recovery_error(self, latents, found):
        """Return L_I: (6) of the Gaussian part, and InfoGAN's cross-entropy of each category."""
        *one_hot, gaussian = self._parts(latents)
        *logits, mean = self._parts(found)
        of_categories = map(F.cross_entropy, logits, one_hot)
        return sum(of_categories, latent_error(gaussian, mean))

    def measured(self, latents, found):
        """Return how well held-out latents are recovered, by name."""
        *one_hot, gaussian = self._parts(latents)
        *logits, mean = self._parts(found)
        measures = {}
        if self.n_gaussian:
            measures["valid_latent_error"] = (mean - gaussian).square().mean().item()
        if one_hot:
            right = [
                (part.argmax(1) == true.argmax(1)).float().mean().item()
                for part, true in zip(logits, one_hot, strict=True)
            ]
            measures["valid_category_accuracy"] = sum(right) / len(right)
        return measures

    def divergence(self, found, log_variance):
        """Return the KL divergence of Q's Gaussians from N(0, I), averaged over rows, in nats."""
        mean, log_variance = (self._parts(rows)[-1] for rows in (found, log_variance))
        return divergence_from_prior(mean, log_variance)

    def imbalance(self, found):
        """Return by how much Q infers some categories more often than others, in nats.

        This stands for categories in the place of the divergence: an answer may say for sure which
        one it is of, so long as all of them are in use.
        """
        return sum(map(imbalance, self._parts(found)[:-1]))

    def posterior_sample(self, found, log_variance, rng):
        """Draw a latent from each Gaussian and categorical distribution that Q infers.

        With the gradient of the Gaussian's reparametrisation and, for categories, of the relaxed
        draw: the straight-through Gumbel-softmax estimator (E. Jang et al., "Categorical
        Reparameterization with Gumbel-Softmax", ICLR 2017).
        """
        *logits, mean = self._parts(found)
        noise = torch.randn(mean.shape, generator=rng, device=rng.device)
        gaussian = mean + (0.5 * self._parts(log_variance)[-1]).exp() * noise
        return torch.cat([*(_gumbel_softmax(part, rng) for part in logits), gaussian], dim=1)

    def centred(self, latents):
        """Return latents of which the first half is 0, and the others keep their categories alone.

        What a category stands for is then of use without the Gaussian part, too: one factor, and
        not a part of several that only the Gaussian part tells apart.
        """
        *one_hot, gaussian = self._parts(latents)
        if not one_hot:
            return torch.zeros_like(latents)
        kept = torch.cat([*one_hot, torch.zeros_like(gaussian)], dim=1)
        half = len(latents) // 2
        return torch.cat([torch.zeros_like(latents[:half]), kept[half:]])

    def _parts(self, rows):
        return rows.split([*self.n_categories, self.n_gaussian], dim=1)


def _as_tuple(n_categories):
    if n_categories is None:
        return ()
    sizes = n_categories if np.iterable(n_categories) else (n_categories,)
    if not all(isinstance(k, Integral) and not isinstance(k, bool) and int(k) >= 2 for k in sizes):
        raise ValueError(
            f"n_categories={n_categories!r:.80} is no number of categories. Pass 2 or more, a "
            "tuple of such numbers for several categorical latents, or None."
        )
    return tuple(int(k) for k in sizes)


def _gumbel_softmax(logits, rng):
    # That of torch draws from the global stream alone.
    gumbel = -torch.empty_like(logits).exponential_(generator=rng).log()
    relaxed = ((logits + gumbel) / GUMBEL_TEMPERATURE).softmax(1)
    drawn = F.one_hot(relaxed.argmax(1), logits.shape[1]).to(relaxed.dtype)
    return drawn - relaxed.detach() + relaxed
