"""How good is it: chance, ceiling, and what can be cheated
==========================================================

Each measure of latent control can be cheated. We compare the estimator with two that do, and see
that all measures together cannot be.
"""

# %%
# A fitted estimator
# ------------------
# Pairs of digits; the right answers are the two digits. The estimator is smaller than by default,
# and trained for fewer steps.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=500, grid=(1, 2))
est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=300,
    image_encoder__batch_size=24,
    gan__max_iter=400,
    gan__kl_weight=0.03,
    gan__batch_size=64,
)
est.fit(digits.images, digits.label_sets)
X, label_sets = digits.images_test, digits.label_sets_test

# %%
# The report
# ----------
# Beside each value stands its chance (answers drawn at random) and its ceiling (the best that these
# label sets allow).

from condcap_sk.metrics import control_report

print(control_report(est, X, label_sets))

# %%
# Two that cheat
# --------------
# Both know the right answers, which the estimator does not. The first always answers the left
# digit. The second answers the left or the right one, as the sign of the latent says: the latent
# decides every answer and means nothing that carries over to another image, as a digit is on the
# left in one image and on the right in another.


class AlwaysLeft:
    """Right answers, and a latent that decides nothing."""

    def sample_latents(self, n, random_state):
        return random_state.standard_normal((n, 1))

    def predict_grid(self, X, latents):
        return np.repeat(X[:, :1], len(latents), axis=1)


class LeftOrRight(AlwaysLeft):
    """Right answers, by a latent that prefers no digit."""

    def predict_grid(self, X, latents):
        return np.where(latents[:, 0] < 0, X[:, :1], X[:, 1:])


cells = digits.cell_labels_test
found = {
    "the estimator": control_report(est, X, label_sets, output_dict=True),
    "always left": control_report(AlwaysLeft(), cells, label_sets, output_dict=True),
    "left or right": control_report(LeftOrRight(), cells, label_sets, output_dict=True),
}

# %%
# All are accurate. What tells them apart: the first reaches half of the right answers, and the
# latent of the second, which decides as many bits as one can, does not shift the labels.

names = ["accuracy", "coverage", "mutual_information", "skew", "semantic_control"]
fig, axes = plt.subplots(1, len(names), figsize=(10, 2.8), layout="constrained", sharey=True)
for ax, name in zip(axes, names, strict=True):
    values = [report[name]["value"] for report in found.values()]
    ax.barh(list(found), values, color=["C0", "C7", "C7"])
    row = found["the estimator"][name]
    ax.axvline(row["chance"], color="C3", ls=":")
    ax.axvline(row["ceiling"], color="C2", ls="--")
    ax.set_title(name.replace("_", "\n"))
axes[0].invert_yaxis()
fig.supxlabel("dotted: chance; dashed: ceiling")
plt.show()

# %%
# The parts
# ---------
# Each quantity is a function of answers, too, whatever gave them: rows are images, columns latents.

from condcap_sk.metrics import (
    calibration_error,
    conditional_mutual_information,
    coverage,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    latent_error,
    semantic_control,
    total_variation,
)

latents = est.sample_latents(100, random_state=0)
answers = est.predict_grid(X, latents)
frequencies = label_frequencies(answers, est.classes_)
print(f"accuracy under the worst latent {fixed_latent_accuracy(answers, label_sets).min():.3f}")
print(f"coverage by 100 latents         {coverage(answers, label_sets):.3f}")
print(f"calibration error               {calibration_error(answers, label_sets):.3f}")
print(f"I(c; y | X), bits               {conditional_mutual_information(answers):.3f}")
print(f"skew                            {label_skew(frequencies):.3f}")
print(f"semantic control, bits          {semantic_control(frequencies):.3f}")
print(f"of the first two latents        {total_variation(*frequencies[:2]):.3f}")

# %%
# The latent's error is that of latents inferred from their own answers, for each dimension: 1 where
# nothing is known. Two answers for each image do not tell much of three numbers.

c = est.sample_latents(len(X), random_state=0)
print(f"latent error {latent_error(c, est.infer_latent(X, est.predict(X, c))):.3f}")

# %%
# For model selection, `control_score` puts the report into one number. It is 0 where one of its
# quantities is not above chance: here coverage, as 32 random answers reach more of two right ones
# than so short a fit.

from condcap_sk.metrics import control_score

print(f"control score {control_score(est, X, label_sets):.3f}")
