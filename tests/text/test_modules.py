"""The recurrent encoder and decoders as plain modules."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.tokens import END, UNKNOWN
from condcap_sk.text.modules import (
    N_EMBEDDING,
    N_HEADS,
    Attention,
    CaptionAutoencoder,
    CaptionDecoder,
    CaptionEncoder,
    TiedDecoder,
    counted,
    trimmed,
)
from condcap_sk.text.recurrence import Layout

N_TOKENS, N_COMPONENTS, MAX_LENGTH = 6, 4, 3
N_REGIONS, REGION_SIZE = 3, 4
REGIONS = torch.randn(5, N_REGIONS * REGION_SIZE, generator=make_rng(5))
CAPTIONS = torch.tensor([[2, END, END], [3, 2, 4], [END, END, END], [4, 5, END], [2, 2, END]])


@pytest.fixture
def encoder():
    with seeded_init(0):
        return CaptionEncoder(N_TOKENS, N_COMPONENTS, 8)


def make_decoder(kind, has_regions=False):
    with seeded_init(0):
        attention = [Attention(8, REGION_SIZE, N_EMBEDDING)] if has_regions else []
        return kind(N_TOKENS, N_COMPONENTS, 8, MAX_LENGTH, *attention)


@pytest.fixture(
    params=[(CaptionDecoder,), (TiedDecoder,), (TiedDecoder, True)],
    ids=["codec", "game", "game with regions"],
)
def decoder(request):
    return make_decoder(*request.param)


@pytest.fixture
def vectors(request):
    """What captions are decoded from; some decoders of the tests see regions, too."""
    vectors = torch.randn(5, N_COMPONENTS, generator=make_rng(0))
    decoder = request.node.funcargs.get("decoder")
    if decoder is None or decoder.attention is None:
        return vectors
    return decoder.plans(vectors, REGIONS).detach()


def test__trimmed__captions_of_any_length__keep_one_end():
    assert trimmed(CAPTIONS[[0, 2]]).tolist() == [[2, END], [END, END]]
    assert torch.equal(trimmed(CAPTIONS), CAPTIONS)


def test__counted__tokens_of_a_caption__are_those_up_to_the_first_end():
    expected = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1]]
    assert counted(CAPTIONS).int().tolist() == expected


class TestEncoder:
    def test__vectors__of_any_caption__have_one_norm(self, encoder):
        torch.testing.assert_close(encoder(CAPTIONS).norm(dim=1), torch.full((5,), 2.0))

    def test__captions__alone_or_beside_longer_ones__have_the_same_vectors(self, encoder):
        together = encoder(CAPTIONS)
        alone = [encoder(row[None, : max(1, (row != END).sum())]) for row in CAPTIONS]
        torch.testing.assert_close(together, torch.cat(alone))

    def test__stepwise__any_captions__is_what_forward_returns(self, encoder):
        torch.testing.assert_close(encoder.stepwise(CAPTIONS), encoder(CAPTIONS))

    def test__order_of_words__counts(self, encoder):
        one, other = encoder(torch.tensor([[2, 3, 4], [4, 3, 2]]))
        assert not torch.allclose(one, other, atol=1e-3)


class TestDecoders:
    @pytest.mark.parametrize("temperature", [0.5, 1.0])
    def test__log_probability__is_the_sum_over_the_words_and_the_end(
        self, decoder, vectors, temperature
    ):
        steps, previous = decoder.steps(vectors), torch.full((5,), decoder.start)
        total, goes_on = torch.zeros(5), torch.ones(5, dtype=torch.bool)
        for column in CAPTIONS.T:
            of_tokens = (steps(previous) / temperature).log_softmax(1)
            total += of_tokens.gather(1, column[:, None])[:, 0].where(goes_on, 0)
            goes_on, previous = goes_on & (column != END), column
        found = decoder.log_probability(vectors, CAPTIONS, temperature)
        torch.testing.assert_close(found, total)
        if temperature == 1:
            found = decoder.stepwise_log_probability(vectors, CAPTIONS)
            torch.testing.assert_close(found, total)

    @pytest.mark.parametrize("temperature", [0.5, 1.0])
    def test__log_probability__of_captions_drawn__sums_to_one(self, decoder, vectors, temperature):
        words = [range(UNKNOWN + 1, N_TOKENS)]
        every = [
            (*caption, *[END] * (MAX_LENGTH - length))
            for length in range(1, MAX_LENGTH + 1)
            for caption in product(*words * length)
        ]
        plans, ids = vectors.repeat_interleave(len(every), 0), torch.tensor(every * 5)
        found = decoder.log_probability(plans, ids, temperature, drawn=True)
        torch.testing.assert_close(found.view(5, -1).logsumexp(1), torch.zeros(5))

    def test__vector__is_fed_at_every_step(self, decoder, vectors):
        """With the same state and word, another vector gives other words."""
        same_state = decoder.initial_states(vectors[:1]).expand(5, -1)
        decoder.initial_states = lambda plans: same_state
        logits = decoder.steps(vectors)(torch.full((5,), 2))
        assert not torch.allclose(logits[0], logits[1], atol=1e-4)

    def test__log_probability__its_gradient__reaches_the_vectors(self, decoder, vectors):
        vectors = vectors.detach().requires_grad_()
        decoder.log_probability(vectors, CAPTIONS).sum().backward()
        assert (vectors.grad.abs().sum(1) > 0).all()


def test__caption_decoder__cross_entropy__is_the_mean_over_tokens_that_count(vectors):
    with seeded_init(0):
        decoder = CaptionDecoder(N_TOKENS, N_COMPONENTS, 8, MAX_LENGTH)
    total = decoder.log_probability(vectors, CAPTIONS).sum()
    expected = -total / counted(CAPTIONS).sum()
    torch.testing.assert_close(decoder.cross_entropy(vectors, CAPTIONS), expected)


class TestAttention:
    @pytest.fixture
    def attention(self):
        with seeded_init(0):
            return Attention(8, REGION_SIZE, 4)

    OUTPUTS = torch.randn(5, 2, 8, generator=make_rng(1))
    REGIONS = REGIONS.view(5, N_REGIONS, REGION_SIZE)

    @staticmethod
    def read(attention, outputs, regions):
        return attention(outputs, attention.memory(regions.flatten(1)))

    def test__order_of_regions__does_not_count(self, attention):
        turned = self.read(attention, self.OUTPUTS, self.REGIONS.flip(1))
        torch.testing.assert_close(turned, self.read(attention, self.OUTPUTS, self.REGIONS))

    def test__regions__are_those_of_the_own_image(self, attention):
        others = self.REGIONS.clone()
        others[1:] += torch.eye(REGION_SIZE)[0]
        changed = self.read(attention, self.OUTPUTS, others)
        same = self.read(attention, self.OUTPUTS, self.REGIONS)
        torch.testing.assert_close(changed[:1], same[:1])
        assert not torch.isclose(changed[1:], same[1:]).all(2).any()

    def test__equal_regions__are_read_as_one(self, attention):
        equal = self.REGIONS[:, :1].expand(-1, N_REGIONS, -1)
        read = self.read(attention, self.OUTPUTS, equal)
        torch.testing.assert_close(read[:, 0], read[:, 1])
        torch.testing.assert_close(read, self.read(attention, self.OUTPUTS, equal[:, :1]))

    def test__outputs__decide_what_is_read(self, attention):
        read = self.read(attention, self.OUTPUTS, self.REGIONS)
        assert not torch.allclose(read[:, 0], read[:, 1], atol=1e-4)

    def test__weights__of_the_regions__sum_to_one_and_are_what_is_read_by(self, attention):
        memory = attention.memory(self.REGIONS.flatten(1))
        weights, values = attention.weights(self.OUTPUTS, memory)
        assert weights.shape == (5, N_HEADS, 2, N_REGIONS)
        torch.testing.assert_close(weights.sum(3), torch.ones(5, N_HEADS, 2))
        found = (weights @ values).transpose(1, 2).flatten(2)
        torch.testing.assert_close(found, attention(self.OUTPUTS, memory))


def test__plans__several_of_an_image__get_its_regions(vectors):
    decoder = make_decoder(TiedDecoder, True)
    plans = decoder.plans(vectors.repeat_interleave(2, 0), REGIONS)
    torch.testing.assert_close(plans, decoder.plans(vectors, REGIONS).repeat_interleave(2, 0))
    torch.testing.assert_close(decoder.vectors_of(plans)[::2], vectors)
    without = make_decoder(TiedDecoder)
    assert without.plans(vectors, None) is vectors


class TestStepwiseAttention:
    @pytest.fixture
    def decoder(self):
        return make_decoder(TiedDecoder, True)

    def test__weights__of_each_token__are_those_that_predict_it(self, decoder, vectors):
        found = decoder.stepwise_attention(vectors, CAPTIONS)
        # All tokens before at once, where what is tested takes one after the other.
        layout = Layout(torch.ones_like(CAPTIONS, dtype=torch.bool))
        gates = decoder.gates_of_previous(CAPTIONS, layout)
        outputs = layout.padded(decoder.outputs(vectors, gates, layout), CAPTIONS.shape[1])
        weights, _ = decoder.attention.weights(outputs, decoder.attention.memory(REGIONS))
        expected = weights.mean(1) * counted(CAPTIONS)[:, :, None]
        torch.testing.assert_close(found, expected)

    def test__later_words__do_not_count(self, decoder, vectors):
        others = CAPTIONS.clone()
        others[:, 1:] = 5
        found = decoder.stepwise_attention(vectors, CAPTIONS)
        changed = decoder.stepwise_attention(vectors, others)
        torch.testing.assert_close(changed[:, :1], found[:, :1])
        torch.testing.assert_close(changed[1, 1], found[1, 1])
        assert not torch.allclose(changed[1, 2], found[1, 2])

    def test__captions__beside_longer_ones__have_the_same_weights(self, decoder, vectors):
        together = decoder.stepwise_attention(vectors, CAPTIONS)
        alone = decoder.stepwise_attention(vectors[:1], CAPTIONS[:1])
        assert alone.shape == (1, MAX_LENGTH, N_REGIONS)
        torch.testing.assert_close(alone[0], together[0])
        torch.testing.assert_close(alone.sum(2), torch.tensor([[1.0, 1.0, 0.0]]))


def test__regions__count_for_the_words(vectors):
    decoder = make_decoder(TiedDecoder, True)
    found = [
        decoder.log_probability(decoder.plans(vectors, regions), CAPTIONS)
        for regions in (REGIONS, REGIONS + torch.eye(12)[11])
    ]
    assert not torch.allclose(*found, atol=1e-4)


class TestTiedDecoder:
    @pytest.fixture(params=[False, True], ids=["no regions", "regions"])
    def decoder(self, request):
        return make_decoder(TiedDecoder, request.param)

    def test__embedding__gives_the_logits_too(self, decoder):
        outputs = torch.randn(2, 8, generator=make_rng(0))
        before = decoder.logits(outputs)
        assert before.shape == (2, N_TOKENS)
        with torch.no_grad():
            decoder.embedding.weight[3] *= 2
        after = decoder.logits(outputs)
        # The bias begins at 0.
        torch.testing.assert_close(after[:, 3], 2 * before[:, 3])
        torch.testing.assert_close(after[:, :3], before[:, :3])

    def test__loss__is_drawn_from_its_own_stream_and_teaches_every_part(self, decoder):
        vectors = torch.randn(5, N_COMPONENTS, generator=make_rng(0)).requires_grad_()
        plans = decoder.plans(vectors, REGIONS)
        state = torch.get_rng_state()
        loss = decoder.loss(plans, CAPTIONS, make_rng(0))
        assert torch.equal(loss, decoder.loss(plans, CAPTIONS, make_rng(0)))
        assert not torch.equal(loss, decoder.loss(plans, CAPTIONS, make_rng(1)))
        assert torch.equal(torch.get_rng_state(), state)
        loss.backward()
        assert vectors.grad.abs().sum() > 0
        assert all(p.grad.abs().sum() > 0 for p in decoder.parameters())

    def test__loss__trained__makes_its_captions_probable(self, decoder, vectors):
        optimizer = torch.optim.Adam(decoder.parameters(), 1e-2)
        before, rng = decoder.log_probability(vectors, CAPTIONS).sum(), make_rng(0)
        for _ in range(60):
            optimizer.zero_grad()
            decoder.loss(vectors, CAPTIONS, rng).backward()
            optimizer.step()
        assert decoder.log_probability(vectors, CAPTIONS).sum() > before / 2


class TestAutoencoder:
    @pytest.fixture
    def make(self, encoder):
        with seeded_init(1):
            decoder = CaptionDecoder(N_TOKENS, N_COMPONENTS, 8, MAX_LENGTH)
        return lambda noise: CaptionAutoencoder(encoder, decoder, noise)

    def test__noisy__has_the_noise_that_was_asked_for(self, make, encoder):
        many = CAPTIONS.repeat(1000, 1)
        noise = make(0.5).noisy(many, make_rng(0)) - encoder(many)
        assert noise.std().item() == pytest.approx(0.5, rel=0.05)
        assert abs(noise.mean().item()) < 0.02
        assert torch.equal(make(0).noisy(CAPTIONS, make_rng(0)), encoder(CAPTIONS))

    def test__loss__teaches_encoder_and_decoder(self, make):
        module = make(0.5)
        (loss,) = module.loss(CAPTIONS, make_rng(0)).values()
        loss.backward()
        assert module.encoder.embedding.weight.grad.abs().sum() > 0
        assert module.decoder.embedding.weight.grad.abs().sum() > 0

    def test__loss__columns_that_only_fill__change_nothing(self, make):
        filled = torch.nn.functional.pad(CAPTIONS[[0, 4]], (0, 5))
        (one,), (other,) = (
            make(0).loss(ids, make_rng(0)).values() for ids in (CAPTIONS[[0, 4]], filled)
        )
        torch.testing.assert_close(one, other)


def test__encoder__its_vectors__are_read_off_the_mean_of_the_states():
    encoder = CaptionEncoder(6, 4, 8)
    states, _ = encoder.recurrence(encoder.embedding(torch.tensor([[2, 3, 4]])))
    direction = F.normalize(encoder.to_vector(states.mean(1)), dim=1)
    torch.testing.assert_close(encoder(torch.tensor([[2, 3, 4, 0, 0]])), 2 * direction)


def test__tied_decoder__loss__is_the_smoothed_cross_entropy_of_a_caption(monkeypatch):
    shares = []
    monkeypatch.setattr(
        "condcap_sk.text.modules.dropout", lambda values, share, rng: shares.append(share) or values
    )
    decoder = TiedDecoder(6, 4, 8, max_length=3)
    vectors, ids = torch.randn(2, 4), torch.tensor([[2, 3, 0], [4, 0, 0]])
    steps = decoder.steps(vectors)
    logits = torch.stack([steps(previous) for previous in decoder.shifted(ids).T], dim=1)
    counts = torch.tensor([[True, True, True], [True, True, False]])
    total = F.cross_entropy(logits[counts], ids[counts], label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(decoder.loss(vectors, ids, None), total / 2)
    assert shares == [0.3, 0.5]  # of words' components, and of outputs
