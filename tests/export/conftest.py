"""Fitted models of the smallest size, and their exports."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from condcap_sk import ConditionalCaptioner
from condcap_sk.export import ExportedCaptioner
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

RNG = np.random.RandomState(0)
FEATURES = RNG.random((30, 5)).astype(np.float32)
IMAGES = RNG.randint(255, size=(30, 12, 12, 3), dtype=np.uint8)
LABEL_SETS = [[i % 3, 3 + i % 2] for i in range(30)]
CAPTIONS = [["a red dog", "the dog is red and red"], ["one cat"]] * 15


def small(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(hidden_size=8, n_components=8, max_iter=40),
        image_encoder=ImageEncoder(n_filters=2, max_iter=20),
        gan=LatentGAN(hidden_size=8, decoder_size=8, max_iter=30),
        random_state=0,
        **params,
    )


# A model takes seconds, so that no model is here for one difference alone: labels and captions
# in words and in characters, with regions, with a consensus and without, by what relevance is
# judged, what G, D and Q get, categories, and the paper's objective.
MODELS = {
    "labels": (lambda: small(), IMAGES, LABEL_SETS),
    "regions": (lambda: small(n_regions=4), FEATURES, CAPTIONS),
    "ends": (lambda: small(images="end-to-end", objective="paper", image_shape=(12, 12, 3)),
             IMAGES.reshape(30, -1), CAPTIONS),
    "categories": (lambda: small(n_latents=1, n_categories=(2, 3), images="ignored",
                                 analyzer="char"),
                   FEATURES, [["赤い犬", "犬"], ["猫"]] * 15),
}  # fmt: skip


class Pair(NamedTuple):
    """An estimator, its export, the images that it was fitted on, and the folder."""

    estimator: ConditionalCaptioner
    exported: ExportedCaptioner
    X: np.ndarray
    folder: object


def export_quickly(estimator, folder):
    """Export in the exporter's quick way: where that fails, it takes a slow one, silently.

    Python's `len` of a tensor is such a reason.
    """
    programs, export = [], torch.onnx.export

    def spy(*args, **kwargs):
        programs.append(export(*args, **kwargs))
        return programs[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", spy)
        estimator.export(folder)
    (program,) = programs
    # Of an older torch, it is not known.
    assert "NonStrict" in (getattr(program, "_capture_strategy", None) or "NonStrict")


@pytest.fixture(scope="session")
def pair_of(once):
    """Return the `Pair` of a name in `MODELS`."""

    @cache
    def make(name):
        make_estimator, X, answers = MODELS[name]
        estimator = make_estimator().fit(X, answers)
        folder = once(f"export-{name}", lambda new: export_quickly(estimator, new / "model"))
        exported = ExportedCaptioner(folder / "model", n_jobs=1)
        return Pair(estimator, exported, X, folder / "model")

    return make


# With the oldest versions, two of them have all kinds of networks but one.
PAIRS = [
    pytest.param(name, marks=[pytest.mark.newest] * (name in ("ends", "categories")))
    for name in MODELS
]


@pytest.fixture(scope="session", params=PAIRS)
def pair(request, pair_of):
    return pair_of(request.param)
