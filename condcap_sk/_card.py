"""The model card of a fitted `ConditionalCaptioner`."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from . import _card_texts as texts
from ._markdown import counted, table
from ._scoring import Scoring
from ._torch.environment import own_environment
from .metrics import caption_report, control_report
from .metrics._anchors import anchors_of


class ModelCard(Scoring):
    """The method of a fitted `ConditionalCaptioner` that describes it."""

    provenance_: dict[str, Any]
    history_: dict[str, list[float]]

    @own_environment()
    def model_card(self, X: ArrayLike | None = None, y: Collection[Any] | None = None) -> str:
        """Describe the fitted model in Markdown, as a page to publish beside its file.

        A model card [1]_ says what a model is, what it was trained on and how, how good it is, how
        to use it and what it cannot do. What only you know is left open: where the data are from,
        what the model is meant for, and its licence.

        Parameters
        ----------
        X : array-like, default=None
            Images or feature vectors, as in `fit`, that were not trained on. None: the figures are
            those that `fit` itself took on the images that it held out.
        y : collection of n collections, default=None
            The right answers of each image, as in `fit`. With `X`, and only with it.

        Returns
        -------
        card : str
            The page. With `X` and `y`, it has the figures of `condcap_sk.metrics.control_report` or
            of `caption_report`, beside chance and ceiling; of captions, beside chance and what one
            person's caption has against those of others. It tells labels and the names of columns,
            but nothing else of the data except numbers: no image, no caption and no word.

        Raises
        ------
        ValueError
            If only one of `X` and `y` is given, `X` holds no images or feature vectors of the shape
            in `fit`, or `y` not as many sets of answers of the kind in `fit`.

        See Also
        --------
        condcap_sk.metrics.control_report : The figures of labels.
        condcap_sk.metrics.caption_report : The figures of captions.

        Notes
        -----
        In a pipeline, pass what its last step gets: ``pipe[-1].model_card(pipe[:-1].transform(X),
        y)``.

        References
        ----------
        .. [1] M. Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.

        Examples
        --------
        >>> import numpy as np
        >>> from condcap_sk import ConditionalCaptioner
        >>> kinds = np.arange(60) % 3
        >>> X, y = np.eye(3)[kinds], [{2 * k, 2 * k + 1} for k in kinds.tolist()]
        >>> est = ConditionalCaptioner(random_state=0).set_params(
        ...     codec__max_iter=9, image_encoder__max_iter=9, gan__max_iter=9
        ... )
        >>> card = est.fit(X, y).model_card(X, y)
        >>> print("\\n".join(line for line in card.splitlines() if line.startswith("##")))
        ## Model
        ## Data
        ## Parameters
        ## Training
        ## Figures
        ## Use
        ## Limits
        ## Licence
        """
        check_is_fitted(self)
        if (X is None) != (y is None):
            given, missing = ("y", "X") if X is None else ("X", "y")
            raise ValueError(
                f"{given} was passed without {missing}. Pass images and their right answers, or "
                "neither for a card with the figures of fit alone."
            )
        kind = texts.KINDS[self.model_.are_sentences]
        sections = {
            "Model": texts.of_model(self, kind),
            "Data": texts.of_data(self, kind),
            "Parameters": texts.of_parameters(self),
            "Training": texts.of_training(self),
            "Figures": _of_fit(self) if X is None else self._figures(X, y),
            "Use": texts.of_use(self, kind),
            "Limits": texts.of_limits(self, kind),
            "Licence": texts.LICENCE,
        }
        body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
        return f"{texts.front_matter(kind)}\n\n# Model card: {kind.answers} of images\n\n{body}\n"

    def _figures(self, X: ArrayLike, y: Any) -> str:
        """Return the figures of a report on these images."""
        right = self._check_right(y, len(self._check_images(X)))
        n_answers = sum(map(len, right))
        about = (
            f"On {counted(len(right), 'image')} with {counted(n_answers, 'right answer')}. That "
            "none was trained on is the word of who made this card."
        )
        return f"{about}\n\n{FIGURES[self.model_.are_sentences](self, X, right)}"


def _of_fit(est: ModelCard) -> str:
    """Return the measures that `fit` took on the images that it held out."""
    last = {
        name: values[-1] for name, values in est.history_.items() if "_valid_" in name and values
    }
    if not last:
        return "None: the fit held no images out, and the card was made without any."
    about = est.provenance_
    chosen = "Nothing was chosen on them."
    # The codec's see no held-out answers.
    if {"callbacks", "image_encoder__callbacks", "gan__callbacks"} & set(about["not_kept"]):
        chosen = "A callback that was passed may have stopped the training by them."
    if est.fitted_params_["warm_start"]:
        chosen += " If it went on from an earlier fit, that one may have been trained on some."
    rows = [(f"`{name}`", OF_FIT.get(name, ""), value) for name, value in last.items()]
    return (
        f"At the end of the fit, on the {counted(about['n_held_out'], 'image')} that it held out. "
        f"{chosen}\n\n{table(['figure', 'what it is', 'here'], rows)}"
    )


def _of_labels(est: ModelCard, X: ArrayLike, right: Any) -> str:
    report = control_report(est, X, right, output_dict=True)
    assert isinstance(report, dict)
    rows = [(f"`{name}`", OF_LABELS[name], *row.values()) for name, row in report.items()]
    return (
        f"{table(['figure', 'what it is', 'here', 'chance', 'ceiling'], rows)}\n\nChance is what "
        "answers drawn at random have, each label as often as it is right. The ceiling is the best "
        "that these right answers allow an accurate model; for errors, the least. "
        "`condcap_sk.metrics.control_report` defines each figure. Each alone can be cheated, all "
        "together cannot."
    )


def _of_captions(est: ModelCard, X: ArrayLike, right: Any) -> str:
    report = caption_report(est, X, right, output_dict=True)
    assert isinstance(report, dict)
    analyzer, rng = est.codec_.analyzer_, np.random.RandomState(0)
    anchors = anchors_of(est.predict(X).tolist(), right, analyzer, rng)
    rows = [
        (f"`{name}`", OF_CAPTIONS[name], value, *anchors.get(name, (None, None)))
        for name, value in report.items()
    ]
    return (
        f"{table(['figure', 'what it is', 'here', 'chance', 'a person'], rows)}\n\nChance is what "
        "the same captions have on other images. A person is one of the right captions of each "
        "image, compared with its others. CIDEr and CIDEr-D are at most 10, all else at most 1. "
        "`condcap_sk.metrics.caption_report` defines each figure. None of them knows whether a "
        "caption is true."
    )


# By whether answers are sentences.
FIGURES = {False: _of_labels, True: _of_captions}

OF_FIT = {
    "images_valid_average_precision": "average precision of matching images with answers",
    "latents_valid_accuracy": "share of right answers, a random latent for each image",
    "latents_valid_cross_entropy": "cross-entropy of a right caption under c = 0, nats",
    "latents_valid_latent_error": "squared error of inferred latents; 1 where nothing is inferred",
    "latents_valid_category_accuracy": "share of categories that are inferred",
}
OF_LABELS = {
    "accuracy": "share of right answers, one latent for all images: mean of 100 latents",
    "accuracy_worst": "the same, worst of 100 latents",
    "accuracy_random": "the same, a random latent for each image",
    "coverage": "share of the right answers that 32 latents reach",
    "calibration_error": "distance from all right answers being equally likely",
    "mutual_information": "bits that the latent decides once the image is known",
    "skew": "how far a latent shifts the label frequencies over all images",
    "semantic_control": "the same in bits, I(c; y)",
    "inverse": "the latent inferred from an answer gives that answer again",
    "transfer": "it gives that answer on another image for which it is right, too",
    "category_accuracy": "categories that are inferred from their own answers",
    "latent_error": "squared error of latents inferred from their own answers",
    "leak_ratio": "that error before decoding, divided by it; far below 1 is a leak",
}
OF_CAPTIONS = {
    **{f"bleu_{n}": f"precision of 1- to {n}-grams, with a penalty for brevity" for n in (2, 3, 4)},
    "bleu_1": "precision of words, with a penalty for brevity",
    "rouge_l": "longest common subsequence",
    "cider": "agreement of n-grams, rare ones count more",
    "cider_d": "the same, made harder to cheat: what papers print as CIDEr",
    "best_of_k": "CIDEr-D of the best of 20 captions under 20 latents",
    "mean_of_k": "CIDEr-D of all of them",
    "distinct": "share of an image's 20 captions that are different",
    "mutual_bleu": "how alike five of them are",
    "distinct_1": "how different five of them are, by words",
    "distinct_2": "by pairs of words",
    "self_cider": "by n-grams, rare ones count more",
    "recall_at_1": "share of captions to which their own image is the most relevant of all",
    **{f"recall_at_{k}": f"the same, one of the {k} most relevant" for k in (5, 10)},
}
