"""ImageEncoder: images → image vectors that tell which captions fit."""

import copy
import math
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.metrics import average_precision_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._pixels import pixel_range, warn_of_scale
from .._validation import as_rows, check_given, check_images, check_same_images, check_vector_sets
from ..persistence import history, image_shape, named_tensors, pack_params, unpack_params
from ..training.batches import ROWS, in_batches
from ..training.device import Portable, resolve_device
from ..training.embedding import begin_with
from ..training.environment import own_environment
from ..training.net import Rows, SupervisedNet, n_training_steps, train
from ..training.seeding import generator, seeded_init, spawn_seeds
from ..training.threads import with_threads
from .modules import Matcher, image_network, settings_in

# Computed together on a CPU: images, in five views each, and images with sentences of their own.
# As fast as more, and a single one does not wait long (2 cores, AMD EPYC 7003).
IMAGES = 4
PAIRED = 8


class ImageEncoder(Portable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn images into vectors that tell which captions fit them.

    A network (convolutional for images, a perceptron for feature vectors) is trained to decide for
    every pair of an image and a sentence vector whether they belong together. Its features, before
    that decision, are the image vectors. Sentences may come as token ids, too: then the decision
    is by their words, whose vectors are learned with it, and feature vectors, which are taken to
    come from a trained network, only standardised.

    Parameters
    ----------
    n_filters : int, default=16
        Channels of the first convolution; they double as the image shrinks. Raise it for
        photographs. No effect on feature vectors.
    positions : bool, default=False
        Whether the first convolution is told where in the image it is. For answers that depend on
        where things are ("to the left of"). No effect on feature vectors.
    lr : float, default=5e-3
        Peak learning rate of AdamW.
    batch_size : int, default=64
        Images in a training step; also bounds the memory of `transform`.
    max_iter : int or "auto", default="auto"
        Training steps. "auto": two for each image up to 2500, or 14 passes over many images.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training. None is one, -1 all.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the data, the shifts and the dropout.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    history_ : dict of list
        "epoch", "matching" (the loss) and, with validation data, "valid_average_precision" of the
        decisions on held-out images.
    n_iter_ : int
        Training steps taken.
    n_features_in_ : int
        Number of columns of a 2-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where `X` was a DataFrame.

    See Also
    --------
    ConditionalCaptioner : The estimator that this is a stage of.

    Notes
    -----
    While training, images are moved at random by up to 1/32 of their size, and three tenths of the
    image vector's components are left out (of feature vectors that are matched with words, four
    tenths). Afterwards, an image's vector is the mean over five positions: as it is, and moved by
    1/64 of its size in each direction.

    References
    ----------
    .. [1] X. Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023.

    Examples
    --------
    >>> from condcap_sk.datasets import load_grid_digits
    >>> from condcap_sk.text import CaptionCodec
    >>> from condcap_sk.vision import ImageEncoder
    >>> digits = load_grid_digits()
    >>> codec = CaptionCodec(random_state=0).fit(range(10))
    >>> vector_sets = [codec.transform(sorted(answers)) for answers in digits.label_sets]
    >>> encoder = ImageEncoder(max_iter=20, random_state=0).fit(digits.images, vector_sets)
    >>> encoder.transform(digits.images[:3]).shape
    (3, 128)
    """

    _parameter_constraints: dict = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "positions": ["boolean"],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "callbacks": [None, list],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_filters=16,
        positions=False,
        lr=5e-3,
        batch_size=64,
        max_iter="auto",
        callbacks=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_filters = n_filters
        self.positions = positions
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    @with_threads
    @own_environment()
    def fit(self, X, y, X_val=None, y_val=None, *, n_tokens=None, word_vectors=None):
        """Train the network to match images with captions.

        Parameters
        ----------
        X : array-like of shape (n, H, W), (n, H, W, C), (n, C, H, W) or (n, d)
            Images, or feature vectors.
        y : list of n arrays of shape (n_answers, n_components), or array of shape \
                (n, n_components)
            The sentence vectors that belong to each image; equal vectors are the same caption.
            With `n_tokens`, token ids of shape (n_answers, max_length) in place of vectors, filled
            up with 0.
        X_val, y_val : like X and y, default=None
            Held-out images, measured but not learned from.
        n_tokens : int or None, default=None
            Number of different token ids. None: `y` holds sentence vectors.
        word_vectors : ndarray of shape (n_tokens, d) or None, default=None
            Where the vectors of the tokens begin; rows of NaN tell nothing.

        Returns
        -------
        self : ImageEncoder
            The fitted encoder.
        """
        check_given(y, self)
        X = check_images(X, self, reset=True)
        dtype = np.float32 if n_tokens is None else np.int64
        bank, answers = check_vector_sets(y, len(X), dtype)
        network_seed, order_seed, shift_seed = spawn_seeds(self.random_state, 3)
        device = resolve_device(self.device)
        with seeded_init(network_seed):
            network = image_network(
                X.shape[1:],
                self.n_filters,
                positions=self.positions,
                linear=n_tokens is not None,
            )
            matcher = Matcher(network, torch.from_numpy(bank).to(device), n_tokens)
            if n_tokens is not None:
                matcher.embed_caption.silence(np.setdiff1d(np.arange(n_tokens), bank))
            if word_vectors is not None:
                begin_with(matcher.embed_caption.words, word_vectors)
        images = torch.from_numpy(X)
        network.standardise.fit(images)
        matcher.generator = generator(shift_seed, device)
        n_steps = self.max_iter
        if n_steps == "auto":
            n_steps = n_training_steps(
                len(X), self.batch_size, per_row=2, least=2500, least_epochs=14
            )
        measure = None
        if X_val is not None:
            measure = self._average_precision(check_images(X_val, self), y_val, dtype, device)
        net, history = train(
            SupervisedNet,
            matcher,
            Rows(images=images, answers=torch.from_numpy(answers)),
            stage="images",
            n_steps=n_steps,
            batch_size=self.batch_size,
            generator=generator(order_seed),
            device=device,
            callbacks=copy.deepcopy(self.callbacks),
            measure=measure,
            verbose=self.verbose,
            optimizer=torch.optim.AdamW,
            optimizer__fused=True,
            # Strong, as AdamW scales it by the learning rate: .15 % of a weight in each step.
            optimizer__weight_decay=0.3,
            lr=self.lr,
        )
        matcher = net.module_.eval().requires_grad_(False)
        matcher.bank = matcher.generator = None
        self.matcher_ = matcher
        self.device_ = device
        self.history_ = history
        self.n_iter_ = net.n_iter_
        self.shape_ = X.shape[1:]
        self.pixel_range_ = pixel_range(X)
        self._n_features_out = network.n_features
        return self

    def _average_precision(self, X, y, dtype, device):
        bank, answers = check_vector_sets(y, len(X), dtype)
        # Average precision over thousands of captions would cost more than the training.
        looked_at = np.arange(0, len(bank), math.ceil(len(bank) / 2000))
        fits = np.zeros((len(answers), len(bank) + 1), dtype=bool)
        np.put_along_axis(fits, answers % fits.shape[1], True, axis=1)  # −1 is the last column
        fits = fits[:, looked_at]
        bank = torch.from_numpy(bank[looked_at]).to(device)

        def measure(net):
            net.module_.eval()
            with torch.no_grad():
                log_odds = [
                    net.module_(net.module_.image_vectors(batch.to(device)), bank).cpu()
                    for batch in torch.from_numpy(X).split(self.batch_size)
                ]
            precision = average_precision_score(fits.ravel(), torch.cat(log_odds).numpy().ravel())
            return {"valid_average_precision": float(precision)}

        return measure

    @own_environment()
    def transform(self, X):
        """Return the image vectors.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, of the shape seen in `fit`.

        Returns
        -------
        vectors : ndarray of shape (n, n_components), float32
            Each component of mean 0 and variance 1, about, over the training images.
        """
        check_is_fitted(self)
        X = check_images(X, self)
        check_same_images(X, self.shape_)
        if X.ndim == 4 and self.pixel_range_ is not None:
            warn_of_scale(X, self.pixel_range_)
        return self._encode(X)

    def _encode(self, X):
        """Return the vectors of checked images, whatever `set_output` says of `transform`."""
        return in_batches(
            self.matcher_.steady_image_vectors,
            torch.from_numpy(X),
            size=self.batch_size,
            device=self.device_,
            rows=ROWS if X.ndim == 2 else IMAGES,
        ).numpy()

    @own_environment()
    def relevance(self, image_vectors, captions):
        """Return how well captions fit images.

        Parameters
        ----------
        image_vectors : array-like of shape (n, n_features)
            From `transform`.
        captions : ndarray of shape (n, k, n_components) or (k, n_components)
            Sentence vectors of k captions for each image, or of k captions that are each compared
            with every image; of token ids (…, max_length) if `fit` was given those.

        Returns
        -------
        log_odds : ndarray of shape (n, k), float32
            Log-odds that the caption belongs to the image.
        """
        check_is_fitted(self)
        image_vectors = as_rows(image_vectors, self._n_features_out, "image_vectors")
        images, captions = torch.from_numpy(image_vectors), torch.from_numpy(captions)
        matcher, pairs = self.matcher_, 16 * self.batch_size
        run = partial(in_batches, size=pairs, device=self.device_)
        if captions.ndim == 3:
            # So many pairs at a time, whatever the number of captions.
            size = math.ceil(pairs / captions.shape[1])
            rows = PAIRED if matcher.reads_words else ROWS
            return run(matcher, images, captions, size=size, rows=rows).numpy()
        embedded = run(matcher.embeddings, captions).to(self.device_)

        def compare(image_vectors):
            return matcher.log_odds(matcher.image_embeddings(image_vectors), embedded)

        return run(compare, images).numpy()

    def _to_state(self):
        """Return all that was fitted, as fields for JSON and as tensors."""
        fields = {
            "params": pack_params(self),
            "shape": list(self.shape_),
            "history": self.history_,
            "n_iter": self.n_iter_,
        }
        return fields, named_tensors("image_encoder.", self.matcher_)

    @classmethod
    def _from_state(cls, fields, tensors):
        encoder = unpack_params(cls, fields.inner("params"))
        encoder.shape_ = image_shape(fields, "shape")
        if len(encoder.shape_) == 1:
            encoder.n_features_in_ = encoder.shape_[0]
        settings = settings_in(tensors, "image_encoder.network.", encoder.shape_)
        n_components, n_tokens = 1, None
        if "image_encoder.embed_caption.words.weight" in tensors:
            n_tokens = tensors.shape("image_encoder.embed_caption.words.weight", 2)[0]
        else:
            n_components = tensors.shape("image_encoder.embed_caption.0.weight", 2)[1]

        def build():
            network = image_network(encoder.shape_, **settings, linear=n_tokens is not None)
            return Matcher(network, torch.empty(1, n_components), n_tokens)

        encoder.matcher_ = tensors.fill("image_encoder.", build)
        encoder.matcher_.bank = None
        encoder._n_features_out = encoder.matcher_.network.n_features
        encoder.history_ = history(fields, "history")
        encoder.n_iter_ = fields.size("n_iter")
        encoder.device_ = torch.device("cpu")
        fields.end()
        return encoder
