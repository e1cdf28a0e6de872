"""Dialogue: reading a speaker's latent
======================================

The paper's dialogue: a listener infers a speaker's latent from a few answers, then answers like
the speaker.
"""

# %%
# A speaker answers every image under one latent
# ----------------------------------------------
# The listener knows the images and the answers, and not the latent.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=500)
est = ConditionalCaptioner(random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=300,
    image_encoder__batch_size=24,
    gan__max_iter=300,
    gan__batch_size=64,
)
est.fit(digits.images, digits.label_sets)
X = digits.images_test

speaker = est.sample_latents(random_state=7)[0]
answers = est.predict(X[:5], speaker)
for labels, answer in zip(digits.label_sets_test[:5], answers, strict=True):
    print(f"image {sorted(labels)!s:14} answer {answer}")

# %%
# One answer, one latent
# ----------------------
# `infer_latent` reads a latent from a single answer. It gives that answer again, but it is only one
# of many latents that would.

c = est.infer_latent(X[:5], answers)
print(c.round(1))
print("answers again:", est.predict(X[:5], c))

# %%
# Several answers, one speaker
# ----------------------------
# `infer_speaker` combines the answers of one speaker. The standard deviation, 1 where nothing is
# known, becomes smaller with each of them.

for turns in (1, 3, 5):
    inferred, std = est.infer_speaker(X[:turns], answers[:turns])
    print(f"after {turns}: {inferred.round(1)}, give or take {std.round(1)}")
print(f"the speaker: {speaker.round(1)}")

# %%
# The listener answers other images like the speaker.

others = X[5:17]
print("speaker: ", est.predict(others, speaker))
print("listener:", est.predict(others, inferred))

# %%
# How many answers are needed
# ---------------------------
# `dialogue_accuracy` repeats this with ten speakers. The dashed line is what the latent of another
# speaker predicts, and the dotted one the best latent for all speakers together.

from condcap_sk.metrics import dialogue_accuracy

accuracy = dialogue_accuracy(est, X, turns=(1, 2, 5, 10, 20), n_speakers=10)
chance, constant = accuracy.pop("chance"), accuracy.pop("best constant")

fig, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.plot(list(accuracy), list(accuracy.values()), "o-")
ax.axhline(chance, color="grey", ls="--")
ax.axhline(constant, color="grey", ls=":")
ax.annotate(
    "another speaker's latent", (20, chance), (0, 3), ha="right", textcoords="offset points"
)
ax.annotate("best for all", (20, constant), (0, 3), ha="right", textcoords="offset points")
ax.set(
    xlabel="answers that the listener knows",
    ylabel="next answers predicted",
    ylim=(0, 1),
    xticks=list(accuracy),
)
plt.show()

# %%
# Some latents are read more closely than others: an image with one label four times tells nothing.

gains = np.diff([constant, *accuracy.values()])
print("gained by each step:", gains.round(2))
