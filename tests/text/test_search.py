"""Captions out of a decoder: the likeliest ones, and random ones."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.tokens import END, N_SPECIAL, UNKNOWN
from condcap_sk.text.circles import most_repeats
from condcap_sk.text.modules import CaptionDecoder, TiedDecoder
from condcap_sk.text.search import beam_search, draw
from condcap_sk.text.steps import Steps

N_TOKENS, N_COMPONENTS, MAX_LENGTH = 3 + N_SPECIAL, 4, 3
# Of three words, one to three in a row.
N_CAPTIONS = 3 + 3**2 + 3**3


@pytest.fixture(params=[CaptionDecoder, TiedDecoder])
def decoder(request):
    with seeded_init(0), torch.no_grad():
        made = request.param(N_TOKENS, N_COMPONENTS, 6, MAX_LENGTH)
        for parameter in made.parameters():
            parameter.mul_(3)
    made.repeats = made.recurs = made.returns = None
    return made.eval().requires_grad_(False)


@pytest.fixture
def vectors():
    return torch.randn(5, N_COMPONENTS, generator=make_rng(0))


def enumerated(decoder, vector, temperature=1.0):
    """Every caption that there can be and its log-probability, computed from whole captions."""
    found = {}
    for ids in itertools.product(range(N_TOKENS), repeat=MAX_LENGTH):
        stop = ids.index(END) if END in ids else MAX_LENGTH
        if stop == 0 or UNKNOWN in ids or any(ids[stop:]):
            continue
        rows = torch.tensor([ids])
        steps = decoder.steps(vector[None])
        logits = torch.stack([steps(previous) for previous in decoder.shifted(rows).T], dim=1)
        logits /= temperature
        logits[:, :, UNKNOWN] = -torch.inf
        logits[:, 0, END] = -torch.inf
        of_tokens = logits[0].log_softmax(1).gather(1, rows.T)[: stop + 1]
        found[ids] = of_tokens.sum().item()
    return found


def test__beam_search__wide_enough__finds_what_enumeration_finds(decoder, vectors):
    ids, scores = beam_search(decoder, vectors, 500)
    for vector, rows, values in zip(vectors, ids, scores, strict=True):
        possible = torch.isfinite(values)
        found = dict(zip(map(tuple, rows[possible].tolist()), values[possible], strict=True))
        expected = enumerated(decoder, vector)
        assert len(expected) == possible.sum() == N_CAPTIONS
        assert found == pytest.approx(expected, abs=1e-4)
        assert (values[:-1] >= values[1:]).all()


def test__beam_search__all_captions__share_a_probability_of_one(decoder, vectors):
    _, scores = beam_search(decoder, vectors, 500)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(5))


def test__beam_search__width_one__is_greedy(decoder, vectors):
    ids, _ = beam_search(decoder, vectors, 1)
    assert ids.shape == (5, 1, MAX_LENGTH)
    previous, steps = torch.full((5,), decoder.start), decoder.steps(vectors)
    goes_on = torch.ones(5, dtype=torch.bool)
    for position in range(MAX_LENGTH):
        logits = steps(previous)
        logits[:, [UNKNOWN, END] if position == 0 else [UNKNOWN]] = -torch.inf
        previous = logits.argmax(1)
        assert torch.equal(ids[:, 0, position], previous.where(goes_on, torch.tensor(END)))
        goes_on &= previous != END


def saying(decoder, logits):
    """Let a decoder say what follows a token in `logits` (n_tokens + 1, n_tokens)."""

    class Saying(Steps):
        def __call__(self, previous):
            return logits[previous]

    decoder.steps = partial(Saying, decoder)
    return decoder.eval().requires_grad_(False)


@pytest.fixture
def stuck():
    """Return a function that makes a decoder which likes to say the same again and again."""

    def stuck(max_length, repeats):
        with seeded_init(0):
            made = TiedDecoder(N_TOKENS, N_COMPONENTS, 6, max_length)
        made.repeats.copy_(torch.tensor(repeats))
        # Never END, and each word is followed by the next one, the last by the first.
        bias = torch.tensor([-50.0, 0, 0, 0, 0])
        follows = torch.eye(N_TOKENS).roll(1, 1) * 20
        follows[-1] = follows[-1].roll(N_SPECIAL)
        logits = torch.cat([follows, follows[N_SPECIAL - 1 :][:1]]) + bias
        return saying(made, logits)

    return stuck


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("most", [1, 2])
def test__beam_search__decoder_in_a_circle__leaves_it(stuck, vectors, width, most):
    ids, scores = beam_search(stuck(12, [1.0, 1, most, 1, 1, 1]), vectors, width)
    assert torch.isfinite(scores).all()
    for row in ids.flatten(0, 1).numpy():
        assert (most_repeats(row[None]) <= [1, 1, most, 1, 1, 1]).all()
    # What is allowed is used.
    words = [2, 3, 4] * most
    assert ids[0, 0, : len(words)].tolist() == words


def test__beam_search__tokens_that_close_a_circle__keep_their_share_of_probability(stuck, vectors):
    free, bound = stuck(4, [9.0, 9]), stuck(4, [1.0, 1])
    free, bound = (saying(made, torch.zeros(N_TOKENS + 1, N_TOKENS)) for made in (free, bound))
    _, every = beam_search(free, vectors, 500)
    _, some = beam_search(bound, vectors, 500)
    torch.testing.assert_close(every.exp().sum(1), torch.ones(5))
    assert (some.exp().sum(1) < 0.9).all()


def stands_twice(caption):
    triples = list(zip(caption, caption[1:], caption[2:], strict=False))
    return len(set(triples)) < len(triples)


def test__beam_search__three_tokens__stand_once_unless_captions_have_them_twice(vectors):
    with seeded_init(0):
        decoder = TiedDecoder(N_SPECIAL + 2, N_COMPONENTS, 6, 6).eval().requires_grad_(False)
    decoder.repeats = None
    found = {}
    for recurs in (1, 0):
        decoder.recurs.fill_(recurs)
        ids, scores = beam_search(decoder, vectors[:1], 500)
        found[recurs] = {
            tuple(row): score
            for row, score in zip(ids[0].tolist(), scores[0].tolist(), strict=True)
            if score > -np.inf
        }
    twice = {row for row in found[1] if stands_twice([i for i in row if i])}
    assert len(twice) > 5
    # The others keep their probabilities.
    assert found[0].keys() == found[1].keys() - twice
    np.testing.assert_allclose([found[0][row] - found[1][row] for row in found[0]], 0, atol=1e-5)


def test__beam_search__rows_by_themselves__find_the_same(decoder, vectors):
    ids, scores = beam_search(decoder, vectors, 4)
    for row in range(5):
        alone, its_scores = beam_search(decoder, vectors[[row]], 4)
        assert torch.equal(alone[0], ids[row])
        torch.testing.assert_close(its_scores[0], scores[row])


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 11, 15])
def test__beam_search__some_at_once__find_the_same(at_once):
    # Ends come early and late, so that slots are free at different steps.
    with seeded_init(0):
        made = TiedDecoder(9, N_COMPONENTS, 6, 8).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(4)
    made.repeats[:2], made.recurs = 2, torch.zeros(())
    vectors = torch.randn(11, N_COMPONENTS, generator=make_rng(1))
    ids, scores = beam_search(made, vectors, 3)
    assert len(set((ids[:, 0] != END).sum(1).tolist())) > 2
    found, its_scores = beam_search(made, vectors, 3, at_once)
    assert torch.equal(found, ids)
    torch.testing.assert_close(its_scores, scores)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test__draw__many_captions__are_as_frequent_as_they_are_probable(decoder, vectors, temperature):
    expected = enumerated(decoder, vectors[0], temperature)
    drawn = draw(decoder, vectors[:1].expand(20_000, -1), make_rng(1), temperature)
    for caption in sorted(expected, key=expected.get)[-10:]:
        share = (drawn == torch.tensor(caption)).all(1).float().mean().item()
        probability = np.exp(expected[caption])
        assert abs(share - probability) < 4 * np.sqrt(probability / 20_000)


def test__draw__any_caption__has_words_and_then_only_ends(decoder, vectors):
    drawn = draw(decoder, vectors.repeat(200, 1), make_rng(2))
    assert drawn.shape == (1000, MAX_LENGTH)
    assert not (drawn == UNKNOWN).any()
    assert not (drawn[:, 0] == END).any()
    assert not ((drawn[:, :-1] == END) & (drawn[:, 1:] != END)).any()


def test__draw__same_seed__same_captions_and_global_stream_untouched(decoder, vectors):
    state = torch.get_rng_state()
    one, other = (draw(decoder, vectors, make_rng(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test__draw__trained_decoder__leaves_no_gradient(decoder, vectors):
    decoder.requires_grad_(True)
    assert not draw(decoder, vectors, make_rng(0)).requires_grad
    assert all(parameter.grad is None for parameter in decoder.parameters())


class Dictated:
    """A decoder whose captions are in the vectors: a token, and how often it comes."""

    start, max_length = 5, 3

    def steps(self, vectors):
        self.vectors, self.position = vectors, 0
        return self

    def __call__(self, previous):
        self.position += 1
        token, length = self.vectors.T
        following = torch.where(self.position > length, END, token.long())
        return 1e4 * torch.nn.functional.one_hot(following, 5).float()

    def keep(self, plans):
        self.vectors = self.vectors[plans]

    def go_on(self, rows):
        pass


def test__draw__captions_of_different_lengths__are_those_of_their_vectors():
    vectors = torch.tensor([[2.0, 1.0], [3.0, 3.0], [4.0, 2.0]])
    drawn = draw(Dictated(), vectors, make_rng(0))
    assert drawn.tolist() == [[2, 0, 0], [3, 3, 3], [4, 4, 0]]
