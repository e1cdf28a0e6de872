"""Latents: drawn, made of their parts, split; and an estimator with categories."""

import copy
import pickle
import warnings

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import ModelFileError
from condcap_sk.inspection import describe_captions, describe_latents, find_latent
from condcap_sk.metrics import control_report, coverage, dialogue_accuracy

from .conftest import small_captioner

BOTH = ConditionalCaptioner(n_latents=2, n_categories=(2, 3))
DISCRETE = ConditionalCaptioner(n_latents=0, n_categories=4)
CAPTIONS = [["a dog runs", "one dog runs fast"], ["a cat sits", "one cat sits down"]] * 30


class TestSampleLatents:
    def test__columns__are_the_one_hot_parts_and_the_gaussian_one(self):
        drawn = BOTH.sample_latents(50, random_state=0)
        assert drawn.shape == (50, 7)
        assert (drawn[:, :2].sum(axis=1) == 1).all()
        assert (drawn[:, 2:5].sum(axis=1) == 1).all()
        assert len(np.unique(drawn[:, 5:])) == 100

    def test__categories_alone__are_one_hot_rows(self):
        np.testing.assert_array_equal(DISCRETE.sample_latents(9, 0).sum(axis=1), 1)


class TestJoinAndSplit:
    def test__join__undoes_split(self):
        drawn = BOTH.sample_latents(20, random_state=1)
        np.testing.assert_array_equal(BOTH.join_latents(*BOTH.split_latents(drawn)), drawn)

    @pytest.mark.parametrize("categories", [2, [2], [[2]], np.int64(2)], ids=str)
    def test__join__one_category__is_a_row(self, categories):
        np.testing.assert_array_equal(DISCRETE.join_latents(categories), [[0, 0, 1, 0]])

    def test__join__one_part__stands_for_all_rows_of_the_other(self):
        many = BOTH.join_latents([1, 2], [[0.5, 1], [2, 3]])
        np.testing.assert_array_equal(many, [[0, 1, 0, 0, 1, 0.5, 1], [0, 1, 0, 0, 1, 2, 3]])
        np.testing.assert_array_equal(BOTH.join_latents([[1, 2]] * 2, [2, 3])[0], many[1])
        np.testing.assert_array_equal(BOTH.join_latents([1, 2])[0, 5:], [0, 0])

    @pytest.mark.parametrize(
        ("categories", "match"),
        [
            (4, "categories holds 4, but .*n_categories=.4,.*from 0 to 3"),
            ([-1, 0], "categories holds -1, but"),
            ([[0], [1, 2]], "categories is .*inhomogeneous"),
            ([[0, 1]], "Pass whole numbers, for each latent 1 of them"),
            (0.5, "categories is 0.5. Pass whole numbers"),
            ("a", "categories is 'a'. Pass whole numbers"),
            ([[[0]]], "Pass whole numbers"),
        ],
        ids=str,
    )
    def test__join__no_such_categories__are_named(self, categories, match):
        with pytest.raises(ValueError, match=match):
            DISCRETE.join_latents(categories)

    def test__join__other_numbers_of_rows__are_named(self):
        with pytest.raises(ValueError, match="categories has 2 rows, and gaussian 3"):
            BOTH.join_latents([[0, 1]] * 2, np.zeros((3, 2)))
        with pytest.raises(ValueError, match="gaussian has 3 columns, but 2 are expected"):
            BOTH.join_latents([0, 1], np.zeros(3))

    def test__join__without_categories__is_named(self):
        with pytest.raises(ValueError, match="no categorical latents.*Pass it as `c`"):
            ConditionalCaptioner().join_latents(0)

    def test__join__the_second_of_several__is_named_by_its_own_number(self):
        with pytest.raises(ValueError, match="categories holds 3, .*Pass numbers from 0 to 2"):
            BOTH.join_latents([0, 3])

    def test__join__none__is_none(self):
        assert BOTH.join_latents(np.zeros((0, 2), dtype=int)).shape == (0, 7)

    def test__split__without_categories__is_the_gaussian_part_alone(self):
        categories, gaussian = ConditionalCaptioner(n_latents=2).split_latents([[0.5, 1.0]])
        assert categories.shape == (1, 0)
        np.testing.assert_array_equal(gaussian, [[0.5, 1.0]])

    def test__split__no_one_hot__is_named(self):
        with pytest.raises(ValueError, match="c holds .* in columns 0 to 3"):
            DISCRETE.split_latents([0.5, 0.5, 0, 0])


@pytest.fixture(scope="module")
def discrete(digits):
    """Ten categories and no Gaussian part."""
    est = small_captioner(n_latents=0, n_categories=10).set_params(gan__max_iter=500)
    return est.fit(digits.images, digits.label_sets)


@pytest.fixture(scope="module", params=["labels", "captions", "paper"])
def both(request, quick, tiny):
    """Two categorical latents and a Gaussian one, hardly trained."""
    X, y = tiny
    objective = "paper" if request.param == "paper" else "relativistic"
    est = quick(n_latents=1, n_categories=(2, 3), objective=objective)
    return est.fit(X, CAPTIONS if request.param == "captions" else y)


