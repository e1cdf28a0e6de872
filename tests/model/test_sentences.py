"""SentenceAnswerer: how sentences are chosen among what the decoders propose."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condcap_sk.answers.tokens import END, UNKNOWN
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.prior import Prior
from condcap_sk.model.sentences import SentenceAnswerer
from condcap_sk.text.inference import Decoding, likeliest
from condcap_sk.text.modules import RecurrentDecoder

from .conftest import CAPTIONS, X, quick


def test__tiny_vocabulary__more_asked_for_than_there_is__never_unknown_or_empty():
    est = quick(analyzer="char").fit(X, [["a"], ["b"]] * 10)
    for answers in est.sample(X, 20):
        assert set(answers) <= {"a", "b"}
        assert len(answers) == len(set(answers)) >= 1


def test__unknown_words__in_training__are_never_answered():
    captions = [["a red dog", "one rare zebra"], ["a cat sits"]] * 9 + [["a dog"], ["odd okapi"]]
    est = quick().set_params(codec__min_df=2).fit(X, captions)
    words = {word for answers in est.sample(X, 30) for text in answers for word in text.split()}
    assert words <= {"a", "red", "dog", "one", "rare", "zebra", "cat", "sits"}


@pytest.mark.parametrize("images", ["ignored", "end-to-end"])
def test__sentences_without_an_image_encoder__relevance_weight__does_not_apply(images):
    y = [["a red dog", "the dog"], ["one cat"]] * 10
    est = quick(images=images).fit(np.zeros((20, 8, 8)) + X[:, :1, None], y)
    c = est.sample_latents(20, random_state=0)
    one = est.predict(np.zeros((20, 8, 8)), c)
    other = est.set_params(relevance_weight=100.0).predict(np.zeros((20, 8, 8)), c)
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__feature_vectors__with_networks_of_their_own__are_seen_whole(objective):
    # More numbers than those networks return.
    vectors = np.random.RandomState(0).random((20, 200))
    est = quick(images="end-to-end", objective=objective).fit(vectors, CAPTIONS)
    latents = est.sample_latents(20, random_state=0)
    answers = est.predict(vectors, latents)
    assert est.infer_latent(vectors, answers).shape == latents.shape


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__sample__sentences__distinct_and_as_many_as_asked(objective):
    est = quick(objective=objective).fit(X, CAPTIONS)
    for answers in est.sample(X[:3], 4):
        assert 1 <= len(answers) <= 4
        assert len(set(answers)) == len(answers)
        assert all(answers)


def test__sample__however_many__begins_with_what_predict_gives(captions_model):
    est = captions_model
    best = est.predict(X).tolist()
    for n_samples in (1, 5, 20):
        assert [answers[0] for answers in est.sample(X, n_samples)] == best


def test__beam_width__one__is_greedy():
    est = quick(beam_width=1).fit(X, CAPTIONS)
    c = est.sample_latents(20, random_state=0)
    vectors = est.gan_.generate(est.image_encoder_.transform(X), c)
    gan = est.gan_
    ids, _ = likeliest(gan.decoder_, vectors[:, None], 1, size=16, device=gan.device_)
    assert est.predict(X, c).tolist() == est.codec_.vocabulary_.decode(ids[:, 0, 0]).tolist()
    assert all(est.predict(X))


def test__beam_width__any__a_sentence_does_not_depend_on_its_company():
    est = quick(beam_width=5).fit(X, CAPTIONS)
    assert est.predict(X[::-1]).tolist() == est.predict(X)[::-1].tolist()
    assert [est.predict(X[[i]])[0] for i in range(5)] == est.predict(X)[:5].tolist()


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
@pytest.mark.parametrize("answers", [[{0, 1, 2}], [["a dog", "the dog"], ["a cat"]]], ids=str)
def test__sample__far_more_than_there_are__costs_no_more(answers, objective, monkeypatch):
    """Of few possible answers all are found soon; what is tried after that is in vain."""
    X = np.random.RandomState(0).rand(20, 6)
    est = quick(objective=objective).fit(X, answers * (20 // len(answers)))
    rows = []
    generate = LatentGAN.generate

    def count(self, X, c):
        rows.append(len(X))
        return generate(self, X, c)

    monkeypatch.setattr(LatentGAN, "generate", count)
    found, cost = {}, {}
    for n in (50, 500, 5000, np.int64(10**9)):
        rows.clear()
        found[n] = est.sample(X[:4], n)
        cost[n] = sum(rows)
    assert found[50] == found[500] == found[5000] == found[10**9]
    assert cost[10**9] == cost[5000] == cost[500] <= 2 * cost[50]


def test__sample__rows_alone_and_together__get_the_same():
    X = np.random.RandomState(0).rand(20, 6)
    est = quick().fit(X, [["a red dog runs", "the dog"], ["one cat", "a cat sits"]] * 10)
    together = est.sample(X[:5], 30)
    assert [est.sample(X[i : i + 1], 30)[0] for i in range(5)] == together


class Candidates:
    """Stands for all fitted parts: proposes fixed sentences with fixed log-probabilities."""

    def __init__(self, ids, log_probabilities, log_odds):
        self.ids = np.array(ids)
        self.log_probabilities = np.array(log_probabilities, dtype=np.float32)
        self.log_odds = np.array(log_odds, dtype=np.float32)
        self.vocabulary_ = SimpleNamespace(n_possible=np.inf)

    def answerer(self, relevance_weight=0.0, weight_of_sentences=1):
        sight = SimpleNamespace(
            weight_of_sentences=weight_of_sentences,
            relevance=lambda images, ids, codec, gan: self._of(ids, self.log_odds),
        )
        gan = SimpleNamespace(_without_regions=lambda images: images)
        answerer = SentenceAnswerer(self, sight, gan, relevance_weight, 3)
        answerer._central = lambda images: (images, None)
        answerer._beam = lambda plans, decoder: [part[:, 0] for part in self._all(len(plans), 1)]
        answerer._probability = lambda ids, *_: self._of(ids, self.log_probabilities)
        answerer._proposals = lambda images, latents, width: self._all(
            len(images), len(latents) // len(images)
        )
        return answerer

    def _all(self, n, k):
        return np.tile(self.ids, (n, k, 1, 1)), np.tile(self.log_probabilities, (n, k, 1))

    def _of(self, ids, values):
        which = (ids[:, :, None] == self.ids).all(axis=3).argmax(axis=2)
        return values[which]


IMAGE, LATENTS = np.zeros((1, 2), dtype=np.float32), np.zeros((2, 3), dtype=np.float32)


def best(candidates, **params):
    return candidates.answerer(**params).best(IMAGE, LATENTS)[0].tolist()


def test__best__relevance__counts_by_its_weight_and_only_where_it_is_learned():
    ids = [[2, 3, 0, 0], [4, 5, 0, 0]]
    parts = Candidates(ids, [-2.0, -3.0], [-6.0, 6.0])
    assert best(parts) == ids[0]
    assert best(parts, relevance_weight=3.0) == ids[1]
    assert best(parts, relevance_weight=3.0, weight_of_sentences=0) == ids[0]


def test__choose__long_sentence__is_not_at_a_disadvantage():
    short, long = [2, 0, 0, 0, 0, 0], [2, 3, 4, 5, 6, 7]
    parts = Candidates([short, long], [-4.0, -7.0], [0.0, 0.0])
    assert parts.answerer().choose(IMAGE, IMAGE)[0].tolist() == long


def test__rank__impossible_proposals__are_left_out():
    parts = Candidates([[2, 3], [4, 5]], [-2.0, -np.inf], [0.0, 0.0])
    ids, merits = parts.answerer().rank(IMAGE, LATENTS, 2)[0]
    assert ids.tolist() == [[2, 3]]
    assert np.isfinite(merits).all()


def test__pick__next__differs_from_those_before():
    ids = np.array([[2, 3, 4, 5], [2, 3, 4, 6], [7, 8, 9, 10]])
    picked = Candidates(ids, [0.0] * 3, [0.0] * 3).answerer().pick(ids, np.array([3.0, 2, 1.9]), 2)
    assert picked.tolist() == [ids[0].tolist(), ids[2].tolist()]


N_TOKENS, MAX_LENGTH, N_LATENTS = 6, 3, 2  # words are 2 to 5


class Scripted:
    """A decoder whose sentence vector is the logits of every position, one after the other."""

    start, max_length = N_TOKENS, MAX_LENGTH
    repeats = recurs = returns = None
    shifted = RecurrentDecoder.shifted
    stepwise_log_probability = RecurrentDecoder.stepwise_log_probability

    def steps(self, vectors):
        return ScriptedSteps(vectors)

    def log_probability(self, vectors, ids, drawn):
        every = vectors.repeat_interleave(len(ids) // len(vectors), 0)
        assert drawn
        logits = every.view(len(every), MAX_LENGTH, N_TOKENS)
        logits[:, :, UNKNOWN] = logits[:, 0, END] = -torch.inf
        return self.stepwise_log_probability(every, ids)


class ScriptedSteps:
    def __init__(self, vectors):
        self.logits = vectors.view(len(vectors), MAX_LENGTH, -1)
        self.positions = torch.full((len(vectors),), -1)

    def __call__(self, previous):
        self.positions = (self.positions + 1).clamp(max=MAX_LENGTH - 1)
        logits = self.logits[torch.arange(len(self.logits)), self.positions]
        return logits.repeat_interleave(len(previous) // len(logits), 0)

    def replace(self, slots, others, plans):
        self.logits[slots] = others.logits[plans]
        self.positions[slots] = others.positions[plans]

    def go_on(self, rows):
        pass


class ScriptedParts:
    """Stands for all fitted parts, with other logits for every image and latent."""

    batch_size, device_, _prior = 4, torch.device("cpu"), Prior(N_LATENTS)
    weight_of_sentences = 1

    def __init__(self, has_consensus=True):
        self.vocabulary_ = SimpleNamespace(n_possible=np.inf)
        self.decoder_ = Scripted()
        self.consensus_ = SimpleNamespace(decoder=Scripted()) if has_consensus else None
        rng = np.random.RandomState(0)
        n = MAX_LENGTH * N_TOKENS
        self.by_image = 2 * rng.standard_normal((5, n)).astype(np.float32)
        self.by_latent = rng.standard_normal((N_LATENTS, n)).astype(np.float32)
        self.of_consensus = rng.standard_normal(n).astype(np.float32)

    def _decoding(self, decoder):
        return Decoding(decoder, 8, torch.device("cpu"))

    def _plans(self, images, c):
        c = np.float32(c).reshape(-1, N_LATENTS)
        images = np.repeat(images, len(c) // len(images), axis=0)
        return self.by_image[images[:, 0]] + c @ self.by_latent

    def _without_regions(self, images):
        return images

    def _consensus_plans(self, images):
        return self.by_image[images[:, 0]] + self.of_consensus

    def relevance(self, images, ids, codec, gan):
        return np.float32(images[:, :1] + ids.sum(axis=2) - 6)

    def answerer(self, weight=0.7, beam_width=2):
        return SentenceAnswerer(self, self, self, weight, beam_width)


ALL_IMAGES = np.arange(5)[:, None]
BANK = np.random.RandomState(1).standard_normal((3, N_LATENTS)).astype(np.float32)


def length(ids):
    return sum(i != 0 for i in ids)


def log_probability(vector, ids, drawn=False):
    """Of all words and the end, where there is room for it."""
    logits = vector.reshape(MAX_LENGTH, N_TOKENS).astype(float)
    if drawn:
        logits[:, UNKNOWN] = logits[0, END] = -np.inf
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return sum(logits[i, ids[i]] for i in range(min(length(ids) + 1, MAX_LENGTH)))


def proposals(vector, width):
    """The likeliest sentences and their log-probabilities."""
    plans, device = vector[None, None], torch.device("cpu")
    ids, scores = likeliest(Scripted(), plans, width, size=1, device=device)
    return list(zip(map(tuple, ids[0, 0].tolist()), scores[0, 0], strict=True))


def merit(parts, image, ids, log_p, weight):
    """Probability and relevance over the length."""
    log_odds = parts.relevance(np.array([[image]]), np.array([[ids]]), None, None).item()
    return (log_p - weight * math.log1p(math.exp(-log_odds))) / (1 + length(ids)) ** 1.2


def expected_merits(parts, image, weight, beam_width, bank=BANK):
    """The merits of all proposals, by definition."""
    row = np.array([[image]])
    central = parts._plans(row, np.zeros(N_LATENTS))[0]
    if parts.consensus_ is not None:
        central = parts._consensus_plans(row)[0]
    expected = {
        ids: merit(parts, image, ids, log_p, 2 * weight)
        for ids, log_p in proposals(central, 3 * beam_width)
    }
    most = max(expected.values())
    for c in bank:
        ((ids, with_latent),) = proposals(parts._plans(row, c)[0], 1)
        log_p = (with_latent + log_probability(central, ids, drawn=True)) / 2
        own = min(merit(parts, image, ids, log_p, 2 * weight), most)
        expected[ids] = max(own, expected.get(ids, own))
    return expected


def by_sentence(ids, merits):
    return dict(zip(map(tuple, ids.tolist()), merits, strict=True))


class TestScripted:
    """By real search and hand-made decoders."""

    @pytest.mark.parametrize("has_consensus", [True, False])
    @pytest.mark.parametrize(("weight", "beam_width"), [(0.7, 2), (0.0, 2), (0.7, 1), (3.0, 4)])
    def test__rank__merits__are_those_by_definition(self, has_consensus, weight, beam_width):
        parts = ScriptedParts(has_consensus)
        found = parts.answerer(weight, beam_width).rank(ALL_IMAGES, BANK, len(BANK))
        for image, (ids, merits) in enumerate(found):
            expected = expected_merits(parts, image, weight, beam_width)
            assert by_sentence(ids, merits) == pytest.approx(expected, rel=1e-4)
            assert (np.diff(merits) <= 0).all()

    @pytest.mark.parametrize("has_consensus", [True, False])
    def test__best__is_the_best_without_a_latent(self, has_consensus):
        parts = ScriptedParts(has_consensus)
        for image, ids in enumerate(parts.answerer(0.7, 2).best(ALL_IMAGES, BANK)):
            merits = expected_merits(parts, image, 0.7, 2, bank=())
            assert tuple(ids) == max(merits, key=merits.get)

    def test__choose__merit__is_probability_and_relevance_over_length(self):
        parts = ScriptedParts()
        latents = np.random.RandomState(2).standard_normal((5, N_LATENTS))
        found = parts.answerer(0.7, 4).choose(ALL_IMAGES, latents)
        for image, vector in enumerate(parts._plans(ALL_IMAGES, latents)):
            merits = {
                ids: merit(parts, image, ids, log_p, 0.7) for ids, log_p in proposals(vector, 4)
            }
            assert tuple(found[image]) == max(merits, key=merits.get)

    def test__rank__further_latents__find_more_and_leave_the_best(self):
        answerer = ScriptedParts().answerer()
        further = 3 * np.random.RandomState(3).standard_normal((40, N_LATENTS)).astype(np.float32)
        plain = answerer.rank(ALL_IMAGES, BANK, len(BANK))
        more = answerer.rank(ALL_IMAGES, np.vstack([BANK, further]), len(BANK))
        for (ids, merits), (all_ids, all_merits) in zip(plain, more, strict=True):
            assert all_ids[0].tolist() == ids[0].tolist()
            # None loses by further latents, and no other has a better merit than the best.
            now = by_sentence(all_ids, all_merits)
            assert all(now[key] >= old for key, old in by_sentence(ids, merits).items())
            assert (all_merits[1:] <= all_merits[0]).all()
        assert sum(len(ids) for ids, _ in more) > sum(len(ids) for ids, _ in plain)

    def test__rank__a_better_sentence_under_a_further_latent__comes_second(self):
        """What is best does not depend on how many are asked for."""
        parts, rare, far = ScriptedParts(), [5, 5, 5], np.float32([[1000, 0]])
        _plans, of_rare = parts._plans, np.tile(np.float32([0, 0, 0, 0, 0, 9]), MAX_LENGTH)

        def generate_rare(images, c):
            is_far = np.reshape(c, (-1, N_LATENTS))[:, :1] > 100
            return np.where(is_far, of_rare, _plans(images, c))

        parts._plans = generate_rare
        parts.relevance = lambda images, ids, *_: np.where((ids == rare).all(axis=2), 50.0, -50.0)
        answerer = parts.answerer()
        ((ids, _),) = answerer.rank(ALL_IMAGES[:1], BANK, len(BANK))
        assert rare not in ids.tolist()
        ((more, merits),) = answerer.rank(ALL_IMAGES[:1], np.vstack([BANK, far]), len(BANK))
        assert more[:2].tolist() == [ids[0].tolist(), rare]
        assert merits[1] == np.nextafter(merits[0], np.float32(-np.inf))

    @pytest.mark.parametrize("n_rows", [1, 7])
    def test__rank__any_number_of_images_at_a_time__gives_the_same(self, n_rows, monkeypatch):
        answerer = ScriptedParts().answerer()
        together = answerer.rank(ALL_IMAGES, BANK, len(BANK))
        monkeypatch.setattr("condcap_sk.model.sentences.N_ROWS", n_rows)
        alone = answerer.rank(ALL_IMAGES, BANK, len(BANK))
        for one, other in zip(together, alone, strict=True):
            for ours, theirs in zip(one, other, strict=True):
                np.testing.assert_array_equal(ours, theirs)

    def test__log_probability__is_that_of_the_decoder_in_the_game(self):
        parts = ScriptedParts()
        latents, ids = np.float32([[0.5, -1.0]] * 5), np.array([[2, 3, 0]] * 5)
        plans = parts._plans(ALL_IMAGES, latents)
        expected = [log_probability(plan, (2, 3, 0)) for plan in plans]
        found = parts.answerer().log_probability(ALL_IMAGES, latents, ids)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
