"""LatentTraversalDisplay."""

import numpy as np

from condcap_sk.inspection import LatentTraversalDisplay


def test__from_estimator__images_and_latents__shows_every_answer(hardly_fitted, digits):
    fitted = hardly_fitted
    latents = fitted.sample_latents(4, random_state=0)
    X, label_sets = digits.images_test[:3], digits.label_sets_test[:3]
    display = LatentTraversalDisplay.from_estimator(fitted, X, label_sets, latents=latents)
    answers = fitted.predict_grid(X, latents)
    for (_, ax), row in zip(display.axes_, answers, strict=True):
        shown = [text.get_text() for text in ax.texts if not text.get_text().startswith("$")]
        assert shown == [str(answer) for answer in row]


def test__plot__wrong_answers__are_red():
    right = np.array([[True, False]])
    display = LatentTraversalDisplay(np.zeros((1, 4, 4)), np.array([["cat", "dog"]]), right).plot()
    colours = {text.get_text(): text.get_color() for text in display.axes_[0, 1].texts}
    assert colours["cat"] == "black"
    assert colours["dog"] == "C3"


def test__plot__colour_images_first_or_last__are_shown():
    answers = np.array([[1], [2]])
    for shape in ((2, 8, 8, 3), (2, 3, 8, 8)):
        display = LatentTraversalDisplay(np.random.RandomState(0).rand(*shape), answers).plot()
        assert display.axes_[0, 0].images[0].get_array().shape == (8, 8, 3)
