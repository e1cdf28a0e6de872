"""Steering: a latent by wish
============================

A latent has no name of its own. We ask for one by what its captions should be like, and walk
along the direction in which they become so.
"""

# %%
# Scenes of two shapes
# --------------------
# Right captions name the left shape or the right one, with its colour or without.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes


def side_by_side(n, random_state):
    """Scenes whose shapes stand side by side, with the captions that name one of them."""
    scenes = make_captioned_shapes(n, n_captions=8, size=16, random_state=random_state)
    captions = [
        [caption for caption in row if caption.endswith(("on the left", "on the right"))]
        for row in scenes.captions
    ]
    chosen = [i for i, row in enumerate(captions) if row]
    return scenes.images[chosen], [captions[i] for i in chosen]


images, captions = side_by_side(1200, random_state=0)
X, right = side_by_side(80, random_state=1)

est = ConditionalCaptioner(random_state=0).set_params(
    codec__n_components=64,
    codec__hidden_size=64,
    codec__max_iter=150,
    codec__batch_size=64,
    image_encoder__n_filters=8,
    image_encoder__max_iter=600,
    image_encoder__batch_size=32,
    gan__decoder_size=96,
    gan__hidden_size=96,
    gan__max_iter=300,
    gan__batch_size=32,
)
est.fit(images, captions)

# %%
# A wish
# ------
# `find_latent` searches a latent under which captions name colours, whatever the image. It
# reports how far that holds on images that it did not search with, beside random latents.

from condcap_sk.inspection import find_latent

with_colours = find_latent(est, X[:20], colours=True, n_latents=32)
without = find_latent(est, X[:20], colours=False, n_latents=32)
print(with_colours.wishes)

# %%
# Wishes of one's own are functions of a caption's words. Several can be combined.

left = find_latent(
    est,
    X[:20],
    properties={"left": lambda words: "left" in words},
    left=True,
    colours=True,
    n_latents=32,
)
for name, wish in left.wishes.items():
    print(f"{name:8} error {wish['error']:.2f}, of random latents {wish['random']:.2f}")

# %%
# The three latents on new scenes: with colours, without, and with colours about the left shape.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(
    est,
    X[30:34],
    right[30:34],
    latents=np.stack([with_colours.latent, without.latent, left.latent]),
)
plt.show()

# %%
# A direction
# -----------
# `describe_captions` finds for each property the direction of latent space along which it grows
# most, if there is one. The columns are latents from -2 to +2 along that of colours, through 0,
# and the titles have the mean number of colours.

from condcap_sk.inspection import describe_captions

found = describe_captions(est, X[:20], n_latents=64, output_dict=True)
for name, row in list(found.items())[:4]:
    print(f"{name:10} R² {row['r2']:.2f}")

COLOURS = {"red", "green", "blue", "yellow", "purple"}
LatentTraversalDisplay.from_direction(
    est,
    X[30:34],
    found["colours"]["direction"],
    right[30:34],
    measure=lambda words: sum(word in COLOURS for word in words),
)
plt.show()

# %%
# Of labels, the wish is an order of preference: ``find_latent(est, X, prefer=[7, 3])`` searches a
# latent that answers 7, and 3 where there is no 7.
