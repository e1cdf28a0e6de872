"""find_latent, on estimators whose latents decide known things."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.exceptions import WishWarning
from condcap_sk.inspection import find_latent

X = np.arange(40)[:, None]
RADIUS = 2.8  # 95 % of a Gaussian in three dimensions are nearer to 0


class Captions:
    """The first component decides the length, the second one whether a colour is named."""

    def __init__(self, n_latents=3):
        self.n_latents = n_latents
        self.seen = []

    def fit(self, X, y):
        return self

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, self.n_latents)).astype(np.float32)

    def predict_grid(self, X, latents):
        self.seen.append(np.ravel(X))
        n_words = np.clip(np.round(6 + 2 * latents[:, 0]), 2, 14).astype(int)
        first = np.where(latents[:, 1] > 0, "red", "old")
        captions = [
            " ".join([word, *["dog"] * (n - 1)]) for word, n in zip(first, n_words, strict=True)
        ]
        return np.tile(np.array(captions, dtype=object), (len(X), 1))


class Labels:
    """Of the labels that an image has, two out of six, that whose direction is the nearest."""

    codec_ = type("Codec", (), {"analyzer_": "label"})()
    classes_ = np.arange(6)
    directions = np.concatenate([np.eye(3), -np.eye(3)])

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, 3)).astype(np.float32)

    def predict_grid(self, X, latents):
        sets = np.random.RandomState(0).rand(1000, 6).argsort(axis=1)[np.ravel(X).astype(int), :2]
        scores = latents @ self.directions.T
        return np.stack([row[scores[:, row].argmax(axis=1)] for row in sets])


class TestCaptions:
    @pytest.mark.parametrize("words", [3, 6, 10])
    def test__words__are_as_many_as_wished(self, words):
        found = find_latent(Captions(), X, words=words)
        assert found.wishes["words"]["wished"] == words
        assert found.wishes["words"]["mean"] == pytest.approx(words, abs=0.5)
        assert found.wishes["words"]["error"] < 0.6 < found.wishes["words"]["random"]
        caption = Captions().predict_grid(X[:1], found.latent[None])[0, 0]
        assert len(caption.split()) == pytest.approx(words, abs=1)

    @pytest.mark.parametrize("colours", [True, False])
    def test__several_wishes__are_met_together(self, colours):
        found = find_latent(Captions(), X, words=9, colours=colours)
        assert list(found.wishes) == ["words", "colours"]
        assert found.wishes["colours"]["mean"] == colours
        assert found.wishes["colours"]["error"] == 0
        assert 0.3 < found.wishes["colours"]["random"] < 0.7
        assert found.wishes["words"]["error"] < 1

    def test__latent__is_one_row_and_likely_under_the_prior(self):
        found = find_latent(Captions(), X, words=12)
        assert found.latent.shape == (3,)
        assert found.latent.dtype == np.float32
        assert np.linalg.norm(found.latent) < RADIUS

    def test__components_that_do_not_matter__are_near_the_mode_of_the_prior(self):
        found = find_latent(Captions(n_latents=8), X, words=10)
        assert found.wishes["words"]["mean"] == 10
        assert np.linalg.norm(found.latent[1:]) < 1.3  # of a draw from the prior, 2.5 on average

    def test__weights__only_their_ratio_matters(self):
        expected = find_latent(Captions(), X, words=9).latent
        for weight in (1e-3, 1e300):
            found = find_latent(Captions(), X, words=9, weights={"words": weight})
            np.testing.assert_array_equal(found.latent, expected)

    def test__weights__decide_which_of_two_wishes_is_met(self):
        # The same component: one goes up, the other down.
        properties = {"long": lambda tokens: len(tokens) > 6}
        for name, ignored in (("words", "long"), ("long", "words")):
            with pytest.warns(WishWarning, match=f"hardly decides {ignored!r}"):
                found = find_latent(
                    Captions(), X, properties=properties, long=True, words=3, weights={name: 1e3}
                )
            assert found.wishes[name]["error"] < 0.5

    @pytest.mark.filterwarnings("ignore::condcap_sk.exceptions.WishWarning")
    def test__images__are_judged_on_others_than_those_that_find_the_latent(self):
        est = Captions()
        find_latent(est, X, words=6)
        *some, others = est.seen
        assert not set(np.concatenate(some)) & set(others)
        assert set(np.concatenate(est.seen)) == set(X.ravel())

    def test__same_seed__same_latent(self):
        a, b, c = (find_latent(Captions(), X, words=8, random_state=s).latent for s in (0, 0, 1))
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)

    def test__property_of_ones_own__takes_tokens(self):
        properties = {"dogs": lambda tokens: tokens.count("dog")}
        found = find_latent(Captions(), X, properties=properties, dogs=4)
        assert found.wishes["dogs"]["mean"] == pytest.approx(4, abs=0.5)

    def test__pipeline_and_search__are_looked_into(self):
        est = Captions()
        pipe = make_pipeline(FunctionTransformer(), est)
        expected = find_latent(est, X, words=8)
        np.testing.assert_array_equal(find_latent(pipe, X, words=8).latent, expected.latent)
        search = GridSearchCV(pipe, {})
        search.best_estimator_ = pipe
        np.testing.assert_array_equal(find_latent(search, X, words=8).latent, expected.latent)

    def test__what_the_latent_does_not_decide__is_a_warning(self):
        class ByImage(Captions):
            def predict_grid(self, X, latents):
                grid = super().predict_grid(X, latents)
                blue = np.ravel(X) % 2 == 0
                return np.where(blue[:, None], grid + " blue", grid)

        with pytest.warns(WishWarning, match=r"hardly decides 'blues'.*Leave this wish out"):
            find_latent(ByImage(), X, properties={"blues": lambda t: "blue" in t}, blues=True)


class TestLabels:
    @pytest.mark.parametrize("prefer", [[2], [0, 4], [5, 1]])
    def test__preferred_labels__are_answered_in_their_order(self, prefer):
        found = find_latent(Labels(), X, prefer=prefer)
        row = found.wishes["prefer"]
        assert row["wished"] == prefer
        assert row["error"] < 0.1 < row["random"]

    def test__second_label__is_wished_where_the_first_is_not_right(self):
        found = find_latent(Labels(), np.arange(200)[:, None], prefer=[0, 4])
        images = np.arange(200, 600)[:, None]
        reached = Labels().predict_grid(images, Labels.directions.astype(np.float32))
        answers = Labels().predict_grid(images, found.latent[None])[:, 0]
        has = [(reached == label).any(axis=1) for label in (0, 4)]
        assert (answers[has[0]] == 0).mean() > 0.9
        assert (answers[has[1] & ~has[0]] == 4).mean() > 0.75

    def test__label_of_a_single_image__is_found_and_not_judged(self):
        class Rare(Labels):
            def predict_grid(self, X, latents):
                return np.where((np.asarray(X) == rare) & (latents[:, 0] > 0), 1, 2)

        # An image of the half that finds the latent.
        est = Captions()
        find_latent(est, X, words=6, n_latents=16)
        rare = est.seen[0][0]
        with pytest.warns(WishWarning, match=r"None of the 20 images.*prefer=\[1\].*more images"):
            found = find_latent(Rare(), X, prefer=[1], n_latents=16)
        assert found.latent[0] > 0
        assert np.isnan(found.wishes["prefer"]["error"])

    def test__property_of_labels__takes_the_label(self):
        found = find_latent(Labels(), X, properties={"low": lambda label: label < 3}, low=True)
        assert found.wishes["low"]["mean"] > 0.7

    def test__label_that_no_image_has__is_an_error_with_a_remedy(self):
        sets = np.random.RandomState(0).rand(1000, 6).argsort(axis=1)[:, :2]
        without = np.flatnonzero((sets != 3).all(axis=1))[:20, None]
        with pytest.raises(ValueError, match=r"none of the images in X is answered with \[3\]"):
            find_latent(Labels(), without, prefer=[3])

    def test__fitted_model__gives_and_takes_the_latent(self):
        digits = load_grid_digits(n_train=100, n_test=40)
        # Small, and trained just long enough that the latent decides something.
        est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
            codec__max_iter=30,
            image_encoder__max_iter=30,
            image_encoder__n_filters=4,
            gan__max_iter=200,
            gan__hidden_size=32,
            gan__decoder_size=32,
        )
        X = est.fit(digits.images, digits.label_sets) and digits.images_test
        prefer = [est.predict(X)[0]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WishWarning)
            found = find_latent(est, X, prefer=prefer, n_latents=32)
        assert found.latent.shape == (2,)
        assert est.predict(X[:3], found.latent).shape == (3,)


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        (Captions, {}, r"no wish.*words, colours, numbers, places"),
        (
            Captions,
            {"length": 8},
            r"length=8 is .* unknown property.*words, colours.*properties=",
        ),
        (Captions, {"words": "8"}, "words='8' is no wish. Pass a bool or a number"),
        (Captions, {"words": np.nan}, "words=nan is no wish"),
        (Captions, {"words": 99}, "words=99, but the answers have 2 to 1[0-9]"),
        (Captions, {"numbers": True}, "numbers=True, but numbers is False for every answer"),
        (Captions, {"words": 8, "weights": {"colours": 2}}, "weights has 'colours', which is no"),
        (Captions, {"words": 8, "weights": {"words": -1}}, "Pass a number above 0"),
        (Captions, {"words": 8, "n_latents": 4}, "n_latents == 4, must be >= 16"),
        (Labels, {}, "no wish. Pass prefer"),
        (Labels, {"words": 8}, r"unknown property.*none; pass .* or prefer="),
        (Labels, {"prefer": []}, "prefer"),
        (Labels, {"prefer": [1, 1]}, r"prefer=\[1, 1\] names a label twice"),
        (Labels, {"prefer": [1, 77]}, r"\[77\] were no answers in fit. Pass some of \[0, 1, 2"),
    ],
)
def test__bad_wish__is_an_error_with_a_remedy(kind, params, message):
    with pytest.raises(ValueError, match=message):
        find_latent(kind(), X, **params)


def test__prefer_of_captions__is_an_error_with_a_remedy():
    est = Captions()
    est.codec_ = type("Codec", (), {"analyzer_": "word"})()
    with pytest.raises(ValueError, match=r"labels are needed.*words=8 or colours=True"):
        find_latent(est, X, prefer=["a"])


def test__few_images__are_an_error():
    with pytest.raises(ValueError, match="X holds 3 images.*Pass four at least"):
        find_latent(Captions(), X[:3], words=6)


def test__latent_that_decides_nothing__is_an_error_with_a_remedy():
    class Collapsed(Captions):
        def predict_grid(self, X, latents):
            return super().predict_grid(X, np.zeros_like(latents))

    with pytest.raises(ValueError, match=r"decides nothing.*gan__max_iter"):
        find_latent(Collapsed(), X, words=6)
