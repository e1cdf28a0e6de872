"""G, D and Q as plain modules."""

import pytest
import torch

from condcap_sk.gan.modules import (
    Discriminator,
    Generator,
    Networks,
    Recogniser,
    SentenceGenerator,
    regions_of,
)


def test__generator__any_input__answers_on_the_sphere():
    vectors = Generator(5, 3, 7, 8, radius=4.0)(torch.randn(10, 5), torch.randn(10, 3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((10,), 4.0))


def test__sentence_generator__any_input__answers_on_the_sphere():
    vectors = SentenceGenerator(5, 3, 7, radius=4.0)(torch.randn(10, 5), torch.randn(10, 3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((10,), 4.0))


def test__networks__every_output__depends_on_image_and_input():
    for network, n_inputs in (
        (Generator(5, 3, 7, 8, radius=4.0), 3),
        (SentenceGenerator(5, 3, 7, radius=4.0), 3),
        (Discriminator(5, 7, 8), 7),
        (Recogniser(5, 7, 3, 8), 7),
    ):
        images = torch.randn(4, 5, requires_grad=True)
        inputs = torch.randn(4, n_inputs, requires_grad=True)
        output = network(images, inputs)
        output = output[0] if isinstance(output, tuple) else output
        output.sum().backward()
        assert (images.grad.abs().sum(1) > 0).all()
        assert (inputs.grad.abs().sum(1) > 0).all()


def test__networks__no_image_columns__ignore_the_image():
    network = Discriminator(0, 7, 8)
    assert network(torch.empty(4, 0), torch.randn(4, 7)).shape == (4,)


@pytest.mark.parametrize("make", [Discriminator, Recogniser])
def test__networks__several_inputs_of_an_image__are_those_of_it_repeated(make):
    network = make(3, 4, 2, 8) if make is Recogniser else make(3, 4, 8)
    images, vectors = torch.randn(5, 3), torch.randn(15, 4)
    together, repeated = network(images, vectors), network(images.repeat(3, 1), vectors)
    torch.testing.assert_close(together, repeated)


class Flatten(torch.nn.Module):
    """A user's own image network."""

    n_features = 6

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 6)

    def forward(self, images):
        return self.layer(images.flatten(1))


@pytest.mark.parametrize(
    ("make", "n_inputs"),
    [
        (lambda network: Generator(6, 3, 7, 8, 4.0, network), 3),
        (lambda network: SentenceGenerator(6, 3, 7, 4.0, network), 3),
        (lambda network: Discriminator(6, 7, 8, network), 7),
        (lambda network: Recogniser(6, 7, 3, 8, network), 7),
    ],
)
def test__networks__own_image_network__is_trained_with_the_rest(make, n_inputs):
    network = make(Flatten())
    output = network(torch.randn(3, 1, 2, 2), torch.randn(3, n_inputs))
    output = output[0] if isinstance(output, tuple) else output
    output.square().sum().backward()
    assert network.image_network.layer.weight.grad.abs().sum() > 0


def test__sentence_generator__latent_beside_many_image_components__has_influence_from_the_start():
    torch.manual_seed(0)
    network = SentenceGenerator(1000, 3, 32, radius=4.0)
    images, latents = torch.randn(20, 1000), torch.randn(20, 3)
    moved = network(images, latents) - network(images, -latents)
    # In one layer with the image, the latent would move the vector by a twentieth of this.
    assert moved.norm(dim=1).mean() > 1


def test__networks__without_a_decoder__have_three():
    parts = Generator(5, 3, 7, 8, 4.0), Discriminator(5, 7, 8), Recogniser(5, 7, 3, 8)
    assert [n for n, _ in Networks(*parts).named_children()] == [
        "generator",
        "discriminator",
        "recogniser",
    ]
    assert Networks(*parts).decoder is None


def test__recogniser__log_variance__stays_in_bounds():
    _, log_variance = Recogniser(2, 2, 2, 4)(1e6 * torch.randn(50, 2), torch.randn(50, 2))
    assert (log_variance >= -6).all()
    assert (log_variance <= 2).all()


def test__perceptron__opposite_inputs__do_not_cancel_out():
    layers = Discriminator(2, 3, 8).layers
    x = torch.randn(4, 5)
    # Of an affine function, they would.
    assert (layers(x) + layers(-x) - 2 * layers(0 * x)).abs().max() > 1e-3


def test__sentence_generator__block_on_top__counts():
    generator = SentenceGenerator(2, 3, 4, 1.0)
    inputs = torch.randn(5, 2), torch.randn(5, 3)
    before = generator(*inputs)
    torch.nn.init.ones_(generator.both[1].bias)
    assert not torch.allclose(generator(*inputs), before, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "n_inputs"),
    [
        (Generator(5, 3, 7, 8, radius=4.0), 3),
        (SentenceGenerator(5, 3, 7, radius=4.0), 3),
        (Discriminator(5, 7, 8), 7),
        (Recogniser(5, 7, 3, 8), 7),
    ],
)
def test__networks__what_comes_after_the_image_vector__is_not_for_them(network, n_inputs):
    images, inputs = torch.randn(4, 9), torch.randn(4, n_inputs)
    assert_equal(network(images, inputs), network(images[:, :5], inputs))


def assert_equal(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test__regions__are_what_follows_the_image_vector():
    images = torch.randn(2, 7)
    assert_equal(regions_of(images, 5), images[:, 5:])
    assert regions_of(torch.randn(2, 3, 8, 8), 5) is None


def test__perceptron__its_parts__are_the_layers_on_image_and_input():
    network = Discriminator(3, 4, 8)
    images, vectors = torch.randn(5, 3), torch.randn(5, 4)
    whole = network.layers(torch.cat([images, vectors], dim=1))[:, 0]
    torch.testing.assert_close(network(images, vectors), whole)
