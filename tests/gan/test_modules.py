"""G, D and Q as plain modules."""

import torch

from condcap_sk.gan.modules import Discriminator, Generator, Recogniser, SentenceGenerator


def test__generator__any_input__answers_on_the_sphere():
    vectors = Generator(5, 3, 7, 8, radius=4.0)(torch.randn(10, 5), torch.randn(10, 3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((10,), 4.0))


def test__sentence_generator__any_input__answers_on_the_sphere():
    vectors = SentenceGenerator(5, 3, 7, radius=4.0)(torch.randn(10, 5), torch.randn(10, 3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((10,), 4.0))


def test__players__every_output__depends_on_image_and_input():
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


def test__players__no_image_columns__ignore_the_image():
    network = Discriminator(0, 7, 8)
    assert network(torch.empty(4, 0), torch.randn(4, 7)).shape == (4,)


def test__players__own_image_network__is_trained_with_the_rest():
    class Flatten(torch.nn.Module):
        n_features = 6

        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 6)

        def forward(self, images):
            return self.layer(images.flatten(1))

    network = Discriminator(6, 7, 8, Flatten())
    network(torch.randn(3, 1, 2, 2), torch.randn(3, 7)).sum().backward()
    assert network.image_network.layer.weight.grad.abs().sum() > 0


def test__recogniser__log_variance__stays_in_bounds():
    _, log_variance = Recogniser(2, 2, 2, 4)(1e6 * torch.randn(50, 2), torch.randn(50, 2))
    assert (log_variance >= -6).all()
    assert (log_variance <= 2).all()
