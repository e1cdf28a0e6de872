"""LatentMapDisplay."""

import numpy as np
import pytest

from condcap_sk.inspection import LatentMapDisplay


class Hemispheres:
    """Answers "north" where the last latent dimension is positive; half the images never do."""

    def __init__(self, n_latents):
        self.n_latents = n_latents

    def predict_grid(self, X, latents):
        north = (latents[:, -1] > 0) & np.asarray(X, dtype=bool)[:, None]
        return np.where(north, "north", "south")


@pytest.mark.parametrize(
    ("n_latents", "shape"), [(1, (1, 10)), (2, (10, 10)), (3, (10, 20)), (5, (10, 10))]
)
def test__from_estimator__any_number_of_latents__draws_a_map(n_latents, shape):
    display = LatentMapDisplay.from_estimator(Hemispheres(n_latents), [1], n_points=10)
    assert display.answers.shape == display.strength.shape == shape
    assert display.kind == ("sphere" if n_latents == 3 else "slice")
    assert {text.get_text() for text in display.ax_.texts} == set(np.unique(display.answers))


def test__from_estimator__sphere__north_is_up():
    display = LatentMapDisplay.from_estimator(Hemispheres(3), [1], n_points=10)
    assert (display.answers[:5] == "south").all()
    assert (display.answers[5:] == "north").all()


def test__from_estimator__many_images__shows_the_commonest_answer_and_its_share():
    display = LatentMapDisplay.from_estimator(Hemispheres(3), [1, 1, 1, 0], n_points=10)
    assert (display.answers[5:] == "north").all()
    np.testing.assert_allclose(display.strength[5:], 0.75)
    np.testing.assert_allclose(display.strength[:5], 1)


def test__from_estimator__other_dims__are_the_axes():
    display = LatentMapDisplay.from_estimator(Hemispheres(4), [1], dims=(3, 0), n_points=10)
    assert (display.answers[:, :5] == "south").all()
    assert (display.answers[:, 5:] == "north").all()
    assert display.ax_.get_xlabel() == "c[3]"


@pytest.mark.parametrize(
    ("kind", "message"), [("sphere", "needs three latent dimensions.*2"), ("cube", "'cube' is unk")]
)
def test__from_estimator__kind_that_does_not_fit__is_an_error_with_a_remedy(kind, message):
    with pytest.raises(ValueError, match=f"kind='{kind}'|{message}"):
        LatentMapDisplay.from_estimator(Hemispheres(2), [1], kind=kind)


def test__plot__axes_given__are_drawn_on():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    display = LatentMapDisplay(np.array([[1, 2]]), np.ones((1, 2)), (-1, 1, 0, 1), "slice")
    assert display.plot(ax=ax).ax_ is ax


def test__fitted_on_captions__is_an_error_with_a_remedy(captioner):
    with pytest.raises(ValueError, match="fitted on captions.*analyzer=.*`LatentTraversalDisplay`"):
        LatentMapDisplay.from_estimator(captioner, np.zeros((4, 2)))


def test__from_estimator__parameter_set_after_fit__latents_are_those_of_the_fit():
    est = Hemispheres(2)
    est.latent_bank_ = np.zeros((32, 2))
    est.n_latents = 5
    display = LatentMapDisplay.from_estimator(est, [1], n_points=4)
    assert (display.answers == [["south"]] * 2 + [["north"]] * 2).all()
