"""ImageEncoder: images to vectors by which captions are matched."""

import copy
import json

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score, roc_auc_score

from condcap_sk import ConditionalCaptioner
from condcap_sk._persistence import Fields, Tensors
from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.exceptions import ModelFileError, PixelRangeWarning
from condcap_sk.vision import ImageEncoder
from condcap_sk.vision.encoder import resolve_positions

CODES = 4 * np.eye(16, dtype=np.float32)[:3]


def make_stripes(n=120, size=16):
    """Images with a horizontal bar, a vertical bar, or both; captions 0 and 1 name the bars."""
    rng = np.random.RandomState(0)
    X = np.zeros((n, size, size), dtype=np.float32)
    kinds = np.arange(n) % 3
    for image, kind in zip(X, kinds, strict=True):
        if kind in (0, 2):
            image[rng.randint(1, size - 1)] = 1
        if kind in (1, 2):
            image[:, rng.randint(1, size - 1)] = 1
    return X, [CODES[[[0], [1], [0, 1]][kind]] for kind in kinds]


def tiny(**params):
    """An encoder that has learned nothing."""
    return ImageEncoder(**{"max_iter": 4, "n_filters": 2, "random_state": 0, **params})


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder(n_filters=8, max_iter=150, random_state=0).fit(*make_stripes())


@pytest.fixture(scope="module")
def by_words():
    return ImageEncoder(max_iter=300, random_state=0).fit(TestWords.X, TestWords.ANSWERS)


def test__relevance__captions_that_fit__are_ranked_higher(encoder):
    X, y = make_stripes(60)
    relevance = encoder.relevance(encoder.transform(X), np.tile(CODES[:2], (60, 1, 1)))
    fits = np.array([[code in vectors.tolist() for code in CODES[:2].tolist()] for vectors in y])
    assert ((relevance > 0) == fits).mean() > 0.95


def test__relevance__captions_of_each_image_or_of_all__are_the_same(encoder):
    X, _ = make_stripes(60)
    vectors = encoder.transform(X)
    each = encoder.relevance(vectors, np.tile(CODES, (60, 1, 1)))
    every = encoder.relevance(vectors, CODES)
    assert each.shape == every.shape == (60, 3)
    np.testing.assert_allclose(each, every, atol=1e-4)
    np.testing.assert_allclose(encoder.relevance(vectors[[7]], CODES)[0], every[7], atol=1e-5)


def test__relevance__vectors_of_another_width__are_named(encoder):
    with pytest.raises(ValueError, match="image_vectors has 3 columns"):
        encoder.relevance(np.zeros((1, 3)), CODES)


@pytest.mark.parametrize(
    "shape",
    [
        (20, 5, 7),
        (20, 16, 16),
        (20, 33, 20, 3),
        (20, 3, 64, 64),
        (20, 1, 8, 8),
        (20, 70, 9),
        (20, 6),
    ],
)
def test__fit__any_shape__gives_a_vector_each(shape):
    X = np.random.RandomState(0).rand(*shape)
    encoder = ImageEncoder(max_iter=2, random_state=0).fit(X, CODES[np.arange(20) % 3])
    vectors = encoder.transform(X)
    assert vectors.shape == (20, 128)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert len(encoder.get_feature_names_out()) == 128


@pytest.mark.bits
def test__transform__other_order_and_batches__same_rows(encoder):
    X, _ = make_stripes(50)
    whole = encoder.transform(X)
    order = np.random.RandomState(0).permutation(50)[:13]
    np.testing.assert_allclose(encoder.transform(X[order]), whole[order], atol=1e-4)


@pytest.mark.bits
def test__fit__pixel_range__does_not_matter():
    X, y = make_stripes(40)
    plain = tiny().fit(X, y)
    scaled = tiny().fit(255 * X, y)
    as_bytes = tiny().fit((255 * X).astype(np.uint8), y)
    np.testing.assert_allclose(plain.transform(X), scaled.transform(255 * X), atol=1e-2)
    np.testing.assert_array_equal(
        scaled.transform(255 * X), as_bytes.transform((255 * X).astype(np.uint8))
    )


@pytest.mark.bits
def test__fit__channels_first_and_last__are_the_same():
    X = np.random.RandomState(0).rand(20, 9, 12, 3).astype(np.float32)
    y = CODES[np.arange(20) % 3]
    last = tiny().fit(X, y).transform(X)
    first = X.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(tiny().fit(first, y).transform(first), last)


@pytest.mark.bits
def test__fit__same_seed__same_weights_and_untouched_streams():
    X, y = make_stripes(30)
    torch.manual_seed(1)
    expected = torch.rand(2).tolist()
    torch.manual_seed(1)
    one, other = (tiny(random_state=5).fit(X, y) for _ in range(2))
    assert torch.rand(2).tolist() == expected
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert not np.array_equal(tiny(random_state=6).fit(X, y).transform(X), one.transform(X))


