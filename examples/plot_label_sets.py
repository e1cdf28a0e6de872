"""Label sets of one's own, from a DataFrame
===========================================

Annotations often come as a table with a row for each tag that somebody gave. We turn such a table
into answers, in two ways that mean the same.
"""

# %%
# A table of tags
# ---------------
# Two people tagged each image with one word. The images are pairs of handwritten digits, and a tag
# is the name of a digit that the person looked at.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from condcap_sk.datasets import load_grid_digits

names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
digits = load_grid_digits(n_train=500, n_test=100, grid=(1, 2))
tags = pd.DataFrame(
    {
        "image": np.repeat(np.arange(len(digits.images)), 2),
        "person": np.tile(["A", "B"], len(digits.images)),
        "tag": names[digits.cell_labels.ravel()],
    }
)
tags.head(6)

# %%
# Answers as lists
# ----------------
# `fit` takes the answers of each image as a collection. A Series of lists is one, in the order of
# the images.

label_lists = tags.groupby("image")["tag"].agg(list)
label_lists.head(3)

# %%
# Answers as a table of bools
# ---------------------------
# The same as class indicators: a column for each label, whose name is the label. Indicators must be
# bools. A table of 0 and 1 could also hold labels, and is refused with an explanation.

indicators = pd.crosstab(tags["image"], tags["tag"]) > 0
indicators.head(3)

# %%
# Fit
# ---
# Both forms give the same model. Smaller parts and fewer steps than by default make it quick.

from condcap_sk import ConditionalCaptioner

est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=300,
    image_encoder__batch_size=24,
    gan__max_iter=400,
    gan__kl_weight=0.03,
    gan__batch_size=64,
)
est.fit(digits.images, label_lists)
print(est.classes_)

# %%
# The score takes every form, too.

X = digits.images_test
tags_test = pd.DataFrame(names[digits.cell_labels_test], columns=["A", "B"])
print("score:", est.score(X, tags_test))

# %%
# Answers back in a DataFrame
# ---------------------------
# For each image the most relevant tag, how sure it is, and two distinct ones.

answers = pd.DataFrame({"tag": est.predict(X)})
answers["confidence"] = est.confidence(X, answers["tag"]).round(3)
answers["two of them"] = est.sample(X, 2)
answers.head()

# %%
# Labels are words, and the map of latent space has them as names.

from condcap_sk.inspection import LatentMapDisplay

LatentMapDisplay.from_estimator(est, X[:50], n_points=40)
plt.show()
