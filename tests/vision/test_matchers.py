"""How images and answers are matched: one decision for each pair."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condcap_sk._torch.candidates import candidates_of
from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.vision.matchers import BagOfWords, VectorMatcher, WordMatcher, matcher_of
from condcap_sk.vision.modules import Features, image_network

N_COMPONENTS, N_TOKENS = 3, 7
IDS = np.array([[2, 3, 0], [4, 0, 0], [3, 5, 2]])
ANSWERS = EncodedAnswers(
    vectors=np.eye(3, dtype=np.float32),
    index=np.array([[0, 2], [2, -1], [0, -1], [2, 0]]),
    ids=IDS,
    n_tokens=N_TOKENS,
    are_sentences=True,
)


def by_vectors():
    with seeded_init(0):
        return VectorMatcher(image_network((6,), 4), N_COMPONENTS)


def by_words():
    with seeded_init(0):
        return WordMatcher(Features(6), N_TOKENS)


@pytest.fixture(params=[by_vectors, by_words])
def matcher(request):
    """A matcher in training."""
    return request.param()


@pytest.fixture
def bank(matcher):
    """What of `ANSWERS` it reads."""
    return torch.from_numpy(getattr(ANSWERS, matcher.READS))


@pytest.fixture
def rng():
    return make_rng(0)


@pytest.fixture
def images():
    return torch.randn(4, 6, generator=make_rng(1))


@pytest.fixture
def index():
    return torch.from_numpy(ANSWERS.index)


def loss(matcher, images, index, bank, rng):
    """The loss of a whole batch."""
    return matcher.loss(images, index, bank, candidates_of(index), rng)


@pytest.mark.parametrize(
    ("are_sentences", "shape", "kind"),
    [
        (False, (6,), VectorMatcher),
        (False, (1, 8, 8), VectorMatcher),
        (True, (6,), WordMatcher),
        (True, (1, 8, 8), VectorMatcher),
    ],
)
def test__matcher_of__answers_and_images__takes_words_of_feature_vectors(
    are_sentences, shape, kind
):
    assert matcher_of(SimpleNamespace(are_sentences=are_sentences), shape) is kind


@pytest.mark.parametrize(("kind", "shape"), [(VectorMatcher, (1, 8, 8)), (WordMatcher, (6,))])
def test__build__answers_and_images__give_the_sizes(kind, shape):
    matcher = kind.build(ANSWERS, shape, 4, True)
    vectors = matcher.eval().image_vectors(torch.rand(4, *shape))
    assert vectors.shape == (4, matcher.network.n_features)
    bank = torch.from_numpy(getattr(ANSWERS, kind.READS))
    assert matcher(vectors, bank).shape == (4, 3)


class TestLoss:
    def test__undecided__is_log_two_for_every_pair(self, images, rng):
        matcher = by_vectors()
        torch.nn.init.zeros_(matcher.embed_image.weight)
        torch.nn.init.zeros_(matcher.embed_image.bias)
        # Captions 0 and 2 occur in the batch, 1 does not: two decisions for each image.
        given = torch.tensor([[0, 2], [2, -1], [0, -1], [2, 0]])
        found = loss(matcher, images, given, torch.eye(3), rng)["matching"]
        assert found.item() == pytest.approx(2 * np.log(2), rel=1e-5)

    def test__undecided_by_words__is_what_the_bias_decides(self, images, index, rng):
        matcher = by_words()
        with torch.no_grad():
            matcher.log_scale.fill_(-torch.inf)
        # One pair in a few hundred fits, at first: −5.5 is the log-odds of that.
        per_fit, per_other = math.log1p(math.exp(5.5)), math.log1p(math.exp(-5.5))
        # Six of eight pairs fit, see `ANSWERS`.
        expected = (6 * per_fit + 2 * per_other) / 4
        found = loss(matcher, images, index, torch.from_numpy(IDS), rng)["matching"].item()
        assert found == pytest.approx(expected, rel=1e-5)

    def test__its_gradient__reaches_both_sides(self, matcher, images, index, bank, rng):
        loss(matcher, images, index, bank, rng)["matching"].backward()
        assert matcher.embed_image.weight.grad.abs().sum() > 0
        assert all(p.grad.abs().sum() > 0 for p in matcher.embed_caption.parameters())
        assert matcher.log_scale.grad != 0
        assert matcher.bias.grad != 0

    def test__same_seed__same_loss_and_global_stream_untouched(
        self, matcher, images, index, bank, rng
    ):
        matcher.eval()
        state, found = torch.get_rng_state(), []
        for seed in (0, 0, 1):
            rng.manual_seed(seed)
            found.append(loss(matcher, images, index, bank, rng)["matching"].item())
        assert torch.equal(torch.get_rng_state(), state)
        assert found[0] == found[1] != found[2]

    def test__trained__ranks_what_fits_higher(self, matcher, images, index, bank, rng):
        optimizer = torch.optim.Adam(matcher.parameters(), 1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            loss(matcher, images, index, bank, rng)["matching"].backward()
            optimizer.step()
        matcher.eval()
        log_odds = matcher(matcher.image_vectors(images), bank)
        assert log_odds[1, 2] > log_odds[1, 0]
        assert log_odds[2, 0] > log_odds[2, 2]


class TestLogOdds:
    def test__k_captions_of_each_image__are_those_of_all_with_all(self, matcher, images, bank):
        vectors = matcher.eval().image_vectors(images)
        every = matcher(vectors, bank)
        assert every.shape == (4, 3)
        each = matcher(vectors, bank[None].expand(4, -1, -1))
        torch.testing.assert_close(each, every)

    def test__images_and_captions_embedded_before__are_the_same(self, matcher, images, bank):
        vectors = matcher.eval().image_vectors(images)
        found = matcher.log_odds(matcher.image_embeddings(vectors), matcher.embeddings(bank))
        torch.testing.assert_close(found, matcher(vectors, bank))

    def test__rows_by_themselves__are_the_same(self, matcher, images, bank):
        vectors = matcher.eval().image_vectors(images)
        every = matcher(vectors, bank)
        torch.testing.assert_close(matcher(vectors[[2]], bank[[1]]), every[2:3, 1:2])


class TestImageVectors:
    def test__training_images__are_standardised(self, matcher):
        images = 3 + 10 * torch.randn(200, 6, generator=make_rng(2))
        vectors = matcher.image_vectors(images)
        # ReLU can leave a component of the network at 0.
        alive = vectors.std(0) > 0.1
        torch.testing.assert_close(
            vectors.mean(0), torch.zeros(vectors.shape[1]), atol=1e-4, rtol=0
        )
        torch.testing.assert_close(
            vectors.std(0, False)[alive], torch.ones(int(alive.sum())), atol=1e-2, rtol=0
        )


class TestRead:
    IDS = np.arange(24).reshape(2, 4, 3)

    def test__vector_matcher__gets_the_vectors_of_each_caption(self):
        encoded = []

        def encode(ids):
            encoded.append(ids)
            return ids[:, :2].astype(np.float32)

        found = by_vectors().read(self.IDS, encode)
        np.testing.assert_array_equal(found, self.IDS[:, :, :2])
        np.testing.assert_array_equal(encoded[0], self.IDS.reshape(8, 3))

    def test__word_matcher__gets_the_ids(self):
        assert by_words().read(self.IDS, None) is self.IDS


class TestWords:
    @pytest.fixture
    def bag(self):
        with seeded_init(0):
            return BagOfWords(N_TOKENS, 8)

    def test__order_and_what_fills_up__do_not_count(self, bag):
        ids = torch.tensor([[2, 3, 4, 0, 0], [4, 2, 3, 0, 0], [2, 3, 4, 4, 0]])
        one, other, more = bag(ids)
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(bag(ids[:, :3])[0], one)
        assert not torch.allclose(one, more, atol=1e-3)

    def test__no_word__is_finite(self, bag):
        assert bag(torch.zeros(1, 3, dtype=torch.long)).isfinite().all()

    def test__in_training__some_words_are_left_out(self, bag):
        ids = torch.tensor([[2, 3, 4]]).expand(500, -1)
        vectors, whole = bag(ids, make_rng(0)), bag(ids[:1])
        same = torch.isclose(vectors, whole, atol=1e-5).all(1).float().mean().item()
        assert same == pytest.approx(0.9**3, abs=0.06)

    def test__begin__known_words_get_their_vectors_and_absent_ones_none(self, bag):
        before = bag.words.weight.detach().clone()
        vectors = np.full((N_TOKENS, 8), np.nan, dtype=np.float32)
        vectors[2], vectors[3] = 1.0, -1.0
        answers = EncodedAnswers(
            ANSWERS.vectors, ANSWERS.index, IDS, N_TOKENS, vectors, are_sentences=True
        )
        bag.begin(answers)
        # No answer holds the ids 1 and 6; 4 and 5 have no vector.
        assert not bag.words.weight[[1, 6]].any()
        assert torch.equal(bag.words.weight[[4, 5]], before[[4, 5]])
        assert (bag.words.weight[2] > 0).all()
        torch.testing.assert_close(bag.words.weight[3], -bag.words.weight[2])

    def test__embeddings__have_norm_one(self, images):
        matcher = by_words().eval()
        for embedded in (
            matcher.embeddings(torch.from_numpy(IDS)),
            matcher.image_embeddings(matcher.image_vectors(images)),
        ):
            torch.testing.assert_close(embedded.norm(dim=-1), torch.ones(len(embedded)))

    def test__log_odds__lie_within_the_scale_around_the_bias(self, images):
        matcher = by_words().eval()
        log_odds = matcher(matcher.image_vectors(images), torch.from_numpy(IDS))
        assert ((log_odds + 5.5).abs() <= 10.001).all()


def test__loss__images__are_moved_by_its_own_generator(monkeypatch, rng):
    with seeded_init(0):
        matcher = VectorMatcher(image_network((1, 8, 8), 4), N_COMPONENTS)
    images, moved = torch.randn(4, 1, 8, 8), []
    monkeypatch.setattr(
        "condcap_sk.vision.matchers.random_shift",
        lambda given, rng: moved.append((given, rng)) or torch.zeros_like(given),
    )
    read = []
    matcher.network.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    loss(matcher, images, torch.from_numpy(ANSWERS.index), torch.from_numpy(ANSWERS.vectors), rng)
    assert moved == [(images, rng)]
    assert not read[0].any()


def test__loss__words_left_out__are_drawn_by_its_own_generator(images, index, rng):
    matcher, given = by_words(), []
    matcher.embed_caption.register_forward_pre_hook(lambda _, inputs: given.append(inputs[1]))
    loss(matcher, images, index, torch.from_numpy(IDS), rng)
    assert given == [rng]


def test__bag_of_words__sum__is_over_the_root_of_the_number():
    bag = BagOfWords(N_TOKENS, 4)
    bag.project = torch.nn.Identity()
    two, three = bag.words.weight[2], bag.words.weight[3]
    torch.testing.assert_close(bag(torch.tensor([2, 3, 0])), (two + three) / math.sqrt(2))
