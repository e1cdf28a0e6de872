"""How sure is it: confidence, and abstaining
============================================

`confidence` is a calibrated probability that an answer is right. We check that on other images,
and see what abstaining from unsure answers gains.
"""

# %%
# A fit on few images, so that there is something to be unsure of. A fifth of them are held out:
# confidence is calibrated on these.

import matplotlib.pyplot as plt

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=400, n_test=400)
est = ConditionalCaptioner(validation_fraction=0.2, random_state=0).set_params(
    image_encoder__n_filters=4,
    image_encoder__max_iter=300,
    gan__max_iter=300,
    gan__batch_size=64,
)
est.fit(digits.images, digits.label_sets)
X, label_sets = digits.images_test, digits.label_sets_test

# %%
# Given answers are judged, too: that the first image has a 3, a 7, an 8.

print(sorted(label_sets[0]))
for label in (3, 7, 8):
    print(label, est.confidence(X[:1], [label]).round(3))

# %%
# Is it calibrated?
# -----------------
# Of all pairs of an image and a label with a confidence of .8, eight in ten should be right. The
# bars show how many pairs there are.

from condcap_sk.inspection import ReliabilityDisplay

ReliabilityDisplay.from_estimator(est, X, label_sets, n_bins=10)
plt.show()

# %%
# As a number: the mean distance from the diagonal.

from condcap_sk.metrics import expected_calibration_error

latent = est.sample_latents(random_state=0)[0]
answers = est.predict(X, latent)
right = [answer in labels for answer, labels in zip(answers, label_sets, strict=True)]
confidence = est.confidence(X, answers)
print(f"answers under one latent: {expected_calibration_error(right, confidence):.3f}")

# %%
# Abstaining
# ----------
# Without its least sure answers, the estimator is wrong less often. The curve shows how much: the
# risk among the answers that are kept, by the share that is kept.

from condcap_sk.inspection import RiskCoverageDisplay
from condcap_sk.metrics import risk_coverage_curve

kept, risk, thresholds = risk_coverage_curve(right, confidence)
print(f"all answers: {risk[-1]:.3f} wrong")
RiskCoverageDisplay.from_predictions(right, confidence)
plt.show()

# %%
# `predict` abstains by itself: None where the confidence is smaller.

print(est.predict(X[:8], min_confidence=0.95))
