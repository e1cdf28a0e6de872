"""What G, D and Q get of an image, by the parameter `images` of the estimator."""

from functools import partial
from typing import ClassVar

import numpy as np

from .._validation import check_regions
from .encoder import ImageEncoder, resolve_positions
from .matchers import matcher_of
from .modules import NETWORKS, image_network


class Sight:
    """What G, D and Q get of an image.

    Parameters
    ----------
    stage : ImageEncoder
        Its settings or, where one is needed, the encoder itself.
    """

    STAGES: ClassVar[tuple[str, ...]] = ()  # names of the stages that are its own
    encoder: ImageEncoder | None = None  # the image encoder, where there is one
    region_shape: tuple[int, int] | None = None
    is_costly = False  # whether G, D and Q begin with pixels
    # How far the relevance of a sentence counts. D learned sentences that were generated from true
    # ones, not which of three fits better.
    weight_of_sentences = 0

    def __init__(self, stage):
        pass

    @staticmethod
    def check_regions(n_regions, shape):
        """Raise if images of `shape` cannot be vectors of images and of `n_regions` regions."""
        raise ValueError(
            f"n_regions={n_regions} needs images='matched': without an image encoder, captions are "
            "decoded without regions. Pass n_regions=None, and the image vectors alone as X."
        )

    def fit(self, X, answers, validation, report):
        """Learn what there is to learn; `report` is as in `fit_model`."""

    def network(self, shape, answers):
        """Return what makes image networks for G, D and Q, or None where they have none."""
        return None

    def __call__(self, X):
        """Return images as G, D and Q get them; `X` is as `check_images` returns it."""
        raise NotImplementedError

    def fits(self, codec, gan, shape):
        """Whether it belongs with a fitted codec and GAN, for images of `shape`."""
        raise NotImplementedError

    def has_regions(self, n_regions, shape):
        """Whether vectors of `shape` hold `n_regions` regions."""
        return n_regions is None

    def relevance(self, images, ids, codec, gan):
        """Return the log-odds (n, k) that captions (n, k, max_length) belong to images.

        By D, which learned to distinguish true captions from generated and mismatched ones.
        """
        n, k, length = ids.shape
        vectors = codec.encode_tokens(ids.reshape(n * k, length))
        return gan.relevance(images, vectors.reshape(n, k, -1))


class MatchedSight(Sight):
    """The vectors of one image encoder, which is fitted by matching images with captions."""

    STAGES = ("image_encoder",)
    encoder: ImageEncoder
    weight_of_sentences = 1
    check_regions = staticmethod(check_regions)

    def __init__(self, stage):
        self.encoder = stage

    def fit(self, X, answers, validation, report):
        with report(self.encoder):
            self.encoder._fit_checked(X, answers, validation)
        self.region_shape = region_shape_of(self.encoder.matcher_)

    def __call__(self, X):
        return self.encoder._encode(X, self.region_shape is not None)

    def fits(self, codec, gan, shape):
        matcher, generator = self.encoder.matcher_, gan.generator_
        sizes = codec.encoder_.config
        return (
            self.encoder.shape_ == shape
            and type(matcher) is matcher_of(codec.vocabulary_, shape)
            and all(sizes[name] == matcher.config[name] for name in sizes if name in matcher.config)
            and gan._gets_vectors
            and generator.n_image == matcher.network.n_features
            and self.region_shape in (None, region_shape_of(matcher))
        )

    def has_regions(self, n_regions, shape):
        known = region_shape_of(self.encoder.matcher_) if len(shape) == 1 else None
        return n_regions == self.encoder.n_regions == (known and known[0])

    def relevance(self, images, ids, codec, gan):
        """Return the log-odds that the image encoder gives captions."""
        images = images[:, : self.encoder._n_features_out]
        return self.encoder.relevance(images, self.encoder.matcher_.read(ids, codec.encode_tokens))


class EndToEndSight(Sight):
    """The image itself: G, D and Q each have an image network of their own."""

    is_costly = True

    def __init__(self, stage):
        self._n_filters, self._positions = stage.n_filters, stage.positions

    def network(self, shape, answers):
        positions = resolve_positions(self._positions, answers)
        return partial(image_network, shape, self._n_filters, positions)

    def fits(self, codec, gan, shape):
        network = gan.generator_.image_network
        return (
            self.region_shape is None
            and isinstance(network, NETWORKS)
            and network.shape == shape
            and gan.generator_.n_image == network.n_features
        )

    def __call__(self, X):
        return X


class IgnoredSight(Sight):
    """Nothing: a constant."""

    def fits(self, codec, gan, shape):
        has_regions = self.region_shape is not None
        return gan._gets_vectors and gan.generator_.n_image == 1 and not has_regions

    def __call__(self, X):
        return np.zeros((len(X), 1), dtype=np.float32)


SIGHTS = {"matched": MatchedSight, "end-to-end": EndToEndSight, "ignored": IgnoredSight}


def region_shape_of(matcher):
    """Return how many regions of an image a fitted matcher knows and their components, or None."""
    return getattr(matcher.network, "region_shape", None)
