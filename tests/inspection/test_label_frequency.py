"""LabelFrequencyDisplay."""

import numpy as np
import pytest

from condcap_sk.inspection import LabelFrequencyDisplay


def test__from_estimator__fixed_latents__shows_their_frequencies(hardly_fitted, digits):
    fitted = hardly_fitted
    latents = fitted.sample_latents(3, random_state=0)
    display = LabelFrequencyDisplay.from_estimator(
        fitted, digits.images_test, digits.label_sets_test, latents=latents
    )
    answers = fitted.predict_grid(digits.images_test, latents)
    assert display.axes_.shape == (4,)
    for k in range(3):
        heights = [bar.get_height() for bar in display.axes_[k].patches]
        expected = [(answers[:, k] == label).mean() for label in fitted.classes_]
        np.testing.assert_allclose(heights, expected)
        assert f"{display.accuracy[k]:.1%} right" in display.axes_[k].get_title()
    assert sum(bar.get_height() for bar in display.axes_[3].patches) == pytest.approx(1)


def test__plot__axes_given__are_drawn_on():
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2)
    display = LabelFrequencyDisplay(["a", "b"], np.array([[0.3, 0.7]]), [0.5, 0.5]).plot(axes=axes)
    assert display.axes_.tolist() == axes.tolist()
    assert display.figure_ is axes[0].figure


def test__fitted_on_captions__is_an_error_with_a_remedy(captioner):
    with pytest.raises(ValueError, match="fitted on captions.*analyzer=.*`LatentTraversalDisplay`"):
        LabelFrequencyDisplay.from_estimator(captioner, np.zeros((4, 2)))


def test__random_state__of_every_kind__is_taken(hardly_fitted, digits):
    X = digits.images_test[:20]
    one, *others = (
        LabelFrequencyDisplay.from_estimator(hardly_fitted, X, random_state=seed)
        for seed in (3, np.int64(3), np.uint8(3), np.random.RandomState(3))
    )
    for other in others:
        np.testing.assert_array_equal(one.same, other.same)
        np.testing.assert_array_equal(one.different, other.different)
    before = np.random.get_state()[1].tolist()
    LabelFrequencyDisplay.from_estimator(hardly_fitted, X, random_state=None)
    assert np.random.get_state()[1].tolist() == before


def test__from_estimator__each_latent_of_its_own__is_not_one_of_the_fixed_ones():
    asked = []

    class Asked:
        classes_ = np.array([0, 1])

        def sample_latents(self, n, random_state):
            return random_state.standard_normal((n, 1))

        def predict_grid(self, X, latents):
            asked.append(latents)
            return np.zeros((len(X), len(latents)), dtype=int)

        def predict(self, X, c):
            asked.append(c)
            return np.zeros(len(X), dtype=int)

    LabelFrequencyDisplay.from_estimator(Asked(), np.zeros((4, 2)), random_state=np.int64(0))
    assert not np.isin(asked[0], asked[1]).any()
