"""Expected calibration error, and risk by coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.calibration import calibration_curve

from condcap_sk.metrics import expected_calibration_error, risk_coverage_curve

RNG = np.random.RandomState(0)
CONFIDENCE = RNG.random(300)
RIGHT = RNG.random(300) < CONFIDENCE**2
outcomes = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30)


class TestExpectedCalibrationError:
    def test__by_hand__is_the_weighted_mean_of_distances(self):
        # Bins (0, .5] and (.5, 1]: of two, none is right where .3 is expected; of three, two where
        # .8 are.
        error = expected_calibration_error([0, 0, 1, 1, 0], [0.1, 0.5, 0.7, 0.8, 0.9], n_bins=2)
        assert error == pytest.approx(2 / 5 * 0.3 + 3 / 5 * abs(2 / 3 - 0.8))

    @pytest.mark.parametrize("n_bins", [1, 5, 15, 1000])
    def test__bins__are_those_of_scikit_learn(self, n_bins):
        confidence = np.concatenate([CONFIDENCE, np.linspace(0, 1, 31)])
        right = np.concatenate([RIGHT, np.arange(31) % 2])
        found, expected = calibration_curve(right, confidence, n_bins=n_bins)
        bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
        weight = np.unique(bins, return_counts=True)[1]
        error = np.average(np.abs(found - expected), weights=weight)
        assert expected_calibration_error(right, confidence, n_bins) == pytest.approx(error)

    def test__one_bin__is_the_distance_of_the_means(self):
        error = expected_calibration_error(RIGHT, CONFIDENCE, n_bins=1)
        assert error == pytest.approx(abs(RIGHT.mean() - CONFIDENCE.mean()))

    @given(outcomes)
    def test__any_answers__is_between_0_and_1_and_0_where_all_is_certain(self, pairs):
        right, confidence = map(np.array, zip(*pairs, strict=True))
        assert 0 <= expected_calibration_error(right, confidence) <= 1
        assert expected_calibration_error(right, right.astype(float)) == 0
        assert expected_calibration_error(right, 1.0 - right) == 1

    def test__weights__are_answers_that_are_there_as_often(self):
        weights = RNG.randint(4, size=300)
        repeated = [np.repeat(values, weights) for values in (RIGHT, CONFIDENCE)]
        error = expected_calibration_error(RIGHT, CONFIDENCE, sample_weight=weights)
        assert error == pytest.approx(expected_calibration_error(*repeated))


class TestRiskCoverageCurve:
    def test__by_hand__ties_are_given_together(self):
        curve = risk_coverage_curve([1, 0, 1, 0, 1], [0.9, 0.5, 0.5, 0.7, 0.1])
        coverage, risk, thresholds = curve
        np.testing.assert_allclose(coverage, [0.2, 0.4, 0.8, 1.0])
        np.testing.assert_allclose(risk, [0, 1 / 2, 2 / 4, 2 / 5])
        np.testing.assert_array_equal(thresholds, [0.9, 0.7, 0.5, 0.1])

    @given(arrays(float, 20, elements=st.sampled_from(np.linspace(-3, 3, 7))), st.data())
    def test__each_threshold__gives_the_answers_that_are_as_sure(self, confidence, data):
        correct = np.array(data.draw(st.lists(st.booleans(), min_size=20, max_size=20)))
        for coverage, risk, threshold in zip(
            *risk_coverage_curve(correct, confidence), strict=True
        ):
            given = confidence >= threshold
            assert coverage == pytest.approx(given.mean())
            assert risk == pytest.approx(1 - correct[given].mean())

    def test__order_and_scale__do_not_count(self):
        order = RNG.permutation(300)
        one = risk_coverage_curve(RIGHT, CONFIDENCE)
        other = risk_coverage_curve(RIGHT[order], np.log(CONFIDENCE[order]))
        for ours, theirs in zip(one[:2], other[:2], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert one[0][-1] == 1
        assert (np.diff(one[0]) > 0).all()


@pytest.mark.parametrize("function", [expected_calibration_error, risk_coverage_curve])
class TestBadInput:
    @pytest.mark.parametrize("right", [[0.5, 1], [2, 0], [-1, 1]])
    def test__neither_right_nor_wrong__is_named(self, function, right):
        name = "correct" if function is risk_coverage_curve else "y_true"
        with pytest.raises(ValueError, match=f"{name} holds .*Pass bools"):
            function(right, [0.5, 0.6])

    @pytest.mark.parametrize(
        ("right", "confidence"),
        [([1, 0], [0.5]), ([], []), ([1, 0], [0.5, np.nan]), ([[1, 0]], [[0.1, 0.2]])],
    )
    def test__lengths_and_numbers__are_checked(self, function, right, confidence):
        with pytest.raises(ValueError):
            function(right, confidence)


@pytest.mark.parametrize("confidence", [[0.5, 1.1], [-3.0, 0.5]])
def test__no_probabilities__are_named_with_where_to_get_them(confidence):
    with pytest.raises(
        ValueError, match=r"confidence holds values from .*`score_samples` does not"
    ):
        expected_calibration_error([0, 1], confidence)


@pytest.mark.parametrize("n_bins", [0, 1.5])
def test__impossible_number_of_bins__is_named(n_bins):
    with pytest.raises((TypeError, ValueError), match="n_bins"):
        expected_calibration_error([0, 1], [0.1, 0.9], n_bins)
