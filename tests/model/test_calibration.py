"""Calibrator: relevance to probability; and the pairs of image and answer that it is fitted on."""

import numpy as np
import pytest

from condcap_sk.answers.encoded import indexed
from condcap_sk.model.calibration import LEAST_PAIRS, MOST_LABELS, Calibrator, pairs_of

GRID = np.linspace(-30, 30, 1001)


def drawn(n, probability, seed=0):
    """Pairs whose relevance is of N(0, 3²), right with the `probability` of that relevance."""
    rng = np.random.RandomState(seed)
    relevance = (3 * rng.standard_normal(n)).astype(np.float32)
    return relevance, rng.random(n) < probability(relevance), np.ones(n)


def logistic(relevance):
    return 1 / (1 + np.exp(-2 * relevance - 1))


def bounded(relevance):
    """What a sigmoid alone cannot be: the most relevant pairs are right in 7 of 10 cases."""
    return 0.1 + 0.6 / (1 + np.exp(-3 * relevance))


@pytest.mark.parametrize("probability", [logistic, bounded])
@pytest.mark.parametrize(("n", "error"), [(200, 0.06), (20_000, 0.012)])
def test__fit__pairs_of_a_known_probability__finds_it(probability, n, error):
    found = Calibrator.fit(*drawn(n, probability))
    relevance, _, _ = drawn(5000, probability, seed=1)
    assert np.abs(found(relevance) - probability(relevance)).mean() < error


@pytest.mark.parametrize("n", [60, 3000])
@pytest.mark.parametrize("probability", [logistic, bounded, lambda relevance: relevance > 0])
def test__call__relevance_that_rises__gives_probabilities_that_rise(n, probability):
    p = Calibrator.fit(*drawn(n, probability))(GRID)
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= 0).all()
    # No two pairs that are not certain are alike.
    near = np.abs(GRID) < 3
    assert (np.diff(p[near]) > 0).all()
    assert ((p[near] > 0) & (p[near] < 1)).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1e-6, 1, 1e12, 3e37])
def test__fit__relevance_on_any_scale_that_tells_all__tells_right_from_wrong(scale, seed):
    relevance, right, weights = drawn(500, lambda relevance: relevance > 0, seed)
    p = Calibrator.fit(relevance * np.float32(scale / 3), right, weights)(relevance * (scale / 3))
    assert ((p >= 0) & (p <= 1)).all()
    assert p[right].min() > p[~right].max()
    assert p[right].mean() > 0.95
    assert p[~right].mean() < 0.05


@pytest.mark.parametrize("sign", [0, -1])
def test__fit__relevance_that_tells_nothing_or_lies__gives_the_share_that_is_right(sign):
    relevance, right, weights = drawn(1000, logistic)
    p = Calibrator.fit(sign * relevance, right, weights)(GRID)
    np.testing.assert_allclose(p, right.mean(), atol=0.01)


def test__fit__weights__are_pairs_that_are_there_as_often():
    relevance, right, _ = drawn(300, bounded)
    weights = np.where(right, 1, 3)
    times = Calibrator.fit(relevance, right, weights)
    repeated = [np.repeat(values, weights) for values in (relevance, right, np.ones(300))]
    np.testing.assert_allclose(times(GRID), Calibrator.fit(*repeated)(GRID), atol=1e-5)


@pytest.mark.parametrize("is_right", [True, False])
def test__fit__too_few_of_one_kind__is_none(is_right):
    n = LEAST_PAIRS
    right = np.concatenate([np.full(50, not is_right), np.full(n, is_right)])
    relevance = np.random.RandomState(0).standard_normal(50 + n)
    assert Calibrator.fit(relevance, right, np.ones(50 + n)) is not None
    assert Calibrator.fit(relevance[:-1], right[:-1], np.ones(49 + n)) is None


def test__rows__there_and_back__is_the_same():
    one = Calibrator.fit(*drawn(500, bounded))
    rows = one.to_rows()
    other = Calibrator.from_rows(np.array(rows, dtype=np.float32))
    assert other.to_rows() == rows
    np.testing.assert_array_equal(one(GRID), other(GRID))


