"""Networks that turn images into image vectors, and images moved by a little."""

import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.vision.modules import (
    ConvolutionalNetwork,
    FeatureNetwork,
    Features,
    PrincipalComponents,
    Standardise,
    _principal,
    image_network,
    random_shift,
)


@pytest.mark.parametrize(
    "shape",
    [(1, 5, 7), (1, 16, 16), (3, 33, 20), (3, 64, 64), (2, 1, 1), (1, 70, 9), (6,), (1,)],
)
@pytest.mark.parametrize("positions", [False, True])
def test__image_network__any_shape__gives_a_vector_each(shape, positions):
    with seeded_init(0):
        network = image_network(shape, 4, positions).eval()
    vectors = network(torch.rand(3, *shape))
    assert vectors.shape == (3, network.n_features)
    assert vectors.isfinite().all()
    assert network.shape == shape
    assert type(network) is (FeatureNetwork if len(shape) == 1 else ConvolutionalNetwork)


@pytest.mark.parametrize("shape", [(3, 12, 9), (6,)])
def test__image_network__rows_by_themselves__have_the_same_vectors(shape):
    with seeded_init(0):
        network = image_network(shape, 4).eval()
    images = torch.rand(5, *shape)
    torch.testing.assert_close(network(images[[3]])[0], network(images)[3])


