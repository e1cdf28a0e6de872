"""Networks that turn images into image vectors."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .._torch.config import keeps_config
from .._torch.threads import limited_threads

# Chosen on held-out grids of MNIST's training digits (benchmarks/grid_mnist.py), unless by hand.
SMALLEST_MAP = 8  # pixels: the convolutions stop shrinking an image here
REGIONS_ACROSS = 4  # and down; by hand
WIDEST = 256  # channels; by hand
N_FEATURES = 128  # of the network for feature vectors; by hand
SOME_ROWS = 2000  # that scales are learned from; by hand
# Components of regions, at most. With all 1280 of EfficientNet-Lite2, a decoder's training took a
# quarter more time, and captions of held-out training photographs of Flickr8k were less probable.
REGION_SIZE = 256
SOME_VECTORS = 10_000  # of regions, that principal components are learned from; by hand
SHIFT = 32  # images are moved by up to this part of their size in training


def image_network(shape, n_filters, positions=False):
    """Return an untrained network for images of `shape` (C, H, W), or feature vectors of (d,).

    The network maps (n, *shape) to (n, ``network.n_features``). Of feature vectors, the other
    arguments mean nothing.
    """
    if len(shape) == 1:
        return FeatureNetwork(*shape)
    return ConvolutionalNetwork(*shape, n_filters, positions)


class Standardise(nn.Module):
    """Bring each channel to mean 0 and variance 1 over the training data."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, n_channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("scale", torch.ones(n_channels))

    def fit(self, values):
        over = (0, *range(2, values.ndim))
        # Float64 keeps a small variance beside a large offset.
        values = values[:: math.ceil(len(values) / SOME_ROWS)].double()
        scale, mean = torch.std_mean(values, dim=over, correction=0)
        constant = scale <= 1e-9 * mean.abs()
        scale[constant] = 1.0
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        return self

    def forward(self, values):
        shape = (1, -1, *[1] * (values.ndim - 2))
        return (values.float() - self.mean.view(shape)) / self.scale.view(shape)


class ImageNetwork(nn.Module):
    """A network that begins by standardising its inputs."""

    standardise: Standardise

    def fit_scale(self, images):
        """Learn the scale of the inputs."""
        self.standardise.fit(images)


class FeatureNetwork(ImageNetwork):
    """Feature vectors (n, d) → vectors (n, n_features)."""

    @keeps_config
    def __init__(self, n_inputs: int):
        super().__init__()
        self.shape = (n_inputs,)
        self.n_features = N_FEATURES
        self.standardise = Standardise(n_inputs)
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, N_FEATURES, bias=False),
            nn.BatchNorm1d(N_FEATURES),
            nn.ReLU(),
        )

    def forward(self, features):
        return self.layers(self.standardise(features))


class PrincipalComponents(nn.Module):
    """Project vectors (…, n_inputs), standardised, on their first principal components.

    The variance of these is 1 on average.
    """

    mean: torch.Tensor
    directions: torch.Tensor

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        # Not torch.eye, which imports torch's compiler where a model is loaded.
        self.register_buffer("directions", torch.zeros(n_inputs, n_outputs).fill_diagonal_(1))

    def fit(self, vectors):
        """Learn the directions from vectors (n, n_inputs)."""
        vectors = vectors[:: math.ceil(len(vectors) / SOME_VECTORS)]
        standardise = Standardise(len(self.mean)).fit(vectors)
        with limited_threads(1):  # so that no bit depends on their number
            variances, directions = _principal(standardise(vectors), self.directions.shape[1])
        # Of vectors that are all alike, it is 0.
        scale = (variances.mean() / len(vectors)).sqrt()
        scale = scale.where(scale > 1e-6, 1)
        self.mean.copy_(standardise.mean)
        self.directions.copy_(directions / standardise.scale[:, None] / scale)
        return self

    def forward(self, vectors):
        return (vectors.float() - self.mean) @ self.directions


def _principal(vectors, n):
    """Return `n` principal directions (d, n) of vectors, and the sums of squares in them.

    Those of the largest sums come first. Fewer vectors than components have fewer directions: the
    others are 0.
    """
    few = len(vectors) < vectors.shape[1]
    if few:
        # Once more, in float64: what the mean was rounded by would be a direction, too.
        vectors = vectors.double()
        vectors = vectors - vectors.mean(0)
    # Either product has the same sums, and that of few vectors is smaller.
    product = vectors @ vectors.T if few else vectors.T @ vectors
    squares, found = torch.linalg.eigh(product.double())
    squares, found = squares.flip(0)[:n].clamp(min=0), found.flip(1)[:, :n]
    if few:
        found = vectors.T @ found
        found = found / found.norm(dim=0).where(squares > 1e-9 * squares[0], torch.inf)
    missing = n - len(squares)
    return F.pad(squares, (0, missing)), F.pad(found, (0, missing))