@pytest.mark.parametrize(
    "rows",
    [
        [[-1, 0], [0.5, 0.5]],
        [[1, 0]],
        [[1, 0], [0.5, 1.5]],
        [[1, 0], [-0.5, 0.5]],
        [[1, 0], [0.2, 0.5], [0.5, 0.4]],
        [[1, 0], [0.5, 0.4], [0.2, 0.5]],
    ],
)
def test__from_rows__of_none__is_refused(rows):
    with pytest.raises(ValueError, match="no probabilities that rise"):
        Calibrator.from_rows(np.array(rows, dtype=np.float32))


class TestPairsOf:
    @pytest.fixture
    def rng(self):
        return np.random.RandomState(0)

    def listed(self, pairs):
        """Return the pairs (image, answer) that count, once for each time, by what they are."""
        assert not (pairs.right & (pairs.weights == 0)).any()
        found = {}
        for is_right in (True, False):
            rows, columns = np.nonzero((pairs.right == is_right) & (pairs.weights > 0))
            found[is_right] = sorted(zip(rows, pairs.answers[rows, columns], strict=True))
        return found

    def test__labels__are_paired_with_every_image_once(self, rng):
        index = np.array([[0, 2, 2], [1, -1, -1]])
        pairs = pairs_of(index, 4, False, rng)
        found = self.listed(pairs)
        assert found[True] == [(0, 0), (0, 2), (1, 1)]
        assert found[False] == [(0, 1), (0, 3), (1, 0), (1, 2), (1, 3)]
        assert set(pairs.weights.ravel()) == {0, 1}

    def test__many_labels__random_ones_count_for_all(self, rng):
        n_labels = 50 * MOST_LABELS
        index = rng.randint(n_labels, size=(100, 3))
        pairs = pairs_of(index, n_labels, False, rng)
        assert pairs.answers.shape[1] <= MOST_LABELS + 3
        n_right = pairs.weights[pairs.right].sum()
        assert n_right == sum(len(set(row)) for row in index.tolist())
        assert pairs.weights.sum() == pytest.approx(100 * n_labels)
        for row, answers, right in zip(index, pairs.answers, pairs.right, strict=True):
            assert set(answers[right]) == set(row)

    def test__captions__are_paired_with_their_image_and_with_one_other(self, rng):
        owners = np.repeat(np.arange(30), 2)
        pairs = pairs_of(indexed(np.arange(60), owners), 60, True, rng)
        found = self.listed(pairs)
        assert found[True] == list(zip(owners, range(60), strict=True))
        assert sorted(answer for _, answer in found[False]) == list(range(60))
        assert all(owners[answer] != image for image, answer in found[False])
        assert pairs.weights[pairs.right].sum() == pairs.weights[~pairs.right].sum()

    def test__captions_that_images_share__are_never_wrong(self, rng):
        index = np.array([[0, 1], [0, 2], [0, 3]])
        pairs = pairs_of(index, 4, True, rng)
        found = self.listed(pairs)
        assert len(found[True]) == 6
        assert len(found[False]) == 3
        assert 0 not in {answer for _, answer in found[False]}
        assert pairs.weights[~pairs.right].sum() == 6

    def test__one_image__has_no_other(self, rng):
        assert self.listed(pairs_of(np.array([[0, 1]]), 2, True, rng))[False] == []


@pytest.mark.parametrize("seed", range(40))
def test__rows__of_any_pairs__can_be_read_again(seed):
    """Blocks that are equal but for rounding are one: a file that is written can be read."""
    rng = np.random.RandomState(seed)
    right = rng.random_sample(2000) < 0.4
    relevance = (right + 2 * rng.standard_normal(2000)).astype(np.float32)
    calibrator = Calibrator.fit(relevance, right, np.where(right, 1.0, 0.7))
    again = Calibrator.from_rows(np.array(calibrator.to_rows(), dtype=np.float32))
    np.testing.assert_array_equal(again(relevance), calibrator(relevance))