@pytest.mark.bits
def test__fit__vectors_or_encoded_answers__are_the_same():
    X, y = make_stripes(30)
    answers = EncodedAnswers.from_vectors(y, 30)
    np.testing.assert_array_equal(
        tiny().fit(X, y).transform(X), tiny().fit(X, answers).transform(X)
    )


@pytest.mark.bits
def test__fit__validation_images__are_measured_and_change_nothing():
    X, y = make_stripes(30)
    plain = tiny().fit(X, y)
    watched = tiny().fit(X, y, validation=(X[:9], y[:9]))
    np.testing.assert_array_equal(plain.transform(X), watched.transform(X))
    assert 0 <= watched.history_["valid_average_precision"][-1] <= 1
    assert set(plain.history_) == {"epoch", "matching"}


def test__fit__validation_images__their_average_precision_is_measured():
    X = np.random.RandomState(0).rand(60, 6).astype(np.float32)
    y = [CODES[[i % 3] if i % 2 else [i % 3, (i + 1) % 3]] for i in range(60)]
    encoder = tiny(max_iter=20).fit(X[20:], y[20:], validation=(X[:20], y[:20]))
    fits = np.array([[code in vectors.tolist() for code in CODES.tolist()] for vectors in y[:20]])
    scores = encoder.relevance(encoder.transform(X[:20]), CODES)
    expected = average_precision_score(fits.ravel(), scores.ravel())
    assert encoder.history_["valid_average_precision"][-1] == pytest.approx(expected)


def test__fit__nothing_of_the_training__is_kept():
    X, y = make_stripes(30)
    matcher = tiny().fit(X, y).matcher_
    assert not {"bank", "rng"} & vars(matcher).keys()
    assert not matcher.training
    assert not any(parameter.requires_grad for parameter in matcher.parameters())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (lambda y: y[:3], "X holds 30 rows, but y holds 3"),
        (lambda y: [v[:0] for v in y], "y holds sets that are empty"),
        (lambda y: None, "requires y"),
    ],
)
def test__fit__no_answers_for_each_image__names_y(y, message):
    X, known = make_stripes(30)
    with pytest.raises(ValueError, match=message):
        ImageEncoder().fit(X, y(known))


def test__transform__other_size__names_both_and_the_remedy(encoder):
    with pytest.raises(ValueError, match="X holds 8x8 images.*16x16.*Resize X"):
        encoder.transform(np.zeros((1, 8, 8)))


@pytest.mark.parametrize(
    "use",
    [
        lambda encoder: encoder.transform(np.zeros((1, 8, 8))),
        lambda encoder: encoder.relevance(np.zeros((1, 8)), CODES),
    ],
)
def test__any_use__before_fit__raises_not_fitted(use):
    with pytest.raises(NotFittedError):
        use(ImageEncoder())


class TestWords:
    """Sentences of feature vectors: images of a word have its number as their largest feature."""

    RNG = np.random.RandomState(0)
    WORDS = RNG.randint(2, 8, size=(200, 2))
    X = np.eye(8)[WORDS].sum(axis=1) + 0.1 * RNG.standard_normal((200, 8))
    IDS = np.pad(WORDS, ((0, 0), (0, 2)))

    DISTINCT, WHICH = np.unique(IDS, axis=0, return_inverse=True)
    ANSWERS = EncodedAnswers(
        vectors=np.ones((len(DISTINCT), 4), dtype=np.float32),
        index=WHICH.reshape(-1, 1),
        ids=DISTINCT,
        n_tokens=8,
        are_sentences=True,
    )

    def test__relevance__own_words__are_ranked_above_others(self, by_words):
        vectors = by_words.transform(self.X)
        every = by_words.relevance(vectors, self.IDS)
        own = np.array([[set(a) == set(b) for a in self.WORDS] for b in self.WORDS])
        assert roc_auc_score(own.ravel(), every.ravel()) > 0.95
        each = np.repeat(self.IDS[None, :5], 200, axis=0)
        np.testing.assert_allclose(by_words.relevance(vectors, each), every[:, :5], atol=1e-4)

    def test__relevance__filling_and_order__do_not_count(self, by_words):
        vectors = by_words.transform(self.X)
        one, other, longer = ([[3, 4, 0, 0]], [[4, 3, 0, 0]], [[3, 4, 0, 0, 0, 0]])
        found = [by_words.relevance(vectors, np.array(ids)) for ids in (one, other, longer)]
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)
        np.testing.assert_allclose(found[0], found[2], atol=1e-5)

    def test__validation__words_of_held_out_images__are_measured(self):
        parts = np.split(np.arange(200), [20])
        held_out, learned = (self.ANSWERS.take(rows) for rows in parts)
        watched = tiny().fit(self.X[20:], learned, validation=(self.X[:20], held_out))
        assert 0 <= watched.history_["valid_average_precision"][-1] <= 1


