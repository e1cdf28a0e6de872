"""Retrieval of images by captions of their own."""

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.metrics import _retrieval, caption_report
from condcap_sk.metrics._retrieval import recall_at, self_retrieval


def test__recall_at__known_ranks__counts_own_images_among_the_first():
    # Images in rows: the first two captions' own images are first, the third's is last.
    relevance = np.array([[9, 3, 1], [3, 4, 2], [1, 0, 0]])
    assert recall_at(1, relevance) == recall_at(2, relevance) == pytest.approx(2 / 3)
    assert recall_at(3, relevance) == 1


@pytest.mark.parametrize("k", [1, 2, 10])
def test__recall_at__constant_relevance__is_chance(k):
    assert recall_at(k, np.ones((4, 4))) == min(k / 4, 1)


def quick(**params):
    est = ConditionalCaptioner(random_state=0, **params)
    return est.set_params(
        codec__max_iter=9, codec__hidden_size=8, image_encoder__max_iter=9, gan__max_iter=9
    )


SCENES = make_captioned_shapes(12, size=16, n_captions=2, random_state=0)
PIXELS = SCENES.images.reshape(12, -1)
VECTORS = np.random.RandomState(0).random((12, 5))
KINDS = {
    "images": (SCENES.images, {}),
    "flattened images": (PIXELS, {"image_shape": (16, 16, 3)}),
    "feature vectors": (VECTORS, {}),
    "regions": (np.tile(VECTORS, 3), {"n_regions": 2}),
}


@pytest.mark.parametrize("kind", KINDS)
def test__self_retrieval__every_kind_of_images__ranks_as_score_samples_does(kind, monkeypatch):
    X, params = KINDS[kind]
    est = quick(**params).fit(X, SCENES.captions)
    # Of true captions: those that so little training gives are all alike.
    captions = np.array([row[0] for row in SCENES.captions], dtype=object)
    relevance = np.array(
        [est.score_samples(np.stack([row] * len(captions)), captions) for row in X]
    )
    expected = {f"recall_at_{k}": recall_at(k, relevance.round(4)) for k in (1, 5, 10)}
    found = self_retrieval(est, X, captions)
    assert found == pytest.approx(expected)
    assert 0 < found["recall_at_5"] < 1
    assert caption_report(est, X, SCENES.captions, output_dict=True).keys() >= expected.keys()
    monkeypatch.setattr(_retrieval, "MOST_IMAGES", 5)
    assert self_retrieval(est, X, captions)["recall_at_5"] == 1


@pytest.mark.parametrize("images", ["ignored", "end-to-end"])
def test__caption_report__without_an_image_encoder__has_no_recall(images):
    est = quick(images=images).fit(VECTORS, SCENES.captions)
    report = caption_report(est, VECTORS, SCENES.captions, n_latents=2, output_dict=True)
    assert "self_cider" in report
    assert not [name for name in report if name.startswith("recall")]
