"""ConditionalCaptioner: one image, many right answers, and a latent that chooses between them."""

import copy
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_scalar

from ._pixels import pixel_range, warn_of_scale
from ._validation import (
    as_array,
    as_rows,
    check_given,
    check_images,
    check_latents,
    check_same_images,
)
from ._warnings import warn_user
from .answers.label_sets import answer_rows, check_label_sets
from .answers.labels import check_answers
from .answers.ngrams import pick_diverse
from .exceptions import CollapseWarning, EmptyCaptionError, ModelFileError, SingleAnswerWarning
from .gan import LatentGAN
from .gan.prior import propose
from .metrics import cider, fixed_latent_accuracy
from .persistence import (
    Fields,
    Tensors,
    image_shape,
    kept_params,
    pack_params,
    read,
    unpack_params,
    write,
)
from .speaker import Speaker
from .text import CaptionCodec
from .text.word_vectors import vectors_of
from .training.callbacks import CallbackSupportMixin, reporting, with_callbacks
from .training.device import Portable
from .training.environment import own_environment
from .training.seeding import check_seed, spawn_seeds
from .training.threads import with_threads
from .vision import ImageEncoder
from .vision.modules import image_network

_DEFAULTS = {"codec": CaptionCodec, "image_encoder": ImageEncoder, "gan": LatentGAN}
DIVERSITY = 7.5  # what a sentence in `sample` loses by being like another
N_TRIED = 8  # latents tried for each answer that `sample` is to give
MOST_TRIED = 100_000  # latents tried in `sample`, however many answers are asked for
N_PROPOSALS = 1000  # latents tried for one speaker, or for one answer
N_REACHED = 28  # images whose answer's latent is searched for at a time
N_STEPS = 9  # from the latent that the recogniser says to one that the generator needs
BANK_SIZE = 32  # latents tried where none is given
MOST_HELD_OUT = 500  # images
MOST_CALIBRATED = 2000  # images
MOST_LOOKED_AT = 100  # images


