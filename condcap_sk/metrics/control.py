"""What a latent does to the answers, as functions of plain arrays.

Each of them alone can be cheated; `control_report` gives them together.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr

from ..answers.label_sets import check_label_sets, table_rows
from ..answers.labels import check_answers, in_one_dtype


def fixed_latent_accuracy(
    answers: ArrayLike, label_sets: Collection[object]
) -> NDArray[np.float64]:
    """Share of images whose answer is in their set, for each latent.

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent, from `ConditionalCaptioner.predict_grid`.
    label_sets : collection of n_images collections
        The right answers of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    accuracy : ndarray of shape (n_latents,)
        Between 0 and 1.

    Examples
    --------
    >>> from condcap_sk.metrics import fixed_latent_accuracy
    >>> fixed_latent_accuracy([[3, 8], [1, 3]], [{3, 8}, {1, 7}])
    array([1. , 0.5])
    """
    _, codes, shares = right_shares(answers, label_sets)
    return (np.take_along_axis(shares, codes, axis=1) > 0).mean(axis=0)


def coverage(answers: ArrayLike, label_sets: Collection[object]) -> float:
    """Share of an image's right answers that are given under at least one latent.

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent.
    label_sets : collection of n_images collections
        The right answers of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    coverage : float
        Between 0 and 1, the mean over images. It grows with the number of latents.

    Examples
    --------
    >>> from condcap_sk.metrics import coverage
    >>> coverage([[3, 3, 8], [1, 1, 1]], [{3, 8}, {1, 7}])
    0.75
    """
    _, codes, shares = right_shares(answers, label_sets)
    right, reached = shares > 0, _shares_of_rows(codes, shares.shape[1]) > 0
    return float(((right & reached).sum(axis=1) / right.sum(axis=1)).mean())


def calibration_error(answers: ArrayLike, label_sets: Collection[object]) -> float:
    """How far the answers to an image lie from all its right answers being equally likely.

    The mean over images of the total variation distance between the frequencies of its answers
    over latents and the shares in its set (a label that is there twice has two shares).

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent. With few latents the frequencies are rough, which
        adds to the error: take some hundreds.
    label_sets : collection of n_images collections
        The right answers of each image, in any form that `ConditionalCaptioner.fit` takes.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is calibrated.

    Examples
    --------
    >>> from condcap_sk.metrics import calibration_error
    >>> calibration_error([[3, 8, 3, 8], [1, 1, 1, 1]], [{3, 8}, {1, 7}])
    0.25
    """
    _, codes, shares = right_shares(answers, label_sets)
    return float(total_variation(_shares_of_rows(codes, shares.shape[1]), shares).mean())


def conditional_mutual_information(answers: ArrayLike) -> float:
    """Mutual information I(c; y | X) of latent and answer once the image is known, in bits.

    The answer follows from image and latent, so this is the entropy of an image's answers over
    latents, by the plug-in estimate with the Miller-Madow correction, averaged over images. It
    shows that the latent changes the answer, not that it means anything: answering whatever is top
    left or bottom right has it all.

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent.

    Returns
    -------
    information : float
        In bits; 0 where the latent changes nothing.

    Examples
    --------
    >>> from condcap_sk.metrics import conditional_mutual_information
    >>> answers = [[3, 8] * 500, [1, 7] * 500]
    >>> round(conditional_mutual_information(answers), 2)
    1.0
    """
    grid = _check_grid(answers)
    labels, codes = np.unique(grid, return_inverse=True)
    frequencies = _shares_of_rows(codes.reshape(grid.shape), len(labels))
    missing = ((frequencies > 0).sum(axis=1) - 1) / (2 * grid.shape[1])
    return float((entr(frequencies).sum(axis=1) + missing).mean() / np.log(2))


def label_frequencies(answers: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Share of images that get each label, for each latent.

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent.
    labels : array-like of shape (n_labels,)
        The labels to count, all that occur in `answers`.

    Returns
    -------
    frequencies : ndarray of shape (n_latents, n_labels)
        Rows sum to 1.

    Examples
    --------
    >>> from condcap_sk.metrics import label_frequencies
    >>> label_frequencies([[3, 8], [3, 3]], labels=[3, 8])
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    grid, counted = _check_grid(answers), check_answers(labels, "labels")
    _check_kinds(grid, counted, "labels")
    grid, counted = in_one_dtype(grid, counted)
    missing = np.setdiff1d(grid, counted)
    if len(missing):
        raise ValueError(
            f"labels lacks {missing.tolist()[:5]}, which answers holds. Pass every label, for "
            "example `estimator.classes_`."
        )
    return np.stack([(grid == label).mean(axis=0) for label in counted], axis=1)


def total_variation(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64] | np.float64:
    """Total variation distance ``½ Σ|p − q|`` of distributions over the last axis.

    Parameters
    ----------
    p, q : array-like of shape (..., n_labels)
        Distributions; they broadcast.

    Returns
    -------
    distance : float or ndarray
        0 where they are equal, 1 where they share nothing.

    Examples
    --------
    >>> from condcap_sk.metrics import total_variation
    >>> float(total_variation([0.5, 0.5], [1.0, 0.0]))
    0.5
    """
    return 0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum(axis=-1)


def label_skew(frequencies: ArrayLike) -> float:
    """How far one latent's label frequencies lie from all latents' average.

    The mean over latents of the total variation distance between a row of `frequencies` and the
    average row. 0 where the latent does not change what is answered most.

    Parameters
    ----------
    frequencies : array-like of shape (n_latents, n_labels)
        From `label_frequencies`.

    Returns
    -------
    skew : float
        Between 0 and 1.

    Examples
    --------
    >>> from condcap_sk.metrics import label_skew
    >>> label_skew([[1.0, 0.0], [0.0, 1.0]])
    0.5
    """
    rows = np.asarray(frequencies)
    return float(total_variation(rows, rows.mean(axis=0)).mean())


def semantic_control(frequencies: ArrayLike) -> float:
    """Mutual information I(c; Y) of latent and answer whatever the image, in bits.

    ``E_c KL(q_c ‖ q)`` for the label frequencies q_c under one latent and their average q: what a
    latent means by itself. A latent that only points at a position of the image has none.

    Parameters
    ----------
    frequencies : array-like of shape (n_latents, n_labels)
        From `label_frequencies`.

    Returns
    -------
    information : float
        In bits.

    Examples
    --------
    >>> from condcap_sk.metrics import semantic_control
    >>> semantic_control([[1.0, 0.0], [0.0, 1.0]])
    1.0
    """
    rows = np.asarray(frequencies)
    divergence = rel_entr(rows, rows.mean(axis=0)).sum(axis=1)
    return float(divergence.mean() / np.log(2))


def latent_error(latents: ArrayLike, recovered: ArrayLike) -> float:
    """Mean squared error of recovered latents, per dimension.

    Parameters
    ----------
    latents, recovered : array-like of shape (n, n_latents)
        The latents that were used, and what the recogniser made of the answers.

    Returns
    -------
    error : float
        1 where nothing is recovered of latents from N(0, I). An answer does not determine the
        latent: four answers on three dimensions leave about .6.

    Examples
    --------
    >>> from condcap_sk.metrics import latent_error
    >>> latent_error([[1.0, -1.0]], [[0.5, -0.5]])
    0.25
    """
    return float(np.square(np.subtract(latents, recovered)).mean())


def right_shares(
    answers: ArrayLike, label_sets: Collection[object]
) -> tuple[np.ndarray, NDArray[np.intp], NDArray[np.float64]]:
    """Return all labels, answers as codes (n, k), and the labels' shares in the sets (n, m)."""
    grid = _check_grid(answers)
    right, images = check_label_sets(label_sets, len(grid), known=grid)
    _check_kinds(grid, right, "label_sets")
    both = np.concatenate(in_one_dtype(right, grid.ravel()))
    labels, codes = np.unique(both, return_inverse=True)
    shares = np.zeros((len(grid), len(labels)))
    np.add.at(shares, (images, codes[: len(right)]), 1)
    shares /= shares.sum(axis=1, keepdims=True)
    return labels, codes[len(right) :].reshape(grid.shape), shares


