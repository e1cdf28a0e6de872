"""What a fitted `ConditionalCaptioner` does: it checks, and its model answers."""

import copy
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted, check_scalar

from ._pixels import warn_of_scale
from ._stored import Images
from ._torch.environment import own_environment
from ._validation import (
    as_array,
    as_latents,
    check_columns,
    check_images,
    check_latents,
    check_probability,
    check_same_images,
)
from .answers.labels import check_answers, with_abstention
from .model.core import FittedModel
from .text import CaptionCodec


class Answering:
    """The methods of a fitted `ConditionalCaptioner`."""

    batch_size: int
    model_: FittedModel
    codec_: CaptionCodec
    fitted_params_: dict[str, Any]
    image_shape_: tuple[int, ...]
    n_features_in_: int
    pixel_range_: tuple[float, float]
    _parameter_constraints: dict

    @own_environment()
    def predict(
        self,
        X: ArrayLike,
        c: ArrayLike | None = None,
        *,
        min_confidence: float | None = None,
        abstention: Any = None,
    ) -> NDArray[Any]:
        """Answer for each image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        c : array-like of shape (n_latents,) or (n, n_latents), default=None
            One latent for all images, or one each. None: the answer that the model holds most
            relevant among those it gives under `latent_bank_`. Of sentences, except with
            ``objective="paper"``, the most probable and relevant one of those that the consensus
            decoder proposes or, where there is none, the decoder under c = 0.
        min_confidence : float between 0 and 1, default=None
            Selective prediction [1]_: where the `confidence` of an answer is below this, abstain.
            None: always answer.
        abstention : int, float, bool, str or None, default=None
            What is returned where the model abstains.

        Returns
        -------
        answers : ndarray of shape (n,)
            In the labels' dtype; str objects for captions. With `min_confidence`, of objects if
            that dtype cannot hold `abstention`, as it cannot hold None.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            `c` no latents of theirs, or `min_confidence` is no number from 0 to 1.

        References
        ----------
        .. [1] Y. Geifman and R. El-Yaniv, "Selective Classification for Deep Neural Networks",
           NeurIPS 2017.
        """
        images, latents = self._check_asked(X, c, min_confidence)
        return self._answers(images, latents, min_confidence, abstention)

    @own_environment()
    def iter_predict(
        self,
        X: ArrayLike,
        c: ArrayLike | None = None,
        *,
        min_confidence: float | None = None,
        abstention: Any = None,
    ) -> Iterator[NDArray[Any]]:
        """Answer as `predict` does, and give answers as soon as they are there.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        c : array-like of shape (n_latents,) or (n, n_latents), default=None
            As in `predict`.
        min_confidence : float between 0 and 1, default=None
            As in `predict`.
        abstention : int, float, bool, str or None, default=None
            As in `predict`.

        Returns
        -------
        batches : iterator of ndarray of shape (`batch_size`,)
            The answers of so many images at a time; the last one has the rest. Together they are
            what `predict` returns. Arguments are checked at once, images answered when asked for.

        Raises
        ------
        ValueError
            As `predict`.
        """
        images, latents = self._check_asked(X, c, min_confidence)
        # As it is now, whatever is fitted or set while answers are asked for.
        est, step = copy.copy(self), int(self.batch_size)
        return (
            est._answers(
                images[start : start + step],
                None if latents is None else latents[start : start + step],
                min_confidence,
                abstention,
            )
            for start in range(0, len(images), step)
        )

    @own_environment()
    def predict_grid(self, X: ArrayLike, latents: ArrayLike) -> NDArray[Any]:
        """Answer for every image under every latent; each image is encoded once.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        latents : array-like of shape (k, n_latents)
            Latents, for example from `sample_latents`.

        Returns
        -------
        answers : ndarray of shape (n, k)
            In the labels' dtype; str objects for captions.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or a row of `latents` is none.
        """
        check_is_fitted(self)
        images = self._check_images(X)
        bank = as_latents(latents, self.model_.prior, "latents")
        return self.model_.decode(self.model_.answer_each(images, bank, self.batch_size))

    @own_environment()
    def sample(self, X: ArrayLike, n_samples: int = 5) -> list[list[Any]]:
        """Give several distinct answers for each image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        n_samples : int, default=5
            Most answers for one image. Fewer are given where the model has fewer.

        Returns
        -------
        answers : list of n lists
            Distinct answers. Labels are most relevant first, as is anything with
            ``objective="paper"``. Of other sentences, the first is the one that `predict` gives,
            and each further one is good and differs from those before it.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or `n_samples` is below 1.
        """
        check_is_fitted(self)
        images = self._check_images(X)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        found = self.model_.sample(images, n_samples, self.batch_size)
        return [self.model_.decode(ids).tolist() for ids in found]

    @own_environment()
    def attention_weights(self, X: ArrayLike, captions: ArrayLike) -> list[NDArray[np.float32]]:
        """Return how far the decoder attends to each region of an image, word by word.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        captions : array-like of shape (n,)
            One caption for each image, given by `predict` or any other.

        Returns
        -------
        weights : list of n ndarrays of shape (n_tokens, n_regions), float32
            For each token of a caption, as far as captions can be, the weights by which the decoder
            predicts it from those before it, under the latent that `infer_latent` infers: the mean
            over the heads of its attention. They sum to 1. Regions are the cells of a square grid,
            row by row; of feature vectors, those after the image's own, in their order.

        Raises
        ------
        ValueError
            If the model has no attention to regions, `X` holds no images or feature vectors of the
            shape in `fit`, or one of `captions` has no token.

        Warns
        -----
        UnknownWordsWarning
            If a caption has no word that the model knows.
        """
        check_is_fitted(self)
        _check_attention(self.model_)
        images, ids = self._check_pairs(X, captions, "captions")
        return self.model_.attention_weights(images, ids, self.batch_size)

    def _check_asked(
        self, X: ArrayLike, c: ArrayLike | None, min_confidence: float | None
    ) -> tuple[Images, NDArray[np.float32] | None]:
        """Return the images and latents that `predict` is asked about."""
        check_is_fitted(self)
        images = self._check_images(X)
        if min_confidence is not None:
            check_probability(min_confidence, "min_confidence")
            check_calibrated(self)
        return images, None if c is None else check_latents(c, len(images), self.model_.prior)

    @own_environment()
    def _answers(
        self,
        images: Images,
        latents: NDArray[np.float32] | None,
        min_confidence: float | None,
        abstention: Any,
    ) -> NDArray[Any]:
        if latents is None:
            ids = self.model_.best(images, self.batch_size)
        else:
            ids = self.model_.answer(images, latents, self.batch_size)
        answers = self.model_.decode(ids)
        if min_confidence is None:
            return answers
        # Read as any other caption would be, so that `confidence` of the answer is the same.
        ids = self.codec_.vocabulary_.encode(answers)
        confidence = self.model_.confidence(images, ids, self.batch_size)
        return with_abstention(answers, confidence < min_confidence, abstention)

    def _check_images(self, X: ArrayLike) -> Images:
        # The one parameter that counts in prediction, and may have been set after fit.
        validate_parameter_constraints(
            {"batch_size": self._parameter_constraints["batch_size"]},
            {"batch_size": self.batch_size},
            caller_name=type(self).__name__,
        )
        given = as_array(X)
        if given.ndim == 2 and len(self.image_shape_) == 1:
            check_columns(given, self, self.fitted_params_["n_regions"])
        images = check_images(given, self, self.fitted_params_["image_shape"])
        check_same_images(images, self.image_shape_, given.shape)
        if images.ndim == 4:
            warn_of_scale(images, self.pixel_range_)
        return images

    def _check_pairs(
        self, X: ArrayLike, labels: ArrayLike, name: str = "labels"
    ) -> tuple[Images, NDArray[np.int64]]:
        check_is_fitted(self)
        images = self._check_images(X)
        answers = check_answers(labels, name)
        if len(answers) != len(images):
            raise ValueError(
                f"X holds {len(images)} images, but {name} holds {len(answers)} answers. "
                "Pass one answer for each image."
            )
        return images, self.codec_.vocabulary_.encode_given(answers, name)


def check_calibrated(estimator: Answering) -> None:
    """Raise if there was too little to calibrate the confidence of a fitted estimator on."""
    check_is_fitted(estimator)
    if estimator.model_.calibrator is None:
        raise ValueError(
            "Confidence is calibrated on ten right and ten wrong pairs of held-out images and "
            "answers at least, of which fit had too few with validation_fraction="
            f"{estimator.fitted_params_['validation_fraction']}. Fit again on more images, with "
            "validation_fraction=0.2 if it was less, and on images whose answers differ."
        )


def _check_attention(model: FittedModel) -> None:
    if not model.answerer.has_attention:
        raise ValueError(
            "The model has no regions of images to attend to. Fit it on captions, with "
            "objective='relativistic' and images='matched'; on images of pixels (for which "
            "image_encoder__positions is not False), or with n_regions=16 on what "
            "PretrainedFeatures(n_regions=16) returns."
        )