@pytest.mark.parametrize("shape", [(3, 12, 9), (6,)])
def test__image_network__its_gradient__reaches_every_weight(shape):
    with seeded_init(0):
        network = image_network(shape, 4)
    network(torch.rand(5, *shape)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test__convolutional_network__a_larger_image__has_more_channels_up_to_a_limit():
    sizes = [ConvolutionalNetwork(1, size, size, 16).n_features for size in (8, 64, 128, 1024)]
    assert sizes == [128, 128, 256, 512]


def moved(positions):
    """What moving a square does to the image vector, over what the square does."""
    with seeded_init(0):
        network = image_network((1, 256, 256), 4, positions=positions).eval()
    images = torch.zeros(3, 1, 256, 256)
    # As many pixels apart as the convolutions shrink the image, so that nothing else differs.
    images[0, 0, 96:128, 96:128] = images[1, 0, 128:160, 128:160] = 1
    one, other, blank = network(images)
    return ((one - other).norm() / (one - blank).norm()).item()


def test__positions__a_thing_moved_elsewhere__changes_the_vector():
    assert moved(positions=True) > 10 * moved(positions=False)


def test__features__are_standardised_and_nothing_else():
    values = 5 + 2 * torch.randn(200, 4, generator=make_rng(0))
    features = Features(4)
    features.fit_scale(values)
    assert features.n_features == 4
    torch.testing.assert_close(features(values), (values - values.mean(0)) / values.std(0, False))
    assert not list(features.parameters())


def test__features__of_regions__are_principal_components_of_regions_alone(monkeypatch):
    rng = make_rng(1)
    # The image's own vector, and three of its regions, whose components have another scale each.
    vectors = 5 + 2 * torch.randn(200, 4, generator=rng)
    regions = torch.tensor([1.0, -2, 0, 9]) + torch.tensor([1.0, 5, 2, 0.1]) * torch.randn(
        200, 3, 4, generator=rng
    )
    values = torch.cat([vectors, regions.flatten(1)], dim=1)
    features = Features(16, 4)
    features.fit_scale(values)
    assert (features.n_features, features.region_shape) == (4, (3, 4))
    torch.testing.assert_close(features(values), features(vectors))
    found = features.regions(features.maps(values))
    assert found.shape == (200, 3, 4)
    torch.testing.assert_close(found, features.project_regions(regions))
    monkeypatch.setattr("condcap_sk.vision.modules.REGION_SIZE", 2)
    features = Features(16, 4)
    features.fit_scale(values)
    assert features.region_shape == (3, 2)
    assert features.regions(values).shape == (200, 3, 2)


class TestPrincipalComponents:
    @pytest.fixture
    def vectors(self):
        """Of four components, which two sources explain, and a constant."""
        rng = make_rng(2)
        mixed = torch.randn(500, 2, generator=rng) @ torch.randn(2, 4, generator=rng)
        noise = 0.01 * torch.randn(500, 4, generator=rng)
        constant = torch.full((500, 1), 7.0)
        return torch.cat([mixed * torch.tensor([1, 100, 0.1, 1]) + noise + 3, constant], dim=1)

    def test__projections__are_uncorrelated_and_of_variance_1_on_average(self, vectors):
        found = PrincipalComponents(5, 3).fit(vectors)(vectors)
        covariance = found.T.cov(correction=0)
        torch.testing.assert_close(covariance, covariance.diag().diag(), atol=1e-3, rtol=0)
        torch.testing.assert_close(covariance.diag().mean(), torch.tensor(1.0))
        assert (covariance.diag().diff() < 0).all()
        torch.testing.assert_close(found.mean(0), torch.zeros(3), atol=1e-4, rtol=0)

    def test__first_components__hold_what_standardised_vectors_hold(self, vectors):
        found = PrincipalComponents(5, 2).fit(vectors)(vectors)
        standard = Standardise(5).fit(vectors)(vectors)
        rebuilt = found @ torch.linalg.lstsq(found, standard).solution
        assert (rebuilt - standard).square().mean() < 0.02 * standard.square().mean()

    def test__few_vectors__directions_are_those_of_the_same_vectors_repeated(self):
        few = torch.randn(7, 30, generator=make_rng(0))
        found = PrincipalComponents(30, 5).fit(few)(few)
        expected = PrincipalComponents(30, 5).fit(few.repeat(5, 1))(few)
        # Each but for its sign.
        torch.testing.assert_close(found.abs(), expected.abs(), atol=1e-4, rtol=1e-4)

    def test__few_vectors__small_variances_count(self):
        scales = torch.logspace(0, -3, 7)  # of variances from 1 to a millionth
        few = scales[:, None] * torch.linalg.qr(torch.randn(30, 7, generator=make_rng(0)))[0].T
        _, directions = _principal(few - few.mean(0), 6)
        torch.testing.assert_close(directions.T @ directions, torch.eye(6, dtype=torch.float64))

    @pytest.mark.parametrize("offset", [0, 1e3])
    def test__fewer_vectors_than_components__the_others_are_0(self, offset):
        few = torch.randn(4, 30, generator=make_rng(0)) + offset
        project = PrincipalComponents(30, 9).fit(few[[0, 1, 2, 3, 3]])
        found = project(torch.randn(50, 30, generator=make_rng(1)) + offset)
        assert (found[:, :3].std(0) > 0.01).all()  # of four that differ: their mean takes one
        assert (found[:, 3:] == 0).all()
        torch.testing.assert_close(
            project(few[[0, 1, 2, 3, 3]]).var(0, correction=0).mean(), torch.tensor(1.0)
        )

    def test__half_precision__is_read(self, vectors):
        project = PrincipalComponents(5, 2).fit(vectors)
        torch.testing.assert_close(project(vectors.half()), project(vectors), atol=0.01, rtol=0.01)

    def test__vectors_all_alike__are_zeros(self):
        project = PrincipalComponents(5, 2).fit(torch.full((9, 5), 3.0))
        assert (project(torch.full((9, 5), 3.0)) == 0).all()
        assert project(torch.full((9, 5), 4.0)).abs().max() <= 5


class TestStandardise:
    def test__training_values__have_mean_0_and_variance_1(self):
        values = 1000 + 3 * torch.randn(500, 4, 6, 6, generator=make_rng(0))
        values[:, 3] = 7
        out = Standardise(4).fit(values)(values)
        torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4), atol=1e-2, rtol=0)
        spread = out.std((0, 2, 3), correction=0)
        torch.testing.assert_close(spread, torch.tensor([1.0, 1, 1, 0]), atol=1e-2, rtol=0)

    def test__bytes__are_standardised_as_numbers(self):
        values = torch.randint(256, (300, 2), generator=make_rng(0)).to(torch.uint8)
        out = Standardise(2).fit(values)(values)
        torch.testing.assert_close(out.mean(0), torch.zeros(2), atol=1e-5, rtol=0)

    def test__many_rows__some_of_them_are_enough(self):
        values = torch.randn(50_000, 2, generator=make_rng(0)) * 3 + 1
        out = Standardise(2).fit(values)(values)
        torch.testing.assert_close(out.mean(0), torch.zeros(2), atol=0.1, rtol=0)
        torch.testing.assert_close(out.std(0), torch.ones(2), atol=0.1, rtol=0)


