"""ImageEncoder: images to vectors that tell which captions fit."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from condcap_sk import ConditionalCaptioner
from condcap_sk.training.seeding import generator
from condcap_sk.vision import ImageEncoder
from condcap_sk.vision.modules import (
    Matcher,
    Standardise,
    image_network,
    neighbours,
    random_shift,
)

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


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder(max_iter=150, random_state=0).fit(*make_stripes())


def test__relevance__captions_that_fit__are_ranked_higher(encoder):
    X, y = make_stripes(60)
    relevance = encoder.relevance(encoder.transform(X), np.tile(CODES[:2], (60, 1, 1)))
    fits = np.array([[code in vectors.tolist() for code in CODES[:2].tolist()] for vectors in y])
    assert ((relevance > 0) == fits).mean() > 0.95


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
    vectors = ImageEncoder(max_iter=2, random_state=0).fit(X, CODES[np.arange(20) % 3]).transform(X)
    assert vectors.shape == (20, 128)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


def test__transform__other_order_and_batches__same_rows(encoder):
    X, _ = make_stripes(50)
    whole = encoder.transform(X)
    order = np.random.RandomState(0).permutation(50)[:13]
    np.testing.assert_allclose(encoder.transform(X[order]), whole[order], atol=1e-4)


def test__fit__pixel_range__does_not_matter():
    X, y = make_stripes(40)
    plain = ImageEncoder(max_iter=5, random_state=0).fit(X, y)
    scaled = ImageEncoder(max_iter=5, random_state=0).fit(255 * X, y)
    as_bytes = ImageEncoder(max_iter=5, random_state=0).fit((255 * X).astype(np.uint8), y)
    np.testing.assert_allclose(plain.transform(X), scaled.transform(255 * X), atol=1e-2)
    np.testing.assert_array_equal(
        scaled.transform(255 * X), as_bytes.transform((255 * X).astype(np.uint8))
    )


def test__fit__channels_first_and_last__are_the_same():
    X = np.random.RandomState(0).rand(20, 9, 12, 3).astype(np.float32)
    y = CODES[np.arange(20) % 3]
    last = ImageEncoder(max_iter=3, random_state=0).fit(X, y).transform(X)
    first = X.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(
        ImageEncoder(max_iter=3, random_state=0).fit(first, y).transform(first), last
    )


def test__fit__same_seed__same_weights_and_untouched_streams():
    X, y = make_stripes(30)
    torch.manual_seed(1)
    expected = torch.rand(2).tolist()
    torch.manual_seed(1)
    one, other = (ImageEncoder(max_iter=4, random_state=5).fit(X, y) for _ in range(2))
    assert torch.rand(2).tolist() == expected
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


def test__fit__validation_images__are_measured_and_change_nothing():
    X, y = make_stripes(30)
    plain = ImageEncoder(max_iter=4, random_state=5).fit(X, y)
    watched = ImageEncoder(max_iter=4, random_state=5).fit(X, y, X[:9], y[:9])
    np.testing.assert_array_equal(plain.transform(X), watched.transform(X))
    assert 0 <= watched.history_["valid_average_precision"][-1] <= 1
    assert set(plain.history_) == {"epoch", "matching"}


def test__transform__other_size__says_what_to_do(encoder):
    with pytest.raises(ValueError, match="X holds 8x8 images.*fit saw 16x16.*Resize X"):
        encoder.transform(np.zeros((1, 8, 8)))


def test__transform__before_fit__raises_not_fitted():
    with pytest.raises(NotFittedError):
        ImageEncoder().transform(np.zeros((1, 8, 8)))


def test__random_shift__any_image__moves_it_by_at_most_its_share():
    images = torch.arange(64.0 * 64).view(1, 1, 64, 64).repeat(200, 2, 1, 1)
    moved = random_shift(images, generator(0))
    assert moved.shape == images.shape
    # Away from the edges a shift by (r, c) adds 64 r + c everywhere.
    offsets = (moved - images)[:, :, 4:-4, 4:-4].flatten(1)
    assert (offsets == offsets[:, :1]).all()
    expected = {64 * r + c for r in range(-2, 3) for c in range(-2, 3)}
    assert set(offsets[:, 0].int().tolist()) == expected
    assert torch.equal(moved, random_shift(images, generator(0)))


def test__standardise__training_values__have_mean_0_and_variance_1():
    values = 1000 + 3 * torch.randn(500, 4, 6, 6, generator=generator(0))
    values[:, 3] = 7
    out = Standardise(4).fit(values)(values)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4), atol=1e-2, rtol=0)
    spread = out.std((0, 2, 3), correction=0)
    torch.testing.assert_close(spread, torch.tensor([1.0, 1, 1, 0]), atol=1e-2, rtol=0)


def test__matching_loss__undecided__is_log_two_for_every_pair():
    matcher = Matcher(image_network((6,), 4), torch.eye(3))
    torch.nn.init.zeros_(matcher.embed_image.weight)
    torch.nn.init.zeros_(matcher.embed_image.bias)
    # Captions 0 and 2 occur in the batch, 1 does not: two decisions for each image.
    loss = matcher.loss(torch.randn(4, 6), torch.tensor([[0, 2], [2, -1], [0, -1], [2, 0]]))
    assert loss["matching"].item() == pytest.approx(2 * np.log(2), rel=1e-5)


def test__neighbours__are_the_image_moved_by_a_pixel_each_way():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    same, down, up, right, left = (moved[0, 0] for moved in neighbours(image))
    assert torch.equal(same, image[0, 0])
    assert torch.equal(down[1:], same[:-1])
    assert torch.equal(up[:-1], same[1:])
    assert torch.equal(right[:, 1:], same[:, :-1])
    assert torch.equal(left[:, :-1], same[:, 1:])
    assert torch.equal(down[0], same[0])
    assert torch.equal(left[:, -1], same[:, -1])


class TestWords:
    """Captions as token ids: the images of a word have its number as their largest feature."""

    RNG = np.random.RandomState(0)
    WORDS = RNG.randint(2, 8, size=(200, 2))
    X = np.eye(8)[WORDS].sum(axis=1) + 0.1 * RNG.standard_normal((200, 8))
    TOKENS = tuple(np.pad(row[None], ((0, 0), (0, 2))) for row in WORDS)

    def test__relevance__own_words__are_told_from_others(self):
        encoder = ImageEncoder(max_iter=300, random_state=0).fit(self.X, self.TOKENS, n_tokens=8)
        vectors = encoder.transform(self.X)
        every = encoder.relevance(vectors, np.concatenate(self.TOKENS))
        own = np.array([[set(a) == set(b) for a in self.WORDS] for b in self.WORDS])
        assert roc_auc_score(own.ravel(), every.ravel()) > 0.95
        each = np.repeat(np.concatenate(self.TOKENS)[None, :5], 200, axis=0)
        np.testing.assert_allclose(encoder.relevance(vectors, each), every[:, :5], atol=1e-4)

    def test__relevance__filling_and_order__do_not_count(self):
        encoder = ImageEncoder(max_iter=3, random_state=0).fit(self.X, self.TOKENS, n_tokens=8)
        vectors = encoder.transform(self.X)
        one, other, longer = ([[3, 4, 0, 0]], [[4, 3, 0, 0]], [[3, 4, 0, 0, 0, 0]])
        found = [encoder.relevance(vectors, np.array(tokens)) for tokens in (one, other, longer)]
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)
        np.testing.assert_allclose(found[0], found[2], atol=1e-5)


def test__positions__the_same_thing_elsewhere__is_told():
    def moved(positions):
        """What moving a square does to the image vector, over what the square does."""
        torch.manual_seed(0)
        network = image_network((1, 256, 256), 4, positions=positions).eval()
        images = torch.zeros(3, 1, 256, 256)
        # As many pixels apart as the convolutions shrink the image, so that nothing else differs.
        images[0, 0, 96:128, 96:128] = images[1, 0, 128:160, 128:160] = 1
        one, other, blank = network(images)
        return ((one - other).norm() / (one - blank).norm()).item()

    assert moved(positions=True) > 10 * moved(positions=False)


def test__positions__sentences__are_matched_with_them_and_labels_without():
    X = np.random.RandomState(0).rand(20, 8, 8)
    for answers, told in ([["a dog runs", "a cat"]] * 20, True), ([["dog", "cat"]] * 20, False):
        est = ConditionalCaptioner(random_state=0)
        est.set_params(codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2)
        assert est.fit(X, answers).image_encoder_.positions == told