class ConditionalCaptioner(Portable, CallbackSupportMixin, BaseEstimator):
    """Learn, without annotation, the latent variable that makes an image's right answers differ.

    A photo has many captions, a grid of four digits has four labels. What makes one answer differ
    from another is a latent variable c that no data set annotates. This estimator learns it from
    images and their sets of answers, lets you choose its value and reads it back from an answer.

    Two stages: an encoder-decoder turns captions into sentence vectors s and an image encoder
    learns which of them fit an image X; then a conditional InfoGAN is trained on the sentence
    vectors, ``G(c, X) → ŝ``, ``D(s, X)``, ``Q(ŝ, X) → ĉ`` (`LatentGAN` has the equations). The
    answer is the decoded G(c, X).

    Parameters
    ----------
    n_latents : int, default=3
        Dimension of the latent variable. Its prior is N(0, I).
    analyzer : {"auto", "label", "word", "char"} or callable, default="auto"
        How an answer falls into tokens, see `CaptionCodec`. "label": an answer is one token
        whatever it is. "auto" takes "char" for captions without spaces between words, "word" where
        other string answers contain white space, else "label".
    objective : {"relativistic", "paper"}, default="relativistic"
        The game that is played, see `LatentGAN`. "paper" is exactly (4)–(6), and an answer is
        exactly Decoder(G(c, X)).
    images : {"matched", "end-to-end", "ignored"}, default="matched"
        What G, D and Q see of the image. "matched": the vectors of one image encoder, which is
        fitted first by matching images with captions, then kept. "end-to-end": the image itself,
        each through a network of its own, trained in the game. "ignored": nothing.
    mi_weight : float, default=0.1
        Weight λ_I of the latent's recovery, equation (6).
    image_shape : tuple (H, W) or (H, W, C), default=None
        Says that the rows of a 2-D `X` are flattened images. None: they are feature vectors.
    relevance_weight : float, default=3
        Of the decoder's candidates for G(c, X), the answer is the one with the largest decoder
        log-probability + `relevance_weight` · log-probability that the image encoder gives the
        pair; of sentences, that over a power of their length. 0 is the plain decoder. Does not
        apply with ``objective="paper"``, nor to sentences without an image encoder.
    beam_width : int, default=3
        Width of the decoder's beam search for a sentence under a latent, of which the best one is
        the answer; 1 is greedy. Three times as wide where no latent is given. Does not apply to
        labels, nor with ``objective="paper"``, which is greedy.
    validation_fraction : float, default=0.05
        Share of the images, at most 500, held out to show progress. Nothing is chosen on them.
    codec : CaptionCodec or None, default=None
        Settings of the first stage for captions. None: defaults.
    image_encoder : ImageEncoder or None, default=None
        Settings of the first stage for images. None: defaults.
    gan : LatentGAN or None, default=None
        Settings of the second stage. None: defaults.
    batch_size : int, default=1024
        Images that are answered at a time; bounds the memory of prediction.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads that `fit` computes with. None is one, -1 all; the last bits of a model depend
        on their number. Prediction takes all that torch has.
    random_state : int, RandomState instance or None, default=None
        An int makes `fit` repeatable, to the last bit on a CPU. The global streams are never used.
    verbose : int, default=0
        1 shows a progress bar for each stage.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The distinct labels, sorted. Only where answers are labels.
    codec_ : CaptionCodec
        The fitted caption codec.
    image_encoder_ : ImageEncoder or None
        The fitted image encoder, with ``images="matched"``.
    gan_ : LatentGAN
        The fitted game.
    fitted_params_ : dict
        The parameters that the estimator was fitted with, as `get_params` gives them, but for
        `callbacks` and `word_vectors`. It answers and is saved by these, whatever is set
        afterwards (but for `batch_size`).
    latent_bank_ : ndarray of shape (32, n_latents)
        The draws from the prior that are tried where no latent is given.
    history_ : dict of list
        Losses and held-out measures along the training, from the `history_` of the parts, under
        names such as "captions_epoch", "images_matching", "latents_valid_accuracy" or
        "consensus_reward".
    n_features_in_ : int
        Number of columns of a 2-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    With ``images="end-to-end"``, of the `image_encoder` only `n_filters` counts.

    `codec`, `image_encoder` and `gan` are cloned; their `device`, `n_jobs`, `random_state` and
    `verbose`, the codec's `analyzer` and the game's `n_latents`, `objective`, `mi_weight` and
    `noise` are set by this estimator.

    Examples
    --------
    Grids of four digits; the right answers are the digits that are in the grid.

    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.datasets import load_grid_digits
    >>> digits = load_grid_digits(n_train=300)
    >>> est = ConditionalCaptioner(random_state=0).fit(digits.images, digits.label_sets)
    >>> round(est.score(digits.images_test, digits.label_sets_test), 1)
    1.0

    One latent is one point of view, the same for every image.

    >>> c = est.sample_latents(random_state=0)[0]
    >>> answers = est.predict(digits.images_test, c)
    >>> answers.shape
    (200,)
    >>> est.infer_latent(digits.images_test, answers).shape
    (200, 3)
    """

    _parameter_constraints: dict = {
        "n_latents": [Interval(Integral, 1, None, closed="left")],
        "analyzer": [StrOptions({"auto", "label", "word", "char"}), callable],
        "objective": [StrOptions({"relativistic", "paper"})],
        "images": [StrOptions({"matched", "end-to-end", "ignored"})],
        "mi_weight": [Interval(Real, 0, None, closed="left")],
        "image_shape": [None, tuple, list],
        "relevance_weight": [Interval(Real, 0, None, closed="left")],
        "beam_width": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "codec": [None, HasMethods(["fit", "inverse_transform"])],
        "image_encoder": [None, HasMethods(["fit", "transform"])],
        "gan": [None, HasMethods(["fit", "infer"])],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_latents=3,
        *,
        analyzer="auto",
        objective="relativistic",
        images="matched",
        mi_weight=0.1,
        image_shape=None,
        relevance_weight=3.0,
        beam_width=3,
        validation_fraction=0.05,
        codec=None,
        image_encoder=None,
        gan=None,
        batch_size=1024,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_latents = n_latents
        self.analyzer = analyzer
        self.objective = objective
        self.images = images
        self.mi_weight = mi_weight
        self.image_shape = image_shape
        self.relevance_weight = relevance_weight
        self.beam_width = beam_width
        self.validation_fraction = validation_fraction
        self.codec = codec
        self.image_encoder = image_encoder
        self.gan = gan
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params):
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
        for name, default in _DEFAULTS.items():
            nested = any(key.startswith(name + "__") for key in params)
            if nested and getattr(self, name) is None and params.get(name) is None:
                params = {name: default(), **{k: v for k, v in params.items() if k != name}}
        return super().set_params(**params)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    @with_threads
    @own_environment()
    def fit(self, X, y):
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

        Returns
        -------
        self : ConditionalCaptioner
            The fitted estimator.

        Raises
        ------
        ValueError
            If `X` or `y` is not of these forms, there is only one image, or captions have no
            token.
        TrainingDivergedError
            If a loss becomes infinite or NaN.

        Warns
        -----
        SingleAnswerWarning
            If there is only one answer in `y`.
        CollapseWarning
            If images that have several answers get the same under different latents.
        """
        check_given(y, self)
        data = {"X": X, "y": y}
        context = self._init_callback_context(max_subtasks=3 if self.images == "matched" else 2)
        report = partial(reporting, self, context, data=data)
        if context is not None:
            context.call_on_fit_task_begin(estimator=self, **data)
        # On a copy: a refit that is broken off leaves what was fitted before as it was.
        draft = copy.copy(self)
        X = check_images(X, draft, self.image_shape, reset=True)
        answers, owners = check_label_sets(y, len(X), "y")
        codec_seed, encoder_seed, gan_seed, split_seed, bank_seed, calibration_seed = spawn_seeds(
            self.random_state, 6
        )
        train, held_out = self._split(len(X), split_seed)
        bank = _draw_latents(BANK_SIZE, self.n_latents, bank_seed)

        part = self._part("codec", codec_seed, analyzer=self.analyzer)
        with report("captions", part) as codec, _naming_images(owners):
            codec.fit(answers)
        first = np.flatnonzero(np.diff(owners)) + 1
        tokens = codec.vocabulary_.encode(answers)
        vectors = np.split(codec.encode_tokens(tokens), first)
        said, for_images, for_game = vectors, {}, {}
        if codec.analyzer_ != "label":
            tokens = np.split(tokens, first)
            words = {"n_tokens": len(codec.vocabulary_)}
            if codec.word_vectors is not None:
                words["word_vectors"] = vectors_of(codec.vocabulary_, codec.word_vectors)
            if X.ndim == 2:
                # Features know which words fit. A network that begins with pixels must learn from
                # whole sentences, which tell what belongs to what, and where it is.
                said, for_images = tokens, words
            if self.objective != "paper":
                for_game = {
                    **words,
                    "tokens": [tokens[i] for i in train],
                    "tokens_val": [tokens[i] for i in held_out],
                }

        def rows(seen, captions):
            return (
                seen[train],
                [captions[i] for i in train],
                *((seen[held_out], [captions[i] for i in held_out]) if len(held_out) else ()),
            )

        # Sentences tell where things are.
        positions = {"positions": True} if codec.analyzer_ != "label" else {}
        image_encoder = None
        if self.images == "matched":
            part = self._part("image_encoder", encoder_seed, **positions)
            with report("images", part) as image_encoder:
                image_encoder.fit(*rows(X, said), **for_images)
        gan = self._part(
            "gan",
            gan_seed,
            n_latents=self.n_latents,
            objective=self.objective,
            mi_weight=self.mi_weight,
            # As much as the decoder was taught to hear through; the game cannot do with none.
            noise=codec.noise_ or 1.0,
        )
        if self.images == "end-to-end":
            part = self._part("image_encoder", encoder_seed, **positions)
            network = partial(image_network, X.shape[1:], part.n_filters, positions=part.positions)
            gan.set_params(image_network=network)
        params, about_images = kept_params(self), (X.shape[1:], pixel_range(X))

        def fitted(net):
            parts = codec, image_encoder, gan.snapshot(net)
            return _attributes(*about_images, draft, params, bank, *parts)

        with report("latents", gan, fitted=fitted):
            gan.fit(*rows(_see(X, self.images, image_encoder), vectors), **for_game)
        attributes = _attributes(*about_images, draft, params, bank, codec, image_encoder, gan)
        draft.__dict__.update(attributes)
        if self.objective != "paper":
            some = X[train[:MOST_CALIBRATED]]
            c = draft.sample_latents(len(some), random_state=calibration_seed)
            seen = draft._see(some)
            gan.calibrate(seen, codec.encode_tokens(draft._speaker().choose(seen, c)), c)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(attributes)
        if context is not None:
            context.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=attributes, **data
            )
        # Last: where warnings are errors, the estimator is fitted all the same.
        if (answers == answers[0]).all():
            warn_user(
                f"Every answer in y is {answers[:1].tolist()[0]!r}: no latent can be learned. Pass "
                "different answers.",
                SingleAnswerWarning,
            )
        self._warn_of_collapse(X, np.bincount(owners))
        return self

    @own_environment()
    def predict(self, X, c=None):
        """Answer for each image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        c : array-like of shape (n_latents,) or (n, n_latents), default=None
            One latent for all images, or one each. None: the answer that the model holds most
            relevant among those it gives under `latent_bank_`; of sentences under these, under
            c = 0, which stands for whatever is said, and of the consensus, the one that is most
            probable and relevant and agrees best with the others.

        Returns
        -------
        answers : ndarray of shape (n,)
            In the labels' dtype; str objects for captions.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        if c is None:
            ranked = self._rank(X)
            return self.codec_.vocabulary_.decode(np.stack([tokens[0] for tokens, _ in ranked]))
        c = check_latents(c, len(X), self._n_latents)
        chosen = [self._speaker().choose(seen, c[rows]) for rows, seen in self._batches(X)]
        return self.codec_.vocabulary_.decode(np.concatenate(chosen))

    @own_environment()
    def predict_grid(self, X, latents):
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
        """
        check_is_fitted(self)
        X = self._check_images(X)
        latents = as_rows(latents, self._n_latents, "latents")
        chosen = [self._speaker().choose_each(seen, latents) for _, seen in self._batches(X)]
        tokens = np.concatenate(chosen)
        n, k, length = tokens.shape
        return self.codec_.vocabulary_.decode(tokens.reshape(n * k, length)).reshape(n, k)

    @own_environment()
    def sample(self, X, n_samples=5):
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
            ``objective="paper"``. Other sentences differ from each other, and are in the order of
            what `predict` chooses by; the first is the one that it gives.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        n_tried = min(N_TRIED * min(int(n_samples), self._speaker().n_possible), MOST_TRIED)
        n_further = max(0, n_tried - BANK_SIZE)
        answers = []
        for tokens, merits in self._rank(X, self.sample_latents(n_further, random_state=0)):
            if self.gan_.decoder_ is not None:
                tokens = tokens[pick_diverse(tokens, merits, n_samples, DIVERSITY)]
            answers.append(self.codec_.vocabulary_.decode(tokens[:n_samples]).tolist())
        return answers

    @own_environment()
    def infer_latent(self, X, labels, return_std=False):
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
            The recogniser's estimate, the mean of Q(c | s, X), scaled so that its squared error is
            least on the model's own answers to training images. Where another label would be
            given under it, it is moved until this one is, if that can be.
        std : ndarray of shape (n, n_latents), float32
            Its standard deviation in each dimension. Only with `return_std`. Not learned with
            ``objective="paper"``.
        """
        X, tokens = self._check_pairs(X, labels)
        # A caption is hardly ever given word by word, the paper's Q is exactly (6), and with
        # networks of pixels the search would take a second for each image.
        params = self.fitted_params_
        reach = self.codec_.analyzer_ == "label" and params["objective"] != "paper"
        reach &= params["images"] != "end-to-end"
        means, stds = [], []
        for rows, seen in self._batches(X):
            said, vectors = tokens[rows], self.codec_.encode_tokens(tokens[rows])
            mean, std = self.gan_.infer(seen, vectors)
            if reach:
                others = np.flatnonzero((self._speaker().choose(seen, mean) != said).any(axis=1))
                for i in np.split(others, range(N_REACHED, len(others), N_REACHED)):
                    if len(i):
                        mean[i] = self._reach(seen[i], said[i], vectors[i], mean[i], std[i])
            means.append(mean)
            stds.append(std)
        mean, std = np.concatenate(means), np.concatenate(stds)
        return (mean, std) if return_std else mean

    @own_environment()
    def infer_speaker(self, X, labels):
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
            Mean and standard deviation of the posterior, given all the answers. ``predict(X_new,
            c)`` continues as the speaker would.
        """
        X, tokens = self._check_pairs(X, labels)
        seen = self._see(X)
        means, stds = self.gan_.infer(seen, self.codec_.encode_tokens(tokens))
        proposals, log_weights = propose(means, stds, N_PROPOSALS)
        for image, answer in zip(seen, tokens, strict=True):
            heard = self.gan_.generate(_repeat(image, N_PROPOSALS), proposals)
            log_weights += self.codec_.log_probability(
                heard, np.tile(answer, (N_PROPOSALS, 1)), self.gan_.decoder_
            )
        weights = softmax(log_weights).astype(np.float32)[:, None]
        mean = (weights * proposals).sum(axis=0)
        return mean, np.sqrt((weights * (proposals - mean) ** 2).sum(axis=0))

    @own_environment()
    def recover_latent(self, X, c):
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
        """
        check_is_fitted(self)
        X = self._check_images(X)
        seen = self._see(X)
        return self.gan_.infer(seen, self.gan_.generate(seen, c))[0]

    @own_environment()
    def score_samples(self, X, labels=None):
        """Tell how relevant each given answer is to its image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,), default=None
            One answer for each image. None: what `predict` answers.

        Returns
        -------
        relevance : ndarray of shape (n,), float32
            Log-odds that the answer belongs to the image; higher is better.
        """
        X, tokens = self._check_pairs(X, self.predict(X) if labels is None else labels)
        relevance = [
            self._speaker().relevance(seen, tokens[r][:, None]) for r, seen in self._batches(X)
        ]
        return np.concatenate(relevance)[:, 0]

    def sample_latents(self, n_samples=1, random_state=None):
        """Draw latents from the prior N(0, I).

        Parameters
        ----------
        n_samples : int, default=1
            Number of latents.
        random_state : int, RandomState instance or None, default=None
            Seed; None draws others each time.

        Returns
        -------
        c : ndarray of shape (n_samples, n_latents), float32
            The latents.
        """
        check_scalar(n_samples, "n_samples", Integral, min_val=0)
        return _draw_latents(n_samples, self._n_latents, random_state)

    @own_environment()
    def score(self, X, y):
        """Score `predict(X)` against the right answers.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        y : collection of n collections
            The right answers of each image, as in `fit`. Labels that were not seen there are right
            answers that are never given.

        Returns
        -------
        score : float
            Labels: share of answers that are in the set. Captions: mean CIDEr, between 0 and 10;
            always 0 for one image, where every n-gram is in every document, see `metrics.cider`.
        """
        answers = self.predict(X)
        right = answer_rows(y, len(answers), "y", getattr(self, "classes_", None))
        is_text = isinstance(right[0][0], str)
        if self.codec_.analyzer_ == "label":
            if is_text != isinstance(self.classes_[0], str):
                raise ValueError(
                    f"y holds no answer that was seen in fit: {right[0][:5]}, where fit saw "
                    f"{self.classes_[:5].tolist()}. Pass labels of the same kind."
                )
            return float(fixed_latent_accuracy(answers[:, None], right)[0])
        if not is_text:
            raise ValueError(f"y holds {right[0][0]!r}, but fit saw captions. Pass strings.")
        return float(cider(answers, right, analyzer=self.codec_.analyzer_).mean())

    @own_environment()
    def save(self, path):
        """Keep the fitted estimator in one safetensors file.

        Of the parameters, `callbacks` and `word_vectors` are not kept; a RandomState instance,
        which the fit used up, is kept as None.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced once the new one is whole.

        Raises
        ------
        ValueError
            If a parameter is an object, such as an analyzer function: the file holds numbers and
            text, and no code.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from condcap_sk import ConditionalCaptioner
        >>> X = np.random.RandomState(0).random((20, 5))
        >>> est = ConditionalCaptioner(random_state=0).fit(X, [["a", "b"], ["c"]] * 10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     est.save(f"{folder}/model.safetensors")
        ...     same = ConditionalCaptioner.load(f"{folder}/model.safetensors")
        >>> bool((same.predict(X) == est.predict(X)).all())
        True
        """
        check_is_fitted(self)
        parts = {name: getattr(self, f"{name}_") for name in _DEFAULTS}
        for name, part in {"ConditionalCaptioner": self, **parts}.items():
            if part is not None and type(part) not in (ConditionalCaptioner, *_DEFAULTS.values()):
                raise ValueError(
                    f"{name} is a {type(part).__name__}, which `load` does not know. Keep it with "
                    "joblib.dump."
                )
        states = {name: part._to_state() for name, part in parts.items() if part is not None}
        fields = {name: fields for name, (fields, _) in states.items()}
        fields |= {
            "params": pack_params(self, self.fitted_params_),
            "image_shape": list(self.image_shape_),
            "pixel_range": [self.pixel_range_],
            "latent_bank": self.latent_bank_.tolist(),
        }
        if hasattr(self, "n_features_in_"):
            fields["n_columns"] = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            fields["columns"] = self.feature_names_in_.tolist()
        tensors = [tensors for _, tensors in states.values()]
        write(path, fields, {name: tensor for part in tensors for name, tensor in part.items()})

    @classmethod
    @own_environment()
    def load(cls, path):
        """Return the fitted estimator that `save` kept; it is on the CPU, see `to`.

        Nothing in the file is run, imported or unpickled: a file from a stranger can give wrong
        answers, no more.

        Parameters
        ----------
        path : str or path-like
            A file written by `save`.

        Returns
        -------
        estimator : ConditionalCaptioner
            The fitted estimator.

        Raises
        ------
        ModelFileError
            If the file is not one that `save` wrote, or is damaged.
        """
        header, held = read(path)
        fields, tensors = Fields(header, "header"), Tensors(held)
        estimator = unpack_params(cls, fields.inner("params"), _DEFAULTS.values())
        codec = CaptionCodec._from_state(fields.inner("codec"), tensors)
        pixels = None
        if "pixel_range" in fields:
            pixels = tuple(fields.numbers("pixel_range", 2)[0].tolist())
        image_encoder = None
        if estimator.images == "matched":
            image_encoder = ImageEncoder._from_state(fields.inner("image_encoder"), tensors)
            image_encoder.pixel_range_ = pixels
        gan = LatentGAN._from_state(fields.inner("gan"), tensors)
        shape = image_shape(fields, "image_shape")
        bank = fields.numbers("latent_bank", estimator.n_latents)
        if "n_columns" in fields:
            estimator.n_features_in_ = fields.size("n_columns")
        if "columns" in fields:
            columns = fields.take("columns", list)
            estimator.feature_names_in_ = np.array(columns, dtype=object)
        fields.end()
        tensors.end()
        n_components, n_seen = codec._n_features_out, 1
        is_text, n_tokens = codec.analyzer_ != "label", len(codec.vocabulary_)
        reads_words = is_text and len(shape) == 1
        fits = [gan._n_components == n_components, gan.n_latents == estimator.n_latents]
        if gan.decoder_ is not None:
            fits += [
                is_text,
                gan.decoder_.start == n_tokens,
                gan.decoder_.max_length == codec.vocabulary_.max_length_,
            ]
        if image_encoder is not None:
            fits += [
                image_encoder.matcher_.n_inputs == (n_tokens if reads_words else n_components),
                image_encoder.matcher_.reads_words == reads_words,
                image_encoder.shape_ == shape,
            ]
            n_seen = image_encoder._n_features_out
        elif estimator.images == "end-to-end":
            n_seen = gan.generator_.image_network.n_features
        if not all(fits) or gan.generator_.n_image != n_seen:
            raise ModelFileError(f"{path} holds parts of different models.")
        estimator.__dict__.update(
            _attributes(
                shape, pixels, estimator, kept_params(estimator), bank, codec, image_encoder, gan
            )
        )
        return estimator

    @property
    def _n_latents(self):
        return self.latent_bank_.shape[1] if hasattr(self, "latent_bank_") else self.n_latents

    def _check_images(self, X):
        # `batch_size` counts in prediction, and may have been set after fit.
        self._validate_params()
        given = as_array(X)
        X = check_images(given, self, self.fitted_params_["image_shape"])
        check_same_images(X, self.image_shape_, given.shape)
        if X.ndim == 4 and self.pixel_range_ is not None:
            warn_of_scale(X, self.pixel_range_)
        return X

    def _check_pairs(self, X, labels):
        check_is_fitted(self)
        X = self._check_images(X)
        labels = check_answers(labels, "labels")
        if len(labels) != len(X):
            raise ValueError(
                f"X holds {len(X)} images, but labels holds {len(labels)} answers. "
                "Pass one answer for each image."
            )
        return X, self.codec_.vocabulary_.encode(labels, "labels")

    def _warn_of_collapse(self, X, n_answers):
        several = np.flatnonzero(n_answers > 1)[:MOST_LOOKED_AT]
        if not len(several):
            return
        seen = self._see(X[several])
        tokens = self._speaker().choose_each(seen, self.latent_bank_[:8])
        given = np.mean([len(np.unique(answers, axis=0)) for answers in tokens])
        if given < 1.2:
            remedy = "lower gan__kl_weight" if self.gan_.decoder_ is None else "raise gan__rate"
            warn_user(
                f"The latent decides next to nothing: under 8 latents an image gets {given:.2f} "
                f"different answers, where {n_answers[several].mean():.1f} are right. Train longer "
                f"(gan__max_iter), {remedy} or raise mi_weight.",
                CollapseWarning,
            )

    def _split(self, n_images, seed):
        order = check_seed(seed).permutation(n_images)
        n_held_out = min(MOST_HELD_OUT, int(self.validation_fraction * n_images))
        return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])

    def _part(self, name, seed, **params):
        """Return an unfitted clone of a sub-estimator, with what this estimator decides."""
        part = getattr(self, name)
        part = _DEFAULTS[name]() if part is None else clone(part)
        return part.set_params(
            device=self.device,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            random_state=seed,
            **params,
        )

    def _see(self, X):
        return _see(X, self.fitted_params_["images"], self.image_encoder_)

    def _speaker(self):
        parts, params = (self.codec_, self.image_encoder_, self.gan_), self.fitted_params_
        return Speaker(*parts, params["relevance_weight"], params["beam_width"])

    def _reach(self, seen, answers, vectors, means, stds):
        """Return for each image the first latent on a way that gives its answer.

        The way leads from Q's mean to where, of many proposals, G comes closest to the answer.
        Where no latent gives it, the mean is returned.
        """
        n, every = len(seen), np.arange(len(seen))
        pairs = zip(means[:, None], stds[:, None], strict=True)
        proposals = np.stack([propose(mean, std, N_PROPOSALS)[0] for mean, std in pairs])
        generated = self.gan_.generate(
            np.repeat(seen, N_PROPOSALS, axis=0), proposals.reshape(-1, means.shape[1])
        ).reshape(n, N_PROPOSALS, -1)
        closest = np.einsum("npd,nd->np", generated, vectors).argmax(axis=1)
        path = np.linspace(means, proposals[every, closest], N_STEPS, axis=1, dtype=np.float32)
        given = (
            self._speaker()
            .choose(np.repeat(seen, N_STEPS, axis=0), path.reshape(-1, means.shape[1]))
            .reshape(n, N_STEPS, -1)
        )
        return path[every, (given == answers[:, None]).all(axis=2).argmax(axis=1)]

    def _batches(self, X):
        for start in range(0, len(X), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield rows, self._see(X[rows])

    def _rank(self, X, further=()):
        """Rank the answers under `latent_bank_`, and those under `further` latents beside them."""
        speaker, n_voting = self._speaker(), len(self.latent_bank_)
        latents = np.vstack([self.latent_bank_, *further])
        return [
            answers
            for _, seen in self._batches(X)
            for answers in speaker.rank(seen, latents, n_voting)
        ]


@contextmanager
def _naming_images(owners):
    """Let errors about captions name the images in `y` that they belong to."""
    try:
        yield
    except EmptyCaptionError as error:
        rows = np.unique(owners[error.rows]).tolist()
        named = ", ".join(f"y[{row}]" for row in rows[:5]) + ", …" * (len(rows) > 5)
        located = EmptyCaptionError(f"{error} They are in {named}.")
        located.rows, located.captions = rows, error.captions
        raise located from error


def _see(X, images, image_encoder):
    """Return what G, D and Q see of images, by the parameter `images`."""
    if images == "matched":
        # As its `fit` reads them: of a single pixel, which axis is the channels' is not clear.
        return image_encoder._encode(check_images(X))
    return X if images == "end-to-end" else np.zeros((len(X), 1), dtype=np.float32)


def _draw_latents(n, n_latents, seed):
    return check_seed(seed).standard_normal((n, n_latents)).astype(np.float32)


def _repeat(image, n):
    return np.broadcast_to(image, (n, *image.shape))


def _attributes(shape, pixels, columns, params, bank, codec, image_encoder, gan):
    """Return what a fitted estimator holds: its parts, and what follows from them."""
    stages = {"captions": codec, "images": image_encoder, "latents": gan}
    consensus = getattr(gan, "consensus_history_", {})
    attributes = {
        "image_shape_": shape,
        "pixel_range_": pixels,
        "fitted_params_": params,
        "latent_bank_": bank,
        "codec_": codec,
        "image_encoder_": image_encoder,
        "gan_": gan,
        "history_": {
            f"{stage}_{name}": values
            for stage, part in stages.items()
            if part is not None
            for name, values in getattr(part, "history_", {}).items()
        }
        | {f"consensus_{name}": values for name, values in consensus.items()},
    }
    if codec.analyzer_ == "label":
        attributes["classes_"] = codec.classes_
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(columns, name):
            attributes[name] = getattr(columns, name)
    return attributes
