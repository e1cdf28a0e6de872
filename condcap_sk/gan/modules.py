"""Generator, discriminator and recogniser. Each sees the image."""

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .._torch.config import keeps_config


class ImageVector(nn.Module):
    """Takes the image vector, after which regions may come: those are for the decoder."""

    def __init__(self, n_image):
        super().__init__()
        self.n_image = n_image

    def forward(self, images):
        return images[:, : self.n_image]


def regions_of(images, n_image):
    """Return the regions after the image vectors, flattened. Images of pixels have none."""
    return images[:, n_image:] if images.ndim == 2 else None


class _Conditioned(nn.Module):
    """A perceptron on ``[image vector, input]``.

    With an `image_network` of its own, the image itself comes in and the network is trained with
    the rest.
    """

    def __init__(self, n_image, n_inputs, n_outputs, hidden_size, image_network=None):
        super().__init__()
        self.n_image = n_image
        self.image_network = image_network or ImageVector(n_image)
        sizes = [n_image + n_inputs, hidden_size, hidden_size, hidden_size]
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden_size, n_outputs))

    def forward(self, images, inputs):
        """Return the outputs of n images, each with one input; or with k, (k * n, n_inputs).

        Of several, the first ones of all images come first, then the second ones.
        """
        first: Any
        first, *others = self.layers
        # What images add to the first layer is computed once for all of their inputs.
        of_image, of_input = first.weight.split([self.n_image, inputs.shape[1]], dim=1)
        of_images = F.linear(self.image_network(images), of_image, first.bias)
        hidden = F.linear(inputs, of_input).view(-1, *of_images.shape) + of_images
        hidden = hidden.flatten(0, 1)
        for layer in others:
            hidden = layer(hidden)
        return hidden


class Generator(_Conditioned):
    """``G(c, X) → ŝ``, on the sphere where sentence vectors live."""

    radius: torch.Tensor

    @keeps_config
    def __init__(
        self,
        n_image: int,
        n_latents: int,
        n_components: int,
        hidden_size: int,
        radius: float,
        image_network: nn.Module | None = None,
    ):
        super().__init__(n_image, n_latents, n_components, hidden_size, image_network)
        self.register_buffer("radius", torch.tensor(radius))

    def forward(self, images, latents):
        return self.radius * F.normalize(super().forward(images, latents), dim=1)


class SentenceGenerator(nn.Module):
    """``G(c, X) → ŝ`` for sentences: a layer for the image, one for the latent, a block on top.

    Beside an image vector of many dimensions, a latent of few would have next to no influence on a
    layer that both go through: with one of its own, it has from the first step on.
    """

    radius: torch.Tensor

    @keeps_config
    def __init__(
        self,
        n_image: int,
        n_latents: int,
        n_components: int,
        radius: float,
        image_network: nn.Module | None = None,
    ):
        super().__init__()
        self.n_image = n_image
        self.image_network = image_network or ImageVector(n_image)
        self.of_image = nn.Linear(n_image, n_components)
        self.of_latent = nn.Linear(n_latents, n_components, bias=False)
        self.both = nn.Sequential(
            nn.LayerNorm(n_components),
            nn.Linear(n_components, 4 * n_components),
            nn.GELU(),
            nn.Linear(4 * n_components, n_components),
        )
        self.register_buffer("radius", torch.tensor(radius))

    def forward(self, images, latents):
        total = self.of_image(self.image_network(images)) + self.of_latent(latents)
        return self.radius * F.normalize(total + self.both(total), dim=1)


class Discriminator(_Conditioned):
    """``D(s, X)``: log-odds that a true caption of this image has the sentence vector s."""

    @keeps_config
    def __init__(
        self,
        n_image: int,
        n_components: int,
        hidden_size: int,
        image_network: nn.Module | None = None,
    ):
        super().__init__(n_image, n_components, 1, hidden_size, image_network)

    def forward(self, images, vectors):
        return super().forward(images, vectors)[:, 0]


class Recogniser(_Conditioned):
    """``Q(s, X)``: mean and log-variance of the latent that s was generated from."""

    @keeps_config
    def __init__(
        self,
        n_image: int,
        n_components: int,
        n_latents: int,
        hidden_size: int,
        image_network: nn.Module | None = None,
    ):
        super().__init__(n_image, n_components, 2 * n_latents, hidden_size, image_network)

    def forward(self, images, vectors):
        mean, log_variance = super().forward(images, vectors).chunk(2, dim=1)
        # A latent has unit variance: outside e^−6 to e^2, a variance is a numerical accident.
        return mean, log_variance.clamp(-6, 2)


class Networks(nn.Module):
    """The three networks of the game and, for sentences, the decoder of G's vectors."""

    def __init__(self, generator, discriminator, recogniser, decoder=None):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.recogniser = recogniser
        self.decoder = decoder