class TestFitted:
    def test__ten_categories__prefer_different_digits(self, discrete, digits):
        grid = discrete.predict_grid(digits.images_test, discrete.join_latents(np.arange(10)))
        assert coverage(grid, digits.label_sets_test) > 0.8
        categories, _ = discrete.split_latents(
            discrete.infer_latent(digits.images_test, [min(s) for s in digits.label_sets_test])
        )
        assert len(np.unique(categories)) > 5

    def test__control_report__of_categories__has_no_error_of_numbers(self, discrete, digits):
        found = control_report(
            discrete,
            digits.images_test,
            digits.label_sets_test,
            n_latents=10,
            n_draws=50,
            output_dict=True,
        )
        assert "latent_error" not in found
        assert found["category_accuracy"]["chance"] == pytest.approx(0.1)
        assert 0.1 < found["category_accuracy"]["value"] <= 1

    def test__dialogue__of_categories__is_better_than_chance(self, discrete, digits):
        found = dialogue_accuracy(discrete, digits.images_test, turns=(5,), n_speakers=10)
        assert found[5] > found["chance"]

    def test__probabilities__of_inferred_categories__sum_to_one(self, both, tiny):
        X, _ = tiny
        answers = both.predict(X)
        c, spread = both.infer_latent(X, answers, return_std=True)
        both.split_latents(c)
        assert c.shape == spread.shape == (60, 6)
        np.testing.assert_allclose(spread[:, :2].sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(spread[:, 2:5].sum(axis=1), 1, rtol=1e-5)
        assert (spread[np.arange(60), c[:, :2].argmax(axis=1)] >= 0.5 - 1e-6).all()

    def test__every_method__takes_and_gives_such_latents(self, both, tiny):
        X, _ = tiny
        c = both.sample_latents(60, random_state=0)
        answers = both.predict(X, c)
        assert both.predict_grid(X[:3], c[:2]).shape == (3, 2)
        assert both.recover_latent(X, c).shape == (60, 6)
        assert len(both.sample(X[:3], 3)) == 3
        latent, spread = both.infer_speaker(X[:4], answers[:4])
        both.split_latents(latent)
        assert np.isfinite(spread).all()
        both.predict(X, latent)

    def test__inspection__takes_such_latents(self, both, tiny):
        X, _ = tiny
        if hasattr(both, "classes_"):
            found = describe_latents(both, X, n_latents=60, output_dict=True)["directions"]
        else:
            found = describe_captions(both, X, n_latents=60, output_dict=True)
        for row in found.values():
            assert [len(part) for part in row["by_category"]] == [2, 3]

    def test__find_latent__is_a_latent_of_some_category(self, discrete, digits):
        with warnings.catch_warnings(action="ignore"):
            found = find_latent(discrete, digits.images_test[:40], prefer=[7], n_latents=16)
        discrete.split_latents(found.latent)

    def test__a_mean_of_latents__is_named(self, both, tiny):
        X, _ = tiny
        mean = both.sample_latents(10, random_state=0).mean(axis=0)
        with pytest.raises(ValueError, match="c holds .* in columns 0 to 1.*`join_latents`"):
            both.predict(X, mean)

    def test__saved_and_loaded__answers_the_same(self, both, tiny, tmp_path):
        X, _ = tiny
        both.save(tmp_path / "m.safetensors")
        for other in (
            ConditionalCaptioner.load(tmp_path / "m.safetensors"),
            pickle.loads(pickle.dumps(both)),
        ):
            c = other.sample_latents(60, random_state=1)
            np.testing.assert_array_equal(c, both.sample_latents(60, random_state=1))
            answers = both.predict(X, c)
            np.testing.assert_array_equal(other.predict(X, c), answers)
            np.testing.assert_array_equal(
                other.infer_latent(X, answers, return_std=True),
                both.infer_latent(X, answers, return_std=True),
            )

    @pytest.mark.parametrize("change", ["bank", "params"])
    def test__a_file_with_other_categories__is_refused(self, both, tmp_path, change):
        forged = copy.copy(both)
        if change == "bank":
            forged.latent_bank_ = np.full_like(both.latent_bank_, 0.5)
        else:
            forged.fitted_params_ = {**both.fitted_params_, "n_categories": (3, 2)}
        forged.save(tmp_path / "m.safetensors")
        with pytest.raises(ModelFileError):
            ConditionalCaptioner.load(tmp_path / "m.safetensors")

    def test__more_categories_than_latents_that_are_tried__are_all_tried(self, quick, tiny):
        est = quick(n_latents=0, n_categories=40).fit(*tiny)
        assert len(np.unique(est.latent_bank_, axis=0)) == 40

    def test__no_latent_at_all__is_named(self, quick, tiny):
        with pytest.raises(ValueError, match="n_latents=0 leaves no latent"):
            quick(n_latents=0).fit(*tiny)
