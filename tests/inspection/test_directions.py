"""Directions of latent space, of properties that are functions of it."""

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.inspection._directions import as_text, find_directions


class Answers:
    """Answers the image and the latent."""

    def predict_grid(self, X, latents):
        return np.array([[f"{x} {np.round(c, 6)}" for c in latents] for x in X], dtype=object)


def found(latents, **values):
    values = {name: np.asarray(value) for name, value in values.items()}
    return find_directions(Answers(), [5, 6, 7], latents, values)


@pytest.fixture
def latents():
    return np.random.RandomState(0).standard_normal((200, 4)).astype("f4")


def test__linear__direction_and_change_are_the_coefficients(latents):
    value = 0.5 + latents @ [3, 0, -4, 0]
    row = found(latents, value=[value - 1, value, value + 1])["value"]
    np.testing.assert_allclose(row["direction"], [0.6, 0, -0.8, 0], atol=1e-4)
    assert row["change"] == pytest.approx(5, rel=1e-3)
    assert row["r2"] == pytest.approx(1)
    assert row["mean"] == pytest.approx(value.mean())
    assert row["sd"] == pytest.approx(value.std())


def test__examples__are_of_the_image_that_varies_most_and_two_sd_from_0(latents):
    value = latents[:, 1]
    row = found(latents, value=[0 * value, value, 0 * value])["value"]
    assert row["image"] == 1
    (image, low), (_, high) = (text.split(" ", 1) for text in row["examples"])
    assert image == "6"
    for end, text in ((-2, low), (2, high)):
        shown = np.array(text.strip("[]").split(), dtype=float)
        np.testing.assert_allclose(shown, end * row["direction"], atol=1e-6)


def test__several__are_as_each_by_itself_and_sorted(latents):
    noise = np.random.RandomState(1).standard_normal((3, 3, 200))
    values = {str(i): (1 + i) * latents[:, i] + noise[i] for i in range(3)}
    together = found(latents, **values)
    assert list(together) == ["2", "1", "0"]
    for name, row in together.items():
        alone = found(latents, **{name: values[name]})[name]
        assert row["r2"] == pytest.approx(alone["r2"])
        np.testing.assert_allclose(row["direction"], alone["direction"])


class InCategories(Answers):
    """Two categories before two Gaussian latents."""

    n_categories = 2
    _est = ConditionalCaptioner(n_latents=2, n_categories=2)
    sample_latents, split_latents = _est.sample_latents, _est.split_latents
    join_latents = _est.join_latents


def test__categories__have_means_and_directions_are_of_the_gaussian_part():
    latents = InCategories.sample_latents(300, 0)
    value = 5 + 2 * latents[:, 1] + latents @ [0, 0, 3, -4]
    by_category = 5 + 2 * latents[:, 1]
    found = find_directions(
        InCategories(), [5], latents, {"both": value[None], "category": by_category[None]}
    )
    np.testing.assert_allclose(found["both"]["direction"], [0.6, -0.8], atol=1e-2)
    low, _ = found["both"]["examples"]
    assert low.startswith("5 [ 1.") or low.startswith("5 [1.")  # in the first category
    assert found["both"]["by_category"][0] == pytest.approx([5, 7], abs=1)
    assert found["category"]["by_category"] == [pytest.approx([5, 7])]
    assert found["category"]["r2"] > 0.99
    # Nothing changes along the Gaussian part.
    assert found["category"]["direction"] is None
    assert "by category 5.00, 7.00" in as_text(found, "property")


def test__categories__that_no_latent_is_of__have_no_mean():
    latents = InCategories.join_latents([1] * 50, np.random.RandomState(0).standard_normal((50, 2)))
    row = find_directions(InCategories(), [5], latents, {"n": latents[None, :, 2]})["n"]
    assert np.isnan(row["by_category"][0][0])
    assert row["by_category"][0][1] == pytest.approx(row["mean"])


def test__equals__keep_their_order(latents):
    value = np.stack([latents @ [1, 0, 0, 0]] * 3) + np.random.RandomState(1).randn(3, 200)
    names = [str(i) for i in range(30)]
    values = {name: value * (1 + i / 7) for i, name in enumerate(names)}
    assert list(found(latents, **values)) == names


@pytest.mark.parametrize("value", [0.1, np.nan], ids=["constant", "noise"])
@pytest.mark.parametrize("n_latents", [10, 20, 200])
def test__nothing_to_predict__has_no_direction(n_latents, value):
    rng = np.random.RandomState(0)
    for _ in range(20):
        noise = np.full((3, n_latents), value)
        if np.isnan(value):
            noise = rng.standard_normal((3, n_latents))
        rows = found(rng.standard_normal((n_latents, 16)), value=noise)
        row = rows["value"]
        assert [row[key] for key in ("direction", "change", "image", "examples")] == [None] * 4
        assert np.isfinite(row["r2"])
        assert "c[" not in as_text(rows, "property")
        assert "along" not in as_text(rows, "property")


def test__text__shows_the_three_largest_parts(latents):
    rows = found(latents, value=[latents @ [1, -3, 2, 0]] * 3)
    line = as_text(rows, "property").splitlines()[1]
    assert line.endswith("+3.74   c[1] -0.80, c[2] +0.53, c[0] +0.27")
