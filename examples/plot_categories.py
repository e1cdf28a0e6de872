"""A choice instead of numbers: categorical latents
=================================================

Some differences are choices, such as which of several kinds of answer is given. A latent can be
a category, alone or beside numbers.
"""

# %%
# Ten categories and no number
# ----------------------------
# The images are grids of four digits. A latent is now one of ten categories, all equally likely
# before anything is known. Which category stands for which answers is learned.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=500)
est = ConditionalCaptioner(n_latents=0, n_categories=10, random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=300,
    image_encoder__batch_size=24,
    gan__max_iter=600,
    gan__batch_size=64,
)
est.fit(digits.images, digits.label_sets)

# %%
# Choosing a category
# -------------------
# A latent is a row of ten numbers, all 0 but for the category's. `join_latents` makes such rows.

X = digits.images_test
latents = est.join_latents(range(10))
print(latents[:2])
answers = est.predict_grid(X, latents)

# %%
# What each category prefers
# --------------------------
# How often each label is answered in each category. Each category prefers one or two labels, the
# dark cells, where these are in the image, and others where they are not. A label is in about a
# third of the images, so that no share can be much larger.

from condcap_sk.metrics import label_frequencies

frequencies = label_frequencies(answers, est.classes_)
fig, ax = plt.subplots(figsize=(4.8, 4), layout="constrained")
picture = ax.imshow(frequencies, cmap="Blues", vmin=0)
ax.set(xlabel="answer", ylabel="category", xticks=range(10), yticks=range(10))
fig.colorbar(picture, label="share of images")
plt.show()

# %%
# Reading a category back
# -----------------------
# From an answer, its category is inferred, with the probability of each.

right = [min(labels) for labels in digits.label_sets_test]
inferred, probability = est.infer_latent(X, right, return_std=True)
categories, numbers = est.split_latents(inferred)
for label in (0, 1, 2):
    of_label = categories[np.array(right) == label, 0]
    print(f"answer {label}: categories", np.bincount(of_label, minlength=10))

# %%
# With ``n_latents=2, n_categories=2``, a latent has both: a choice, and two numbers.
