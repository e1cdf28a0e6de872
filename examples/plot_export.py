"""Answers without torch
=====================

A fitted captioner is written as a folder of ONNX networks. We answer from it with NumPy and
onnxruntime alone, and get what the estimator gives.
"""

# %%
# Fit and export
# --------------
# Each network is compared with torch by onnxruntime when it is written. ``pip install
# 'condcap_sk[export]'`` brings what that needs.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=400)
est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
    codec__max_iter=100,
    image_encoder__n_filters=8,
    image_encoder__max_iter=300,
    image_encoder__batch_size=24,
    gan__max_iter=300,
    gan__batch_size=64,
)
est.fit(digits.images, digits.label_sets)

folder = Path(tempfile.mkdtemp()) / "digits"
est.export(folder)
for path in sorted(folder.iterdir()):
    print(f"{path.name:16}{path.stat().st_size / 1000:8.0f} kB")

# %%
# Another program
# ---------------
# It needs neither torch nor scikit-learn. Methods, arguments and answers are those of the
# estimator.

from condcap_sk.export import ExportedCaptioner

exported = ExportedCaptioner(folder)
X = digits.images_test
c = exported.sample_latents(len(X), random_state=1)

print("without a latent:", (exported.predict(X) == est.predict(X)).mean())
print("under latents:   ", (exported.predict(X, c) == est.predict(X, c)).mean())
answers = exported.predict(X, c)
inferred = [model.infer_latent(X, answers) for model in (est, exported)]
print("latents, largest difference:", abs(inferred[0] - inferred[1]).max())

# %%
# The networks alone
# ------------------
# Whoever writes in another language calls the networks: images become vectors, vectors and latents
# become sentence vectors, and these the log-probabilities of the labels. `predict` also weighs them
# against the relevance of each label for the image; the guide has the rule.

import onnxruntime

network = {
    path.stem: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for path in folder.glob("*.onnx")
}
images = X[:5, None].astype(np.float32)
(vectors,) = network["image"].run(None, {"images": images})
(sentence_vectors,) = network["generator"].run(None, {"vectors": vectors, "latents": c[:5]})
(scores,) = network["decoder"].run(None, {"sentence_vectors": sentence_vectors})
print(exported.classes_[scores.argmax(axis=1)], answers[:5])

# %%
# A map of the latent
# -------------------
# Every point of the plane is a latent, and its colour the answer under it.

side = np.linspace(-2.5, 2.5, 60)
plane = np.stack(np.meshgrid(side, -side), axis=-1).reshape(-1, 2)
maps = exported.predict_grid(X[:4], plane).reshape(4, 60, 60)

figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
for image, answer, (top, bottom) in zip(X[:4], maps, axes.T, strict=True):
    top.imshow(image, cmap="gray_r")
    bottom.imshow(answer, cmap="tab10", vmin=0, vmax=9, extent=(-2.5, 2.5, -2.5, 2.5))
    for label in np.unique(answer):
        row, column = np.argwhere(answer == label).mean(axis=0).astype(int)
        bottom.text(side[column], -side[row], label, ha="center", va="center", weight="bold")
    top.set_axis_off()
    bottom.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
plt.show()
