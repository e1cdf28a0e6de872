"""Metrics of control on answers whose values are known."""

import numpy as np
import pytest

from condcap_sk.metrics import (
    calibration_error,
    conditional_mutual_information,
    coverage,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    semantic_control,
    total_variation,
)

RNG = np.random.RandomState(0)
GRIDS = RNG.randint(10, size=(2000, 4))
SETS = [set(row) for row in GRIDS.tolist()]
LATENTS = 40


def preference_order():
    """For each latent an order of labels; the answer is the first that is in the image."""
    orders = np.stack([RNG.permutation(10) for _ in range(LATENTS)])
    ranks = orders[:, GRIDS].transpose(1, 0, 2)
    return np.take_along_axis(GRIDS, ranks.argmin(2), axis=1)


def positional():
    return GRIDS[:, RNG.randint(4, size=LATENTS)]


def random():
    return RNG.randint(10, size=(2000, LATENTS))


@pytest.mark.parametrize(
    ("rule", "accuracy", "skew"),
    [(preference_order, 1.0, 0.47), (positional, 1.0, 0.0), (random, 0.344, 0.0)],
)
def test__known_rules__accuracy_and_skew__are_as_computed(rule, accuracy, skew):
    answers = rule()
    assert fixed_latent_accuracy(answers, SETS).mean() == pytest.approx(accuracy, abs=0.01)
    frequencies = label_frequencies(answers, range(10))
    assert label_skew(frequencies) == pytest.approx(skew, abs=0.03)


@pytest.mark.parametrize("kind", [int, float, str, object])
def test__fixed_latent_accuracy__label_types__count_the_same(kind):
    answers = np.array([[3, 8], [1, 3]]).astype(kind)
    sets = [{3.0, 8.0}, {1.0, 7.0}] if kind is float else [{3, 8}, {1, 7}]
    if kind is str:
        sets = [{str(label) for label in labels} for labels in sets]
    assert fixed_latent_accuracy(answers, sets).tolist() == [1, 0.5]


def test__label_frequencies__rows__sum_to_one():
    frequencies = label_frequencies(random(), range(10))
    assert frequencies.shape == (LATENTS, 10)
    np.testing.assert_allclose(frequencies.sum(1), 1)


def test__label_frequencies__label_left_out__error_names_what_to_pass():
    with pytest.raises(ValueError, match=r"labels lacks \[2\].*Pass every label"):
        label_frequencies([[1], [2]], [0, 1])


def test__one_latent__1_d_answers__error_names_what_to_pass():
    with pytest.raises(ValueError, match=r"answers has shape \(2,\).*answers\[:, None\]"):
        fixed_latent_accuracy([1, 2], [{1}, {2}])


def test__total_variation__is_a_metric():
    p, q, r = RNG.dirichlet(np.ones(5), 3)
    assert total_variation(p, p) == 0
    assert total_variation(p, q) == pytest.approx(total_variation(q, p))
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r)
    assert total_variation([1, 0], [0, 1]) == 1


def test__labels_that_differ_in_their_last_bit__are_not_the_same():
    large = [2**63 + 1, 2**63, 2**53 + 1]
    answers = [[large[0], large[1]], [large[2], large[2]]]
    for given in (answers, np.array(answers, dtype="u8"), np.array(answers, dtype=object)):
        for sets in ([{large[1]}, {2**53}], np.array([[large[1]], [2**53]], dtype="u8")):
            assert fixed_latent_accuracy(given, sets).tolist() == [0, 0.5]
    assert fixed_latent_accuracy([[2**53 + 1]], [{2.0**53}]) == 0
    frequencies = label_frequencies(np.array(answers, dtype="u8"), [*large, -(2**53)][:3])
    assert frequencies.tolist() == [[0.5, 0, 0.5], [0, 0.5, 0.5]]
    with pytest.raises(ValueError, match="answers holds 'a', labels 1: text and numbers"):
        label_frequencies([["a"]], [1])


def test__coverage__wrong_answers__count_for_nothing():
    assert coverage([[3, 9], [1, 1]], [{3, 8}, {1, 7}]) == 0.5


def test__conditional_mutual_information__two_answers_in_four__has_the_correction_in_bits():
    # Miller and Madow: as many nats more as (answers − 1) / (2 · latents).
    information = conditional_mutual_information([["a", "b", "a", "b"]])
    assert information == pytest.approx(1 + 1 / 8 / np.log(2))


def test__calibration_error__a_label_that_is_there_twice__has_two_shares():
    assert calibration_error([[3, 3, 8, 8]], [[3, 3, 8, 9]]) == pytest.approx(0.25)


def test__semantic_control__latent_that_decides_between_two__is_one_bit():
    assert semantic_control([[1, 0], [0, 1]]) == pytest.approx(1)
