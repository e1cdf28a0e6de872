"""ConditionalCaptioner: one image, many right answers, and a latent that chooses between them."""

import copy
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from numbers import Integral, Real
from typing import Any, Literal, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._card import ModelCard
from ._exporting import Exporting
from ._latents import Latents
from ._links import DocumentationLink
from ._persistence import kept_params
from ._pixels import pixel_range, warn_of_scale
from ._processes import sharing_work
from ._readback import ReadingBack
from ._saving import Saving
from ._torch.device import Portable
from ._torch.environment import own_environment
from ._torch.seeding import spawn_seeds
from ._torch.threads import with_threads
from ._validation import check_given, check_images, check_same_images, checks_params
from .answers.label_sets import check_label_sets
from .gan import LatentGAN
from .model import file as model_file
from .model.core import FittedModel
from .model.fitting import fit_model, warn_of_answers
from .model.identity import begin_fit
from .text import CaptionCodec
from .training.callbacks import CallbackSupportMixin, managed, reporting
from .training.estimator import RandomState, Stage
from .training.process_group import by_all_processes
from .vision import ImageEncoder
from .vision.sight import SIGHTS


class ConditionalCaptioner(
    DocumentationLink,
    ModelCard,
    ReadingBack,
    Latents,
    Exporting,
    Saving,
    Portable,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Learn, without annotation, the latent variable that makes an image's right answers differ.

    A photo has many captions, a grid of four digits has four labels. What makes one answer differ
    from another is a latent variable c that no data set annotates. This estimator learns it from
    images and their sets of answers, lets you choose its value and reads it back from an answer.

    In the first stage, an encoder-decoder learns to turn captions into sentence vectors s and back,
    and an image encoder learns which of them fit an image X. In the second, a conditional InfoGAN
    is trained on the sentence vectors: ``G(c, X) → ŝ``, ``D(s, X)``, ``Q(ŝ, X) → ĉ`` (`LatentGAN`
    has the equations). The answer is the decoded G(c, X).

    Parameters
    ----------
    n_latents : int, default=3
        Dimension of the Gaussian part of the latent variable, whose prior is N(0, I). May be 0
        where there are categories.
    n_categories : int, tuple of int or None, default=None
        How many categories a categorical latent has, all equally likely: a discrete choice that is
        learned beside the continuous ones, such as which of two ways to tell it. Several numbers
        are several categorical latents. The columns of a latent are the one-hot parts of these,
        then the Gaussian part; `join_latents` and `split_latents` know them. None: there is none.
    analyzer : {"auto", "label", "word", "char"} or callable, default="auto"
        How an answer falls into tokens, see `CaptionCodec`. "label": an answer is one token
        whatever it is. "auto" takes "char" for captions without spaces between words, "word" where
        other string answers contain white space, else "label".
    objective : {"relativistic", "paper"}, default="relativistic"
        The objective of the second stage, see `LatentGAN`. "paper" is exactly (4)–(6), and an
        answer is exactly Decoder(G(c, X)).
    images : {"matched", "end-to-end", "ignored"}, default="matched"
        What G, D and Q get of the image. "matched": the vectors of one image encoder, which is
        fitted first by matching images with captions, then kept. "end-to-end": the image itself,
        each through a network of its own, trained in the game. "ignored": nothing.
    mi_weight : float, default=0.1
        Weight λ_I of the latent's recovery, equation (6).
    image_shape : tuple (H, W) or (H, W, C), default=None
        Declares that the rows of a 2-D `X` are flattened images. None: they are feature vectors.
    n_regions : int or None, default=None
        Declares that the rows of `X` are 1 + `n_regions` vectors of equal length, flattened: the
        image's own and those of its regions, as ``PretrainedFeatures(n_regions=…)`` returns them.
        G, D and Q get the first one; the decoder of sentences attends to the others while it
        writes. None: only image vectors. Images of pixels have regions without it.
    relevance_weight : float, default=3
        Of the decoder's candidates for G(c, X), the answer is the one with the largest decoder
        log-probability + `relevance_weight` · log-probability that answer and image belong
        together, by the image encoder or, of labels without one, by D; of sentences, that over a
        power of their length, and twice the weight where no latent is given. 0 is the plain
        decoder. Does not apply with ``objective="paper"``, nor to sentences without an image
        encoder.
    beam_width : int, default=3
        Width of the decoder's beam search for a sentence under a latent, of which the best one is
        the answer; 1 is greedy. Three times as wide where no latent is given. Does not apply to
        labels, nor with ``objective="paper"``, which is greedy.
    validation_fraction : float, default=0.05
        Share of the images, at most 500, held out to show progress and to calibrate `confidence`.
        Nothing is chosen on them.
    codec : CaptionCodec or None, default=None
        Settings of the first stage for captions. None: defaults.
    image_encoder : ImageEncoder or None, default=None
        Settings of the first stage for images. None: defaults.
    gan : LatentGAN or None, default=None
        Settings of the second stage. None: defaults.
    batch_size : int, default=1024
        Images that are answered at a time; bounds the memory of prediction.
    warm_start : bool, default=False
        Whether `fit` goes on from the fit before, on more or other images of the same shape: labels
        or words stay, learning rates are a third, and steps, where `max_iter` is "auto", a quarter.
        Labels that were not there are refused, words are unknown. Confidence may come out too high:
        images that are held out now may have been trained on.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads that `fit` computes with, for time alone: the model is the same to the last bit.
        None is as many as torch has (under joblib, the share of each process), or one in a thread
        beside others; -1 all. Prediction takes all that torch has.
    random_state : int, RandomState instance or None, default=None
        An int makes `fit` repeatable, to the last bit on a CPU. The global streams are never used.
    verbose : int, default=0
        1 shows a progress bar for each training, named after what it is on.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The distinct labels, sorted. Only where answers are labels.
    codec_ : CaptionCodec
        The fitted caption codec.
    image_encoder_ : ImageEncoder or None
        The fitted image encoder, with ``images="matched"``.
    gan_ : LatentGAN
        The fitted second stage.
    fitted_params_ : dict
        The parameters that the estimator was fitted with, as `get_params` gives them, but for
        `callbacks`, `word_vectors` and the GAN's `image_network`. It answers and is saved by these,
        whatever is set afterwards (but for `batch_size`).
    latent_bank_ : ndarray of shape (32, n_latents)
        The draws from the prior that are tried where no latent is given; of sentences, except with
        ``objective="paper"``, only by `sample`.
    history_ : dict of list
        Losses and held-out measures along the training, from the `history_` of the parts, under
        names such as "captions_epoch", "images_matching", "latents_valid_accuracy" or
        "consensus_reward".
    provenance_ : dict
        What the model comes from, for `model_card`: numbers of images ("n_images", of which
        "n_held_out" were held out) and of their answers ("n_answers", of which "n_distinct" are
        different); the least, mean and largest number of "answers_per_image" and, as far as they
        are not cut, "tokens_per_answer"; the names of callbacks and word vectors that were
        passed, and are "not_kept"; the "device" of the fit and the "versions" of packages.
    preprocessor_ : Pipeline or None
        What makes `X` of files of photographs, where the estimator was loaded from a file that
        knows it, see `save`. None after `fit`.
    n_features_in_ : int
        Number of columns of a 2-D `X`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where `X` was a DataFrame.

    See Also
    --------
    condcap_sk.text.CaptionCodec : Captions to sentence vectors and back.
    condcap_sk.vision.ImageEncoder : Images to image vectors.
    condcap_sk.gan.LatentGAN : The conditional InfoGAN on sentence vectors.

    Notes
    -----
    The ancestors of the model are settings:

    ================= ====================================================================
    paper, (4)–(6)    ``objective="paper", images="end-to-end", mi_weight=1``
    conditional GAN   ``objective="paper", images="end-to-end", mi_weight=0``
    InfoGAN           ``objective="paper", images="ignored", mi_weight=1``
    LaTextGAN         ``objective="paper", images="ignored", mi_weight=0``
    ================= ====================================================================

    With ``images="end-to-end"``, of the `image_encoder` only `n_filters` and `positions` count.

    `codec`, `image_encoder` and `gan` are cloned; their `device`, `n_jobs`, `random_state` and
    `verbose`, the codec's `analyzer`, the image encoder's `n_regions` and the GAN's `n_latents`,
    `n_categories`, `objective`, `mi_weight`, `noise`, `image_network`, `n_regions` and
    `region_size` are set by this estimator.

    Examples
    --------
    Grids of four digits; the right answers are the digits that are in the grid.

    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.datasets import load_grid_digits
    >>> digits = load_grid_digits(n_train=60)
    >>> est = ConditionalCaptioner(random_state=0).fit(digits.images, digits.label_sets)
    >>> est.score(digits.images_test, digits.label_sets_test) > 0.8
    True

    One latent is one point of view, the same for every image.

    >>> c = est.sample_latents(random_state=0)[0]
    >>> answers = est.predict(digits.images_test, c)
    >>> answers.shape
    (200,)
    >>> est.infer_latent(digits.images_test, answers).shape
    (200, 3)
    """

    _parameter_constraints: dict = {
        "n_latents": [Interval(Integral, 0, None, closed="left")],
        "n_categories": [None, Interval(Integral, 2, None, closed="left"), list, tuple],
        "analyzer": [StrOptions({"auto", "label", "word", "char"}), callable],
        "objective": [StrOptions({"relativistic", "paper"})],
        "images": [StrOptions(set(SIGHTS))],
        "mi_weight": [Interval(Real, 0, None, closed="left")],
        "image_shape": [None, tuple, list],
        "n_regions": [None, Interval(Integral, 1, None, closed="left")],
        "relevance_weight": [Interval(Real, 0, None, closed="left")],
        "beam_width": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "codec": [None, HasMethods(["fit", "inverse_transform"])],
        "image_encoder": [None, HasMethods(["fit", "transform"])],
        "gan": [None, HasMethods(["fit", "infer"])],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_latents: int = 3,
        *,
        n_categories: int | Sequence[int] | None = None,
        analyzer: str | Callable[[str], list[str]] = "auto",
        objective: Literal["relativistic", "paper"] = "relativistic",
        images: Literal["matched", "end-to-end", "ignored"] = "matched",
        mi_weight: float = 0.1,
        image_shape: Sequence[int] | None = None,
        n_regions: int | None = None,
        relevance_weight: float = 3.0,
        beam_width: int = 3,
        validation_fraction: float = 0.05,
        codec: CaptionCodec | None = None,
        image_encoder: ImageEncoder | None = None,
        gan: LatentGAN | None = None,
        batch_size: int = 1024,
        warm_start: bool = False,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.n_latents = n_latents
        self.n_categories = n_categories
        self.analyzer = analyzer
        self.objective = objective
        self.images = images
        self.mi_weight = mi_weight
        self.image_shape = image_shape
        self.n_regions = n_regions
        self.relevance_weight = relevance_weight
        self.beam_width = beam_width
        self.validation_fraction = validation_fraction
        self.codec = codec
        self.image_encoder = image_encoder
        self.gan = gan
        self.batch_size = batch_size
        self.warm_start = warm_start
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``gan__lr`` and the like work from the default None, too.

        Parameters
        ----------
        **params : dict
            Parameters of this estimator or, after a double underscore, of a part of it.

        Returns
        -------
        self : ConditionalCaptioner
            The estimator.
        """
        for name, default in model_file.STAGES.items():
            nested = any(key.startswith(name + "__") for key in params)
            if nested and getattr(self, name) is None and params.get(name) is None:
                params = {name: default(), **{k: v for k, v in params.items() if k != name}}
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags

    @managed
    @checks_params
    @with_threads
    @own_environment()
    @by_all_processes
    def fit(
        self,
        X: ArrayLike,
        y: Collection[Any],
        *,
        checkpoints: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn the latent variable from images and their right answers.

        Parameters
        ----------
        X : array-like
            Images (n, H, W), (n, H, W, C) or (n, C, H, W); flat images (n, d) with `image_shape`;
            or feature vectors (n, d). Any float or integer type, any range of values.
        y : collection of n collections
            The right answers of each image: a set, list, tuple or array of labels (int, float, bool
            or str) or captions (str). A 1-D array is one answer each, a 2-D int or str array or
            DataFrame one row of answers each. A 2-D bool array or sparse matrix is a
            class-indicator matrix, and so is a DataFrame of bools, whose column names are the
            labels. What could be either, a table or rows of 0 and 1, is refused.
        checkpoints : str, path-like or None, default=None
            A folder, for this fit alone, in which it keeps how far it has come; it is made if it is
            not there. Called again with the same data, parameters and folder, a fit that was killed
            goes on and, on a CPU, ends in the same model to the bit. A stage with `callbacks` is
            trained anew: what they know is not kept. None: nothing is written.

        Returns
        -------
        self : ConditionalCaptioner
            The fitted estimator.

        Raises
        ------
        CheckpointError
            If another fit began in the folder `checkpoints` (other data or parameters, or another
            version of this package or of torch), or a file in it is damaged or cannot be written,
            or the estimator has callbacks of scikit-learn.
        ValueError
            If `X` or `y` is not of these forms, there is only one image, or captions have no
            token.
        ProcessGroupError
            In a `condcap_sk.training.process_group`, if another process is lost or fits otherwise.
        TrainingDivergedError
            If a loss becomes infinite or NaN, or a weight larger than a million.

        Warns
        -----
        SingleAnswerWarning
            If there is only one answer in `y`.
        CollapseWarning
            If images that have several answers get the same under different latents.
        AnalyzerWarning
            If ``analyzer="auto"`` had to guess, or the analyzer does not fit the captions' script.
        LongCaptionWarning
            If captions that are much longer than the others are cut.
        """
        check_given(y, self)
        data = {"X": X, "y": y}
        # Captions, latents and, of sentences, the consensus decoder.
        context = self._init_callback_context(max_subtasks=3 + len(SIGHTS[self.images].STAGES))
        if context is not None:
            # What callbacks compute is not shared by the processes of a fit.
            with sharing_work(None):
                context.call_on_fit_task_begin(estimator=self, **data)
        # On a copy: a refit that is broken off leaves what was fitted before as it was.
        draft = copy.copy(self)
        goes_on = self.warm_start and hasattr(self, "model_")
        images = check_images(X, draft, self.image_shape, reset=not goes_on)
        if self.n_regions is not None:
            SIGHTS[self.images].check_regions(self.n_regions, images.shape[1:])
        answers, owners = check_label_sets(y, len(images), "y")
        seeds = spawn_seeds(self.random_state, 6)
        seeds += spawn_seeds(seeds[-1], 1)
        of_latents = {
            name: getattr(self, name)
            for name in ("n_latents", "n_categories", "objective", "mi_weight")
        }
        stages = {
            "codec": self._stage("codec", seeds[0], analyzer=self.analyzer),
            "image_encoder": self._stage("image_encoder", seeds[1], n_regions=self.n_regions),
            "gan": self._stage("gan", seeds[2], **of_latents),
        }
        about = images.shape[1:], pixel_range(images), kept_params(self), draft
        fit_data, params = (images, answers, owners), self.get_params(deep=False)
        earlier = {}
        if goes_on:
            check_same_images(images, self.image_shape_)
            warn_of_scale(images, self.pixel_range_)
            earlier = {stages[name]: vars(self)[f"{name}_"] for name in stages}
        kept, seeds = begin_fit(checkpoints, self, stages, earlier, *fit_data, seeds)

        def report(
            stage: Stage, snapshot: Callable[[Any], FittedModel] | None = None
        ) -> AbstractContextManager[Stage]:
            fitted = {"latents": lambda net: snapshot(net).attributes(*about)} if snapshot else {}
            return reporting(stage, self, context, data, fitted, kept, earlier.get(stage))

        callbacks = getattr(self, "_skl_callbacks", ())
        model = fit_model(
            stages, *fit_data, params=params, seeds=seeds[3:], report=report, callbacks=callbacks
        )
        self._hold(attributes := model.attributes(*about))
        if context is not None:
            with sharing_work(None):
                context.call_on_fit_task_end(
                    estimator=self, reconstruction_attributes=attributes, **data
                )
        # Last: where warnings are errors, the estimator is fitted all the same.
        warn_of_answers(model, *fit_data, batch_size=self.batch_size)
        return self

    def _stage(self, name: str, seed: int, **params: Any) -> Stage:
        """Return an unfitted clone of a sub-estimator, with what this estimator decides."""
        stage = getattr(self, name)
        stage = model_file.STAGES[name]() if stage is None else clone(stage)
        return stage.set_params(
            device=self.device,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            random_state=seed,
            **params,
        )
