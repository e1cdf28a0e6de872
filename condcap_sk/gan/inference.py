"""What fitted networks compute: vectors from latents, latents from vectors, log-odds."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.utils.validation import check_is_fitted, validate_data

from .._stored import Images
from .._torch.batches import ROWS, in_batches, rows_of_vectors
from .._torch.environment import own_environment
from .._torch.stored import tensor_of
from .._validation import as_rows, check_images, check_latents, for_torch
from ..text.inference import Decoding
from .prior import Prior

IMAGES = 32  # that a network of pixels computes together on a CPU
# Images that the consensus decoder, or an attention to regions, computes together on a CPU: few, as
# each may have many regions, and a single one waits for all of them.
WITH_REGIONS = 8


UNCALIBRATED = 1.0, 1.0, 1.0
SHARPNESS = 0.05, 5.0  # least and most; by hand


class LatentInference:
    """The methods of a fitted `LatentGAN`."""

    batch_size: int
    n_regions: int | None
    region_size: int | None
    generator_: Any
    discriminator_: Any
    recogniser_: Any
    decoder_: Any
    consensus_: Any
    device_: torch.device
    calibration_: tuple[float, float, float]
    _prior: Prior

    @property
    def _n_components(self) -> int:
        return self.generator_.config["n_components"]

    @own_environment()
    def generate(self, X: ArrayLike, c: ArrayLike) -> NDArray[np.float32]:
        """Return the sentence vectors G(c, X).

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        c : array-like of shape (n_latents,) or (n, n_latents)
            One latent for all, or one each.

        Returns
        -------
        vectors : ndarray of shape (n, n_components), float32
            On the sphere of the sentence vectors.
        """
        check_is_fitted(self)
        images = self._check_images(X, self._gets_vectors)
        latents = check_latents(c, len(images), self._prior)
        return self._apply(self.generator_, images, latents).numpy()

    @own_environment()
    def infer(
        self, X: ArrayLike, vectors: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the latents Q(s, X) that images and sentence vectors belong to.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : array-like of shape (n, n_components)
            One sentence vector for each image.

        Returns
        -------
        latents : ndarray of shape (n, n_latents), float32
            In the columns of a category, the one-hot of the most probable one; then the means of
            Q's Gaussian.
        spreads : ndarray of shape (n, n_latents), float32
            In the columns of a category, the probability of each; then the standard deviations of
            Q's Gaussian.
        """
        check_is_fitted(self)
        images = self._check_images(X, self._gets_vectors)
        given = as_rows(vectors, self._n_components, "vectors")
        found, log_variance = self._apply(self.recogniser_, images, given)
        scale, spread, sharpness = self.calibration_
        *logits, means = self._prior.split(found.numpy())
        *_, log_variances = self._prior.split(log_variance)
        stds = spread * (0.5 * log_variances).exp().numpy()
        probabilities = [softmax(sharpness * part, axis=1) for part in logits]
        latents = self._prior.join([part.argmax(axis=1) for part in logits], scale * means)
        return latents, np.concatenate([*probabilities, stds], axis=1)

    @own_environment()
    def calibrate(self, X: ArrayLike, vectors: ArrayLike, c: NDArray[np.floating]) -> Self:
        """Scale the means and standard deviations of `infer`, so that they are right for answers.

        Q is trained on generated vectors, which hold more of the latent than the answers that they
        decode to: on answers, its means are too long, its standard deviations too small, and its
        probabilities of categories too sure.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : array-like of shape (n, n_components)
            The sentence vectors of the answers.
        c : ndarray of shape (n, n_latents)
            The latents that they were generated with.

        Returns
        -------
        self : LatentGAN
            Itself.
        """
        self.calibration_ = UNCALIBRATED
        latents, spreads = self.infer(X, vectors)
        *one_hot, gaussian = self._prior.split(c)
        *_, means = self._prior.split(latents)
        *probabilities, stds = self._prior.split(spreads)
        scale, spread, sharpness = UNCALIBRATED
        if self._prior.n_gaussian:
            scale = (means * gaussian).sum() / max((means * means).sum(), 1e-12)
            spread = np.sqrt(np.square(gaussian - scale * means).mean() / np.square(stds).mean())
        if one_hot:
            sharpness = _sharpness(probabilities, one_hot)
        self.calibration_ = float(scale), float(spread), float(sharpness)
        return self

    @own_environment()
    def relevance(self, X: ArrayLike, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return D's log-odds that captions are true ones of their image.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : ndarray of shape (n, k, n_components)
            Sentence vectors of k captions for each image.

        Returns
        -------
        log_odds : ndarray of shape (n, k), float32
            Before the sigmoid.
        """
        check_is_fitted(self)
        images = self._check_images(X, self._gets_vectors)
        columns = [
            self._apply(self.discriminator_, images, vectors[:, k]) for k in range(vectors.shape[1])
        ]
        return torch.stack(columns, dim=1).numpy()

    def _plans(self, X: NDArray[np.float32], c: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the decoder turns into captions.

        Those of an image under its latents, k of `c` (n · k, n_latents), follow one another.
        """
        images = self._without_regions(X)
        k = len(c) // len(X)
        vectors = self._apply(self.generator_, np.repeat(images, k, axis=0), c).numpy()
        attention = self.decoder_.attention
        if attention is None:
            return vectors
        regions = for_torch(X[:, images.shape[1] :])
        memory = self._apply(attention.memory, regions, rows=WITH_REGIONS).numpy()
        return np.concatenate([vectors, np.repeat(memory, k, axis=0)], axis=1)

    def _without_regions(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what G, D and Q get of images: of vectors, what comes before the regions."""
        # Networks of their own take the whole image.
        return X[:, : getattr(self.generator_.image_network, "n_image", None)]

    def _consensus_plans(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the consensus decoder turns into captions."""
        return self._apply(self.consensus_, X, rows=WITH_REGIONS).numpy()

    def _decoding(self, decoder: Any) -> Decoding:
        """Return a decoder of plans, its own or the consensus decoder's, for NumPy arrays."""
        return Decoding(decoder, rows_of_vectors(self.batch_size), self.device_)

    def _apply(self, network: Callable[..., Any], *inputs: Images, rows: int = ROWS) -> Any:
        size = rows_of_vectors(self.batch_size)
        if not self._gets_vectors:
            rows, size = IMAGES, self.batch_size
        tensors = map(tensor_of, inputs)
        return in_batches(network, *tensors, size=size, device=self.device_, rows=rows)

    @property
    def _region_shape(self) -> tuple[int, int] | None:
        if self.n_regions is None or self.region_size is None:
            return None
        return self.n_regions, self.region_size

    @property
    def _gets_vectors(self) -> bool:
        return self.generator_.config["image_network"] is None

    def _check_images(self, X: ArrayLike, get_vectors: bool, reset: bool = False) -> Images:
        if get_vectors:
            return for_torch(validate_data(self, X, dtype=np.float32, reset=reset))
        return check_images(X, self, reset=reset, channels_first=True)


def _sharpness(
    probabilities: list[NDArray[np.float32]], one_hot: list[NDArray[np.floating]]
) -> float:
    """Return the factor of logits under which the true categories are likeliest.

    Temperature scaling (C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
    """
    logits = [np.log(np.maximum(part, np.finfo(np.float32).tiny)) for part in probabilities]

    def cross_entropy(sharpness: float) -> float:
        parts = zip(logits, one_hot, strict=True)
        return -sum((true * log_softmax(sharpness * part, axis=1)).sum() for part, true in parts)

    return minimize_scalar(cross_entropy, bounds=SHARPNESS, method="bounded").x
