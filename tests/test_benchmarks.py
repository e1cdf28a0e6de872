"""What captions are compared with still runs on today's parts."""

from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the sources are elsewhere")


@pytest.mark.parametrize("kind", ["ShowAndTell", "ConditionalVAE"])
def test__caption_peers__few_steps__say_what_can_be_said(kind, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import caption_peers

    monkeypatch.setattr(caption_peers, "BATCH_SIZE", 4)
    vectors = np.random.RandomState(0).random((8, 10)).astype(np.float32)
    tokens = [np.array([[2, 3, 0], [4, 0, 0]])] * 8
    model = getattr(caption_peers, kind)(10, 5, 3, seed=0).fit(vectors, tokens, 3)
    told = [model.beam(vectors, 3, 0.7)]
    if kind == "ConditionalVAE":
        told.append(model.tell(vectors, np.zeros(model.N_LATENTS, dtype=np.float32), 2))
    for said in told:
        assert said.shape == (8, 3)
        assert ((said >= 0) & (said < 5)).all()
