"""Two codecs that have learned to give captions back."""

import pytest

from condcap_sk.text import CaptionCodec


@pytest.fixture(scope="session")
def sentences():
    return ["a red dog runs", "one dog", "two cats sit down", "a cat", "nothing at all here"]


@pytest.fixture(scope="session")
def words(sentences):
    """A codec of sentences with vectors of 32 components; a second or two."""
    return CaptionCodec(
        hidden_size=64, n_components=32, batch_size=64, max_iter=200, random_state=0
    ).fit(sentences)


@pytest.fixture(scope="session")
def numbers():
    """A codec of the labels 0 to 9 with vectors of 16 components."""
    return CaptionCodec(batch_size=64, max_iter=200, random_state=0).fit(range(10))