def _check_kinds(answers: np.ndarray, labels: np.ndarray, name: str) -> None:
    ours, theirs = answers.ravel()[:1].tolist()[0], labels[:1].tolist()[0]
    if isinstance(ours, str) != isinstance(theirs, str):
        raise ValueError(
            f"answers holds {ours!r}, {name} {theirs!r}: text and numbers are never equal. Pass "
            "both in the type of the labels."
        )


def _shares_of_rows(codes: NDArray[np.intp], n_labels: int) -> NDArray[np.float64]:
    n, k = codes.shape
    flat = codes + n_labels * np.arange(n)[:, None]
    return np.bincount(flat.ravel(), minlength=n * n_labels).reshape(n, n_labels) / k


def _check_grid(answers: ArrayLike) -> np.ndarray:
    rows = table_rows(answers)
    if hasattr(rows, "__len__") and getattr(rows, "ndim", 1) == 1:
        # NumPy would bring what is in lists to one dtype, whatever becomes of the values.
        rows = np.array(list(rows), dtype=object)
    grid = np.asarray(rows)
    if grid.ndim != 2:
        raise ValueError(
            f"answers has shape {grid.shape}. Pass (n_images, n_latents), as `predict_grid` "
            "returns; one latent is answers[:, None]."
        )
    # Object arrays (of captions, or of numbers) get the dtype that labels are compared in.
    return check_answers(grid.ravel(), "answers").reshape(grid.shape)
