"""Embeddings that begin with vectors learned elsewhere."""

import numpy as np
import pytest
import torch

from condcap_sk._torch.embedding import begin_with
from condcap_sk._torch.seeding import make_rng

RED, BLUE, DOG, CAT, START = range(5)
VECTORS = np.array(
    [[1.0, 0.0, 0.0, 1.0], [1.0, 0.1, 0.0, 0.9], [-1.0, 3.0, 0.5, 0.0], [np.nan] * 4],
    dtype=np.float32,
)


def embedding(width):
    """An embedding of the words and of one token more."""
    made = torch.nn.Embedding(5, width)
    with torch.no_grad():
        made.weight.normal_(0, 0.1, generator=make_rng(0))
    return made


@pytest.mark.parametrize("width", [4, 64])
def test__begin_with__any_width__keeps_angles_and_its_own_scale(width):
    begun, before = embedding(width), embedding(width).weight
    torch.manual_seed(0)
    begin_with(begun, VECTORS)
    red, blue, dog, *_ = begun.weight
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(red, blue, 0) > 0.8 > cosine(red, dog, 0)
    assert begun.weight[[RED, BLUE, DOG]].norm() < 3 * before[[RED, BLUE, DOG]].norm()


@pytest.mark.parametrize("width", [4, 64])
def test__begin_with__rows_without_a_vector__stay(width):
    begun = embedding(width)
    begin_with(begun, VECTORS)
    assert torch.equal(begun.weight[[CAT, START]], embedding(width).weight[[CAT, START]])


def test__begin_with__none__changes_nothing_and_draws_nothing():
    begun, untouched = embedding(4), embedding(4)
    state = torch.get_rng_state()
    begin_with(begun, None)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(begun.weight, untouched.weight)


def test__begin_with__projected_vectors__have_the_embedding_s_scale():
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(500, 64)
    vectors = np.random.RandomState(0).standard_normal((500, 100)).astype(np.float32)
    begin_with(embedding, vectors)
    assert abs(embedding.weight.std().item() - 1) < 0.1
