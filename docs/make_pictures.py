"""Draws the pictures. Run: ``python docs/make_pictures.py`` (some minutes)."""

from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes, make_image_grid
from condcap_sk.inspection import LatentMapDisplay, LatentTraversalDisplay
from condcap_sk.metrics import label_frequencies, total_variation

HERE = Path(__file__).parent


def draw_architecture():
    figure, ax = plt.subplots(figsize=(9.6, 3.7), layout="constrained")
    ax.set(xlim=(-0.5, 96.5), ylim=(0, 35))
    ax.axis("off")

    def box(x, y, width, text, colour, height=6.4):
        patch = plt.Rectangle((x, y), width, height, facecolor=colour, edgecolor="#444", lw=0.8)
        ax.add_patch(patch)
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5)

    def arrow(*points, text="", at=(0, 0)):
        for (x0, y0), (x1, y1) in pairwise(points[:-1]):
            ax.plot([x0, x1], [y0, y1], color="#444", lw=0.9, solid_capstyle="butt")
        ax.annotate(
            "", points[-1], points[-2], arrowprops={"arrowstyle": "->", "color": "#444", "lw": 0.9}
        )
        if text:
            ax.text(*at, text, ha="center", va="bottom", fontsize=9)

    stage_1, stage_2, plain = "#dbe9f6", "#fde3c8", "white"
    box(0, 27, 13, "captions", plain)
    box(0, 3, 13, "images X", plain)
    box(0, 15, 13, "latents\nc ~ N(0, I)", plain)
    box(22, 27, 16, "CaptionCodec\nencoder", stage_1)
    box(22, 3, 16, "ImageEncoder", stage_1)
    box(47, 15, 14, "G(c, X)", stage_2)
    box(72, 27, 24, "D(s, X): true or made up?", stage_2)
    box(72, 15, 24, "decoder", stage_1)
    box(72, 3, 24, "Q(ŝ, X): which c was it?", stage_2)
    arrow((13, 30.2), (22, 30.2))
    arrow((13, 6.2), (22, 6.2))
    arrow((13, 18.2), (47, 18.2))
    arrow((38, 30.2), (72, 30.2), text="s", at=(50, 30.4))
    arrow((38, 6.2), (72, 6.2), text="h, to G, D and Q", at=(51, 2.2))
    arrow((54, 6.2), (54, 15))
    arrow((61, 18.2), (72, 18.2), text="ŝ", at=(64, 18.4))
    arrow((67, 18.2), (67, 28.5), (72, 28.5))
    arrow((67, 18.2), (67, 8), (72, 8))
    arrow((30, 27), (30, 9.4))
    ax.text(30.6, 12, "matched", fontsize=8.5, style="italic")
    ax.text(84, 12.5, "→ the answer", ha="center", fontsize=8.5, style="italic")
    figure.savefig(HERE / "architecture.png", dpi=130)


def draw_latents():
    # load_grid_digits, with a margin around each digit: easier on the eye.
    digits = load_digits()
    grids = make_image_grid(digits.images, digits.target, 1200, cell_shape=(11, 11), random_state=0)
    X, label_sets = grids.images, grids.label_sets
    est = ConditionalCaptioner(random_state=0).fit(X[:1000], label_sets[:1000])
    X, label_sets = X[1000:], label_sets[1000:]
    latents = est.sample_latents(100, random_state=0)
    frequencies = label_frequencies(est.predict_grid(X, latents), est.classes_)
    # Six points of view as different as possible, one after the other.
    chosen = [int(np.argmax(total_variation(frequencies, frequencies.mean(axis=0))))]
    while len(chosen) < 6:
        distances = [total_variation(frequencies, frequencies[i]) for i in chosen]
        chosen.append(int(np.argmax(np.min(distances, axis=0))))
    display = LatentTraversalDisplay.from_estimator(
        est, X[:5], label_sets[:5], latents=latents[chosen]
    )
    display.figure_.savefig(HERE / "latent_traversal.png", dpi=110)
    display = LatentMapDisplay.from_estimator(est, X[:50])
    display.figure_.savefig(HERE / "latent_map.png", dpi=110)


def draw_captions():
    scenes = make_captioned_shapes(3000, random_state=0)
    new = make_captioned_shapes(200, n_captions=8, random_state=1)
    est = ConditionalCaptioner(random_state=0).fit(scenes.images, scenes.captions)
    latents = est.sample_latents(100, random_state=0)
    told = est.predict_grid(new.images[:50], latents)
    lengths = [np.mean([len(caption.split()) for caption in column]) for column in told.T]
    # From the tersest to the wordiest.
    chosen = np.argsort(lengths)[np.linspace(0, len(latents) - 1, 6).astype(int)]
    display = LatentTraversalDisplay.from_estimator(
        est, new.images[:4], new.captions[:4], latents=latents[chosen]
    )
    display.figure_.savefig(HERE / "captions.png", dpi=110)


if __name__ == "__main__":
    draw_architecture()
    draw_latents()
    draw_captions()
