"""What a latent does to the answers: accuracy and label frequencies under fixed latents."""

import numpy as np

from .._validation import check_answers, check_label_sets


def fixed_latent_accuracy(answers, label_sets):
    """Share of images whose answer is in their set, for each latent.

    Parameters
    ----------
    answers : array-like of shape (n_images, n_latents)
        Answer of each image under each latent, from `ConditionalCaptioner.predict_grid`.
    label_sets : list of n_images collections
        The right answers of each image.

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
    answers = _check_grid(answers)
    right, images = check_label_sets(label_sets, len(answers))
    labels, right = np.unique(right, return_inverse=True)
    fits = np.zeros((len(answers), len(labels) + 1), dtype=bool)
    fits[images, right] = True
    position = np.searchsorted(labels, answers).clip(max=len(labels) - 1)
    # An answer that is in nobody's set is counted in the last column, which fits no image.
    position[labels[position] != answers] = len(labels)
    return np.take_along_axis(fits, position, axis=1).mean(axis=0)


def label_frequencies(answers, labels):
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
    answers = _check_grid(answers)
    labels = check_answers(labels, "labels")
    missing = np.setdiff1d(answers, labels)
    if len(missing):
        raise ValueError(
            f"labels lacks {missing.tolist()[:5]}, which answers holds. Pass every label, for "
            "example `estimator.classes_`."
        )
    return np.stack([(answers == label).mean(axis=0) for label in labels], axis=1)


def total_variation(p, q):
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


def label_skew(frequencies):
    """How far one latent's label frequencies lie from all latents' average.

    The mean over latents of the total variation distance between a row of `frequencies` and the
    average row. 0 says that the latent does not change what is answered most.

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
    frequencies = np.asarray(frequencies)
    return float(total_variation(frequencies, frequencies.mean(axis=0)).mean())


def _check_grid(answers):
    answers = np.asarray(answers)
    if answers.ndim != 2:
        raise ValueError(
            f"answers has shape {answers.shape}. Pass (n_images, n_latents), as `predict_grid` "
            "returns; one latent is answers[:, None]."
        )
    # Object arrays (of captions, or of numbers) get the dtype that labels are compared in.
    return check_answers(answers.ravel(), "answers").reshape(answers.shape)
