"""Features from a network of one's own
======================================

A network that was trained elsewhere gives the features. Any torch module will do: one's own, or
one of torchvision, timm or a hub.
"""

# %%
# A network, trained for something else
# -------------------------------------
# Here it learns to recognise single digits, and knows nothing of grids. Without its last layer, it
# returns maps: features of each place of the image.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
body = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(64, 64, 2, stride=2), nn.ReLU(),
)  # fmt: skip
head = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def as_input(images):
    """From values between 0 and 255 to those that the network was trained on."""
    return images / 255


single = torch.from_numpy(digits.images[:1400] / 16).float()[:, None].repeat(1, 3, 1, 1)
target = torch.from_numpy(digits.target[:1400])
network = nn.Sequential(body, head)
optimizer = torch.optim.Adam(network.parameters(), 3e-3)
for _ in range(20):
    for rows in torch.randperm(len(single)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(single[rows]), target[rows]).backward()
        optimizer.step()
body.eval()

# %%
# As a step of a pipeline
# -----------------------
# `PretrainedFeatures` takes the module, and a function that turns images from 0 to 255 into its
# input. Of maps it takes the mean over all places. It trains nothing, and the network stays as it
# is.

from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.vision import PretrainedFeatures

grids = load_grid_digits(n_train=800)
X, X_test = ((images * 255 / 16).astype(np.uint8) for images in (grids.images, grids.images_test))
pipe = make_pipeline(
    PretrainedFeatures(body, preprocess=as_input),
    ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=100, image_encoder__max_iter=300, gan__max_iter=600, gan__batch_size=128
    ),
)
pipe.fit(X, grids.label_sets)
print("share of right answers:", pipe.score(X_test, grids.label_sets_test))

# %%
# Only the second stage and a small network on the features are trained, which takes seconds. The
# features can also be computed once and passed as `X`, which is the same.

features = pipe[:-1].transform(X_test)
print(features.shape, (pipe[-1].predict(features) == pipe.predict(X_test)).all())

# %%
# Displays draw the images that the pipeline got.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(pipe, X_test[:4], grids.label_sets_test[:4])
plt.show()

# %%
# With ``n_regions=…`` in both steps, the decoder of sentences also looks at the parts of an image.
# Tokens of a vision transformer go the same way; the guide's page on images has both.
