"""AttentionDisplay."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.inspection import AttentionDisplay
from condcap_sk.inspection.attention import ACROSS
from condcap_sk.text.modules import HEAD_SIZE, N_HEADS

SCENES = make_captioned_shapes(40, size=16, random_state=0)
LONG = " ".join(["a", *(f"word{i}" for i in range(1, 22))])  # a known word, and others


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2, gan__decoder_size=8
    )


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(SCENES.images, SCENES.captions)


def only(region, n_regions=16):
    return np.eye(n_regions)[[region]]


def display_of(captions, n_regions=16, shape=(8, 8)):
    words = [caption.split() for caption in captions]
    weights = [np.full((len(row), n_regions), 1 / n_regions) for row in words]
    return AttentionDisplay(np.zeros((len(captions), *shape)), captions, words, weights)


def titles(display):
    return [[ax.get_title() for ax in axes] for axes in display.axes_]


def strengths(ax):
    """How strong the colour over a picture is."""
    return ax.images[1].get_array()[..., 3]


def redness(figure, ax):
    """How red the pixels of an axes are, as drawn."""
    figure.canvas.draw()
    left, bottom, right, top = ax.get_window_extent().extents.round().astype(int)
    pixels = np.asarray(figure.canvas.buffer_rgba()).astype(int)
    pixels = pixels[len(pixels) - top : len(pixels) - bottom, left:right]
    return pixels[..., 0] - pixels[..., 1]


class TestFromEstimator:
    def test__captions__have_an_axes_for_each_word(self, fitted):
        captions = ["a red square", "Circle above a cross!"]
        display = AttentionDisplay.from_estimator(fitted, SCENES.images[:2], captions)
        assert titles(display) == [
            ["", "a", "red", "square"],
            ["", "circle", "above", "a", "cross"],
        ]
        assert [part.get_suptitle() for part in display.figure_.subfigs] == captions
        expected = fitted.attention_weights(SCENES.images[:2], captions)
        for weights, others in zip(display.weights, expected, strict=True):
            np.testing.assert_array_equal(weights, others)

    def test__no_captions__are_those_that_are_predicted(self, fitted):
        display = AttentionDisplay.from_estimator(fitted, SCENES.images[:2])
        assert display.captions == fitted.predict(SCENES.images[:2]).tolist()

    def test__caption_longer_than_those_in_fit__is_drawn_as_far_as_it_has_weights(self, fitted):
        display = AttentionDisplay.from_estimator(fitted, SCENES.images[:1], [LONG])
        most = fitted.codec_.vocabulary_.max_length_
        assert titles(display) == [["", *LONG.split()[:most]]]

    def test__characters__have_an_axes_each(self):
        est = SimpleNamespace(
            codec_=SimpleNamespace(analyzer_="char"),
            attention_weights=lambda X, captions: [np.full((len(c), 4), 0.25) for c in captions],
        )
        display = AttentionDisplay.from_estimator(est, np.zeros((1, 4, 4)), ["ab"])
        assert titles(display) == [["", "a", "b"]]

    def test__pipeline__images_before_their_features__are_drawn(self):
        # The image's own vector and those of its quarters.
        def features(X):
            quarters = X.reshape(len(X), 2, 8, 2, 8, 3).mean(axis=(2, 4)).reshape(len(X), -1)
            return np.hstack([X.mean(axis=(1, 2)), quarters])

        X = SCENES.images
        steps = make_pipeline(FunctionTransformer(features), quick(n_regions=4))
        steps.fit(X, SCENES.captions)
        display = AttentionDisplay.from_estimator(steps, X[:2], ["a circle"] * 2)
        np.testing.assert_array_equal(display.images, X[:2])
        assert strengths(display.axes_[0][1]).shape == (2, 2)
        # Of the features alone, images come beside them.
        est, rows = steps[-1], features(X[:2])
        beside = AttentionDisplay.from_estimator(est, rows, ["a circle"] * 2, images=X[:2])
        np.testing.assert_array_equal(beside.weights, display.weights)
        with pytest.raises(ValueError, match="vectors of 15 features.*images=images"):
            AttentionDisplay.from_estimator(est, rows, ["a circle"] * 2)

    def test__model_without_regions__is_an_error_with_a_remedy(self):
        est = quick(objective="paper").fit(SCENES.images, SCENES.captions)
        with pytest.raises(ValueError, match=r"no regions.*PretrainedFeatures"):
            AttentionDisplay.from_estimator(est, SCENES.images[:1], ["a circle"])

    @pytest.mark.parametrize("region", [0, 3, 12])
    def test__decoder_that_looks_into_a_corner__colours_it(self, fitted, region, monkeypatch):
        attention = fitted.gan_.decoder_.attention
        down, right = 2 * (region // 12) - 1, 2 * (region % 4 // 3) - 1
        # The last components of a region are how far down it is, and how far right.
        norm = torch.zeros_like(attention.norm.weight)
        norm[-2:] = 1
        keys = torch.zeros_like(attention.keys_and_values.weight)
        keys[: N_HEADS * HEAD_SIZE, -2:] = torch.tensor([float(down), float(right)])
        forged = {
            "norm.weight": norm,
            "keys_and_values.weight": keys,
            "query.weight": torch.zeros_like(attention.query.weight),
            "query.bias": torch.ones_like(attention.query.bias),
        }
        kept = {name: tensor.clone() for name, tensor in attention.state_dict().items()}
        attention.load_state_dict({**kept, **forged})
        try:
            display = AttentionDisplay.from_estimator(fitted, SCENES.images[:1], ["a circle"])
        finally:
            attention.load_state_dict(kept)
        assert display.weights[0].argmax(axis=1).tolist() == [region, region]
        red = redness(display.figure_, display.axes_[0][1])
        middle = np.array(np.unravel_index(red.argmax(), red.shape)) / red.shape
        assert (middle > 0.5).tolist() == [down > 0, right > 0]


class TestPlot:
    @pytest.mark.parametrize(("region", "row", "column"), [(0, 0, 0), (1, 0, 1), (4, 1, 0)])
    def test__one_region__its_cell_of_the_picture_is_coloured(self, region, row, column):
        display = AttentionDisplay(np.zeros((1, 8, 12)), ["dog"], [["dog"]], [only(region)]).plot()
        red = redness(display.figure_, display.axes_[0][1])
        height, width = red.shape
        y, x = np.unravel_index(red.argmax(), red.shape)
        assert (y * 4 // height, x * 4 // width) == (row, column)
        # The picture itself has no colour.
        assert (redness(display.figure_, display.axes_[0][0]) == 0).all()

    def test__weights__of_a_caption__have_one_scale(self):
        weights = np.array([[0.85, 0.05, 0.05, 0.05], [0.55, 0.15, 0.15, 0.15], [0.25] * 4])
        display = AttentionDisplay(
            np.zeros((1, 8, 8)), ["a big dog"], [["a", "big", "dog"]], [weights]
        ).plot()
        first, second, third = (strengths(ax) for ax in display.axes_[0][1:])
        assert first[0, 0] > 0.5
        assert second[0, 0] == pytest.approx(first[0, 0] / 2)
        assert (third == 0).all()
        assert (first.ravel()[1:] == 0).all()

    def test__weights__next_to_equal__stay_pale(self):
        weights = np.array([[0.26, 0.25, 0.25, 0.24]])
        display = AttentionDisplay(np.zeros((1, 8, 8)), ["dog"], [["dog"]], [weights]).plot()
        assert 0 < strengths(display.axes_[0][1]).max() < 0.1

    def test__long_caption__goes_on_below(self):
        display = display_of([LONG, "a dog"]).plot()
        assert titles(display) == [["", *LONG.split()], ["", "a", "dog"]]
        part = display.figure_.subfigs[0]
        assert part.get_suptitle().replace("\n", " ") == LONG
        display.figure_.canvas.draw()
        _, *words = (ax.get_position() for ax in display.axes_[0])
        # Those that follow stand under the first ones.
        for i, word in enumerate(words):
            assert word.x0 == pytest.approx(words[i % ACROSS].x0)
            assert (word.y0 < words[0].y0 - 0.1) == (i >= ACROSS)
        # Nothing but these is drawn.
        every = [ax for part in display.figure_.subfigs for ax in part.axes]
        assert sum(bool(ax.images) for ax in every) == sum(len(axes) for axes in display.axes_)
        assert not any(ax.axison for ax in every)

    @pytest.mark.parametrize("shape", [(8, 12), (8, 12, 3), (3, 8, 12), (8, 12, 4)])
    def test__images__of_any_channels__are_covered_whole(self, shape):
        display = display_of(["a dog"], shape=shape).plot()
        for ax in display.axes_[0][1:]:
            picture, colours = ax.images
            assert tuple(colours.get_extent()) == tuple(picture.get_extent())

    def test__dollar_signs__are_no_mathematics(self):
        display = display_of(["$5 or $6"]).plot()
        display.figure_.canvas.draw()
        assert titles(display) == [["", "$5", "or", "$6"]]

    def test__figure_given__is_drawn_on(self):
        import matplotlib.pyplot as plt

        figure = plt.figure()
        display = display_of(["a dog"])
        assert display.plot(figure=figure) is display
        assert display.figure_ is figure
        assert len(figure.subfigs[0].axes) == 3

    @pytest.mark.parametrize("n_images", [1, 3])
    def test__images_of_another_number__are_an_error(self, fitted, n_images):
        images = np.random.RandomState(0).random((n_images, 8, 8, 3))
        figures = plt.get_fignums()
        with pytest.raises(ValueError, match=f"images holds {n_images}, of 2 captions.*Pass one"):
            AttentionDisplay.from_estimator(fitted, SCENES.images[:2], images=images)
        assert plt.get_fignums() == figures

    def test__regions_that_make_no_square__are_an_error(self):
        with pytest.raises(ValueError, match="weights are of 5 regions.*square grid"):
            display_of(["a dog"], n_regions=5).plot()

    def test__words_and_weights_of_other_lengths__are_an_error(self):
        figures = plt.get_fignums()
        display = AttentionDisplay(np.zeros((1, 8, 8)), ["a dog"], [["a"]], [np.full((2, 4), 0.25)])
        with pytest.raises(ValueError, match=r"'a dog' have 2 rows, for 1 words\. Pass one row"):
            display.plot()
        assert plt.get_fignums() == figures
