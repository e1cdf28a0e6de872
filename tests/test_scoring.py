"""score: labels and captions that were in fit, that were not, and of another kind; confidence."""

import pickle

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.inspection.reliability import on_pairs
from condcap_sk.metrics import expected_calibration_error


def test__unseen_label__is_an_answer_never_given(hardly_fitted, digits):
    X = digits.images_test[:50]
    right = hardly_fitted.predict(X).tolist()
    assert hardly_fitted.score(X, [{12, label} for label in right]) == 1
    assert hardly_fitted.score(X, [{12}, *({label} for label in right[1:])]) == pytest.approx(0.98)


def test__labels_of_another_kind__are_named(hardly_fitted, digits):
    with pytest.raises(ValueError, match="no answer that was in fit.*of the same kind"):
        hardly_fitted.score(digits.images_test[:2], [{"1"}, {"2"}])


def test__labels_where_fit_saw_captions__are_named(quick):
    X = np.random.RandomState(0).rand(4, 3)
    est = quick().fit(X, [["a cat"], ["a dog"]] * 2)
    with pytest.raises(ValueError, match="y holds 3, but fit saw captions"):
        est.score(X, [[3], [4]] * 2)


CAPTIONS = [["a red dog", "the dog is red"], ["one cat"], ["birds fly", "two birds"]] * 20


@pytest.fixture(scope="module", params=["labels", "captions", "paper"])
def calibrated(request, quick, tiny):
    """A fitted estimator with enough held-out images, and its images and answers."""
    X, label_sets = tiny
    y = CAPTIONS if request.param == "captions" else label_sets
    objective = "paper" if request.param == "paper" else "relativistic"
    est = quick(validation_fraction=0.5, objective=objective).fit(X, y)
    return est, X, [sorted(answers)[0] for answers in y]


class TestConfidence:
    def test__any_answers__is_a_probability_that_rises_with_relevance(self, calibrated):
        est, X, answers = calibrated
        confidence, relevance = est.confidence(X, answers), est.score_samples(X, answers)
        assert confidence.shape == (60,)
        assert confidence.dtype == np.float64
        assert ((confidence >= 0) & (confidence <= 1)).all()
        assert (np.diff(confidence[np.argsort(relevance)]) >= 0).all()

    def test__no_labels__is_that_of_predict(self, calibrated):
        est, X, _ = calibrated
        np.testing.assert_array_equal(est.confidence(X), est.confidence(X, est.predict(X)))

    def test__rows__do_not_depend_on_each_other(self, calibrated):
        est, X, answers = calibrated
        np.testing.assert_array_equal(
            est.confidence(X[::-3], answers[::-3]), est.confidence(X, answers)[::-3]
        )

    def test__saved_and_pickled__is_the_same(self, calibrated, tmp_path):
        est, X, answers = calibrated
        est.save(tmp_path / "m")
        for other in (
            ConditionalCaptioner.load(tmp_path / "m"),
            pickle.loads(pickle.dumps(est)),
        ):
            np.testing.assert_array_equal(other.confidence(X, answers), est.confidence(X, answers))

    def test__same_seed__is_the_same(self, calibrated, quick, tiny):
        est, X, answers = calibrated
        again = quick(**{k: getattr(est, k) for k in ("objective", "validation_fraction")})
        y = tiny[1] if hasattr(est, "classes_") else CAPTIONS
        np.testing.assert_array_equal(
            again.fit(X, y).confidence(X, answers), est.confidence(X, answers)
        )

    @pytest.mark.newest
    def test__unseen_pairs__are_right_as_often_as_it_says(self, fitted, digits):
        est = fitted
        right, confidence, _ = on_pairs(
            est.confidence, digits.images_test, digits.label_sets_test, est.classes_, None
        )
        assert len(right) == 2000
        assert expected_calibration_error(right, confidence) < 0.03
        # Answers that are sure are right, and most are one or the other.
        assert right[confidence > 0.9].mean() > 0.97
        assert right[confidence < 0.1].mean() < 0.03

    @pytest.mark.parametrize("validation_fraction", [0.0, 0.05])
    def test__too_few_held_out__is_an_error_with_a_remedy(self, quick, tiny, validation_fraction):
        X, y = tiny
        est = quick(validation_fraction=validation_fraction).fit(X, y)
        for ask in (est.confidence, lambda X: est.predict(X, min_confidence=0.5)):
            with pytest.raises(
                ValueError,
                match=rf"too few with validation_fraction={validation_fraction}\. .*=0\.2 if",
            ):
                ask(X)
        assert len(est.predict(X)) == 60

    def test__answer_never_seen__is_named(self, calibrated):
        est, X, _ = calibrated
        if hasattr(est, "classes_"):
            with pytest.raises(ValueError, match="never seen"):
                est.confidence(X, [77] * 60)


class TestSelectivePrediction:
    def test__threshold__leaves_the_answers_that_are_as_sure(self, calibrated):
        est, X, _ = calibrated
        answers, confidence = est.predict(X), est.confidence(X)
        threshold = np.median(confidence)
        found = est.predict(X, min_confidence=threshold)
        assert found.dtype == object
        given = confidence >= threshold
        assert found[given].tolist() == answers[given].tolist()
        assert all(answer is None for answer in found[~given])

    def test__under_a_latent__is_by_the_confidence_of_that_answer(self, calibrated):
        est, X, _ = calibrated
        c = est.sample_latents(60, random_state=1)
        answers = est.predict(X, c)
        confidence = est.confidence(X, answers)
        threshold = np.median(confidence)
        found = est.predict(X, c, min_confidence=threshold, abstention="?")
        expected = np.where(confidence < threshold, "?", answers.astype(object))
        assert found.tolist() == expected.tolist()
        batches = list(est.iter_predict(X, c, min_confidence=threshold, abstention="?"))
        assert np.concatenate(batches).tolist() == expected.tolist()

    @pytest.mark.parametrize(("threshold", "n_given"), [(0, 60), (0.0, 60), (1, 0)])
    def test__ends__give_all_and_none(self, calibrated, threshold, n_given):
        est, X, _ = calibrated
        found = est.predict(X, min_confidence=threshold)
        assert sum(answer is not None for answer in found) == n_given

    def test__labels_that_hold_the_abstention__keep_their_dtype(self, calibrated):
        est, X, _ = calibrated
        if hasattr(est, "classes_"):
            found = est.predict(X, min_confidence=1, abstention=-1)
            assert found.dtype == est.classes_.dtype
            assert set(found) == {-1}
            assert est.predict(X, min_confidence=0, abstention=-1).dtype == est.classes_.dtype

    def test__no_threshold__is_predict_as_ever(self, calibrated):
        est, X, _ = calibrated
        found = est.predict(X, abstention=-1)
        assert found.dtype == est.predict(X).dtype
        np.testing.assert_array_equal(found, est.predict(X))

    @pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, True, np.True_, "0.5", [0.5]])
    def test__impossible_threshold__is_named(self, calibrated, value):
        est, X, _ = calibrated
        with pytest.raises(ValueError, match="min_confidence=.* is no probability.*from 0 to 1"):
            est.predict(X, min_confidence=value)

    def test__in_a_pipeline__is_passed_on(self, calibrated):
        est, X, _ = calibrated
        pipe = make_pipeline(FunctionTransformer(), est)
        threshold = np.median(est.confidence(X))
        found = pipe.predict(X, min_confidence=threshold, abstention=-1)
        np.testing.assert_array_equal(
            found, est.predict(X, None, min_confidence=threshold, abstention=-1)
        )
