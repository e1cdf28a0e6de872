"""Grids of digits, and the globe of latents
===========================================

An image has many right answers: a grid of four digits has four labels. We learn the latent that
chooses between them, and draw what it means.
"""

# %%
# Images and right answers
# ------------------------
# Each image is a grid of 2×2 handwritten digits, with a margin around each. Its right answers are
# the digits in it, in no order. Nothing says which of them an answer should be.
# (`load_grid_digits` makes such grids without a margin, `fetch_grid_mnist` those of the paper.)

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from condcap_sk.datasets import make_image_grid

digits = load_digits()
grids = make_image_grid(
    digits.images, digits.target, n_samples=600, cell_shape=(11, 11), random_state=0
)
images, images_test = grids.images[:500], grids.images[500:]
label_sets, label_sets_test = grids.label_sets[:500], grids.label_sets[500:]
print(label_sets[:3])

# %%
# Fit
# ---
# The estimator learns a latent of three numbers, with the prior N(0, I). Its parts are smaller here
# than by default, and trained for fewer steps, so that the example takes seconds.

from condcap_sk import ConditionalCaptioner

est = ConditionalCaptioner(n_latents=3, random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=500,
    image_encoder__batch_size=24,
    gan__max_iter=500,
    gan__batch_size=64,
)
est.fit(images, label_sets)

# %%
# Answers
# -------
# Without a latent, the answer is the most relevant one. With a latent, it is what that latent
# prefers in each image.

X = images_test
print("share of right answers:", est.score(X, label_sets_test))
print("one latent:    ", est.predict(X[:8], c=[0.3, -1.2, 0.8]))
print("another latent:", est.predict(X[:8], c=[-0.3, 1.2, -0.8]))

# %%
# One column for each latent: the same digits are preferred in every image. A wrong answer is red.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(est, X[:5], label_sets_test[:5])
plt.show()

# %%
# The globe
# ---------
# A latent of three numbers has a direction. Here are all directions, on a sphere: each is coloured
# by the label that most of 50 images get under it, paler where they agree less. Labels have
# regions, and near the border of two regions a small step changes the answer.

from condcap_sk.inspection import LatentMapDisplay

LatentMapDisplay.from_estimator(est, X[:50], n_points=40)
plt.show()

# %%
# The same as a table: for each label, how often it is answered, and whether the latent decides
# that.

from condcap_sk.inspection import describe_latents

print(describe_latents(est, X[:50]))

# %%
# Same latent, or a new one for each image
# ----------------------------------------
# With one latent for all images, some labels are answered far more often than others, under another
# latent others. With a new draw for each image, the frequencies are nearer to those of the data,
# which are about equal: it is the latent that decides.

from condcap_sk.inspection import LabelFrequencyDisplay

LabelFrequencyDisplay.from_estimator(est, X, label_sets_test)
plt.show()
