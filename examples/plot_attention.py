"""Where the decoder looks
=========================

The decoder of sentences attends to regions of the image while it generates a caption. We draw
where it looks for each word.
"""

# %%
# Scenes of two shapes
# --------------------
# A caption names one of them, so that it matters where the decoder looks.

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

# %%
# Of images that are read by a network of the estimator's own, the last map of that network is
# averaged to 4×4 regions. Nothing tells the decoder which region a word is about.

est = ConditionalCaptioner(random_state=0).set_params(
    codec__n_components=64,
    codec__hidden_size=64,
    codec__max_iter=150,
    codec__batch_size=64,
    image_encoder__n_filters=6,
    image_encoder__max_iter=600,
    image_encoder__batch_size=32,
    gan__decoder_size=96,
    gan__hidden_size=96,
    gan__max_iter=230,
    gan__batch_size=32,
)
est.fit(images, captions)

# %%
# Word by word
# ------------
# A region is the redder, the more weight it has for the word. The colour and the shape look at the
# shape that is meant; articles and prepositions look anywhere. Without captions, those of `predict`
# are drawn; these here are people's, with a colour in each.

from condcap_sk.inspection import AttentionDisplay

coloured = [[caption for caption in row if len(caption.split()) == 6] for row in right]
AttentionDisplay.from_estimator(est, X[:3], [row[0] for row in coloured[:3]])
plt.show()

# %%
# Two captions of one scene
# -------------------------
# About the shape on the left, and about the one on the right.

pair = sorted(coloured[0], key=lambda caption: caption.endswith("right"))
AttentionDisplay.from_estimator(est, X[[0, 0]], pair)
plt.show()

# %%
# As numbers: for each word, the weights of the 16 regions, row by row. Here is the share of the
# left half of the image.

for caption, weights in zip(pair, est.attention_weights(X[[0, 0]], pair), strict=True):
    left = weights.reshape(-1, 4, 4)[:, :, :2].sum(axis=(1, 2))
    print(
        ", ".join(f"{word} {share:.2f}" for word, share in zip(caption.split(), left, strict=False))
    )
