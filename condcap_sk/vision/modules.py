"""Networks that turn images into image vectors, and the head that matches them with captions."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..training.candidates import candidates_of
from ..training.dropout import dropout

SMALLEST_MAP = 8  # pixels: the convolutions stop shrinking an image here
WIDEST = 256  # channels
N_FEATURES = 128  # of the network for feature vectors
DROPOUT = 0.3  # of the image vector's components, in training
FEATURE_DROPOUT = 0.4  # where they are a user's features, which are many and overlap
WORD_DROPOUT = 0.1


def image_network(shape, width, *, positions=False, linear=False):
    """Return an untrained network for images of `shape` (C, H, W), or feature vectors of (d,).

    The network maps (n, *shape) to (n, ``network.n_features``). `positions` tells it where in an
    image it is; `linear` leaves feature vectors as they are, but for their scale.
    """
    if len(shape) == 1:
        return Features(shape[0]) if linear else FeatureNetwork(shape[0])
    channels, height, image_width = shape
    return ConvolutionalNetwork(channels, height, image_width, width, positions)


def settings_in(tensors, prefix, shape):
    """Return the settings of the `image_network` that `persistence.Tensors` hold under `prefix`."""
    if len(shape) == 1:
        return {"width": 1}
    width, n_inputs = tensors.shape(prefix + "layers.0.0.weight", 4)[:2]
    return {"width": width, "positions": n_inputs != shape[0]}


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
        # Some thousand rows tell enough; float64 keeps a small variance beside a large offset.
        values = values[:: math.ceil(len(values) / 2000)].double()
        scale, mean = torch.std_mean(values, dim=over, correction=0)
        constant = scale <= 1e-9 * mean.abs()
        scale[constant] = 1.0
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        return self

    def forward(self, values):
        shape = (1, -1, *[1] * (values.ndim - 2))
        return (values.float() - self.mean.view(shape)) / self.scale.view(shape)


class FeatureNetwork(nn.Module):
    """Feature vectors (n, d) → vectors (n, n_features)."""

    def __init__(self, n_inputs):
        super().__init__()
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


class Features(nn.Module):
    """Feature vectors (n, d), standardised."""

    def __init__(self, n_inputs):
        super().__init__()
        self.n_features = n_inputs
        self.standardise = Standardise(n_inputs)

    def forward(self, features):
        return self.standardise(features)


class ConvolutionalNetwork(nn.Module):
    """Images (n, C, H, W) of any size → vectors (n, n_features).

    Convolutions halve the image until its shorter side has about 8 pixels and double their
    channels. The soft maximum over positions (their mean, weighted by their softmax) tells that
    something is there, wherever it is; the mean tells how much of it. With `positions`, two more
    channels tell each pixel where it is, from −1 to 1 (R. Liu et al., "An Intriguing Failing of
    Convolutional Neural Networks and the CoordConv Solution", NeurIPS 2018).
    """

    def __init__(self, n_channels, height, width, n_filters, positions=False):
        super().__init__()
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
        # The layout in which CPU convolutions are fastest; the values are the same in any.
        images = self.standardise(images)
        if self.positions:
            images = torch.cat([images, _positions(images)], dim=1)
        images = images.contiguous(memory_format=torch.channels_last)
        maps = self.layers(images).flatten(2)
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


def random_shift(images, generator):
    """Move each image (n, C, H, W) by up to a 32nd of its size, a pixel or more; edges repeat."""
    n, channels, height, width = images.shape

    def moved(size):
        most = max(1, size // 32)
        steps = torch.randint(-most, most + 1, (n, 1), generator=generator, device=images.device)
        return (torch.arange(size, device=images.device) + steps).clamp(0, size - 1)

    return images[
        torch.arange(n, device=images.device)[:, None, None, None],
        torch.arange(channels, device=images.device)[:, None, None],
        moved(height)[:, None, :, None],
        moved(width)[:, None, None, :],
    ]


def neighbours(images):
    """Return images (n, C, H, W) as they are and moved by a 64th of their size in each direction.

    A pixel at least; edges repeat.
    """
    height, width = images.shape[2:]
    dy, dx = max(1, height // 64), max(1, width // 64)
    padded = F.pad(images.float(), (dx, dx, dy, dy), mode="replicate")
    return [
        padded[:, :, y : y + height, x : x + width]
        for y, x in [(dy, dx), (0, dx), (2 * dy, dx), (dy, 0), (dy, 2 * dx)]
    ]


class BagOfWords(nn.Module):
    """Token ids (…, length), of which 0 is none → embeddings (…, n_embedding).

    The sum of the words' vectors over the root of their number: which words are there, whatever
    their order.
    """

    def __init__(self, n_tokens, n_embedding):
        super().__init__()
        self.words = nn.Embedding(n_tokens, n_embedding)
        self.project = nn.Linear(n_embedding, n_embedding)

    def silence(self, tokens):
        """Let tokens of which nothing will be learned say nothing."""
        with torch.no_grad():
            self.words.weight[tokens] = 0

    def forward(self, tokens, rng=None):
        told = (tokens != 0).float()
        if rng is not None:
            told = told * torch.empty_like(told).bernoulli_(1 - WORD_DROPOUT, generator=rng)
        total = (self.words(tokens) * told[..., None]).sum(-2)
        return self.project(total / told.sum(-1, keepdim=True).clamp(min=1).sqrt())


class Matcher(nn.Module):
    """Scores how well captions fit images, by the product of two embeddings.

    Trained as one yes-or-no decision for every pair of an image and a caption in the batch
    (the sigmoid loss of Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023).
    Any number of a batch's captions may fit an image.
    """

    def __init__(self, network, bank, n_tokens=None):
        super().__init__()
        self.network = network
        self.bank = bank
        self.reads_words = n_tokens is not None
        self.n_inputs = n_tokens or bank.shape[1]
        n_embedding = 512 if self.reads_words else 128
        self.standardise = nn.BatchNorm1d(network.n_features, affine=False)
        self.embed_image = nn.Linear(network.n_features, n_embedding)
        if self.reads_words:
            self.embed_caption: Any = BagOfWords(n_tokens, n_embedding)
            log_scale, bias = math.log(10), -5.5
        else:
            self.embed_caption = nn.Sequential(
                nn.Linear(bank.shape[1], n_embedding),
                nn.ReLU(),
                nn.Linear(n_embedding, n_embedding),
            )
            log_scale, bias = -0.5 * math.log(n_embedding), 0.0
        self.log_scale = nn.Parameter(torch.tensor(log_scale))
        self.bias = nn.Parameter(torch.tensor(bias))
        self.generator = None

    def image_vectors(self, images):
        """Return standardised features (n, n_features)."""
        return self.standardise(self.network(images))

    def steady_image_vectors(self, images):
        """Return features, those of images averaged over five positions."""
        if images.ndim == 2:
            return self.image_vectors(images)
        views = neighbours(images)
        vectors = self.image_vectors(torch.cat(views))
        return vectors.view(len(views), len(images), -1).mean(0)

    def forward(self, image_vectors, captions, rng=None):
        """Return the log-odds that captions fit.

        `captions` is (m, n_components), each tried on every image → (n, m), or
        (n, k, n_components), k tries for each image → (n, k); with `n_tokens`, token ids instead
        of components. `rng` draws which words are left out.
        """
        return self.log_odds(self.image_embeddings(image_vectors), self.embeddings(captions, rng))

    def image_embeddings(self, image_vectors):
        """Return (n, n_embedding), which the product compares with embeddings of captions."""
        embedded = self.embed_image(image_vectors)
        return F.normalize(embedded, dim=-1) if self.reads_words else embedded

    def embeddings(self, captions, rng=None):
        """Return (…, n_embedding) of captions as `forward` takes them."""
        if self.reads_words:
            return F.normalize(self.embed_caption(captions, rng), dim=-1)
        return self.embed_caption(captions)

    def log_odds(self, ours, theirs):
        """Return the log-odds of embeddings of images (n, …) and captions (m, …) or (n, k, …)."""
        every = theirs.ndim == 2
        products = ours @ theirs.T if every else (ours[:, None] * theirs).sum(2)
        return products * self.log_scale.exp() + self.bias

    def loss(self, images, answers):
        """Mean over images of the summed decisions; `answers` are rows of the bank, −1 is none."""
        if images.ndim == 4:
            images = random_shift(images, self.generator)
        candidates, fits = candidates_of(answers)
        share = FEATURE_DROPOUT if isinstance(self.network, Features) else DROPOUT
        vectors = dropout(self.image_vectors(images), share, self.generator)
        log_odds = self(vectors, self.bank[candidates], self.generator)
        loss = F.binary_cross_entropy_with_logits(log_odds, fits.float(), reduction="sum")
        return {"matching": loss / len(images)}
