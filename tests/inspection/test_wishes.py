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

    def test__losses__do_not_depend_on_the_unit(self):
        a, b = Wish("n", 2, len), Wish("n", 200, lambda text: 100 * len(text))
        np.testing.assert_allclose(a.losses(GRID, GRID), b.losses(GRID, GRID))

    def test__predicted_losses__are_least_where_the_mean_is_as_wished(self):
        latents = np.linspace(-2, 2, 60)[:, None]
        grid = np.array([["a" * round(10 + 4 * c)] for c in latents.ravel()], dtype=object).T
        losses = Wish("n", 12, len).predicted_losses(latents, grid, latents)
        assert latents[losses.argmin()] == pytest.approx(0.5, abs=0.1)

    def test__predicted_losses__are_least_where_images_vary_least(self):
        latents = np.random.RandomState(0).standard_normal((200, 2))
        spread = np.clip(3 + latents[:, 1], 0, None)
        values = 10 + 2 * latents[:, 0] + np.array([-1, 1])[:, None] * spread
        wish = Wish("n", 12, lambda value: value)
        losses = wish.predicted_losses(latents, values, latents)
        best = latents[losses.argmin()]
        assert best[1] < -1.5
        expected = np.square(values - 12).mean(axis=0) / values.var()
        assert np.corrcoef(losses, expected)[0, 1] > 0.95


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
