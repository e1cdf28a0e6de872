"""What is exported computes what the fitted parts do: here what no other test sees by itself."""

import numpy as np
import torch

from condcap_sk.export import modules
from condcap_sk.gan.modules import Discriminator
from condcap_sk.text.modules import CaptionDecoder, CaptionEncoder
from condcap_sk.text.search import beam_search
from condcap_sk.vision.matchers import WordMatcher
from condcap_sk.vision.modules import Features

RNG = torch.Generator().manual_seed(0)
VECTORS = torch.randn(4, 3, generator=RNG)


def test__label_decoder__is_the_first_step_of_a_search():
    decoder = CaptionDecoder(6, 3, 5, 1)
    found = modules.LabelDecoder(decoder)(VECTORS)
    ids, scores = beam_search(decoder, VECTORS, 4)
    assert found.shape == (4, 4)
    torch.testing.assert_close(found.gather(1, ids[:, :, 0] - 2), scores)


def test__encoder__step_by_step__is_the_whole_one():
    encoder = CaptionEncoder(6, 3, 5)
    ids = torch.tensor([[2, 3, 4], [5, 5, 0]])
    step, states = modules.EncoderStep(encoder), torch.zeros(2, 5)
    total = torch.zeros(2, 5)
    for position, mask in enumerate(torch.tensor([[1, 1], [1, 1], [1, 0]])):
        states = step(ids[:, position], states)
        total += states * mask[:, None]
    found = modules.EncoderEnd(encoder)(total / torch.tensor([[3], [2]]))
    torch.testing.assert_close(found, encoder(ids))


def test__relevance__of_words__is_that_of_the_matcher():
    matcher = WordMatcher(Features(3), 7).eval()
    ids = torch.tensor([[[2, 3, 0], [4, 0, 0]], [[5, 6, 2], [0, 0, 0]]])
    found = modules.BagRelevance(matcher)(VECTORS[:2], ids)
    torch.testing.assert_close(found, matcher(VECTORS[:2], ids))


def test__discrimination__several_captions__each_with_its_image():
    network = Discriminator(3, 2, 8)
    captions = torch.randn(4, 5, 2, generator=RNG)
    found = modules.Discrimination(network)(VECTORS, captions)
    for k in range(5):
        torch.testing.assert_close(found[:, k], network(VECTORS, captions[:, k]))


def test__label_vectors__by_id():
    vectors = torch.eye(3)
    found = modules.LabelVectors(vectors)(torch.tensor([4, 2], dtype=torch.int32))
    np.testing.assert_array_equal(found, vectors[[2, 0]])
