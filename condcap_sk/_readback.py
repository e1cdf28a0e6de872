"""What a fitted `ConditionalCaptioner` reads back: latents from answers."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ._answering import Answering
from ._torch.environment import own_environment


class ReadingBack(Answering):
    """The methods of a fitted `ConditionalCaptioner` that infer latents."""

    @overload
    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: Literal[False] = False
    ) -> NDArray[np.float32]: ...

    @overload
    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: Literal[True]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

    @own_environment()
    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: bool = False
    ) -> NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read back the latent that would have given this answer to this image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,)
            One answer for each image.
        return_std : bool, default=False
            Return the standard deviations of the estimate, too: many latents give the same answer.

        Returns
        -------
        c : ndarray of shape (n, n_latents), float32
            The recogniser's estimate, the mean of Q(c | s, X). It is scaled so that its squared
            error is least on the model's own answers to training images, and, where another label
            would be given under it, moved until this one is, if there is such a latent. Neither is
            done with ``objective="paper"``, and nothing is moved with ``images="end-to-end"``. Of
            categories, the most probable ones.
        std : ndarray of shape (n, n_latents), float32
            Its standard deviation in each dimension, and in the columns of categories the
            probability of each. Only with `return_std`. Standard deviations are not learned with
            ``objective="paper"``.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or one of `labels` was no answer in `fit` (of captions: has no token).

        Warns
        -----
        UnknownWordsWarning
            If a caption has no word that the model knows. Single unknown words are read as one that
            has no meaning; ``"zebra" in est.codec_.vocabulary_`` tells whether a word is known.
        """
        images, ids = self._check_pairs(X, labels)
        mean, std = self.model_.infer(images, ids, self.batch_size)
        return (mean, std) if return_std else mean

    @own_environment()
    def infer_speaker(
        self, X: ArrayLike, labels: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read the latent of one speaker who gave all of these answers.

        The recogniser proposes latents, the generator and the decoder judge how likely each is to
        give these answers: importance sampling of the posterior.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,)
            The speaker's answer to each image.

        Returns
        -------
        c, std : ndarray of shape (n_latents,), float32
            Mean and standard deviation of the posterior, given all the answers; in the columns of
            categories, the most probable ones and the probability of each. ``predict(X_new, c)``
            continues as the speaker would.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or one of `labels` was no answer in `fit` (of captions: has no token).

        Warns
        -----
        UnknownWordsWarning
            If a caption has no word that the model knows.
        """
        return self.model_.infer_speaker(*self._check_pairs(X, labels))

    @own_environment()
    def recover_latent(self, X: ArrayLike, c: ArrayLike) -> NDArray[np.float32]:
        """Read back latents from the generated sentence vectors, before they are decoded.

        Where this is much more exact than ``infer_latent(X, predict(X, c))``, the latent hides in
        differences that no answer shows.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        c : array-like of shape (n_latents,) or (n, n_latents)
            The latents that vectors are generated with.

        Returns
        -------
        c : ndarray of shape (n, n_latents), float32
            The recogniser's estimate, the mean of Q(c | G(c, X), X).

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or `c` no latents of theirs.
        """
        check_is_fitted(self)
        return self.model_.recover(self._check_images(X), c)
