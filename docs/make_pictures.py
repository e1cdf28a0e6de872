"""Draws the pictures of the pages, except those of examples.

Run: ``python docs/make_pictures.py`` (a quarter of an hour; the grids are of MNIST, see
`fetch_grid_mnist` for where it is looked for)
"""

from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits, make_captioned_shapes
from condcap_sk.inspection import (
    AttentionDisplay,
    LatentMapDisplay,
    LatentTraversalDisplay,
    describe_captions,
)
from condcap_sk.metrics import label_frequencies, total_variation

HERE = Path(__file__).parent


def draw_architecture(kind):
    """Draw how answers of a kind, "labels" or "sentences", come to be."""
    sentences = kind == "sentences"
    figure, ax = plt.subplots(figsize=(10.4, 4.9 if sentences else 4.2), layout="constrained")
    ax.set(xlim=(-0.5, 108), ylim=(-6, 46 if sentences else 37))
    ax.axis("off")
    line = {"color": "#444", "lw": 0.9}
    colours = {
        "": "white",
        "1. encoder-decoder, image encoder": "#dbe9f6",
        "2. conditional InfoGAN": "#fde3c8",
        "3. training by reward": "#dcefd8",
    }
    plain, stage_1, stage_2, stage_3 = colours.values()

    def box(x, y, width, text, colour, height=6.4):
        patch = plt.Rectangle((x, y), width, height, facecolor=colour, edgecolor="#444", lw=0.8)
        ax.add_patch(patch)
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5)

    def arrow(*points, **style):
        for (x0, y0), (x1, y1) in pairwise(points[:-1]):
            ax.plot([x0, x1], [y0, y1], solid_capstyle="butt", **line, **style)
        ax.annotate("", points[-1], points[-2], arrowprops={"arrowstyle": "->", **line, **style})

    def note(x, y, text, **style):
        ax.text(x, y, text, **{"fontsize": 8.5, "style": "italic", "va": "center", **style})

    # Heights of the discriminator, of what decodes, and of the recogniser.
    d, decoder, q = (39, 27, 17) if sentences else (30, 20, 10.5)
    c = (decoder + d) / 2 - 1 if sentences else decoder
    box(0, d, 15, kind, plain)
    box(0, c, 15, "latents\nc ~ N(0, I)", plain)
    box(0, 1, 15, "images X", plain)
    box(22, d, 16, "CaptionCodec\nencoder", stage_1)
    box(22, 1, 16, "ImageEncoder", stage_1)
    box(46, c, 13, "generator\nG(c, X)", stage_2)
    box(68, d, 25, "discriminator D(s, X):\ntrue or generated?", stage_2)
    if sentences:
        box(68, decoder, 25, "decoder,\ntrained with G and Q", stage_2)
    else:
        box(68, decoder, 25, "decoder of\nCaptionCodec", stage_1)
    box(68, q, 25, "recogniser Q(ŝ, X):\nwhich c was it?", stage_2)

    arrow((15, d + 3.2), (22, d + 3.2))
    arrow((15, c + 3.2), (46, c + 3.2))
    arrow((15, 4.2), (22, 4.2))
    arrow((30, d), (30, 7.4))
    note(30.8, 14, "matched:\nwords" if sentences else "matched:\ns")
    arrow((38, d + 3.2), (68, d + 3.2))
    note(52, d + 4.6, "s", style="normal", fontsize=9)
    # What G generates, to the discriminator, the decoder and the recogniser.
    ax.plot([59, 63.5], [c + 3.2, c + 3.2], **line)
    note(60.5, c + 4.6, "ŝ", style="normal", fontsize=9)
    for y in (d + 1.4, decoder + 3.2, q + 4.9):
        arrow((63.5, c + 3.2), (63.5, y), (68, y))
    # The image vectors, and the regions.
    arrow((52.5, 4.2), (52.5, c))
    arrow((60, 4.2), (60, q + 1.5), (68, q + 1.5))
    note(93.8, decoder + 3.2, "→ caption" if sentences else "→ label")
    if sentences:
        box(68, 1, 25, "consensus decoder,\nwith a copy of G at c = 0", stage_3)
        arrow((38, 4.2), (68, 4.2))
        note(40, 2.4, "h, also to D; regions to the decoders", style="normal", fontsize=7.5)
        note(93.8, 4.2, "→ candidates, if\n    no c is given")
    else:
        ax.plot([38, 60], [4.2, 4.2], **line)
        note(40, 2.4, "h, also to D", style="normal")
    for i, (text, colour) in enumerate(list(colours.items())[1 : 4 if sentences else 3]):
        box(i * 31, -5.4, 2.4, "", colour, height=2.4)
        note(i * 31 + 3.2, -4.2, text, style="normal")
    figure.savefig(HERE / f"architecture_{kind}.png", dpi=130)


def draw_latents():
    grids = fetch_grid_mnist()
    est = ConditionalCaptioner(random_state=0).fit(grids.images, grids.label_sets)
    X, label_sets = grids.images_test, grids.label_sets_test
    latents = est.sample_latents(100, random_state=0)
    frequencies = label_frequencies(est.predict_grid(X, latents), est.classes_)
    # Six latents: each the one whose label frequencies differ most from those chosen before.
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


def draw_curves():
    digits = load_grid_digits()
    est = ConditionalCaptioner(random_state=0).fit(digits.images, digits.label_sets)
    names = ["images_matching", "images_valid_average_precision", "latents_valid_accuracy",
             "latents_valid_latent_error"]  # fmt: skip
    figure, axes = plt.subplots(1, len(names), figsize=(10, 2.4), layout="constrained")
    for ax, name in zip(axes, names, strict=True):
        ax.plot(est.history_[name.partition("_")[0] + "_epoch"], est.history_[name])
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("epoch")
    figure.savefig(HERE / "learning_curves.png", dpi=110)


def draw_captions():
    scenes = make_captioned_shapes(3000, random_state=0)
    new = make_captioned_shapes(200, n_captions=8, random_state=1)
    est = ConditionalCaptioner(random_state=0).fit(scenes.images, scenes.captions)
    latents = est.sample_latents(100, random_state=0)
    grid = est.predict_grid(new.images[:50], latents)
    lengths = [np.mean([len(caption.split()) for caption in column]) for column in grid.T]
    # From the one with the shortest captions to the one with the longest.
    chosen = np.argsort(lengths, kind="stable")[np.linspace(0, len(latents) - 1, 6).astype(int)]
    display = LatentTraversalDisplay.from_estimator(
        est, new.images[:4], new.captions[:4], latents=latents[chosen]
    )
    display.figure_.savefig(HERE / "captions.png", dpi=110)
    direction = describe_captions(est, new.images[:8], n_latents=60, output_dict=True)["words"]
    display = LatentTraversalDisplay.from_direction(
        est, new.images[:4], direction["direction"], new.captions[:4], measure=len
    )
    display.figure_.savefig(HERE / "direction.png", dpi=110)
    # Of the longest: they name both shapes, with their colours.
    display = AttentionDisplay.from_estimator(est, new.images[:3], grid[:3, chosen[-1]])
    display.figure_.savefig(HERE / "attention.png", dpi=110)


if __name__ == "__main__":
    draw_architecture("labels")
    draw_architecture("sentences")
    draw_latents()
    draw_curves()
    draw_captions()
