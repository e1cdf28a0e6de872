"""Generator, discriminator and recogniser. Each sees the image."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class _Conditioned(nn.Module):
    """A perceptron on ``[image vector, input]``.

    With an `image_network` of its own, the image itself comes in and the network is trained with
    the rest.
    """

    def __init__(self, n_image, n_inputs, n_outputs, hidden_size, image_network=None):
        super().__init__()
        self.n_image = n_image
        self.image_network = image_network
        sizes = [n_image + n_inputs, hidden_size, hidden_size, hidden_size]
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden_size, n_outputs))

    def forward(self, images, inputs):
        if self.image_network is not None:
            images = self.image_network(images)
        return self.layers(torch.cat([images, inputs], dim=1))


class Generator(_Conditioned):
    """``G(c, X) → ŝ``, on the sphere where sentence vectors live."""

    radius: torch.Tensor

    def __init__(self, n_image, n_latents, n_components, hidden_size, radius, image_network=None):
        super().__init__(n_image, n_latents, n_components, hidden_size, image_network)
        self.register_buffer("radius", torch.tensor(radius))

    def forward(self, images, latents):
        return self.radius * F.normalize(super().forward(images, latents), dim=1)


class SentenceGenerator(nn.Module):
    """``G(c, X) → ŝ`` for sentences: what the image says, the latent, and what both need together.

    A latent of few dimensions beside an image vector of many: each has a layer of its own, so that
    the latent is heard from the first step on.
    """

    radius: torch.Tensor

    def __init__(self, n_image, n_latents, n_components, radius, image_network=None):
        super().__init__()
        self.n_image = n_image
        self.image_network = image_network
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
        if self.image_network is not None:
            images = self.image_network(images)
        told = self.of_image(images) + self.of_latent(latents)
        return self.radius * F.normalize(told + self.both(told), dim=1)


class Discriminator(_Conditioned):
    """``D(s, X)``: log-odds that a true caption of this image has the sentence vector s."""

    def __init__(self, n_image, n_components, hidden_size, image_network=None):
        super().__init__(n_image, n_components, 1, hidden_size, image_network)

    def forward(self, images, vectors):
        return super().forward(images, vectors)[:, 0]


class Recogniser(_Conditioned):
    """``Q(s, X)``: mean and log-variance of the latent that said s about this image."""

    def __init__(self, n_image, n_components, n_latents, hidden_size, image_network=None):
        super().__init__(n_image, n_components, 2 * n_latents, hidden_size, image_network)

    def forward(self, images, vectors):
        mean, log_variance = super().forward(images, vectors).chunk(2, dim=1)
        # A variance outside e^−6 to e^2 is no statement about a latent of unit variance.
        return mean, log_variance.clamp(-6, 2)


class Players(nn.Module):
    """The three networks of the game, and for sentences the decoder that tells what G means."""

    def __init__(self, generator, discriminator, recogniser, decoder=None):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.recogniser = recogniser
        self.decoder = decoder
