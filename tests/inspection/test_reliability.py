"""ReliabilityDisplay, and the pairs that it is of."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk.inspection import ReliabilityDisplay
from condcap_sk.metrics import expected_calibration_error

X = np.arange(8.0)[:, None]


class Labels:
    """Of the label k, image x is sure by (x + k) / 20."""

    classes_ = np.array([0, 1, 2])

    def confidence(self, X, labels):
        return (X[:, 0] + np.asarray(labels)) / 20


class Captions:
    """Sure of captions that end with the image's number."""

    def confidence(self, X, labels):
        return np.array(
            [0.8 if c.endswith(f" {x:.0f}") else 0.3 for (x,), c in zip(X, labels, strict=True)]
        )


def test__from_estimator__labels__are_all_paired_with_each_image():
    # 9 was not in fit.
    label_sets = [{0, 9}, {1}, {2, 1}, {0}, {1}, {2}, {0, 1, 2}, {9}]
    display = ReliabilityDisplay.from_estimator(Labels(), X, label_sets)
    expected = sorted(((x + k) / 20, k in label_sets[x]) for x in range(8) for k in range(3))
    found = sorted(zip(display.confidence.tolist(), display.y_true.tolist(), strict=True))
    assert found == expected
    assert set(display.sample_weight) == {1}


def test__from_estimator__captions__are_paired_with_their_own_image_and_one_other():
    rows = [[f"a dog {i}", f"the dog {i}"] for i in range(8)]
    display = ReliabilityDisplay.from_estimator(Captions(), X, rows)
    assert display.y_true.sum() == (~display.y_true).sum() == 16
    assert set(display.confidence[display.y_true]) == {0.8}
    assert set(display.confidence[~display.y_true]) == {0.3}


def test__from_estimator__pipeline_and_seed__are_taken():
    rows = [[f"a dog {i % 4}", f"the dog {i}"] for i in range(8)]
    pipe = make_pipeline(FunctionTransformer(lambda X: X + 1), Captions())
    one, same, other = (
        ReliabilityDisplay.from_estimator(pipe, X - 1, rows, random_state=seed)
        for seed in (0, np.random.RandomState(0), 1)
    )
    np.testing.assert_array_equal(one.confidence, same.confidence)
    assert one.confidence.tolist() != other.confidence.tolist()


def test__plot__bins__are_drawn_with_the_error_in_the_title():
    rng = np.random.RandomState(0)
    confidence, weights = rng.random(200), rng.randint(1, 4, size=200)
    right = rng.random(200) < confidence
    display = ReliabilityDisplay.from_predictions(
        right, confidence, n_bins=4, sample_weight=weights
    )
    diagram, histogram = display.axes_
    *_, line = diagram.get_lines()
    expected, found = line.get_data()
    for i in range(4):
        here = (confidence > i / 4) & (confidence <= (i + 1) / 4)
        assert expected[i] == pytest.approx(np.average(confidence[here], weights=weights[here]))
        assert found[i] == pytest.approx(np.average(right[here], weights=weights[here]))
        assert histogram.patches[i].get_height() == pytest.approx(weights[here].sum())
    error = expected_calibration_error(right, confidence, 4, sample_weight=weights)
    assert diagram.get_title() == f"expected calibration error {error:.3f}"


def test__plot__axes_given__are_drawn_on():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    display = ReliabilityDisplay([0, 1], [0.2, 0.7]).plot(axes=axes)
    assert display.axes_.tolist() == axes.tolist()
    assert display.figure_ is figure


def test__from_estimator__labels_of_another_kind__are_named(quick, tiny):
    est = quick(validation_fraction=0.5).fit(*tiny)
    with pytest.raises(ValueError, match="label_sets holds no answer that was in fit: .*same kind"):
        ReliabilityDisplay.from_estimator(est, tiny[0], [["a"]] * 60)
