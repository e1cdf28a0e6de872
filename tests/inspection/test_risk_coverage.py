"""RiskCoverageDisplay."""

import numpy as np
import pytest

from condcap_sk.inspection import RiskCoverageDisplay
from condcap_sk.metrics import risk_coverage_curve

X = np.arange(6.0)[:, None]


class Parity:
    """Answers whether an image's number is odd or, with a latent, the opposite."""

    classes_ = np.array([0, 1])

    def predict(self, X, c=None):
        return (X[:, 0].astype(int) + (c is not None)) % 2

    def confidence(self, X, labels):
        return X[:, 0] / 10 + 0.1 * np.asarray(labels)


@pytest.mark.parametrize(
    ("c", "correct"), [(None, [1, 1, 0, 1, 0, 0]), ([0.5], [0, 0, 1, 0, 1, 1])]
)
def test__from_estimator__answers__are_ordered_by_their_confidence(c, correct):
    label_sets = [{0}, {1}, {1}, {1, 5}, {1}, {0}]
    display = RiskCoverageDisplay.from_estimator(Parity(), X, label_sets, c=c)
    confidence = Parity().confidence(X, Parity().predict(X, c))
    coverage, risk, _ = risk_coverage_curve(correct, confidence)
    np.testing.assert_array_equal(display.coverage, coverage)
    np.testing.assert_array_equal(display.risk, risk)
    np.testing.assert_array_equal(display.line_.get_xydata().T, [coverage, risk])
    chance = display.ax_.get_lines()[1]
    assert set(chance.get_ydata()) == {0.5}


def test__plot__several_on_the_same_axes__are_named():
    one = RiskCoverageDisplay.from_predictions([1, 0], [0.9, 0.1], name="one")
    assert one.ax_.get_legend() is not None
    two = RiskCoverageDisplay.from_predictions([1, 0], [0.1, 0.9], name="two", ax=one.ax_)
    assert two.figure_ is one.figure_
    assert [text.get_text() for text in two.ax_.get_legend().get_texts()] == ["one", "two"]
    assert RiskCoverageDisplay.from_predictions([1, 0], [0.9, 0.1]).ax_.get_legend() is None


def test__fitted_on_captions__is_an_error_with_a_remedy(captioner):
    with pytest.raises(ValueError, match="fitted on captions.*from_predictions"):
        RiskCoverageDisplay.from_estimator(captioner, X, [["a dog"]] * 6)
