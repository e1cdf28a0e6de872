"""What the model is for, with generous bounds; benchmarks/ measure it properly."""

import warnings

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.metrics import (
    dialogue_accuracy,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    latent_error,
    total_variation,
)
from condcap_sk.model.fitting import warn_of_answers


class TestLabels:
    """Grids of digits."""

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

    def test__infer_speaker__more_answers_known__next_ones_predicted_better(self, fitted, digits):
        accuracy = dialogue_accuracy(fitted, digits.images_test, turns=(1, 10), n_speakers=20)
        assert accuracy["best constant"] < accuracy[1] + 0.02
        assert accuracy[1] + 0.1 < accuracy[10]

    def test__recover_latent__generated_vectors__lead_back_to_their_latents(self, fitted, digits):
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

    def test__infer_latent__answers_of_the_model__come_back(self, fitted, digits):
        X = digits.images_test
        for c in fitted.sample_latents(3, random_state=0):
            answers = fitted.predict(X, c)
            again = fitted.predict(X, fitted.infer_latent(X, answers))
            assert (again == answers).mean() >= 0.99

    def test__sample__four_answers__are_distinct_and_mostly_right(self, fitted, digits):
        for answers, right in zip(
            fitted.sample(digits.images_test, 4), digits.label_sets_test, strict=True
        ):
            assert 1 <= len(answers) <= 4
            assert len(set(answers)) == len(answers)
            assert answers[0] in right or len(right & set(answers)) > 0

    def test__score_samples__right_answers__are_more_relevant_than_wrong_ones(self, fitted, digits):
        sets = digits.label_sets_test
        right = np.array([min(labels) for labels in sets])
        wrong = np.array([min(set(range(10)) - labels) for labels in sets])
        better = fitted.score_samples(digits.images_test, right)
        worse = fitted.score_samples(digits.images_test, wrong)
        assert (better > worse).mean() >= 0.95

    def test__fit__latent_learned__does_not_warn(self, fitted, digits):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            images = digits.images_test[:, None].astype(np.float32)
            warn_of_answers(fitted.model_, images, np.arange(800) % 10, np.arange(800) // 4, 200)
        assert not caught


NOUNS = ("dog", "cat", "bird", "fish")
MANNERS = [[f"a {noun}", f"the small {noun} that we saw yesterday"] for noun in NOUNS]


@pytest.fixture(scope="module")
def captioner():
    est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
        codec__max_iter=100, codec__batch_size=64, codec__hidden_size=32, codec__n_components=32,
        image_encoder__max_iter=60, gan__decoder_size=64, gan__max_iter=200, gan__batch_size=40,
    )  # fmt: skip
    return est.fit(np.repeat(np.eye(4), 10, axis=0), [c for c in MANNERS for _ in range(10)])


class TestSentences:
    """Four images, each described in two manners that nothing names."""

    X = np.eye(4)

    def test__predict__captions__answers_in_words(self, captioner):
        answers = captioner.predict(self.X)
        assert answers.dtype == object
        assert captioner.codec_.analyzer_ == "word"
        assert set(answers) <= {caption for row in MANNERS for caption in row}
        assert captioner.score(self.X, MANNERS) > 3
        assert captioner.infer_latent(self.X[:1], ["a big dog"]).shape == (1, 2)

    def test__predict_grid__every_latent__is_right_and_of_one_manner(self, captioner):
        grid = captioner.predict_grid(self.X, captioner.sample_latents(40, random_state=0))
        right = [[c in manners for c in row] for row, manners in zip(grid, MANNERS, strict=True)]
        assert np.mean(right) > 0.95
        wordy = np.array([[len(caption.split()) > 3 for caption in row] for row in grid])
        assert 0.2 < wordy.mean() < 0.8
        assert (wordy.all(axis=0) | ~wordy.any(axis=0)).mean() > 0.7

    @pytest.mark.parametrize("manner", [0, 1])
    def test__infer_latent__one_caption__its_manner_goes_over_to_other_images(
        self, captioner, manner
    ):
        (c,) = captioner.infer_latent(self.X[:1], [MANNERS[0][manner]])
        assert captioner.predict(self.X, c).tolist() == [manners[manner] for manners in MANNERS]

    def test__infer_speaker__two_captions__the_third_is_predicted(self, captioner):
        c, _ = captioner.infer_speaker(self.X[:2], [manners[1] for manners in MANNERS[:2]])
        assert captioner.predict(self.X[2:], c).tolist() == [manners[1] for manners in MANNERS[2:]]

    def test__sample__both_manners_come_first(self, captioner):
        for captions, manners in zip(captioner.sample(self.X, 2), MANNERS, strict=True):
            assert set(captions) == set(manners)

    def test__score_samples__a_caption_of_another_image__is_less_relevant(self, captioner):
        own = captioner.score_samples(self.X, [manners[0] for manners in MANNERS])
        other = captioner.score_samples(self.X, [manners[0] for manners in MANNERS[::-1]])
        assert own.min() > other.max()

    def test__answers__any_batch_size_and_any_company__are_the_same(self, captioner):
        latents = captioner.sample_latents(4, random_state=1)
        alone = [captioner.predict(self.X[[i]], latents[[i]])[0] for i in range(4)]
        assert captioner.predict(self.X, latents).tolist() == alone
        assert [captioner.predict(self.X[[i]])[0] for i in range(4)] == captioner.predict(
            self.X
        ).tolist()
        assert captioner.sample(self.X, 3)[2] == captioner.sample(self.X[[2]], 3)[0]
