"""Learning curves, early stopping and resuming
==============================================

A fit is up to four trainings. We look at their curves, stop one early, and go on with a fit that
was broken off.
"""

# %%
# The curves
# ----------
# `history_` has the losses and the measures on held-out images of all trainings, by the names
# "captions", "images", "latents" and, of sentences, "consensus". Feature vectors make the fits
# quick: the pixels of two digits.

import matplotlib.pyplot as plt

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

digits = load_grid_digits(n_train=600, grid=(1, 2))
X, y = digits.images.reshape(len(digits.images), -1), digits.label_sets
X_test = digits.images_test.reshape(len(digits.images_test), -1)
short = {
    "codec__max_iter": 100,
    "image_encoder__max_iter": 300,
    "gan__max_iter": 400,
    "gan__batch_size": 128,
    "gan__kl_weight": 0.03,
}
est = ConditionalCaptioner(validation_fraction=0.2, random_state=0).set_params(**short)
est.fit(X, y)
print(list(est.history_))

# %%
# What to look at. The matching loss falls and stays down: where the precision on held-out images
# falls again, the images are too few. The losses of G and D say nothing by themselves, as each is
# measured against the other; the two measures below do. The accuracy of generated vectors should
# approach 1, and the latent's error fall below 1, at which nothing is recovered.

panels = {
    "images_matching": "matching loss",
    "images_valid_average_precision": "average precision,\nheld-out images",
    "latents_valid_accuracy": "accuracy of G,\nheld-out images",
    "latents_valid_latent_error": "error of inferred latents,\nheld-out images",
}
fig, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for ax, (name, title) in zip(axes, panels.items(), strict=True):
    stage = name.partition("_")[0]
    ax.plot(est.history_[f"{stage}_epoch"], est.history_[name])
    ax.set(title=title, xlabel="epoch")
plt.show()

# %%
# Stopping early
# --------------
# Callbacks of skorch are given to the part that they are for. Fits have a length of their own,
# with a learning rate that falls to its end, so that stopping early is for what goes wrong, or
# for saving time.

from skorch.callbacks import Callback


class StopWhenPrecise(Callback):
    """End a training once it is good enough on held-out images."""

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1].get("valid_average_precision", 0) > 0.95:
            raise KeyboardInterrupt  # how skorch's own callbacks end a training


stopped = ConditionalCaptioner(validation_fraction=0.2, random_state=0).set_params(
    **short, image_encoder__callbacks=[StopWhenPrecise()]
)
stopped.fit(X, y)
print(
    "epochs on images:",
    len(est.history_["images_epoch"]),
    "and",
    len(stopped.history_["images_epoch"]),
)
print(
    "score:",
    est.score(X_test, digits.label_sets_test),
    stopped.score(X_test, digits.label_sets_test),
)

# %%
# Resuming
# --------
# With `checkpoints`, a folder, a fit keeps how far it has come. Here one is broken off while it
# learns the latent, as if the machine had been switched off. Called again with the same data,
# parameters and folder, it goes on, and ends in the same model as a fit that was never interrupted.
# What a callback knows is not kept, so that the training with a callback begins anew; those before
# it are read from the folder.

from tempfile import mkdtemp


class PowerCut(BaseException):
    pass


class Failing(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 10:
            raise PowerCut


folder = mkdtemp()
resumed = ConditionalCaptioner(validation_fraction=0.2, random_state=0).set_params(**short)
try:
    resumed.set_params(gan__callbacks=[Failing()]).fit(X, y, checkpoints=folder)
except PowerCut:
    print("broken off")
resumed.set_params(gan__callbacks=None).fit(X, y, checkpoints=folder)
print("the same answers:", (resumed.predict(X_test) == est.predict(X_test)).all())