@pytest.mark.parametrize(
    ("positions", "are_sentences", "expected"),
    [("auto", True, True), ("auto", False, False), (True, False, True), (False, True, False)],
)
def test__positions__auto__is_with_sentences(positions, are_sentences, expected):
    answers = EncodedAnswers(CODES, np.zeros((1, 1), int), are_sentences=are_sentences)
    assert resolve_positions(positions, answers) is expected
    X = np.random.RandomState(0).rand(20, 8, 8)
    answers = EncodedAnswers(
        CODES, np.arange(20)[:, None] % 3, np.eye(3, dtype=int) + 1, 4, None, are_sentences
    )
    network = tiny(positions=positions).fit(X, answers).matcher_.network
    assert network.config["positions"] == expected


def test__max_iter__auto__is_twice_as_long_with_positions_and_in_colour():
    X, y = make_stripes(20)
    steps = [
        tiny(max_iter="auto", positions=positions, n_filters=1).fit(images, y).n_iter_
        for images in (X, np.stack([X] * 3, axis=-1))
        for positions in (False, True)
    ]
    assert steps == [40, 80, 80, 80]


@pytest.mark.parametrize("answers", [["a dog runs", "a cat"], ["dog", "cat"]])
def test__positions__in_the_captioner__are_with_sentences_only(answers):
    X = np.random.RandomState(0).rand(20, 8, 8)
    est = ConditionalCaptioner(random_state=0)
    est.set_params(codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2)
    network = est.fit(X, [answers] * 20).image_encoder_.matcher_.network
    assert network.config["positions"] == (" " in answers[0])


def state(encoder):
    """Return fields, as a file holds them, and tensors of a fitted encoder."""
    fields, tensors = encoder._to_state("e")
    return json.loads(json.dumps(fields)), tensors


def from_state(fields, tensors):
    held = Tensors(dict(tensors))
    encoder = ImageEncoder._from_state("e", Fields(fields, "e"), held)
    held.end()
    return encoder


@pytest.mark.bits
class TestState:
    @pytest.mark.parametrize("shape", [(20, 3, 9, 8), (20, 6)])
    def test__round_trip__is_the_same(self, shape):
        X = np.random.RandomState(0).rand(*shape)
        encoder = tiny().fit(X, CODES[np.arange(20) % 3])
        loaded = from_state(*state(encoder))
        assert set(vars(loaded)) == set(vars(encoder))
        assert repr(loaded) == repr(encoder)
        vectors = encoder.transform(X)
        np.testing.assert_array_equal(loaded.transform(X), vectors)
        np.testing.assert_array_equal(
            loaded.relevance(vectors, CODES), encoder.relevance(vectors, CODES)
        )
        assert loaded.history_ == encoder.history_
        assert (loaded.shape_, loaded.pixel_range_) == (encoder.shape_, encoder.pixel_range_)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("shape", [3, 9, 9]), ("shape", [6]), ("shape", [0, 9, 8]), ("pixel_range", [[0]])],
    )
    def test__of_no_encoder__is_refused(self, name, value):
        X = np.random.RandomState(0).rand(20, 3, 9, 8)
        fields, tensors = state(tiny().fit(X, CODES[np.arange(20) % 3]))
        with pytest.raises(ModelFileError, match=f"e.* {name}|e has a network|e.{name}"):
            from_state({**copy.deepcopy(fields), name: value}, tensors)


@pytest.mark.parametrize("changed", [[4, 2, 3], [1, 4, 3], [1, 2, 4]], ids=str)
@pytest.mark.bits
def test__fit__each_of_its_seeds__decides_the_weights(changed, monkeypatch):
    def weights(seeds):
        monkeypatch.setattr("condcap_sk.vision.encoder.spawn_seeds", lambda *args: seeds)
        return tiny().fit(*make_stripes(30)).matcher_.embed_image.weight

    assert torch.equal(weights([1, 2, 3]), weights([1, 2, 3]))
    assert not torch.equal(weights([1, 2, 3]), weights(changed))


def test__fit__weight_decay__counts(monkeypatch):
    def weight():
        return tiny().fit(*make_stripes(30)).matcher_.embed_image.weight

    before = weight()
    monkeypatch.setattr("condcap_sk.vision.encoder.WEIGHT_DECAY", 0.0)
    assert not torch.equal(weight(), before)


def test__transform__images_of_another_scale__are_warned_of(encoder):
    X, _ = make_stripes(30)
    with pytest.warns(PixelRangeWarning):
        encoder.transform(255 * X)
