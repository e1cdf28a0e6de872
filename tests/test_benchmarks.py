"""What is measured runs on the package as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the sources are elsewhere")


@pytest.mark.parametrize("kind", ["ShowAndTell", "ConditionalVAE"])
def test__caption_peers__few_steps__give_token_ids_of_the_vocabulary(kind, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import caption_peers

    monkeypatch.setattr(caption_peers, "BATCH_SIZE", 4)
    vectors = np.random.RandomState(0).random((8, 10)).astype(np.float32)
    tokens = [np.array([[2, 3, 0], [4, 0, 0]])] * 8
    model = getattr(caption_peers, kind)(10, 5, 3, seed=0).fit(vectors, tokens, 3)
    found = [
        model.beam(vectors, 3, 0.7),
        model.sample(vectors, 0.5, 0.9, torch.Generator().manual_seed(0)),
    ]
    if kind == "ConditionalVAE":
        found.append(model.caption(vectors, np.zeros(model.N_LATENTS, dtype=np.float32), 2))
    for tokens in found:
        assert tokens.shape == (8, 3)
        assert ((tokens >= 0) & (tokens < 5)).all()


def test__mutations__every_break__has_one_place_and_tests(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import mutations

    mutations.check(mutations.read_breaks())
