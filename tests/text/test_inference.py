"""Encoders and decoders applied to any number of captions."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.seeding import make_rng, seeded_init
from condcap_sk.answers.tokens import END
from condcap_sk.text.inference import (
    attention_weights,
    encode,
    likeliest,
    log_probability,
    log_probability_of_each,
)
from condcap_sk.text.modules import (
    N_EMBEDDING,
    Attention,
    CaptionDecoder,
    CaptionEncoder,
    TiedDecoder,
)
from condcap_sk.text.search import beam_search

# Sizes of which processors compute every row of a matrix product in the same way.
N_TOKENS, N_COMPONENTS, HIDDEN_SIZE, MAX_LENGTH = 6, 16, 16, 5
N_REGIONS, REGION_SIZE = 4, 16
SETTINGS = {"size": 3, "device": torch.device("cpu")}
# More than are computed together; lengths mixed, some captions several times.
LENGTHS = np.random.RandomState(0).randint(1, MAX_LENGTH + 1, size=70)
IDS = np.random.RandomState(1).randint(2, N_TOKENS, size=(70, MAX_LENGTH))
IDS[np.arange(MAX_LENGTH) >= LENGTHS[:, None]] = END
VECTORS = torch.randn(70, N_COMPONENTS, generator=make_rng(0))
SOME = [0, 33, 69, 5]


@pytest.fixture(scope="module")
def encoder():
    with seeded_init(0):
        return CaptionEncoder(N_TOKENS, N_COMPONENTS, HIDDEN_SIZE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def decoder():
    with seeded_init(1):
        made = CaptionDecoder(N_TOKENS, N_COMPONENTS, HIDDEN_SIZE, MAX_LENGTH)
    return made.eval().requires_grad_(False)


def test__encode__captions_of_any_length__are_those_of_the_encoder_in_order(encoder):
    found = encode(encoder, IDS, **SETTINGS)
    expected = encoder(torch.from_numpy(IDS)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test__encode__captions_alone_and_together__have_the_same_bits(encoder):
    together = encode(encoder, IDS, **SETTINGS)
    for row in SOME:
        np.testing.assert_array_equal(encode(encoder, IDS[[row]], **SETTINGS)[0], together[row])


def test__encode__the_same_caption_many_times__is_computed_once(encoder, monkeypatch):
    computed = []
    stepwise = CaptionEncoder.stepwise

    def watched(self, ids):
        computed.append(ids)
        return stepwise(self, ids)

    monkeypatch.setattr(CaptionEncoder, "stepwise", watched)
    vectors = encode(encoder, np.repeat(IDS[:1], 1000, axis=0), **SETTINGS)
    assert len(computed) == 1
    assert (vectors == vectors[0]).all()


def test__likeliest__any_vectors__are_those_of_beam_search(decoder):
    expected, scores = beam_search(decoder, VECTORS, 3)
    # Of an image there may be one, several, or so many that they are computed alone.
    for shape in ((len(VECTORS), 1), (-1, 5), (-1, 35)):
        plans = VECTORS.view(*shape, VECTORS.shape[1]).numpy()
        ids, log_probabilities = likeliest(decoder, plans, 3, **SETTINGS)
        assert ids.shape[:3] == (*plans.shape[:2], 3)
        np.testing.assert_array_equal(ids.reshape(expected.shape), expected.numpy())
        np.testing.assert_allclose(log_probabilities.reshape(scores.shape), scores, atol=1e-4)


def test__likeliest__vectors_alone_and_together__have_the_same_bits(decoder):
    for shape in ((len(VECTORS), 1), (-1, 5), (-1, 35)):
        plans = VECTORS.view(*shape, VECTORS.shape[1]).numpy()
        ids, log_probabilities = likeliest(decoder, plans, 3, **SETTINGS)
        for row in range(0, len(plans), 5):
            alone = likeliest(decoder, plans[[row]], 3, **SETTINGS)
            np.testing.assert_array_equal(alone[0][0], ids[row])
            np.testing.assert_array_equal(alone[1][0], log_probabilities[row])


@pytest.mark.parametrize("k", [1, 5, 35])
def test__log_probability_of_each__several_of_an_image__are_those_of_the_decoder(decoder, k):
    ids = IDS.reshape(-1, k, IDS.shape[1])
    plans = VECTORS[: len(ids)]  # one for each image
    found = log_probability_of_each(decoder, plans.numpy(), ids, **SETTINGS)
    every = plans.repeat_interleave(k, 0)
    expected = decoder.log_probability(every, torch.from_numpy(IDS), drawn=True)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)
    for row in range(0, len(ids), 3):
        alone = log_probability_of_each(decoder, plans[[row]].numpy(), ids[[row]], **SETTINGS)
        np.testing.assert_array_equal(alone[0], found[row])


def test__log_probability__captions_of_any_length__are_those_of_the_decoder_in_order(decoder):
    found = log_probability(decoder, VECTORS.numpy(), IDS, **SETTINGS)
    expected = decoder.log_probability(VECTORS, torch.from_numpy(IDS)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test__log_probability__captions_alone_and_together__have_the_same_bits(decoder):
    together = log_probability(decoder, VECTORS.numpy(), IDS, **SETTINGS)
    for row in SOME:
        alone = log_probability(decoder, VECTORS[[row]].numpy(), IDS[[row]], **SETTINGS)
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.fixture(scope="module")
def attending():
    """A decoder with attention, and plans with regions."""
    with seeded_init(2):
        attention = Attention(HIDDEN_SIZE, REGION_SIZE, N_EMBEDDING)
        made = TiedDecoder(N_TOKENS, N_COMPONENTS, HIDDEN_SIZE, MAX_LENGTH, attention)
    made = made.eval().requires_grad_(False)
    regions = torch.randn(70, N_REGIONS * REGION_SIZE, generator=make_rng(3))
    return made, made.plans(VECTORS, regions).numpy()


def test__attention_weights__captions_of_any_length__are_those_of_the_decoder_in_order(attending):
    decoder, plans = attending
    found = attention_weights(decoder, plans, IDS, **SETTINGS)
    expected = decoder.stepwise_attention(torch.from_numpy(plans), torch.from_numpy(IDS))
    assert found.shape == (70, MAX_LENGTH, N_REGIONS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test__attention_weights__captions_alone_and_together__have_the_same_bits(attending):
    decoder, plans = attending
    together = attention_weights(decoder, plans, IDS, **SETTINGS)
    for row in SOME:
        alone = attention_weights(decoder, plans[[row]], IDS[[row]], **SETTINGS)
        np.testing.assert_array_equal(alone[0], together[row])
