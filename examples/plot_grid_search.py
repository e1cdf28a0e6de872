"""GridSearchCV: how many latents, and how much they must be recovered
=====================================================================

The number of latents and the weight of their recovery are parameters like all others. We search
them by how well the latent controls the answers to other images.
"""

# %%
# Data
# ----
# Feature vectors, so that fits are quick: the pixels of two digits, side by side. The right answers
# name a digit and its place, such as left-3: so many labels need a latent that orders them.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=600, grid=(1, 2))
X = digits.images.reshape(len(digits.images), -1)
y = [[f"left-{left}", f"right-{right}"] for left, right in digits.cell_labels]

# %%
# Search
# ------
# `control_score` is the scorer: a geometric mean of what makes a latent useful, 0 where one of
# these is at chance, and 1 at the ceiling. `mi_weight`, λ_I in the equations, is a parameter of
# the estimator, which passes it on to the GAN; others of the parts are reached as
# ``gan__kl_weight``. Fits are short here. With too few steps every candidate scores 0, as no
# latent decides anything yet.

from sklearn.model_selection import GridSearchCV, ShuffleSplit

from condcap_sk import ConditionalCaptioner
from condcap_sk.metrics import control_score

est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__max_iter=200,
    gan__max_iter=400,
    gan__batch_size=128,
    gan__kl_weight=0.03,
)
search = GridSearchCV(
    est,
    {"n_latents": [1, 4], "mi_weight": [0.0, 0.1]},
    scoring=control_score,
    cv=ShuffleSplit(1, test_size=120, random_state=0),
    refit=False,
    error_score="raise",
).fit(X, y)
print(search.best_params_)

# %%
# The scores
# ----------
# One latent is a line, on which twenty labels can hardly be ordered. The weight matters less:
# without it (0) the posterior path alone makes the latent readable.

scores = search.cv_results_["mean_test_score"]
grid = search.param_grid
table = np.empty((2, 2))
for params, score in zip(search.cv_results_["params"], scores, strict=True):
    table[grid["n_latents"].index(params["n_latents"])][
        grid["mi_weight"].index(params["mi_weight"])
    ] = score

fig, ax = plt.subplots(figsize=(3.8, 2.8), layout="constrained")
picture = ax.imshow(table, cmap="viridis", vmin=0)
for (row, column), score in np.ndenumerate(table):
    ax.text(
        column, row, f"{score:.2f}", ha="center", va="center", color="k" if score > 0.4 else "w"
    )
ax.set(
    xticks=range(2),
    xticklabels=grid["mi_weight"],
    yticks=range(2),
    yticklabels=grid["n_latents"],
    xlabel="mi_weight",
    ylabel="n_latents",
)
fig.colorbar(picture, label="control score")
plt.show()