class TestRandomShift:
    def test__any_image__moves_by_at_most_its_share(self):
        images = torch.arange(64.0 * 64).view(1, 1, 64, 64).repeat(200, 2, 1, 1)
        moved = random_shift(images, make_rng(0))
        assert moved.shape == images.shape
        # Away from the edges a shift by (r, c) adds 64 r + c everywhere.
        offsets = (moved - images)[:, :, 4:-4, 4:-4].flatten(1)
        assert (offsets == offsets[:, :1]).all()
        expected = {64 * r + c for r in range(-2, 3) for c in range(-2, 3)}
        assert set(offsets[:, 0].int().tolist()) == expected
        assert torch.equal(moved, random_shift(images, make_rng(0)))

    def test__a_small_image__moves_by_a_pixel_and_its_edges_repeat(self):
        image = torch.arange(12.0).view(1, 1, 3, 4)
        moved = random_shift(image.expand(200, -1, -1, -1), make_rng(0))
        rows = {tuple(rows) for rows in moved[:, 0, :, 1].floor().div(4).int().tolist()}
        assert rows == {(0, 0, 1), (0, 1, 2), (1, 2, 2)}


def test__convolutional_network__its_vector__is_the_soft_maximum_and_the_mean_of_each_map():
    network = ConvolutionalNetwork(3, 4, 5, 4)
    network.layers = torch.nn.Identity()
    images = 2 * torch.randn(2, 3, 4, 5)
    maps = images.flatten(2)
    weights = maps.exp() / maps.exp().sum(2, keepdim=True)
    expected = torch.cat([(weights * maps).sum(2), maps.mean(2)], dim=1)
    torch.testing.assert_close(network(images), expected)


def test__regions__are_means_over_a_grid_and_where_they_are():
    maps = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    regions = ConvolutionalNetwork.regions(maps)
    assert regions.shape == (2, 16, 5)
    # The second region is the first row's second.
    torch.testing.assert_close(regions[1, 1, :3], maps[1, :, :2, 2:4].mean((1, 2)))
    torch.testing.assert_close(regions[0, 1, 3:], torch.tensor([-1.0, -1 / 3]))


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 40, 24), (1, 2, 3)])
def test__convolutional_network__regions_of_any_shape__are_as_many(shape):
    assert image_network(shape, 2).region_shape is None
    network = image_network(shape, 2, positions=True).eval()
    images = torch.rand(2, *shape, generator=make_rng(0))
    maps = network.maps(images)
    assert network.regions(maps).shape == (2, *network.region_shape)
    torch.testing.assert_close(network.pooled(maps), network(images))


def test__positions__are_how_far_down_and_how_far_right():
    network = ConvolutionalNetwork(1, 3, 5, 4, positions=True)
    given = []
    network.layers.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    network(torch.zeros(2, 1, 3, 5))
    assert given[0].shape == (2, 3, 3, 5)
    assert given[0][:, 1, :, 0].tolist() == [[-1.0, 0.0, 1.0]] * 2
    assert given[0][:, 2, 0].tolist() == [[-1.0, -0.5, 0.0, 0.5, 1.0]] * 2
