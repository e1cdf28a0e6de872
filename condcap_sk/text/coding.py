"""What a fitted `CaptionCodec` does: captions to sentence vectors and back."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._torch.batches import rows_of_vectors
from .._torch.environment import own_environment
from .._validation import as_rows
from ..answers.labels import check_answers
from ..answers.tokens import END, UNKNOWN, distinct_answers
from ..answers.vocabulary import Vocabulary
from ..exceptions import EmptyCaptionError
from . import inference

# Parameters without which a fitted codec is the same.
OF_TRAINING = frozenset({
    "lr", "batch_size", "max_iter", "callbacks", "device", "n_jobs", "random_state", "verbose",
    "word_vectors",
})  # fmt: skip
MOST_UNKNOWN = 0.1  # of words, with which a vocabulary is still that of these captions; by hand


class Coding(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The methods of a fitted `CaptionCodec`."""

    batch_size: int
    vocabulary_: Vocabulary
    encoder_: Any
    decoder_: Any
    device_: torch.device

    def _be_as(
        self, earlier: "Coding", answers: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Hold what an earlier codec was fitted to; return the same as `CaptionCodec._fit`."""
        before, now = (stage.get_params() for stage in (earlier, self))  # type: ignore[attr-defined]
        changed = [k for k, v in now.items() if k not in OF_TRAINING and before[k] != v]
        if changed:
            raise ValueError(
                f"warm_start=True, but {changed[0]} of the codec was {before[changed[0]]!r:.80} in "
                f"the fit before and is {now[changed[0]]!r:.80}. Set what it was, or "
                "warm_start=False."
            )
        self.__dict__.update({k: v for k, v in vars(earlier).items() if k.endswith("_")})
        vocabulary = self.vocabulary_
        remedy = "With warm_start=True, they stay those of the fit before: set warm_start=False."
        try:
            ids = vocabulary.encode(answers, vocabulary.IN_FIT)
        except EmptyCaptionError:
            raise
        except ValueError as error:
            raise ValueError(f"{error} {remedy}") from error
        vocabulary.warn_of_cut(answers)
        unknown = (ids[ids != END] == UNKNOWN).mean()
        if unknown > MOST_UNKNOWN:
            raise ValueError(
                f"Of the words in y, {unknown:.0%} were not in the fit before. {remedy}"
            )
        return distinct_answers(ids)

    @property
    def _n_features_out(self) -> int:
        return self.encoder_.config["n_components"]

    @own_environment()
    def transform(self, captions: ArrayLike) -> NDArray[np.float32]:
        """Return the sentence vectors of captions.

        Parameters
        ----------
        captions : array-like of shape (n_captions,)
            Labels that were in `fit`, or sentences; unknown words are read as such.

        Returns
        -------
        vectors : ndarray of shape (n_captions, n_components), float32
            Each of norm ``sqrt(n_components)``.
        """
        check_is_fitted(self)
        captions = check_answers(captions, "captions")
        return self.encode_tokens(self.vocabulary_.encode(captions))

    @own_environment()
    def inverse_transform(self, vectors: ArrayLike) -> NDArray[Any]:
        """Return the likeliest caption of each vector.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.

        Returns
        -------
        captions : ndarray of shape (n_captions,)
            In the labels' dtype; str objects for sentences.
        """
        tokens, _ = self.candidates(vectors, 1)
        return self.vocabulary_.decode(tokens[:, 0])

    @own_environment()
    def encode_tokens(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the sentence vectors of token ids.

        Parameters
        ----------
        tokens : ndarray of shape (n_captions, max_length), int64
            Filled up with 0, as ``candidates(…)[0][:, 0]`` is.

        Returns
        -------
        vectors : ndarray of shape (n_captions, n_components), float32
            Each of norm ``sqrt(n_components)``.
        """
        check_is_fitted(self)
        return inference.encode(self.encoder_, tokens, size=self.batch_size, device=self.device_)

    @own_environment()
    def candidates(
        self, vectors: ArrayLike, n_candidates: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the likeliest captions of each vector as token ids, by beam search.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.
        n_candidates : int
            Width of the beam.

        Returns
        -------
        tokens : ndarray of shape (n_captions, k, max_length), int64
            Likeliest first, k ≤ `n_candidates`.
        log_probabilities : ndarray of shape (n_captions, k), float32
            Of the decoder.
        """
        check_is_fitted(self)
        plans = as_rows(vectors, self._n_features_out, "vectors")[:, None]
        tokens, scores = inference.likeliest(self.decoder_, plans, n_candidates, **self._light())
        return tokens[:, 0], scores[:, 0]

    @own_environment()
    def log_probability(self, vectors: ArrayLike, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how probable captions are under the decoder, given sentence vectors.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.
        tokens : ndarray of shape (n_captions, max_length), int64
            Of the captions, filled up with 0, as ``candidates(…)[0][:, 0]`` is.

        Returns
        -------
        log_probabilities : ndarray of shape (n_captions,), float32
            Sums over tokens.
        """
        check_is_fitted(self)
        vectors = as_rows(vectors, self._n_features_out, "vectors")
        return inference.log_probability(self.decoder_, vectors, tokens, **self._light())

    def _light(self) -> dict[str, Any]:
        """Return how rows of vectors are computed."""
        return {"size": rows_of_vectors(self.batch_size), "device": self.device_}
