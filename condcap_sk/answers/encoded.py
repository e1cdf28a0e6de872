"""EncodedAnswers: the right answers of images, as the stages of a training get them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .label_sets import table_rows
from .ngrams import with_end


@dataclass(frozen=True, eq=False)
class EncodedAnswers:
    """The right answers of images: each distinct one once, and which of them an image has.

    Made by `CaptionCodec`; `from_vectors` makes one of sentence vectors alone.

    Parameters
    ----------
    vectors : ndarray of shape (m, n_components), float32
        The sentence vectors of the distinct answers.
    index : ndarray of shape (n_images, most answers of one image), int64
        The answers of each image, as rows of `vectors`; −1 fills. An answer that an image has
        several times is in its row several times.
    ids : ndarray of shape (m, max_length), int64, or None, default=None
        The token ids of the distinct answers, filled up with 0.
    n_tokens : int or None, default=None
        Number of different token ids.
    word_vectors : ndarray of shape (n_tokens, d) or None, default=None
        Vectors of the tokens that were learned elsewhere; rows of NaN are those of unknown ones.
    are_sentences : bool, default=False
        Whether the answers are sequences of tokens, and not labels.
    """

    vectors: NDArray[np.float32]
    index: NDArray[np.int64]
    ids: NDArray[np.int64] | None = None
    n_tokens: int | None = None
    word_vectors: NDArray[np.float32] | None = None
    are_sentences: bool = False

    @classmethod
    def from_vectors(cls, y: Any, n_images: int) -> "EncodedAnswers":
        """Return `y`, if it is encoded, or what a list of sentence vectors of each image holds.

        Parameters
        ----------
        y : EncodedAnswers, or list of n arrays of shape (n_answers, n_components), or array of \
                shape (n, n_components)
            Equal vectors are the same answer.
        n_images : int
            How many images `y` must have answers of.

        Raises
        ------
        ValueError
            If there are not as many, or vectors of different lengths, or an image without one.
        """
        if not isinstance(y, cls):
            y = table_rows(y) if hasattr(y, "__len__") else np.asarray(y)
        if len(y) != n_images:
            raise ValueError(
                f"X holds {n_images} rows, but y holds {len(y)}. Pass one set for each row."
            )
        if isinstance(y, cls):
            return y
        try:
            rows = [np.atleast_2d(np.asarray(row, dtype=np.float32)) for row in y]
        except (TypeError, ValueError) as error:
            raise type(error)(f"y: {error}") from error
        counts = np.array([len(row) for row in rows])
        if not counts.all() or len({row.shape[1] for row in rows}) != 1:
            raise ValueError(
                "y holds sets that are empty or vectors of different lengths. Pass for each row an "
                "array of shape (n_answers, n_components) with at least one answer."
            )
        vectors, found = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
        return cls(vectors, indexed(found.reshape(-1), np.repeat(np.arange(n_images), counts)))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of an image and one of its answers."""
        return int((self.index >= 0).sum())

    @property
    def radius(self) -> float:
        """Norm of the sentence vectors."""
        return float(np.linalg.norm(self.vectors, axis=1).mean())

    def captions(self) -> list[list[list[int]]]:
        """Return the token ids of each image's answers as lists, see `with_end`."""
        assert self.ids is not None
        ids = with_end(self.ids)
        return [[ids[row] for row in rows if row >= 0] for rows in self.index.tolist()]

    def take(self, images: NDArray[np.int64]) -> "EncodedAnswers":
        """Return the answers of some of the images, and none that only others have."""
        index = self.index[images]
        kept, found = np.unique(index[index >= 0], return_inverse=True)
        index = index.copy()
        index[index >= 0] = found
        most = int((index >= 0).sum(axis=1).max(initial=0))
        ids = None if self.ids is None else self.ids[kept]
        return replace(self, vectors=self.vectors[kept], index=index[:, :most], ids=ids)


def indexed(found: NDArray[np.integer], images: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the answers of each image as rows of an array, filled up with −1.

    Parameters
    ----------
    found : ndarray of shape (n_answers,), int
        Which answer each one is.
    images : ndarray of shape (n_answers,), int
        The image that each belongs to: non-decreasing, none left out.
    """
    counts = np.bincount(images)
    index = np.full((len(counts), counts.max()), -1)
    index[np.arange(counts.max()) < counts[:, None]] = found
    return index
