"""ImageEncoder: images → image vectors, by which captions are matched."""

import math
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._persistence import Fields, Tensors, image_shape
from .._pixels import pixel_range, warn_of_scale
from .._stored import Images
from .._torch.batches import ROWS, in_batches, rows_of_vectors
from .._torch.candidates import candidates_of
from .._torch.device import resolve_device
from .._torch.environment import own_environment
from .._torch.optimizers import AdamW
from .._torch.seeding import seeded_init, spawn_seeds
from .._torch.stored import tensor_of
from .._validation import (
    FARTHEST,
    as_rows,
    check_given,
    check_images,
    check_regions,
    check_same_images,
)
from ..answers.encoded import EncodedAnswers
from ..exceptions import ModelFileError
from ..training.estimator import Auto, RandomState, Stage, stage_fit
from ..training.net import Rows, SupervisedNet, n_training_steps
from ..training.shards import OF_IMAGES
from .held_out import HeldOutMatches
from .matchers import VectorMatcher, WordMatcher, matcher_of
from .modules import NETWORKS, SOME_ROWS

# Images that are computed together on a CPU: nearly as fast as more, and a single one does not wait
# long (2 cores, AMD EPYC 7003).
IMAGES = 8
# Strong, as AdamW scales it by the learning rate: .3 % of a weight in each step. This and the
# default learning rate and length were chosen on held-out grids of MNIST's training digits.
WEIGHT_DECAY = 0.3


class ImageEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Stage):
    """Turn images into vectors by which captions are matched with them.

    A network (convolutional for images, a perceptron for feature vectors) is trained to decide for
    every pair of an image and a sentence vector whether they belong together. Its features, before
    that decision, are the image vectors. Feature vectors are matched with the words of sentences,
    if `y` has these: they are taken to come from a trained network, and only standardised.

    Parameters
    ----------
    n_filters : int, default=16
        Channels of the first convolution; they double as the image shrinks. Raise it for
        photographs. No effect on feature vectors.
    positions : bool or "auto", default="auto"
        Whether the first convolution gets the coordinates of its pixels, for answers that depend on
        where things are ("to the left of"). Then sentences are also decoded with a look at the
        regions of the image. "auto": with sentences. No effect on feature vectors.
    n_regions : int or None, default=None
        Of feature vectors that are matched with sentences: `X` holds 1 + `n_regions` vectors of
        equal length, the image's own and those of its regions, see `ConditionalCaptioner`. They
        are matched by the first one; the others are kept for the decoder.
    lr : float, default=1e-2
        Peak learning rate of AdamW.
    batch_size : int, default=64
        Images in a training step; also bounds the memory of `transform` on an accelerator.
    max_iter : int or "auto", default="auto"
        Training steps, rounded to whole passes over the data if several. "auto": two for each
        image up to 1250, or 7 passes over many images; twice as many with `positions`, and of
        images in colour.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training, for time alone: the model is the same. None is as many as
        torch has, -1 all.
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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where `X` was a DataFrame.

    See Also
    --------
    ConditionalCaptioner : The estimator that this is a stage of.

    Notes
    -----
    While training, images are moved at random by up to 1/32 of their size, and a tenth of the
    image vector's components are left out (of feature vectors that are matched with words, four
    tenths).

    References
    ----------
    .. [1] X. Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023.

    Examples
    --------
    >>> from condcap_sk.datasets import load_grid_digits
    >>> from condcap_sk.text import CaptionCodec
    >>> from condcap_sk.vision import ImageEncoder
    >>> digits = load_grid_digits(n_train=50)
    >>> codec = CaptionCodec(random_state=0).fit(range(10))
    >>> vector_sets = [codec.transform(sorted(answers)) for answers in digits.label_sets]
    >>> encoder = ImageEncoder(max_iter=20, random_state=0).fit(digits.images, vector_sets)
    >>> encoder.transform(digits.images[:3]).shape
    (3, 128)
    """

    _parameter_constraints: dict = {
        **Stage._parameter_constraints,
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "positions": [StrOptions({"auto"}), "boolean"],
        "n_regions": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
    }
    _MODULES = {"matcher": (VectorMatcher, WordMatcher)}
    _PARTS = NETWORKS

    def __init__(
        self,
        *,
        n_filters: int = 16,
        positions: bool | Auto = "auto",
        n_regions: int | None = None,
        lr: float = 1e-2,
        batch_size: int = 64,
        max_iter: int | Auto = "auto",
        callbacks: list[Any] | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.positions = positions
        self.n_regions = n_regions
        super().__init__(
            lr=lr,
            batch_size=batch_size,
            max_iter=max_iter,
            callbacks=callbacks,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @stage_fit
    def fit(
        self,
        X: ArrayLike,
        y: EncodedAnswers | Sequence[ArrayLike] | NDArray[np.floating],
        validation: tuple[ArrayLike, Any] | None = None,
    ) -> Self:
        """Train the network to match images with captions.

        Parameters
        ----------
        X : array-like of shape (n, H, W), (n, H, W, C), (n, C, H, W) or (n, d)
            Images, or feature vectors.
        y : EncodedAnswers, or list of n arrays of shape (n_answers, n_components), or array of \
                shape (n, n_components)
            The answers of each image, or their sentence vectors; equal vectors are the same answer.
        validation : tuple (X, y) or None, default=None
            Held-out images, measured but not learned from.

        Returns
        -------
        self : ImageEncoder
            The fitted encoder.
        """
        check_given(y, self)
        images = check_images(X, self, reset=True)
        held_out = None
        if validation is not None:
            held_out = check_images(validation[0], self), validation[1]
        return self._fit(images, y, held_out)

    @stage_fit
    def _fit_checked(
        self,
        X: Images,
        y: EncodedAnswers,
        validation: tuple[Images, EncodedAnswers] | None,
    ) -> Self:
        """Fit on images as `check_images` returns them: of narrow ones it would read them anew."""
        return self._fit(X, y, validation)

    def _fit(self, X: Images, y: Any, validation: tuple[Images, Any] | None) -> Self:
        images, shape = tensor_of(X), X.shape[1:]
        answers = EncodedAnswers.from_vectors(y, len(images))
        if self.n_regions is not None:
            check_regions(self.n_regions, shape)
        network_seed, order_seed, rng_seed = spawn_seeds(self.random_state, 3)
        device = resolve_device(self.device)
        with seeded_init(network_seed):
            positions = resolve_positions(self.positions, answers)
            build = matcher_of(answers, shape).build
            matcher = build(answers, shape, self.n_filters, positions, self.n_regions or 0)
        if self._earlier is None:
            matcher.network.fit_scale(images[:: math.ceil(len(images) / SOME_ROWS)])
        else:
            self._go_on(matcher, self._earlier.matcher_)
        bank = torch.from_numpy(getattr(answers, matcher.READS)).to(device)
        n_steps = self.max_iter
        if n_steps == "auto":
            # Two for each image.
            epochs = 7, 2 * int(self.batch_size)
            n_steps = n_training_steps(len(images), self.batch_size, steps=(1, 1250), epochs=epochs)
            # Where things are is learned late: chosen on drawn scenes. So is what photographs show:
            # on grids of CIFAR-10's training images that were not trained on, .920 of the answers
            # without a latent are right instead of .884.
            if images.ndim == 4 and (positions or images.shape[1] > 1):
                n_steps *= 2
            n_steps = self._fewer(n_steps)
        measure = None
        if validation is not None:
            X_val, held_out = (
                validation[0],
                EncodedAnswers.from_vectors(validation[1], len(validation[0])),
            )
            measure = HeldOutMatches(X_val, held_out, matcher.READS, self.batch_size, device)
        net, history = self._train(
            SupervisedNet,
            matcher,
            Rows(images=images, answers=torch.from_numpy(answers.index)),
            stage="images",
            n_steps=n_steps,
            order_seed=order_seed,
            callbacks=self._own_callbacks(),
            device=device,
            measure=measure,
            seed=rng_seed,
            shared=lambda images, answers: {"bank": bank, "candidates": candidates_of(answers)},
            shard_size=OF_IMAGES if images.ndim == 4 else None,
            optimizer=AdamW,
            optimizer__fused=True,
            optimizer__weight_decay=WEIGHT_DECAY,
        )
        self._keep(matcher=net.average_)
        self.device_ = device
        self.history_ = history
        self.n_iter_ = net.n_iter_
        self.shape_ = shape
        self.pixel_range_ = pixel_range(X)
        if X.ndim == 2:
            self.n_features_in_ = shape[0]
        return self

    @property
    def _n_features_out(self) -> int:
        return self.matcher_.network.n_features

    @own_environment()
    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the image vectors.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, of the shape in `fit`.

        Returns
        -------
        vectors : ndarray of shape (n, n_features), float32
            Each feature of mean 0 and variance 1, about, over the training images.
        """
        check_is_fitted(self)
        images = check_images(X, self)
        check_same_images(images, self.shape_)
        if images.ndim == 4:
            warn_of_scale(images, self.pixel_range_)
        return self._encode(images)

    def _encode(self, X: Images, regions: bool = False) -> NDArray[np.float32]:
        """Return the vectors of checked images, whatever `set_output` says of `transform`."""
        matcher = self.matcher_
        vectors = in_batches(
            matcher.image_vectors_and_regions if regions else matcher.image_vectors,
            tensor_of(X),
            size=self.batch_size,
            device=self.device_,
            rows=ROWS if X.ndim == 2 and not regions else IMAGES,
        ).numpy()
        # NaN is not between them, either. Absolute values would be another copy of all vectors.
        least, most = vectors.min(initial=0), vectors.max(initial=0)
        if not -FARTHEST <= least <= most <= FARTHEST:
            raise ValueError(
                f"X holds values up to {max(-X.min(), X.max()):.3g}, on another scale than those "
                "in fit. Scale X as it was there."
            )
        return vectors

    @own_environment()
    def relevance(
        self, image_vectors: ArrayLike, captions: NDArray[np.generic]
    ) -> NDArray[np.float32]:
        """Return how well captions fit images.

        Parameters
        ----------
        image_vectors : array-like of shape (n, n_features)
            From `transform`.
        captions : ndarray of shape (n, k, n_components) or (k, n_components)
            Sentence vectors of k captions for each image, or of k captions that are each compared
            with every image; token ids (…, max_length) where captions were matched with feature
            vectors.

        Returns
        -------
        log_odds : ndarray of shape (n, k), float32
            Log-odds that the caption belongs to the image.
        """
        check_is_fitted(self)
        images = torch.from_numpy(as_rows(image_vectors, self._n_features_out, "image_vectors"))
        given = torch.from_numpy(captions)
        matcher, pairs = self.matcher_, rows_of_vectors(self.batch_size)
        run = partial(in_batches, size=pairs, device=self.device_)
        if given.ndim == 3:
            # So many pairs at a time, whatever the number of captions.
            size = math.ceil(pairs / given.shape[1])
            return run(matcher, images, given, size=size, rows=matcher.ROWS).numpy()
        embedded = run(matcher.embeddings, given).to(self.device_)

        def compare(image_vectors: torch.Tensor) -> torch.Tensor:
            return matcher.log_odds(matcher.image_embeddings(image_vectors), embedded)

        return run(compare, images).numpy()

    def _to_state(self, prefix: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        fields, tensors = super()._to_state(prefix)
        about = {"shape": list(self.shape_), "pixel_range": [self.pixel_range_]}
        return fields | about, tensors

    @classmethod
    def _from_state(cls, prefix: str, fields: Fields, tensors: Tensors) -> Self:
        encoder = super()._from_state(prefix, fields, tensors)
        encoder.shape_ = image_shape(fields, "shape")
        encoder.pixel_range_ = tuple(fields.numbers("pixel_range", 2)[0].tolist())
        if len(encoder.shape_) == 1:
            encoder.n_features_in_ = encoder.shape_[0]
        if encoder.matcher_.network.shape != encoder.shape_:
            raise ModelFileError(f"{fields.where} has a network for images of another shape.")
        fields.end()
        return encoder


def resolve_positions(positions: bool | Auto, answers: EncodedAnswers) -> bool:
    """Return what "auto" is: sentences are about where things are."""
    return answers.are_sentences if positions == "auto" else positions
