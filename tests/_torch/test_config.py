"""Modules know what they were built with, and can be built again from that."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from condcap_sk._persistence import Fields, Tensors, named_tensors
from condcap_sk._torch.config import describe, keeps_config
from condcap_sk._torch.seeding import seeded_init
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.consensus import ConsensusDecoder
from condcap_sk.gan.modules import Discriminator, Generator, Recogniser, SentenceGenerator
from condcap_sk.text import CaptionCodec
from condcap_sk.text.modules import Attention, CaptionDecoder, CaptionEncoder, TiedDecoder
from condcap_sk.vision import ImageEncoder
from condcap_sk.vision.matchers import VectorMatcher, WordMatcher
from condcap_sk.vision.modules import ConvolutionalNetwork, FeatureNetwork, Features


class Scale(nn.Module):
    """A module with a bit of everything."""

    @keeps_config
    def __init__(self, size: int, factor: float = 2.0, *, part: nn.Module | None = None):
        super().__init__()
        self.size = size * 10
        self.part = part


@pytest.mark.parametrize(
    "module", [Scale(3, 2.0), Scale(3), Scale(size=3), Scale(factor=2.0, size=3)]
)
def test__config__arguments_in_any_form__holds_them_by_name_as_given(module):
    assert module.config == {"size": 3, "factor": 2.0, "part": None}
    assert module.size == 30


def test__config__a_module_among_the_arguments__is_its_description():
    assert describe(Scale(3, part=Scale(4))) == {
        "class": "Scale",
        "size": 3,
        "factor": 2.0,
        "part": {"class": "Scale", "size": 4, "factor": 2.0, "part": None},
    }


def test__config__changed_in_a_copy__leaves_the_module_alone():
    module = Scale(3)
    describe(module)["size"] = 4
    assert module.config["size"] == 3


# Every class that a model file may hold.
EXAMPLES = {
    CaptionEncoder: lambda: CaptionEncoder(5, 4, 3),
    CaptionDecoder: lambda: CaptionDecoder(5, 4, 3, 2),
    Attention: lambda: Attention(3, 6, 256),
    TiedDecoder: lambda: TiedDecoder(5, 4, 3, 2, Attention(3, 6, 256)),
    ConvolutionalNetwork: lambda: ConvolutionalNetwork(3, 9, 8, 2, True),
    FeatureNetwork: lambda: FeatureNetwork(3),
    Features: lambda: Features(3),
    VectorMatcher: lambda: VectorMatcher(ConvolutionalNetwork(1, 8, 8, 2), 4),
    WordMatcher: lambda: WordMatcher(Features(3), 5),
    Generator: lambda: Generator(3, 2, 4, 5, 2.0),
    SentenceGenerator: lambda: SentenceGenerator(3, 2, 4, 2.0),
    Discriminator: lambda: Discriminator(128, 4, 5, FeatureNetwork(3)),
    Recogniser: lambda: Recogniser(3, 4, 2, 5),
    ConsensusDecoder: lambda: ConsensusDecoder(
        SentenceGenerator(3, 2, 4, 2.0), TiedDecoder(5, 4, 3, 2, Attention(3, 6, 256))
    ),
}
STAGES = CaptionCodec, ImageEncoder, LatentGAN


def test__examples__are_all_that_the_stages_hold():
    held = {cls for stage in STAGES for classes in stage._MODULES.values() for cls in classes}
    assert set(EXAMPLES) == held.union(*(stage._PARTS for stage in STAGES))


@pytest.mark.parametrize("cls", EXAMPLES)
def test__module__built_again_from_its_description__is_the_same(cls):
    with seeded_init(0):
        module = EXAMPLES[cls]()
    description = describe(module)
    read = json.loads(json.dumps(description))
    assert read == description
    tensors = Tensors(named_tensors("m.", module))
    again = tensors.module("m.", Fields(read, "m"), (cls,), set(EXAMPLES))
    tensors.end()
    assert type(again) is cls
    assert again.config == module.config
    ours, theirs = module.state_dict(), again.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name])
        # The layout, too: it decides the last bits of products.
        assert value.stride() == theirs[name].stride()


def test__numbers_of_numpy__become_those_of_python():
    config = CaptionDecoder(np.uint64(5), np.int8(4), np.int64(6), np.uint32(3)).config
    assert config == {"n_tokens": 5, "n_components": 4, "hidden_size": 6, "max_length": 3}
    assert all(type(value) is int for value in config.values())
