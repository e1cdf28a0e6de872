"""How well a fitted `ConditionalCaptioner` answers, by itself and by the right answers."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._answering import Answering, check_calibrated
from ._torch.environment import own_environment
from .answers.label_sets import answer_rows
from .metrics import cider, fixed_latent_accuracy
from .text import CaptionCodec


class Scoring(Answering):
    """The methods of a fitted `ConditionalCaptioner` that judge answers."""

    @own_environment()
    def score_samples(self, X: ArrayLike, labels: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return how relevant each given answer is to its image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,), default=None
            One answer for each image. None: what `predict` answers.

        Returns
        -------
        relevance : ndarray of shape (n,), float32
            Log-odds that the answer belongs to the image, by the image encoder or, without one, by
            D; higher is better.

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
        images, ids = self._check_pairs(X, self.predict(X) if labels is None else labels)
        return self.model_.relevance(images, ids, self.batch_size)

    @own_environment()
    def confidence(self, X: ArrayLike, labels: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the probability that each given answer is right for its image.

        Relevance, as `score_samples` returns it, calibrated [1]_ on the images that were held out
        in `fit` (`validation_fraction`), by logistic and isotonic regression: of pairs of an
        image and an answer with a confidence of .9, nine in ten are right. Answers that were chosen
        as the most relevant ones may be right more often or less.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,), default=None
            One answer for each image. None: what `predict` answers.

        Returns
        -------
        confidence : ndarray of shape (n,), float64
            Of a label, the probability that it is in the image's set, as a random one of
            `classes_` is in as many cases as in the held-out sets. Of a caption, the probability
            that people gave it to this image and not to another one of the data, where it
            comes from either equally often: a caption that fits many images has about .5.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            one of `labels` was no answer in `fit` (of captions: has no token),
            or too few images were held out in `fit`.

        Warns
        -----
        UnknownWordsWarning
            If a caption has no word that the model knows.

        See Also
        --------
        condcap_sk.metrics.expected_calibration_error : How far it can be believed.
        condcap_sk.inspection.ReliabilityDisplay : The same as a diagram.

        Notes
        -----
        It holds for images like those of `fit`. Ten right and ten wrong pairs are needed at least.

        References
        ----------
        .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

        Examples
        --------
        Three kinds of image, each with a label of its own; a fifth are held out.

        >>> import numpy as np
        >>> from condcap_sk import ConditionalCaptioner
        >>> kinds = np.arange(90) % 3
        >>> X = np.eye(3)[kinds]
        >>> est = ConditionalCaptioner(validation_fraction=0.2, random_state=0).set_params(
        ...     codec__max_iter=50, image_encoder__max_iter=50, gan__max_iter=5
        ... )
        >>> est = est.fit(X, kinds)
        >>> right, wrong = est.confidence(X[:2], [0, 0])
        >>> bool(right > 0.9), bool(wrong < 0.1)
        (True, True)
        >>> answers = est.predict(X, min_confidence=0.9, abstention=-1)
        """
        check_calibrated(self)
        images, ids = self._check_pairs(X, self.predict(X) if labels is None else labels)
        return self.model_.confidence(images, ids, self.batch_size)

    @own_environment()
    def score(self, X: ArrayLike, y: Collection[Any]) -> float:
        """Score `predict(X)` against the right answers.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        y : collection of n collections
            The right answers of each image, as in `fit`. Labels that were not there are right
            answers that are never given.

        Returns
        -------
        score : float
            Labels: share of answers that are in the set. Captions: mean CIDEr, between 0 and 10;
            always 0 for one image, where every n-gram is in every document, see `metrics.cider`.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`,
            or `y` is in none of the forms that `fit` takes.
        """
        answers = self.predict(X)
        right = self._check_right(y, len(answers))
        return SCORES[self.model_.are_sentences](self.codec_, answers, right)

    def _check_right(self, y: Collection[Any], n_images: int) -> list[list[Any]]:
        """Return the right answers of each image, if they are of the kind that was in fit."""
        right = answer_rows(y, n_images, "y", getattr(self, "classes_", None))
        CHECKS[self.model_.are_sentences](self.codec_, right)
        return right


def _check_labels(codec: CaptionCodec, right: list[list[Any]]) -> None:
    if isinstance(right[0][0], str) != isinstance(codec.classes_[0], str):
        raise ValueError(
            f"y holds no answer that was in fit: {right[0][:5]}, where fit had "
            f"{codec.classes_[:5].tolist()}. Pass labels of the same kind."
        )


def _check_captions(codec: CaptionCodec, right: list[list[Any]]) -> None:
    if not isinstance(right[0][0], str):
        raise ValueError(f"y holds {right[0][0]!r}, but fit saw captions. Pass strings.")


def _share_of_right(codec: CaptionCodec, labels: NDArray[Any], right: list[list[Any]]) -> float:
    return float(fixed_latent_accuracy(labels[:, None], right)[0])


def _mean_cider(codec: CaptionCodec, captions: NDArray[Any], right: list[list[Any]]) -> float:
    return float(cider(captions, right, analyzer=codec.analyzer_).mean())


# By whether answers are sentences.
CHECKS = {False: _check_labels, True: _check_captions}
SCORES = {False: _share_of_right, True: _mean_cider}
