"""LatentTraversalDisplay."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import cbook
from matplotlib.text import Text
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.inspection import (
    LabelFrequencyDisplay,
    LatentMapDisplay,
    LatentTraversalDisplay,
)


def test__from_estimator__images_and_latents__shows_every_answer(hardly_fitted, digits):
    fitted = hardly_fitted
    latents = fitted.sample_latents(4, random_state=0)
    X, label_sets = digits.images_test[:3], digits.label_sets_test[:3]
    display = LatentTraversalDisplay.from_estimator(fitted, X, label_sets, latents=latents)
    answers = fitted.predict_grid(X, latents)
    for (_, ax), row in zip(display.axes_, answers, strict=True):
        shown = [text.get_text() for text in ax.texts if not text.get_text().startswith("latent ")]
        assert shown == [str(answer) for answer in row]


def test__plot__wrong_answers__are_red():
    right = np.array([[True, False]])
    display = LatentTraversalDisplay(np.zeros((1, 4, 4)), np.array([["cat", "dog"]]), right).plot()
    colours = {text.get_text(): text.get_color() for text in display.axes_[0, 1].texts}
    assert colours["cat"] == "black"
    assert colours["dog"] == "C3"


def test__plot__colour_images_first_or_last__are_shown():
    answers = np.array([[1], [2]])
    for shape in ((2, 8, 8, 3), (2, 3, 8, 8)):
        display = LatentTraversalDisplay(np.random.RandomState(0).rand(*shape), answers).plot()
        assert display.axes_[0, 0].images[0].get_array().shape == (8, 8, 3)


@pytest.mark.parametrize(
    "display",
    [
        LatentTraversalDisplay(np.zeros((1, 4, 4)), np.array([["c$$", "$5 or $6"]])),
        LabelFrequencyDisplay(["c$$", "$5 or $6"], np.array([[0.5, 0.5]]), [0.5, 0.5]),
        LatentMapDisplay(np.array([["c$$", "$5 or $6"]]), np.ones((1, 2)), (-1, 1, -1, 1), (0,)),
    ],
    ids=lambda display: type(display).__name__,
)
def test__plot__dollar_signs_in_answers__are_no_mathematics(display):
    figure = display.plot().figure_
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if "c$" in text.get_text()]
    texts += [text for text in figure.findobj(Text) if "5 or" in text.get_text()]
    assert len(texts) >= 2
    for text in texts:
        assert not text.get_parse_math() or cbook.is_math_text(text.get_text()) is False


class Ends:
    """Answers with the two ends of the latent."""

    def predict_grid(self, X, latents):
        ends = [f"{low:g} {high:g}" for low, high in np.round(latents, 3)[:, [0, -1]] + 0.0]
        return np.tile(np.array(ends, dtype=object), (len(X), 1))


@pytest.mark.parametrize("direction", [[0.6, 0, -0.8], np.array([3, 0, -4], dtype="f4")], ids=str)
def test__from_direction__any_length__columns_are_positions_along_it(direction):
    display = LatentTraversalDisplay.from_direction(Ends(), np.zeros((2, 4, 4)), direction)
    expected = ["-1.2 1.6", "-0.6 0.8", "0 0", "0.6 -0.8", "1.2 -1.6"]
    assert display.answers.tolist() == [expected] * 2
    shown = [text.get_text() for text in display.axes_[0, 1].texts]
    assert shown[-5:] == ["−2", "−1", "0", "+1", "+2"]
    assert len(display.axes_[1, 1].texts) == 5


def test__from_direction__another_width__is_named():
    est = Ends()
    est.n_latents = 3
    with pytest.raises(ValueError, match="direction has 2 numbers, but the estimator has 3"):
        LatentTraversalDisplay.from_direction(est, np.zeros((2, 4, 4)), [1.0, 0])


def answers_by_sign(first, second, analyzer):
    """An estimator whose two images are answered so where the latent is negative, or not."""
    est = SimpleNamespace(codec_=SimpleNamespace(analyzer_=analyzer))
    est.predict_grid = lambda X, latents: np.where(
        latents[:, 0] < 0, np.array(first)[:, None], np.array(second)[:, None]
    )
    return est


@pytest.mark.parametrize(
    ("analyzer", "first", "second", "measure", "means"),
    [
        ("word", ["a dog", "dogs"], ["a dog runs"] * 2, len, ["1.50", "3.00"]),
        ("char", ["ab", "abcd"], ["a", "b"], len, ["3.00", "1.00"]),
        ("label", [7, 3], [7, 7], lambda label: label == 7, ["0.50", "1.00"]),
    ],
    ids=["word", "char", "label"],
)
def test__from_direction__measure__its_mean_stands_in_the_titles(
    analyzer, first, second, measure, means
):
    est = make_pipeline(FunctionTransformer(), Fitted(answers_by_sign(first, second, analyzer)))
    display = LatentTraversalDisplay.from_direction(
        est, np.zeros((2, 4, 4)), [1.0], measure=measure
    )
    low, high = means
    positions = ["−2", "−1", "0", "+1", "+2"]
    expected = [low, low, high, high, high]
    assert display.titles == [
        f"{x} (mean {mean})" for x, mean in zip(positions, expected, strict=True)
    ]


class Fitted(SimpleNamespace):
    """What a pipeline takes as its last step."""

    def __init__(self, est):
        super().__init__(**vars(est), fit=lambda X, y: None)


def test__from_direction__label_sets__wrong_answers_are_red():
    est = answers_by_sign([7, 3], [7, 7], "label")
    est.classes_ = np.array([3, 7])
    display = LatentTraversalDisplay.from_direction(est, np.zeros((2, 4, 4)), [1.0], [[7], [3]])
    assert display.right.tolist() == [[True] * 5, [True] * 2 + [False] * 3]


def test__plot__long_titles_of_short_answers__widen_the_columns():
    images, answers = np.zeros((1, 4, 4)), np.array([[1, 2]])
    narrow = LatentTraversalDisplay(images, answers, titles=["−2", "+2"]).plot()
    wide = LatentTraversalDisplay(images, answers, titles=["−2 (mean 0.50)", "+2"]).plot()
    assert wide.figure_.get_figwidth() > narrow.figure_.get_figwidth() + 1


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (None, "direction is None.*latent does not decide.*Choose another property"),
        ([0, 0], "direction=.0, 0. is no direction. Pass one number for each latent"),
        ([[1, 0]], "is no direction"),
        ([np.nan, 1], "is no direction"),
        (1.0, "is no direction"),
    ],
    ids=str,
)
def test__from_direction__no_direction__is_an_error_with_a_remedy(direction, message):
    with pytest.raises(ValueError, match=message):
        LatentTraversalDisplay.from_direction(Ends(), np.zeros((2, 4, 4)), direction)


def answering(answers, analyzer):
    """An estimator that answers so, a row for each image and a column for each latent."""
    return SimpleNamespace(
        sample_latents=lambda n, random_state: np.zeros((n, 1)),
        predict_grid=lambda X, latents: np.array(answers, dtype=object),
        **({} if analyzer is None else {"codec_": SimpleNamespace(analyzer_=analyzer)}),
    )


def painted(answers, label_sets, analyzer=None):
    est, images = answering(answers, analyzer), np.zeros((len(answers), 4, 4))
    display = LatentTraversalDisplay.from_estimator(est, images, label_sets, latents=[[0]])
    colours = [[t.get_color() for t in ax.texts if not t.get_text().startswith("latent ")]
               for _, ax in display.axes_]  # fmt: skip
    return [[colour != "C3" for colour in row] for row in colours]


@pytest.mark.parametrize("analyzer", ["word", None])
def test__captions__in_other_case_and_punctuation__are_right(analyzer):
    answers = [["dog", "a dog", "cat"], ["a cat", "the cat", "a  cat"]]
    sets = [["Dog.", "A dog!"], ["A cat,", "cats"]]
    assert painted(answers, sets, analyzer) == [[True, True, False], [True, False, True]]


def test__captions__of_another_analyzer__are_compared_by_its_tokens():
    answers, sets = [["a dog", "A dog", "a dog."]], [["a dog"]]
    assert painted(answers, sets, "char") == [[True, False, False]]
    assert painted(answers, sets, lambda text: text.lower().split()) == [[True, True, False]]


def test__labels__are_right_as_they_are():
    assert painted([["C", "C++", "c"]], [["C++"]], "label") == [[False, True, False]]
    assert painted([["+", "-"]], [["+"]], "label") == [[True, False]]
    # An estimator without an analyzer: these could be captions.
    assert painted([["+", "-"]], [["+"]]) == [[True, False]]
    assert painted([[1, 2.5, 0.1]], [[1.0, 0.1]]) == [[True, False, True]]
    assert painted([[2**63 + 1, 2**63]], [{2**63}]) == [[False, True]]


@pytest.mark.parametrize(
    ("answers", "right"), [([["1"]], [[1]]), ([[1]], [["1"]]), ([["a dog"]], [[1]])]
)
def test__text_and_numbers__are_named(answers, right):
    with pytest.raises(ValueError, match="text and numbers are never equal"):
        painted(answers, right)


def features(X):
    return X.reshape(len(X), -1)[:, :5] / 255.0


@pytest.mark.parametrize("before", [[], [FunctionTransformer()], ["passthrough"]])
def test__pipeline__images_before_their_features__are_drawn(before, hardly_fitted, digits):
    X, y = np.asarray(digits.images[:20]), digits.label_sets[:20]
    steps = make_pipeline(*before, FunctionTransformer(features), quick()).fit(X, y)
    display = LatentTraversalDisplay.from_estimator(steps, X[:2], y[:2])
    np.testing.assert_array_equal(display.images, X[:2])
    expected = steps[-1].predict_grid(features(X[:2]), steps[-1].sample_latents(6, 0))
    np.testing.assert_array_equal(display.answers, expected)


def test__pipeline__images_that_a_step_reads__are_drawn(digits):
    files, X = [f"{i}.png" for i in range(20)], np.asarray(digits.images[:20])
    read = FunctionTransformer(lambda names: X[[int(name[:-4]) for name in names]])
    steps = make_pipeline(read, FunctionTransformer(features), quick())
    steps.fit(files, digits.label_sets[:20])
    display = LatentTraversalDisplay.from_estimator(steps, files[:2])
    np.testing.assert_array_equal(display.images, X[:2])


def test__flat_images__are_drawn_in_their_shape(digits):
    X = np.asarray(digits.images[:20])
    est = quick(image_shape=X.shape[1:]).fit(X.reshape(20, -1), digits.label_sets[:20])
    for given in (X[:2].reshape(2, -1), X[:2].reshape(2, -1).tolist()):
        display = LatentTraversalDisplay.from_estimator(est, given)
        np.testing.assert_allclose(np.squeeze(display.images), X[:2], rtol=1e-6)


def test__features__are_an_error_with_a_remedy(digits):
    X = features(np.asarray(digits.images[:20]))
    est = quick().fit(X, digits.label_sets[:20])
    with pytest.raises(ValueError, match="images holds vectors of 5 features.*Pass images"):
        LatentTraversalDisplay.from_estimator(est, X[:2])


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2
    )
