"""What one wishes of answers, by the definitions."""

import numpy as np
import pytest

from condcap_sk.inspection._wishes import Preference, Wish

GRID = np.array([["a", "aaa"], ["aa", "aaaaa"]], dtype=object)


class TestWish:
    def test__errors__are_absolute_differences(self):
        np.testing.assert_array_equal(Wish("n", 2, len).errors(GRID, GRID), [[1, 1], [0, 3]])

    @pytest.mark.parametrize(("wished", "expected"), [(True, 0), (False, 1)])
    def test__bool__is_whether_there_is_any(self, wished, expected):
        assert (Wish("n", wished, len).errors(GRID, GRID) == expected).all()

    def test__losses__answers_that_are_far_off__count_alike(self):
        grid = np.array([["a" * 2, "a" * 9, "a" * 30]])
        losses = Wish("n", 2, len).losses(grid, np.array([["aa", "aaa", "a", "aaaa"]]))
        assert losses.tolist() == [0, 1, 1]

    def test__losses__do_not_depend_on_the_unit(self):
        a, b = Wish("n", 2, len), Wish("n", 200, lambda text: 100 * len(text))
        np.testing.assert_allclose(a.losses(GRID, GRID), b.losses(GRID, GRID))


class TestPreference:
    REACHED = np.array([[1, 2], [2, 3], [3, 3], [2, 2]])

    def test__first__is_the_first_label_that_an_image_has(self):
        assert Preference([1, 2]).first(self.REACHED).tolist() == [0, 1, -1, 1]

    def test__errors__do_not_count_images_without_any(self):
        errors = Preference([1, 2]).errors(np.array([[1], [3], [3], [2]]), self.REACHED)
        np.testing.assert_array_equal(errors, [[0], [1], [np.nan], [0]])

    def test__losses__count_labels_alike(self):
        losses = Preference([1, 2]).losses(np.array([[2], [2], [3], [2]]), self.REACHED)
        assert losses.tolist() == [0.5]

    def test__losses__of_one_label_given_up_for_the_other__are_larger(self):
        reached = np.array([[0, 1], [0, 9], [0, 9], [1, 9], [1, 9]])
        halves, one_sided = [0, 0, 9, 1, 9], [0, 0, 0, 9, 9]
        losses = Preference([0, 1]).losses(np.array([halves, one_sided]).T, reached)
        assert losses[0] < losses[1]
