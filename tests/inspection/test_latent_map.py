"""LatentMapDisplay."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.inspection import LatentMapDisplay


class Hemispheres:
    """Answers "north" where the last latent dimension is positive; half the images never do."""

    def __init__(self, n_latents):
        self.n_latents = n_latents

    def predict_grid(self, X, latents):
        north = (latents[:, -1] > 0) & np.asarray(X, dtype=bool)[:, None]
        return np.where(north, "north", "south")


@pytest.mark.parametrize(
    ("n_latents", "shape"), [(1, (1, 10)), (2, (10, 10)), (3, (10, 20)), (5, (10, 20))]
)
def test__from_estimator__any_number_of_latents__draws_a_map(n_latents, shape):
    display = LatentMapDisplay.from_estimator(Hemispheres(n_latents), [1], n_points=10)
    assert display.answers.shape == display.strength.shape == shape
    assert display.dims == (0, 1, 2)[:n_latents]
    assert (display.ax_.name == "mollweide") is (n_latents >= 3)
    assert {text.get_text() for text in display.ax_.texts} == set(np.unique(display.answers))


class InCategories:
    """Answers its category where the last of the Gaussian latents is positive, else 9."""

    def __init__(self, n_latents):
        est = ConditionalCaptioner(n_latents=n_latents, n_categories=3)
        self.n_latents, self.n_categories = n_latents, 3
        self.sample_latents, self.split_latents = est.sample_latents, est.split_latents
        self.join_latents = est.join_latents

    def predict_grid(self, X, latents):
        categories, gaussian = self.split_latents(latents)
        answers = np.where(gaussian[:, -1] > 0, categories[:, 0], 9)
        return np.tile(answers, (len(X), 1))


@pytest.mark.parametrize(("categories", "expected"), [(None, {0, 9}), (2, {2, 9}), ([1], {1, 9})])
def test__from_estimator__categories__are_those_asked_for_or_the_first(categories, expected):
    display = LatentMapDisplay.from_estimator(
        InCategories(2), [1], categories=categories, n_points=6
    )
    assert set(display.answers.ravel().tolist()) == expected


def test__from_estimator__categories_alone__names_the_remedy():
    with pytest.raises(ValueError, match="All latents are categorical.*join_latents"):
        LatentMapDisplay.from_estimator(InCategories(0), [1])


def test__from_estimator__categories_of_none__are_named():
    with pytest.raises(ValueError, match="categories=1, but the estimator has no categorical"):
        LatentMapDisplay.from_estimator(Hemispheres(2), [1], categories=1)


def test__plot__a_line__labels_stand_in_the_middle_of_their_parts():
    display = LatentMapDisplay.from_estimator(Hemispheres(1), [1], n_points=10)
    places = {text.get_text(): text.get_position()[0] for text in display.ax_.texts}
    left, right = display.extent[:2]
    assert left / 4 > places["south"] > 3 * left / 4
    assert right / 4 < places["north"] < 3 * right / 4


def test__from_estimator__sphere__north_is_up():
    display = LatentMapDisplay.from_estimator(Hemispheres(3), [1], n_points=10)
    assert (display.answers[:5] == "south").all()
    assert (display.answers[5:] == "north").all()


def test__from_estimator__many_images__shows_the_commonest_answer_and_its_share():
    display = LatentMapDisplay.from_estimator(Hemispheres(3), [1, 1, 1, 0], n_points=10)
    assert (display.answers[5:] == "north").all()
    np.testing.assert_allclose(display.strength[5:], 0.75)
    np.testing.assert_allclose(display.strength[:5], 1)


@pytest.mark.parametrize("dims", [(3, 0), [np.int64(3), 0]], ids=["tuple", "list"])
def test__from_estimator__two_dims__are_the_axes_of_a_plane(dims):
    display = LatentMapDisplay.from_estimator(Hemispheres(4), [1], dims=dims, n_points=10)
    assert (display.answers[:, :5] == "south").all()
    assert (display.answers[:, 5:] == "north").all()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("c[3]", "c[0]")


def test__from_estimator__three_dims__are_a_sphere():
    display = LatentMapDisplay.from_estimator(Hemispheres(5), [1], dims=(0, 4, 2), n_points=10)
    # The second dimension is that of the east.
    assert (display.answers[:, :10] == "south").all()
    assert (display.answers[:, 10:] == "north").all()
    assert display.ax_.get_xlabel() == "c[0], c[4], c[2]"


def test__from_estimator__one_dim__is_a_line():
    display = LatentMapDisplay.from_estimator(Hemispheres(3), [1], dims=(2,), n_points=4)
    assert display.answers.tolist() == [["south", "south", "north", "north"]]
    assert display.ax_.get_xlabel() == "c[2]"


@pytest.mark.parametrize("n_latents", [3, 5])
@pytest.mark.parametrize("dims", [(0, 1), (2, 0, 1)])
def test__from_estimator__other_dimensions__are_0(n_latents, dims):
    est = Recording(n_latents)
    LatentMapDisplay.from_estimator(est, [1], dims=dims, n_points=4)
    assert (np.delete(est.latents, dims, axis=1) == 0).all()
    assert (est.latents[:, dims] != 0).any(axis=0).all()
    if len(dims) == 3:
        np.testing.assert_allclose(np.linalg.norm(est.latents, axis=1), np.sqrt(3))


class Recording(Hemispheres):
    def predict_grid(self, X, latents):
        self.latents = latents
        return super().predict_grid(X, latents)


@pytest.mark.parametrize("dims", [(0, 2), (-1, 0), (0, 0), (), (0, 1, 0, 1), (0.0, 1.0), 1, "01"])
def test__from_estimator__dims_that_there_are_not__are_an_error_with_a_remedy(dims):
    message = re.escape(f"dims={dims!r}, but the latents have the dimensions 0 to 1. Pass one")
    with pytest.raises(ValueError, match=message):
        LatentMapDisplay.from_estimator(Hemispheres(2), [1], dims=dims)


def test__plot__axes_given__are_drawn_on():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    display = LatentMapDisplay(np.array([[1, 2]]), np.ones((1, 2)), (-1, 1, 0, 1), (0,))
    assert display.plot(ax=ax).ax_ is ax


def test__fitted_on_captions__is_an_error_with_a_remedy(captioner):
    with pytest.raises(ValueError, match="fitted on captions.*analyzer=.*`LatentTraversalDisplay`"):
        LatentMapDisplay.from_estimator(captioner, np.zeros((4, 2)))


def test__from_estimator__parameter_set_after_fit__latents_are_those_of_the_fit():
    est = Hemispheres(2)
    est.gan_ = SimpleNamespace(n_latents=2)
    est.n_latents = 5
    display = LatentMapDisplay.from_estimator(est, [1], n_points=4)
    assert (display.answers == [["south"]] * 2 + [["north"]] * 2).all()
