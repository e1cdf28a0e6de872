"""Fit and export the two models that the explorer's page comes with; a few minutes of one core.

python explorer/make_models.py [--only digits|scenes]

They are written to explorer/models, each with images that `write_examples` adds, and beside them,
in expected, what `predict` answers about further images: that is for the page's tests.
"""

import argparse
import json
import shutil
from pathlib import Path

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.explorer import write_examples
from condcap_sk.inspection import find_latent

MODELS = Path(__file__).with_name("models")
NAMES = {"digits": "Grids of digits", "scenes": "Drawn scenes"}
N_IMAGES, N_LATENTS = 50, 20  # of the answers that tests compare: 1000 in all


def digits():
    """Return a captioner of grids of digits, test images, and latents that have a name."""
    grids = load_grid_digits(n_train=3000, random_state=0)
    est = ConditionalCaptioner(n_latents=3, random_state=0, verbose=1)
    est.fit(grids.images, grids.label_sets)
    X = grids.images_test
    named = {f"prefers {k}": find_latent(est, X[:60], prefer=[k]).latent for k in range(10)}
    return est, X, named, 25


def scenes():
    """Return a captioner of drawn scenes, test images, and latents that have a name."""
    images, captions = side_by_side(2000, random_state=0)
    est = ConditionalCaptioner(n_latents=3, random_state=0, verbose=1).set_params(
        codec__n_components=64,
        codec__hidden_size=64,
        codec__max_iter=150,
        codec__batch_size=64,
        image_encoder__n_filters=8,
        image_encoder__max_iter=2000,
        image_encoder__batch_size=32,
        gan__decoder_size=96,
        gan__hidden_size=96,
        gan__max_iter=600,
        gan__batch_size=32,
    )
    est.fit(images, captions)
    X, _ = side_by_side(200, random_state=1)
    wishes = {
        "colours": {"colours": True},
        "no colours": {"colours": False},
        "left": {"left": True},
        "right": {"left": False},
    }
    properties = {"left": lambda words: float("left" in words)}
    named = {
        name: find_latent(est, X[:30], properties=properties, **wish).latent
        for name, wish in wishes.items()
    }
    return est, X, named, 6


def side_by_side(n, random_state):
    """Return scenes whose shapes stand side by side, with the captions that name one of them.

    Of these, a model learns in a minute to say what is true.
    """
    scenes = make_captioned_shapes(n, n_captions=8, size=16, random_state=random_state)
    captions = [
        [caption for caption in row if caption.endswith(("on the left", "on the right"))]
        for row in scenes.captions
    ]
    chosen = [i for i, row in enumerate(captions) if row]
    return scenes.images[chosen], [captions[i] for i in chosen]


def write(name, est, X, named, n_examples):
    """Export a captioner, with images for the page and with what its tests expect."""
    folder, expected = MODELS / name, MODELS / "expected"
    # With images of an earlier run in it, it would not be overwritten.
    shutil.rmtree(folder, ignore_errors=True)
    est.export(folder)
    write_examples(folder, X[:n_examples], latents=named)
    X = X[-N_IMAGES:]
    latents = est.sample_latents(N_LATENTS, random_state=0)
    answers = est.predict_grid(X, latents)
    central = est.predict(X)
    under = {
        "shape": X.shape,
        "latents": latents.tolist(),
        "answers": answers.tolist(),
        "central": central.tolist(),
        "inferred": est.infer_latent(X, answers[:, 0]).tolist(),
    }
    expected.mkdir(exist_ok=True)
    (expected / f"{name}.json").write_text(json.dumps(under), encoding="utf-8")
    channels_first = X[:, None] if X.ndim == 3 else X.transpose(0, 3, 1, 2)
    channels_first.astype("<f4").tofile(expected / f"{name}.bin")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NAMES)
    only = parser.parse_args().only
    MODELS.mkdir(exist_ok=True)
    for name, make in {"digits": digits, "scenes": scenes}.items():
        if only in (None, name):
            write(name, *make())
    # The index comes last: what it names is there.
    index = [{"name": title, "path": f"{name}/"} for name, title in NAMES.items()]
    (MODELS / "models.json").write_text(json.dumps(index), encoding="utf-8")


if __name__ == "__main__":
    main()
