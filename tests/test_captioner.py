"""ConditionalCaptioner: the public contract, on grids of bundled digits."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import (
    CollapseWarning,
    SingleAnswerWarning,
    TrainingDivergedError,
)
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.modules import Generator
from condcap_sk.metrics import (
    dialogue_accuracy,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    latent_error,
    total_variation,
)
from condcap_sk.vision import ImageEncoder


def quick(**params):
    """An estimator for tests of form, not of quality."""
    return ConditionalCaptioner(**{"random_state": 0, **params}).set_params(
        codec__max_iter=20, image_encoder__max_iter=5, gan__max_iter=5
    )


@pytest.fixture(scope="module")
def tiny():
    """Feature vectors of three kinds, each with its own two labels."""
    kinds = np.arange(60) % 3
    X = np.eye(3)[kinds] + 0.01 * np.random.RandomState(0).standard_normal((60, 3))
    return X, [{2 * k, 2 * k + 1} for k in kinds.tolist()]


class TestQuality:
    """What the model is for, with generous bounds; benchmarks/ measure it properly."""

    def test__predict__no_latent__answers_right(self, fitted, digits):
        assert fitted.score(digits.images_test, digits.label_sets_test) >= 0.97

    def test__predict_grid__fixed_latents__are_right_and_skewed(self, fitted, digits):
        latents = fitted.sample_latents(50, random_state=0)
        answers = fitted.predict_grid(digits.images_test, latents)
        accuracy = fixed_latent_accuracy(answers, digits.label_sets_test)
        assert accuracy.mean() >= 0.95
        assert accuracy.min() >= 0.85
        assert label_skew(label_frequencies(answers, fitted.classes_)) >= 0.25

    def test__predict__random_latents__use_all_labels(self, fitted, digits):
        n = len(digits.images_test)
        answers = np.stack(
            [fitted.predict(digits.images_test, fitted.sample_latents(n, s)) for s in range(10)], 1
        )
        frequencies = label_frequencies(answers, fitted.classes_).mean(axis=0)
        assert total_variation(frequencies, 0.1) <= 0.12

    def test__infer_speaker__more_answers_heard__next_ones_predicted_better(self, fitted, digits):
        heard = dialogue_accuracy(fitted, digits.images_test, turns=(1, 10), n_speakers=20)
        assert heard["best constant"] < heard[1] + 0.02
        assert heard[1] + 0.1 < heard[10]

    def test__recover_latent__generated_vectors__tell_about_their_latents(self, fitted, digits):
        c = fitted.sample_latents(200, random_state=0)
        error = latent_error(c, fitted.recover_latent(digits.images_test, c))
        assert 0.3 < error < 0.8

    def test__infer_latent__its_uncertainty__is_less_than_the_prior_s(self, fitted, digits):
        labels = np.array([min(labels) for labels in digits.label_sets_test])
        mean, std = fitted.infer_latent(digits.images_test, labels, return_std=True)
        np.testing.assert_array_equal(mean, fitted.infer_latent(digits.images_test, labels))
        assert std.shape == mean.shape
        assert std.min() > 0
        assert std.mean() < 1

    def test__infer_latent__its_latent__gives_the_answer_back(self, fitted, digits):
        labels = np.array([min(labels) for labels in digits.label_sets_test])
        latents = fitted.infer_latent(digits.images_test, labels)
        assert (fitted.predict(digits.images_test, latents) == labels).mean() >= 0.85

    def test__infer_latent__what_the_model_said__is_said_again(self, fitted, digits):
        X = digits.images_test
        for c in fitted.sample_latents(3, random_state=0):
            said = fitted.predict(X, c)
            assert (fitted.predict(X, fitted.infer_latent(X, said)) == said).mean() >= 0.99

    def test__sample__four_answers__are_distinct_and_mostly_right(self, fitted, digits):
        for answers, right in zip(
            fitted.sample(digits.images_test, 4), digits.label_sets_test, strict=True
        ):
            assert 1 <= len(answers) <= 4
            assert len(set(answers)) == len(answers)
            assert answers[0] in right or len(right & set(answers)) > 0

    def test__score_samples__right_and_wrong_answers__are_told_apart(self, fitted, digits):
        sets = digits.label_sets_test
        right = np.array([min(labels) for labels in sets])
        wrong = np.array([min(set(range(10)) - labels) for labels in sets])
        better = fitted.score_samples(digits.images_test, right)
        worse = fitted.score_samples(digits.images_test, wrong)
        assert (better > worse).mean() >= 0.95


class TestForm:
    """Shapes, types, independence of rows, determinism."""

    def test__predict__any_latent__keeps_shape_and_dtype(self, fitted, digits):
        X = digits.images_test[:7]
        one = fitted.sample_latents(1, random_state=0)[0]
        for answers in (
            fitted.predict(X),
            fitted.predict(X, one),
            fitted.predict(X, np.tile(one, (7, 1))),
        ):
            assert answers.shape == (7,)
            assert answers.dtype == np.int64
        np.testing.assert_array_equal(
            fitted.predict(X, one), fitted.predict(X, one[None].repeat(7, 0))
        )

    def test__predict_grid__columns__are_predict_under_each_latent(self, fitted, digits):
        X, latents = digits.images_test[:20], fitted.sample_latents(3, random_state=0)
        grid = fitted.predict_grid(X, latents)
        assert grid.shape == (20, 3)
        for k, c in enumerate(latents):
            np.testing.assert_array_equal(grid[:, k], fitted.predict(X, c))

    @pytest.mark.parametrize("batch_size", [1, 7, 1000])
    def test__predict__other_batches_and_orders__same_answers(self, fitted, digits, batch_size):
        X = digits.images_test[:30]
        order = np.random.RandomState(0).permutation(30)
        est = clone(fitted)
        est.__dict__.update(fitted.__dict__)
        est.batch_size = batch_size
        np.testing.assert_array_equal(est.predict(X[order]), fitted.predict(X)[order])
        c = fitted.sample_latents(1, random_state=3)[0]
        np.testing.assert_array_equal(est.predict(X[order], c), fitted.predict(X, c)[order])

    def test__sample_latents__many__are_standard_normal_and_seeded(self):
        est = ConditionalCaptioner(n_latents=4)
        draws = est.sample_latents(20_000, random_state=0)
        assert draws.shape == (20_000, 4)
        np.testing.assert_allclose(draws.mean(0), 0, atol=0.03)
        np.testing.assert_allclose(np.cov(draws.T), np.eye(4), atol=0.04)
        np.testing.assert_array_equal(draws, est.sample_latents(20_000, random_state=0))
        assert not np.array_equal(est.sample_latents(3), est.sample_latents(3))

    def test__infer_latent__answers__gives_a_latent_each(self, fitted, digits):
        latents = fitted.infer_latent(digits.images_test[:5], [1, 2, 3, 4, 5])
        assert latents.shape == (5, 3)
        assert np.isfinite(latents).all()

    def test__fit__same_seed__same_model_and_untouched_streams(self, tiny):
        X, label_sets = tiny
        torch.manual_seed(0)
        np.random.seed(0)
        expected = torch.rand(3).tolist(), np.random.rand(3).tolist()
        torch.manual_seed(0)
        np.random.seed(0)
        a, b = (quick().fit(X, label_sets) for _ in range(2))
        grids = [est.predict_grid(X, est.sample_latents(5, 0)) for est in (a, b)]
        assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == expected
        for part in ("codec_.encoder_", "image_encoder_.matcher_", "gan_.generator_"):
            owner, name = part.split(".")
            one, other = (getattr(getattr(est, owner), name).state_dict() for est in (a, b))
            assert all(torch.equal(one[key], other[key]) for key in one)
        np.testing.assert_array_equal(*grids)

    def test__fit__inputs__are_left_alone(self, tiny):
        X, label_sets = tiny
        X = X.copy()
        X.flags.writeable = False
        before = [set(labels) for labels in label_sets]
        quick().fit(X, label_sets).predict(X)
        assert label_sets == before

    @pytest.mark.parametrize(
        "X",
        [
            np.random.RandomState(0).randint(0, 256, (12, 9, 7)).astype(np.uint8),
            np.random.RandomState(0).rand(12, 16, 16, 3),
            np.random.RandomState(0).rand(12, 3, 16, 16).astype(np.float32),
            np.random.RandomState(0).rand(12, 40, 24),
            np.random.RandomState(0).rand(12, 5),
        ],
        ids=["uint8", "channels-last", "channels-first", "tall", "features"],
    )
    def test__fit__any_kind_of_image__answers_each(self, X):
        label_sets = [{"a", "b"}, {"c"}] * 6
        est = quick().fit(X, label_sets)
        assert set(est.predict(X)) <= {"a", "b", "c"}

    def test__fit__flat_images__are_those_images(self, digits):
        X, label_sets = digits.images[:40], digits.label_sets[:40]
        flat = X.reshape(40, -1)
        whole = quick().fit(X, label_sets)
        flattened = quick(image_shape=(16, 16)).fit(flat, label_sets)
        np.testing.assert_array_equal(
            whole.predict(X, [0.5] * 3), flattened.predict(flat, [0.5] * 3)
        )

    def test__fit__dataframe__keeps_column_names(self, tiny):
        X, label_sets = tiny
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        est = quick().fit(frame, label_sets)
        assert est.feature_names_in_.tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(est.predict(frame, [0.1] * 3), est.predict(frame, [0.1] * 3))

    @pytest.mark.parametrize(
        "convert",
        [
            lambda rows: [sorted(row) for row in rows],
            lambda rows: [tuple(sorted(row)) for row in rows],
            lambda rows: np.array([sorted(row) for row in rows]),
            lambda rows: [np.array(sorted(row)) for row in rows],
        ],
        ids=["lists", "tuples", "2-D array", "arrays"],
    )
    def test__fit__other_form_of_the_same_sets__same_model(self, tiny, convert):
        X, label_sets = tiny
        expected = quick().fit(X, label_sets).predict(X, [0.3] * 3)
        actual = quick().fit(X, convert(label_sets)).predict(X, [0.3] * 3)
        np.testing.assert_array_equal(actual, expected)

    @pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
    def test__fit__bool_indicators__are_column_numbers(self, tiny, convert):
        X, label_sets = tiny
        indicators = np.array([[label in row for label in range(6)] for row in label_sets])
        est = quick().fit(X, convert(indicators))
        np.testing.assert_array_equal(
            est.predict(X, [0.3] * 3), quick().fit(X, label_sets).predict(X, [0.3] * 3)
        )

    def test__fit__captions__answers_in_words(self):
        X = np.repeat(np.eye(2), 20, axis=0)
        captions = [["a red dog", "one dog runs"]] * 20 + [["two cats sit", "a cat"]] * 20
        est = ConditionalCaptioner(random_state=0).set_params(
            codec__max_iter=200, codec__batch_size=64, codec__hidden_size=64, codec__n_components=32
        )
        est.fit(X, captions)
        answers = est.predict(X)
        assert answers.dtype == object
        assert est.codec_.analyzer_ == "word"
        assert set(answers) <= {caption for row in captions for caption in row}
        assert est.score(X, captions) > 3  # 7.5 would be all of both three-word references
        assert est.infer_latent(X[:2], ["a red dog", "a big cat"]).shape == (2, 3)

    @pytest.mark.parametrize("analyzer", ["char", str.split], ids=["char", "callable"])
    def test__fit__other_analyzers__give_strings(self, analyzer):
        X = np.repeat(np.eye(2), 10, axis=0)
        captions = [["赤い犬"], ["猫 二匹", "猫"]] * 10
        est = quick(analyzer=analyzer).fit(X, captions)
        assert all(isinstance(answer, str) and answer for answer in est.predict(X))

    def test__history__after_fit__is_a_dict_of_lists_equal_in_each_stage(self, fitted):
        assert type(fitted.history_) is dict
        assert all(type(values) is list for values in fitted.history_.values())
        for stage in ("captions", "images", "latents"):
            names = [name for name in fitted.history_ if name.startswith(stage)]
            assert f"{stage}_epoch" in names
            assert len({len(fitted.history_[name]) for name in names}) == 1
        assert {"images_valid_average_precision", "latents_valid_accuracy"} <= set(fitted.history_)

    @pytest.mark.parametrize("verbose", [0, 1])
    def test__verbose__bars__one_for_each_stage_or_nothing(self, tiny, capfd, verbose):
        quick(verbose=verbose).fit(*tiny)
        out, err = capfd.readouterr()
        assert out == ""
        if verbose:
            for stage in ("captions", "images", "latents"):
                assert stage in err
            assert "valid_accuracy" in err
        else:
            assert err == ""


class TestScikitLearn:
    """Parts of sklearn that users combine the estimator with."""

    def test__set_params__nested_from_none__sets_up_the_part(self):
        est = ConditionalCaptioner().set_params(gan__lr=0.5, codec__noise=2.0, n_latents=2)
        assert est.gan.lr == 0.5
        assert est.codec.noise == 2.0
        assert est.image_encoder is None
        assert clone(est).get_params()["gan__lr"] == 0.5

    def test__set_params__unknown_name__raises(self):
        with pytest.raises(ValueError, match="Invalid parameter"):
            ConditionalCaptioner().set_params(gan__learning_rate=1)

    def test__fit__parts_given__are_not_changed(self, tiny):
        gan = LatentGAN(max_iter=5)
        before = gan.get_params()
        quick(gan=gan).fit(*tiny)
        assert gan.get_params() == before
        assert not hasattr(gan, "generator_")

    def test__grid_search__nested_parameter__finds_a_model(self, tiny):
        X, label_sets = tiny
        search = GridSearchCV(quick(), {"gan__lr": [1e-3, 1e-2]}, cv=2).fit(X, label_sets)
        assert search.best_params_["gan__lr"] in (1e-3, 1e-2)
        assert set(search.predict(X)) <= set(range(6))

    def test__cross_val_score__in_a_pipeline__scores(self, tiny):
        scores = cross_val_score(make_pipeline(StandardScaler(), quick()), *tiny, cv=2)
        assert ((scores >= 0) & (scores <= 1)).all()


class TestAncestors:
    """Each ancestor of the model is a setting that trains and does what distinguishes it."""

    @staticmethod
    def fit(tiny, n_steps=150, **params):
        est = ConditionalCaptioner(objective="paper", random_state=0, **params).set_params(
            codec__max_iter=100, gan__max_iter=n_steps
        )
        return est.fit(*tiny)

    @pytest.mark.parametrize("mi_weight", [0, 1])
    def test__images_ignored__text_gan_and_info_gan__answer_without_looking(self, tiny, mi_weight):
        est = self.fit(tiny, images="ignored", mi_weight=mi_weight)
        latents = est.sample_latents(20, random_state=0)
        answers = est.predict_grid(tiny[0], latents)
        assert (answers == answers[0]).all()
        assert len(np.unique(answers)) > 1
        assert est.image_encoder_ is None

    def test__info_gan__against_text_gan__recovers_the_latent(self, tiny):
        errors = {
            mi_weight: self.fit(tiny, 400, images="ignored", mi_weight=mi_weight).history_[
                "latents_valid_latent_error"
            ][-1]
            for mi_weight in (0, 1)
        }
        assert errors[1] < 0.7 < errors[0]

    def test__conditional_gan__images_end_to_end__looks_at_them(self, digits):
        X, label_sets = digits.images[:60], digits.label_sets[:60]
        est = self.fit((X, label_sets), 10, images="end-to-end", mi_weight=0)
        networks = [
            player.image_network
            for player in (est.gan_.generator_, est.gan_.discriminator_, est.gan_.recogniser_)
        ]
        assert len({id(network) for network in networks}) == 3
        assert est.image_encoder_ is None
        seen = est.gan_.generate(X[:, None].astype(np.float32), [0.0] * 3)
        assert np.ptp(seen, axis=0).max() > 1e-3

    def test__paper__end_to_end__trains_all_image_networks(self, digits):
        X, label_sets = digits.images[:60], digits.label_sets[:60]
        few, more = (
            self.fit((X, label_sets), n, images="end-to-end", mi_weight=1).gan_ for n in (1, 4)
        )
        for name in ("generator_", "discriminator_", "recogniser_"):
            first, second = (
                getattr(gan, name).image_network.layers[0][0].weight for gan in (few, more)
            )
            assert not torch.equal(first, second)

    def test__paper__answers__are_the_plain_decoder_of_the_generator(self, tiny):
        X, _ = tiny
        est = self.fit(tiny, 20, mi_weight=1)
        c = est.sample_latents(1, random_state=0)[0]
        vectors = est.gan_.generate(est.image_encoder_.transform(X), c)
        np.testing.assert_array_equal(est.predict(X, c), est.codec_.inverse_transform(vectors))


class TestBadInput:
    """Each error names the argument and says what to type instead."""

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda X, y: (X[:-1], y), "X holds 59 images, but y holds 60.*one set"),
            (lambda X, y: (np.where(X > 0.9, np.nan, X), y), "X contains NaN"),
            (lambda X, y: (X[:, 0], y), r"X has 1 dimension.*Expected 2D array.*reshape"),
            (lambda X, y: (X[:, :, None, None, None], y), "X has 5 dimension.*Pass|X has 5"),
            (lambda X, y: (X, ["cat"] * 60), r"y\[0\]='cat' is a bare string.*Wrap it"),
            (lambda X, y: (X, "cat"), "y='cat' is not a collection.*Pass one set"),
            (lambda X, y: (X, [*y[:-1], set()]), r"y\[59\] is empty.*drop the image"),
            (lambda X, y: (X, set(range(60))), r"y=\{0, 1.*not a collection in the images' order"),
            (lambda X, y: (X, np.array(3)), r"y=array\(3\) is not a collection"),
            (lambda X, y: ([*X[:-1], [1.0]], y), "X holds rows or images of different sizes"),
            (lambda X, y: (X[:1], y[:1]), "one image.*n_samples=1.*at least two"),
            (lambda X, y: (X, [{1, "1"}] * 60), "y mixes types.*one type"),
            (lambda X, y: (X, [{1}, {True}] * 30), "y mixes types.*distinguished"),
            (lambda X, y: (X, [{1.0}, {np.nan}] * 30), r"y\[1\] holds nan.*Leave it out"),
            (lambda X, y: (X, [{None}] * 60), r"y\[0\] holds None.*int, float, bool or str"),
            (lambda X, y: (X, [{("a", "b")}] * 60), r"y\[0\] holds .*int, float, bool or str"),
            (lambda X, y: (X, [["a dog"], ["!", "cats"]] * 30), r"30 of 90.*y\[1\], y\[3\]"),
            (lambda X, y: (np.zeros((60, 5, 5, 7)), y), "channels neither last nor first.*Pass"),
        ],
        ids=[
            "lengths", "nan", "1-D", "5-D", "strings", "string", "empty", "a set", "scalar",
            "ragged", "one image",
            "int and str", "int and bool", "nan label", "none", "tuple", "no token", "channels",
        ],
    )  # fmt: skip
    def test__fit__bad_input__says_what_to_do(self, tiny, spoil, message):
        X, label_sets = spoil(*tiny)
        est = quick()
        with pytest.raises(ValueError, match=f"(?s){message}"):
            est.fit(X, label_sets)
        assert not hasattr(est, "gan_")

    def test__fit__wrong_image_shape__says_what_to_do(self, tiny):
        with pytest.raises(ValueError, match="image_shape=.* needs 4 columns, but X has 3.*Set"):
            quick(image_shape=(2, 2)).fit(*tiny)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_latents", 0),
            ("mi_weight", -1),
            ("objective", "wgan"),
            ("images", "none"),
            ("analyzer", "sentence"),
            ("validation_fraction", 1.0),
        ],
    )
    def test__fit__bad_parameter__is_named(self, tiny, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            quick(**{name: value}).fit(*tiny)

    def test__fit__unknown_device__says_what_to_do(self, tiny):
        with pytest.raises(ValueError, match="device='gpu'.*Use"):
            quick(device="gpu").fit(*tiny)

    @pytest.mark.parametrize(
        "call",
        [
            lambda est, X: est.predict(X),
            lambda est, X: est.predict_grid(X, [[0, 0, 0]]),
            lambda est, X: est.infer_latent(X, [1] * len(X)),
            lambda est, X: est.score(X, [{1}] * len(X)),
            lambda est, X: est.sample(X),
            lambda est, X: est.score_samples(X, [1] * len(X)),
        ],
        ids=["predict", "predict_grid", "infer_latent", "score", "sample", "score_samples"],
    )
    def test__any_use__before_fit__raises_not_fitted(self, tiny, call):
        with pytest.raises(NotFittedError):
            call(quick(), tiny[0])

    def test__predict__other_image_size__says_what_to_do(self, fitted):
        with pytest.raises(ValueError, match="X holds 8x8 images.*fit saw 16x16.*Resize X"):
            fitted.predict(np.zeros((2, 8, 8)))

    def test__predict__features_for_images__says_what_to_do(self, fitted):
        with pytest.raises(ValueError, match="X holds vectors of 256 features.*fit saw 16x16"):
            fitted.predict(np.zeros((2, 256)))

    @pytest.mark.parametrize("shape", [(2,), (4, 3), (1, 1, 3), ()])
    def test__predict__wrong_latent_shape__says_what_to_do(self, fitted, digits, shape):
        with pytest.raises(ValueError, match=r"c has shape .*\(3,\).*\(5, 3\).*sample_latents"):
            fitted.predict(digits.images_test[:5], np.zeros(shape))

    def test__predict__nan_latent__is_named(self, fitted, digits):
        with pytest.raises(ValueError, match="c contains NaN"):
            fitted.predict(digits.images_test[:5], [np.nan, 0, 0])

    def test__predict_grid__wrong_latent_shape__says_what_to_do(self, fitted, digits):
        with pytest.raises(
            ValueError, match=r"latents has 2 columns, but 3 are expected.*\(n, 3\)"
        ):
            fitted.predict_grid(digits.images_test[:5], np.zeros((4, 2)))

    def test__infer_latent__unseen_label__is_named(self, fitted, digits):
        with pytest.raises(
            ValueError, match="labels holds answers never seen in fit: 11.*Use those"
        ):
            fitted.infer_latent(digits.images_test[:2], [1, 11])

    def test__infer_latent__sets__says_what_to_do(self, fitted, digits):
        with pytest.raises(ValueError, match="labels holds .*int, float, bool or str"):
            fitted.infer_latent(digits.images_test[:2], [{1, 2}, {3}])

    @pytest.mark.parametrize("labels", [{1, 2}, {1: 0, 2: 0}, 3, None])
    def test__infer_latent__labels_without_order__says_what_to_do(self, fitted, digits, labels):
        with pytest.raises(ValueError, match="labels=.* no sequence.*in the images' order"):
            fitted.infer_latent(digits.images_test[:2], labels)

    @pytest.mark.parametrize("n_samples", [0, 1.5, "3"])
    def test__sample__impossible_number__is_named(self, fitted, digits, n_samples):
        with pytest.raises((TypeError, ValueError), match="n_samples"):
            fitted.sample(digits.images_test[:2], n_samples)

    def test__score__labels_where_fit_saw_captions__are_named(self):
        X = np.random.RandomState(0).rand(4, 3)
        est = quick().fit(X, [["a cat"], ["a dog"]] * 2)
        with pytest.raises(ValueError, match="y holds 3, but fit saw captions"):
            est.score(X, [[3], [4]] * 2)

    @pytest.mark.parametrize("name", ["beam_width", "batch_size"])
    def test__predict__parameter_spoiled_after_fit__is_named(self, tiny, name):
        est = quick().fit(*tiny).set_params(**{name: 0})
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            est.predict(tiny[0])

    def test__infer_latent__lengths_differ__says_what_to_do(self, fitted, digits):
        with pytest.raises(ValueError, match="X holds 2 images, but labels holds 3.*one answer"):
            fitted.infer_latent(digits.images_test[:2], [1, 2, 3])

    def test__fit__latent_without_effect__warns(self, tiny, monkeypatch):
        def deaf(self, images, latents):
            return forward(self, images, torch.zeros_like(latents))

        forward = Generator.forward
        monkeypatch.setattr(Generator, "forward", deaf)
        with pytest.warns(CollapseWarning, match="gets 1.00 different.*2.0 are right.*Train"):
            quick().fit(*tiny)

    def test__fit__latent_learned__does_not_warn(self, fitted, digits):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted._warn_of_collapse(digits.images_test[:, None], np.full(200, 4))
        assert not caught

    def test__score__unseen_label__is_an_answer_never_given(self, fitted, digits):
        X, y = digits.images_test[:50], digits.label_sets_test[:50]
        seen = fitted.score(X, y)
        assert fitted.score(X, [{12, *labels} for labels in y]) == seen
        assert fitted.score(X, [{12}, *y[1:]]) == pytest.approx(seen - 0.02)

    def test__score__labels_of_another_kind__are_named(self, fitted, digits):
        with pytest.raises(ValueError, match="no answer that was seen in fit.*of the same kind"):
            fitted.score(digits.images_test[:2], [{"1"}, {"2"}])

    def test__refit__to_captions__leaves_no_classes(self):
        X = np.random.RandomState(0).rand(4, 3)
        est = quick().fit(X, [{1, 2}, {3}] * 2)
        assert hasattr(est, "classes_")
        assert not hasattr(est.fit(X, [["a cat"], ["a dog"]] * 2), "classes_")

    def test__fit__one_answer_overall__answers_it_and_warns(self, tiny):
        X, _ = tiny
        with pytest.warns(SingleAnswerWarning, match="Every answer in y is 'yes'"):
            est = quick().fit(X, [{"yes"}] * 60)
        assert set(est.predict(X)) == {"yes"}
        assert set(est.predict(X, est.sample_latents(60, 0))) == {"yes"}
        assert est.score(X, [{"yes"}] * 60) == 1

    def test__fit__two_images__fits(self, tiny):
        X, label_sets = tiny
        assert quick().fit(X[:2], label_sets[:2]).predict(X[:2]).shape == (2,)

    @pytest.mark.parametrize(
        ("part", "stage"), [("codec", "captions"), ("image_encoder", "images"), ("gan", "latents")]
    )
    @pytest.mark.parametrize("n_steps", [1, 30])
    def test__fit__diverges__says_what_to_change_and_stays_unfitted(
        self, tiny, part, stage, n_steps
    ):
        est = quick().set_params(**{f"{part}__lr": 1e30, f"{part}__max_iter": n_steps})
        with pytest.raises(TrainingDivergedError, match=f"{stage} stage.*Lower its `lr`"):
            est.fit(*tiny)
        with pytest.raises(NotFittedError):
            est.predict(tiny[0])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize(
        ("part", "stage"), [("codec", "captions"), ("image_encoder", "images"), ("gan", "latents")]
    )
    def test__fit__weights_spoiled_by_the_last_step__is_told(self, tiny, part, stage, value):
        spoil = Spoil(value)
        est = quick().set_params(**{f"{part}__callbacks": [spoil]})
        with pytest.raises(TrainingDivergedError, match=f"{stage} stage"):
            est.fit(*tiny)
        assert not hasattr(est, "gan_")

    def test__predict__memory_is_short__error_names_batch_size(self, fitted, digits, monkeypatch):
        def greedy(self, *inputs):
            return torch.empty(2**60)

        monkeypatch.setattr(Generator, "forward", greedy)
        with pytest.raises(MemoryError, match="Lower batch_size"):
            fitted.predict(digits.images_test)

    def test__predict__many_images__are_looked_at_a_batch_at_a_time(
        self, fitted, digits, monkeypatch
    ):
        def watch(self, X):
            sizes.append(len(X))
            return encode(self, X)

        sizes, encode = [], ImageEncoder._encode
        monkeypatch.setattr(ImageEncoder, "_encode", watch)
        est = copy.copy(fitted).set_params(batch_size=7)
        est.predict(digits.images_test[:20])
        assert sizes == [7, 7, 6]


class Spoil(Callback):
    """What a step too long does to the weights, where no later loss tells."""

    def __init__(self, value):
        self.value = value

    def on_batch_end(self, net, **kwargs):
        if len(net.history) < net.max_epochs:
            return
        for module in (net.module_, getattr(net, "average_", net.module_)):
            with torch.no_grad():
                next(module.parameters()).fill_(self.value)


@pytest.mark.parametrize(
    "where", ["net.GANNet.generator_losses", "LatentGAN.calibrate"], ids=["game", "calibration"]
)
def test__fit__interrupted__leaves_the_earlier_model(tiny, monkeypatch, where):
    X, label_sets = tiny
    est = quick().fit(X, label_sets)
    before = est.predict(X, [0.2] * 3)
    classes = est.classes_

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"condcap_sk.gan.{where}", interrupt)
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, [{"a", "b"}, {"c"}] * 30)
    np.testing.assert_array_equal(est.predict(X, [0.2] * 3), before)
    assert est.classes_ is classes


NOUNS = ("dog", "cat", "bird", "fish")
MANNERS = [[f"a {noun}", f"the small {noun} that we saw yesterday"] for noun in NOUNS]


@pytest.fixture(scope="module")
def speaker():
    est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
        codec__max_iter=200, codec__batch_size=64, codec__hidden_size=32, codec__n_components=32,
        gan__decoder_size=64, gan__max_iter=300, gan__batch_size=40,
    )  # fmt: skip
    return est.fit(np.repeat(np.eye(4), 10, axis=0), [c for c in MANNERS for _ in range(10)])


class TestSentences:
    """Four images, each told of in two manners that nobody names."""

    X = np.eye(4)

    def test__predict_grid__every_latent__tells_the_truth_in_one_manner(self, speaker):
        grid = speaker.predict_grid(self.X, speaker.sample_latents(40, random_state=0))
        true = [[c in told for c in row] for row, told in zip(grid, MANNERS, strict=True)]
        assert np.mean(true) > 0.95
        wordy = np.array([[len(caption.split()) > 3 for caption in row] for row in grid])
        assert 0.2 < wordy.mean() < 0.8
        assert (wordy.all(axis=0) | ~wordy.any(axis=0)).mean() > 0.7

    @pytest.mark.parametrize("manner", [0, 1])
    def test__infer_latent__one_caption__its_manner_goes_over_to_other_images(
        self, speaker, manner
    ):
        (c,) = speaker.infer_latent(self.X[:1], [MANNERS[0][manner]])
        assert speaker.predict(self.X, c).tolist() == [told[manner] for told in MANNERS]

    def test__infer_speaker__two_captions__the_third_is_foretold(self, speaker):
        c, _ = speaker.infer_speaker(self.X[:2], [told[1] for told in MANNERS[:2]])
        assert speaker.predict(self.X[2:], c).tolist() == [told[1] for told in MANNERS[2:]]

    def test__sample__both_manners_come_first(self, speaker):
        for captions, told in zip(speaker.sample(self.X, 2), MANNERS, strict=True):
            assert set(captions) == set(told)

    def test__score_samples__a_caption_of_another_image__is_less_relevant(self, speaker):
        own = speaker.score_samples(self.X, [told[0] for told in MANNERS])
        other = speaker.score_samples(self.X, [told[0] for told in MANNERS[::-1]])
        assert own.min() > other.max()

    def test__answers__any_batch_size_and_any_company__are_the_same(self, speaker):
        latents = speaker.sample_latents(4, random_state=1)
        alone = [speaker.predict(self.X[[i]], latents[[i]])[0] for i in range(4)]
        assert speaker.predict(self.X, latents).tolist() == alone
        assert [speaker.predict(self.X[[i]])[0] for i in range(4)] == speaker.predict(
            self.X
        ).tolist()
        assert speaker.sample(self.X, 3)[2] == speaker.sample(self.X[[2]], 3)[0]
