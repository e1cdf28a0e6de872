"""A pipeline, kept with joblib and with save
============================================

The captioner is the last step of a pipeline. We keep it in two ways: as a pickle, which is the
whole pipeline and runs code when it is loaded, and as a file of numbers.
"""

# %%
# A pipeline
# ----------
# Pixels are standardised and projected before the captioner, by steps of scikit-learn. All
# parameters are reached by their names.

from pathlib import Path
from tempfile import mkdtemp

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=600, grid=(1, 2))
X = digits.images.reshape(len(digits.images), -1)
X_test = digits.images_test.reshape(len(digits.images_test), -1)

pipe = make_pipeline(
    StandardScaler(), PCA(n_components=40, random_state=0), ConditionalCaptioner(random_state=0)
)
pipe.set_params(
    conditionalcaptioner__codec__max_iter=100,
    conditionalcaptioner__gan__max_iter=500,
    conditionalcaptioner__gan__batch_size=128,
    conditionalcaptioner__gan__kl_weight=0.03,
    conditionalcaptioner__image_encoder__max_iter=300,
)
pipe.fit(X, digits.label_sets)

# %%
# As an HTML diagram, it links to the pages of its steps.

pipe

# %%
# `predict` of the pipeline takes the latent, too, once it is asked to route it.

print("score:", pipe.score(X_test, digits.label_sets_test))
print(pipe.predict(X_test[:8], c=[1.0, -0.5, 0.2]))

# %%
# joblib
# ------
# Everything is in one file. Whoever loads it runs the code that is in it, so load only files of
# your own.

folder = Path(mkdtemp())
joblib.dump(pipe, folder / "pipeline.joblib")
again = joblib.load(folder / "pipeline.joblib")

# %%
# save and load
# -------------
# The captioner by itself, in a safetensors file with a JSON header. Nothing in it is run, so that
# it can be shared with strangers. The steps before it are made anew, or kept in a form of their
# own.

captioner = pipe[-1]
captioner.save(folder / "captioner.safetensors")
loaded = ConditionalCaptioner.load(folder / "captioner.safetensors")

Z = pipe[:-1].transform(X_test)
same = [
    np.array_equal(again.predict(X_test), pipe.predict(X_test)),
    np.array_equal(loaded.predict(Z), pipe.predict(X_test)),
]
print("the same answers:", same)
for path in sorted(folder.iterdir()):
    print(f"{path.name:24} {path.stat().st_size / 1e6:.1f} MB")

# %%
# Displays take a pipeline as they take an estimator.

from condcap_sk.inspection import LatentMapDisplay

LatentMapDisplay.from_estimator(again, X_test[:50], n_points=40)
plt.show()
