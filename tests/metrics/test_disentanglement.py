"""MIG, DCI, SAP and modularity, against their published definitions."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.feature_selection import r_regression

from condcap_sk.metrics import dci, mig, modularity, sap

RNG = np.random.RandomState(0)
N = 300
FACTORS = np.stack([RNG.randint(2, size=N), RNG.randint(3, size=N)], axis=1)
NOISE = RNG.standard_normal((N, 2))
CONTINUOUS = RNG.standard_normal((N, 2))
ALL = [mig, modularity, sap, lambda *args: dci(*args)["disentanglement"]]


def joint_information(a, b):
    """Mutual information of two arrays of small numbers, by definition, in nats."""
    p = np.histogram2d(a, b, bins=[np.arange(a.max() + 2), np.arange(b.max() + 2)])[0] / len(a)
    return entropy(p.sum(1)) + entropy(p.sum(0)) - entropy(p.ravel())


class TestMig:
    def test__factors_themselves__have_all_of_their_information(self):
        # What the other factor seems to know of one is chance.
        chance = joint_information(*FACTORS.T)
        expected = np.mean([1 - chance / entropy(np.bincount(f)) for f in FACTORS.T])
        assert mig(FACTORS, FACTORS) == pytest.approx(expected)
        assert mig(FACTORS, FACTORS) > 0.98

    def test__codes_in_bins__are_those_of_equal_width(self):
        codes = np.stack([FACTORS[:, 0] + 0.6 * NOISE[:, 0], NOISE[:, 1]], axis=1)
        edges = [np.linspace(code.min(), code.max(), 21)[1:-1] for code in codes.T]
        of_codes = [
            joint_information(FACTORS[:, 0], np.digitize(code, edge))
            for code, edge in zip(codes.T, edges, strict=True)
        ]
        gap = (of_codes[0] - of_codes[1]) / entropy(np.bincount(FACTORS[:, 0]))
        assert mig(FACTORS[:, 0], codes) == pytest.approx(gap)
        assert 0.1 < gap < 0.9

    def test__factor_in_two_components__has_no_gap(self):
        codes = np.concatenate([FACTORS[:, [0, 0]], NOISE], axis=1)
        assert mig(FACTORS[:, 0], codes) == pytest.approx(0)


class TestModularity:
    def test__mutual_information__by_the_equation(self):
        codes = np.stack([2 * FACTORS[:, 1] + FACTORS[:, 0], FACTORS[:, 0]], axis=1)
        expected = []
        for code in codes.T:
            m = [joint_information(factor, code) for factor in FACTORS.T]
            expected.append(1 - min(m) ** 2 / max(m) ** 2)
        assert modularity(FACTORS, codes) == pytest.approx(np.mean(expected))

    def test__component_that_is_constant__knows_nothing(self):
        codes = np.stack([FACTORS[:, 0], np.zeros(N)], axis=1)
        assert modularity(FACTORS, codes) == pytest.approx(modularity(FACTORS, FACTORS[:, :1]) / 2)


class TestSap:
    def test__continuous_factors__squared_correlations(self):
        codes = CONTINUOUS @ [[1.0, 0.3], [0.2, 1.0]] + NOISE
        squared = np.stack([r_regression(codes, factor) ** 2 for factor in CONTINUOUS.T])
        assert sap(CONTINUOUS, codes) == pytest.approx(np.abs(np.diff(squared)).mean())

    def test__classes__are_told_apart_by_thresholds(self):
        # All of three classes, against as many as one guesses.
        codes = np.stack([FACTORS[:, 1], NOISE[:, 0]], axis=1)
        assert sap(FACTORS[:, 1], codes) == pytest.approx(2 / 3, abs=0.08)

    def test__rare_class__counts_as_much_as_others(self):
        rare = (np.arange(N) % 20 == 0).astype(int)
        codes = np.stack([rare, np.zeros(N)], axis=1)
        assert sap(rare, codes) == pytest.approx(0.5)
        # Where classes overlap, too: else the threshold would leave no row to the rare one.
        codes = np.stack([2 * rare + NOISE[:, 0], np.zeros(N)], axis=1)
        assert sap(rare, codes) > 0.2


class TestDci:
    def test__scores__follow_from_the_importances(self):
        codes = np.concatenate([FACTORS + 0.5 * NOISE, RNG.standard_normal((N, 1))], axis=1)
        scores = dci(FACTORS, codes)
        importances = scores["importances"]
        np.testing.assert_allclose(importances.sum(axis=0), 1)
        of_codes = [1 - entropy(row, base=2) for row in importances]
        weights = importances.sum(axis=1) / importances.sum()
        assert scores["disentanglement"] == pytest.approx(weights @ of_codes)
        of_factors = [1 - entropy(column, base=3) for column in importances.T]
        assert scores["completeness"] == pytest.approx(np.mean(of_factors))
        assert 0.7 < scores["informativeness"] < 1

    def test__factors_themselves__are_perfect(self):
        scores = dci(FACTORS, FACTORS)
        assert scores["disentanglement"] > 0.9
        assert scores["completeness"] > 0.9
        assert scores["informativeness"] == 1

    def test__rotation__loses_disentanglement_but_little_information(self):
        rotated = CONTINUOUS @ (np.array([[1, 1], [-1, 1]]) / np.sqrt(2))
        before, after = dci(CONTINUOUS, CONTINUOUS), dci(CONTINUOUS, rotated)
        assert before["disentanglement"] > 0.9 > 0.2 > after["disentanglement"]
        assert after["informativeness"] > 0.85

    def test__codes_that_are_constant__are_equally_unimportant(self):
        scores = dci(FACTORS, np.zeros((N, 2)))
        assert scores["completeness"] == scores["disentanglement"] == pytest.approx(0)

    @pytest.mark.newest
    def test__seed__decides(self):
        a, b, c = (dci(FACTORS, NOISE, random_state=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(a["importances"], b["importances"])
        assert not np.array_equal(a["importances"], c["importances"])


@pytest.mark.parametrize("score", ALL)
class TestAll:
    @pytest.mark.newest
    def test__order_of_rows_and_columns__does_not_count(self, score):
        order = np.random.RandomState(1).permutation(N)
        codes = FACTORS + 0.3 * NOISE
        expected = score(FACTORS, codes)
        assert score(FACTORS[order], codes[order]) == pytest.approx(expected, abs=0.06)
        assert score(FACTORS[:, ::-1], codes[:, ::-1]) == pytest.approx(expected, abs=0.06)

    @pytest.mark.newest
    def test__names_of_classes__do_not_count(self, score):
        names = np.array(["cross", "circle", "square"])[FACTORS]
        codes = FACTORS + 0.3 * NOISE
        in_order = np.unique(names, return_inverse=True)[1].reshape(names.shape)
        assert score(names, codes) == score(in_order, codes)
        assert score(pd.DataFrame(names, columns=["a", "b"]), codes) == score(names, codes)

    def test__frame__has_columns_of_its_own_types(self, score):
        frame = pd.DataFrame({"kind": FACTORS[:, 0].astype(str), "size": CONTINUOUS[:, 0]})
        codes = np.stack([FACTORS[:, 0], CONTINUOUS[:, 0]], axis=1)
        assert score(frame, codes) > 0.4

    def test__noise__is_near_0(self, score):
        if score is not modularity:  # which does not ask how much is known
            assert score(FACTORS, NOISE) < 0.2

    def test__bad_input__is_an_error_with_a_remedy(self, score):
        with pytest.raises(ValueError, match=r"factors\[:, 1\] has one value only.*Leave it out"):
            score(np.stack([FACTORS[:, 0], np.ones(N, dtype=int)], axis=1), NOISE)
        rare = np.where(np.arange(N) < 2, "oval", "cross")
        with pytest.raises(ValueError, match=r"factors\[:, 1\] has the class .*oval.* in 2 rows"):
            score(np.stack([FACTORS[:, 0].astype(str), rare], axis=1), NOISE)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            score(FACTORS, NOISE[1:])
        with pytest.raises(ValueError, match="codes contains NaN"):
            score(FACTORS, np.full((N, 2), np.nan))
        with pytest.raises(ValueError, match="factors contains NaN"):
            score(np.full((N, 2), np.nan), NOISE)
        with pytest.raises(ValueError, match=r"factors have 3 dimensions"):
            score(np.zeros((N, 2, 2)), NOISE)


@pytest.mark.parametrize("score", [modularity, dci])
def test__one_factor__is_an_error(score):
    with pytest.raises(ValueError, match="factors have 1 columns and codes 2, where 2 and"):
        score(FACTORS[:, 0], NOISE)


@pytest.mark.parametrize("score", [mig, sap, dci])
def test__one_component__is_an_error(score):
    with pytest.raises(ValueError, match="and codes 1, where"):
        score(FACTORS, NOISE[:, :1])