class Features(ImageNetwork):
    """Feature vectors (n, d), standardised, and maybe regions after them.

    The inputs (n, n_inputs) are `n_vectors` vectors of equal length: the image's own, then those
    of its regions, which are projected on their principal components.
    """

    @keeps_config
    def __init__(self, n_inputs: int, n_vectors: int = 1):
        super().__init__()
        self.shape = (n_inputs,)
        self.n_features = n_inputs // n_vectors
        self.standardise = Standardise(self.n_features)
        self.region_shape = None
        if n_vectors > 1:
            self.region_shape = n_vectors - 1, min(self.n_features, REGION_SIZE)
            self.project_regions = PrincipalComponents(self.n_features, self.region_shape[1])

    def fit_scale(self, features):
        """Learn the scale of the image vectors' components, and the regions' principal ones."""
        self.standardise.fit(features[:, : self.n_features])
        if self.region_shape is not None:
            some = features[:: math.ceil(len(features) / SOME_ROWS), self.n_features :]
            self.project_regions.fit(some.reshape(-1, self.n_features))

    def forward(self, features):
        return self.pooled(features)

    @staticmethod
    def maps(features):
        """Return the features as they are: they hold the image vectors and the regions already."""
        return features

    def pooled(self, features):
        """Return the image vectors, standardised."""
        return self.standardise(features[:, : self.n_features])

    def regions(self, features):
        """Return the projected vectors of the regions (n, n_regions, region_size)."""
        regions = features[:, self.n_features :].unflatten(1, (-1, self.n_features))
        return self.project_regions(regions)


class ConvolutionalNetwork(ImageNetwork):
    """Images (n, C, H, W) of any size → vectors (n, n_features).

    Convolutions halve the image until its shorter side has about 8 pixels and double their
    channels. The soft maximum over positions (their mean, weighted by their softmax) detects that
    something is there, wherever it is; the mean measures how much of it. With `positions`, two more
    channels hold each pixel's coordinates, from −1 to 1 (R. Liu et al., "An Intriguing Failing of
    Convolutional Neural Networks and the CoordConv Solution", NeurIPS 2018).
    """

    @property
    def region_shape(self):
        """How many regions an image has, and their components; None where positions are none."""
        if not self.positions:
            return None
        return REGIONS_ACROSS**2, self.n_features // 2 + 2

    @staticmethod
    def regions(maps):
        """Return the means of feature maps over the cells of a grid, and where these are."""
        means = F.adaptive_avg_pool2d(maps, REGIONS_ACROSS)
        return torch.cat([means, _positions(means)], dim=1).flatten(2).transpose(1, 2)

    @keeps_config
    def __init__(
        self, n_channels: int, height: int, width: int, n_filters: int, positions: bool = False
    ):
        super().__init__()
        self.shape = n_channels, height, width
        self.positions = positions
        halvings = max(0, math.ceil(math.log2(min(height, width) / SMALLEST_MAP)))
        n_stages = max(2, halvings - 1)
        stem_stride = 2 if halvings > n_stages else 1
        layers = [_convolution(n_channels + 2 * positions, n_filters, 5, stem_stride)]
        for stage in range(n_stages):
            stride = 2 if stage < halvings - (stem_stride - 1) else 1
            wider = min(2 * n_filters, WIDEST)
            layers += [_convolution(n_filters, wider, 3, stride), _convolution(wider, wider, 3, 1)]
            n_filters = wider
        layers.append(_convolution(n_filters, n_filters, 3, 1))
        self.n_features = 2 * n_filters
        self.standardise = Standardise(n_channels)
        self.layers = nn.Sequential(*layers)
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images):
        return self.pooled(self.maps(images))

    def maps(self, images):
        """Return the last feature maps (n, n_filters, height, width)."""
        # The layout in which CPU convolutions are fastest; the values are the same in any.
        images = self.standardise(images)
        if self.positions:
            images = torch.cat([images, _positions(images)], dim=1)
        images = images.contiguous(memory_format=torch.channels_last)
        return self.layers(images)

    @staticmethod
    def pooled(maps):
        """Return the vectors of feature maps."""
        maps = maps.flatten(2)
        soft_maximum = (maps.softmax(2) * maps).sum(2)
        return torch.cat([soft_maximum, maps.mean(2)], dim=1)


def _positions(images):
    """Return two channels like those of `images`: how far down a pixel is, and how far right."""
    n, _, *size = images.shape
    axes = (torch.linspace(-1, 1, length, device=images.device) for length in size)
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(n, -1, -1, -1)


def _convolution(n_inputs, n_outputs, kernel, stride):
    return nn.Sequential(
        nn.Conv2d(n_inputs, n_outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(n_outputs),
        nn.ReLU(inplace=True),
    )


def random_shift(images, rng):
    """Move each image (n, C, H, W) by up to a 32nd of its size, a pixel or more; edges repeat."""
    n, channels, height, width = images.shape

    def moved(size):
        most = max(1, size // SHIFT)
        steps = torch.randint(-most, most + 1, (n, 1), generator=rng, device=images.device)
        return (torch.arange(size, device=images.device) + steps).clamp(0, size - 1)

    return images[
        torch.arange(n, device=images.device)[:, None, None, None],
        torch.arange(channels, device=images.device)[:, None, None],
        moved(height)[:, None, :, None],
        moved(width)[:, None, None, :],
    ]


NETWORKS = ConvolutionalNetwork, FeatureNetwork, Features
