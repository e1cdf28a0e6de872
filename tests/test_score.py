"""score: labels and captions that were in fit, that were not, and of another kind."""

import numpy as np
import pytest


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
