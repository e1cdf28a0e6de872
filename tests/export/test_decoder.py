"""Beam search without torch finds what that of torch finds."""

import numpy as np
import pytest
import torch

from condcap_sk.answers.tokens import END
from condcap_sk.export import modules
from condcap_sk.export.decoder import Decoder
from condcap_sk.export.signatures import Sizes
from condcap_sk.text import inference
from condcap_sk.text.modules import Attention, TiedDecoder

N_TOKENS, N_REGIONS, MAX_LENGTH = 11, 3, 7
CPU = {"size": 100, "device": torch.device("cpu")}


def as_network(module):
    """Return a module as a `Network` is called."""

    def call(*inputs):
        tensors = [torch.from_numpy(np.ascontiguousarray(values)) for values in inputs]
        with torch.no_grad():
            return [output.numpy() for output in module(*tensors)]

    return call


def decoders(with_attention, repeats=1.0, n_tokens=N_TOKENS, max_length=MAX_LENGTH):
    """Return a decoder of torch, far from uniform, and the same one without torch."""
    torch.manual_seed(0)
    attention = Attention(6, 4, 256) if with_attention else None
    decoder = TiedDecoder(n_tokens, 5, 6, max_length, attention).eval()
    with torch.no_grad():
        decoder.embedding.weight.normal_()
        decoder.to_logits.weight.normal_()
        decoder.bias.normal_()
    decoder.repeats.fill_(repeats)
    decoder.recurs.fill_(0)
    decoder.returns.fill_(2)
    memory = N_REGIONS * attention.keys_and_values.out_features if attention else 0
    sizes = Sizes(0, 0, memory, N_REGIONS if memory else 0, 5, 1, n_tokens, 6, 6)
    circles = {
        "repeats": decoder.repeats.int().tolist(),
        "recurs": False,
        "returns": decoder.returns.int().tolist(),
    }
    networks = (as_network(modules.Start(decoder)), as_network(modules.Step(decoder)))
    return decoder, Decoder(*networks, circles, sizes, max_length)


def plans_of(decoder, n, k=1):
    rng = np.random.RandomState(0)
    vectors = rng.standard_normal((n, k, 5)).astype(np.float32) * 3
    if decoder.attention is None:
        return vectors
    regions = torch.from_numpy(rng.standard_normal((n, N_REGIONS * 4)).astype(np.float32))
    with torch.no_grad():
        memory = decoder.attention.memory(regions).numpy()
    return np.concatenate([vectors, np.repeat(memory[:, None], k, axis=1)], axis=2)


@pytest.mark.parametrize("with_attention", [False, True])
@pytest.mark.parametrize("width", [1, 3, 9, 30])
def test__likeliest__any_width__as_in_torch(with_attention, width):
    decoder, ours = decoders(with_attention)
    plans = plans_of(decoder, 40, 2)
    expected = inference.likeliest(decoder, plans, width, **CPU)
    found = ours.likeliest(plans, width)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-4)
    lengths = (found[0] != END).sum(axis=-1)
    assert len(np.unique(lengths)) > 3
    assert (ours.attention is not None) == with_attention


def test__likeliest__fewer_captions_than_the_beam__have_no_probability():
    decoder, ours = decoders(False, n_tokens=4, max_length=2)
    plans = plans_of(decoder, 5)
    expected = inference.likeliest(decoder, plans, 20, **CPU)
    found = ours.likeliest(plans, 20)
    assert np.isneginf(found[1]).any()
    finite = np.isfinite(expected[1])
    np.testing.assert_array_equal(np.isfinite(found[1]), finite)
    np.testing.assert_array_equal(found[0][finite], expected[0][finite])


@pytest.mark.parametrize("with_attention", [False, True])
def test__log_probability_of_each__as_in_torch(with_attention):
    decoder, ours = decoders(with_attention)
    plans = plans_of(decoder, 6)
    ids, _ = inference.likeliest(decoder, plans, 5, **CPU)
    shuffled = ids[::-1, 0].copy()
    expected = inference.log_probability_of_each(decoder, plans[:, 0], shuffled, **CPU)
    found = ours.log_probability_of_each(plans[:, 0], shuffled)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test__attention_weights__as_in_torch():
    decoder, ours = decoders(True)
    plans = plans_of(decoder, 6)[:, 0]
    ids = inference.likeliest(decoder, plans[:, None], 1, **CPU)[0][:, 0, 0]
    expected = inference.attention_weights(decoder, plans, ids, **CPU)
    np.testing.assert_allclose(ours.attention_weights(plans, ids), expected, atol=1e-5)
