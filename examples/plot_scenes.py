"""Captions in words, and what the latent decides
================================================

Captions of one image differ in what they name and how. We learn the latent that makes the
difference, and ask what it stands for.
"""

# %%
# Scenes of two shapes
# --------------------
# Each scene has two shapes, and four captions that are right: they name the left shape or the right
# one, with its colour or without. The estimator is not given these factors.

import matplotlib.pyplot as plt

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
print(len(images), "scenes; captions of the first:")
print(*captions[0], sep="\n")

# %%
# Fit
# ---
# Answers with white space are sentences: they fall into words, and a decoder is trained with the
# generator. Sizes and steps are smaller than by default, so that the example takes seconds.

est = ConditionalCaptioner(random_state=0).set_params(
    codec__n_components=64,
    codec__hidden_size=64,
    codec__max_iter=150,
    codec__batch_size=64,
    image_encoder__n_filters=6,
    image_encoder__max_iter=700,
    image_encoder__batch_size=32,
    gan__decoder_size=96,
    gan__hidden_size=96,
    gan__max_iter=230,
    gan__batch_size=32,
)
est.fit(images, captions)

# %%
# Captions
# --------
# Without a latent, the caption that agrees best with all of an image's. `sample` gives several that
# differ, the best one first.

print(est.predict(X[:3]))
print(*est.sample(X[:1], 4)[0], sep="\n")

# %%
# Each column below is one latent, the same for all scenes. A wrong caption would be red.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(
    est, X[:4], right[:4], latents=est.sample_latents(4, random_state=6)
)
plt.show()

# %%
# What the latent decides
# -----------------------
# For each property of captions: how much of its mean over many scenes follows from the latent alone
# (R²), and along which direction of latent space it grows.

from condcap_sk.inspection import describe_captions

print(describe_captions(est, X[:20], n_latents=64))

# %%
# Imitating a speaker
# -------------------
# A person names the left shape, with its colour. From three such captions a latent is inferred, and
# other scenes are captioned in that manner.

given = [next(c for c in row if "left" in c and len(c.split()) == 6) for row in right[:3]]
latent, std = est.infer_speaker(X[:3], given)
print("speaker:  ", *given, sep="\n  ")
print("imitation:", *est.predict(X[3:6], latent), sep="\n  ")

# %%
# How good they are
# -----------------
# The report has agreement with people's captions, diversity, and how well a caption finds its own
# image.

from condcap_sk.metrics import caption_report

print(caption_report(est, X, right))
