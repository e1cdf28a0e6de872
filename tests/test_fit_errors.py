"""What fit refuses or warns of: each message names the argument and says what to type instead."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from condcap_sk.exceptions import CollapseWarning, TrainingDivergedError
from condcap_sk.gan.modules import Generator


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X[:-1], y), "X holds 59 images, but y holds 60.*one set"),
        (lambda X, y: (np.where(X > 0.9, np.nan, X), y), "X contains NaN"),
        (lambda X, y: (X[:, 0], y), r"X has 1 dimension.*Expected 2D array.*reshape"),
        (lambda X, y: (X[:, :, None, None, None], y), "X has 5 dimension.*Pass|X has 5"),
        (lambda X, y: (X, ["cat"] * 60), r"y\[0\]='cat' is a bare string.*Wrap it"),
        (lambda X, y: (X, "cat"), "y='cat' is not a collection.*Pass one set"),
        (lambda X, y: (X, [*y[:-1], set()]), r"y\[59\] is empty.*drop the image"),
        (lambda X, y: (X, set(range(60))), r"y=\{0, 1.*not a collection in the images' order"),
        (lambda X, y: (X, np.array(3)), r"y=array\(3\) is not a collection"),
        (lambda X, y: ([*X[:-1], [1.0]], y), "X holds rows or images of different sizes"),
        (lambda X, y: (X[:1], y[:1]), "one image.*n_samples=1.*at least two"),
        (lambda X, y: (X, [{1, "1"}] * 60), "y mixes types.*one type"),
        (lambda X, y: (X, [{1}, {True}] * 30), "y mixes types.*distinguished"),
        (lambda X, y: (X, [{1.0}, {np.nan}] * 30), r"y\[1\] holds nan.*Leave it out"),
        (lambda X, y: (X, [{None}] * 60), r"y\[0\] holds None.*int, float, bool or str"),
        (lambda X, y: (X, [{("a", "b")}] * 60), r"y\[0\] holds .*int, float, bool or str"),
        (lambda X, y: (X, [["a dog"], ["!", "cats"]] * 30), r"30 of 90.*y\[1\], y\[3\]"),
        (lambda X, y: (np.zeros((60, 5, 5, 7)), y), "channels neither last nor first.*Pass"),
    ],
    ids=[
        "lengths", "nan", "1-D", "5-D", "strings", "string", "empty", "a set", "scalar",
        "ragged", "one image",
        "int and str", "int and bool", "nan label", "none", "tuple", "no token", "channels",
    ],
)  # fmt: skip
def test__bad_input__names_the_remedy(quick, tiny, spoil, message):
    X, label_sets = spoil(*tiny)
    est = quick()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        est.fit(X, label_sets)
    assert not hasattr(est, "gan_")


def test__validation_fraction_that_leaves_one_image__names_the_remedy(quick, tiny):
    X, label_sets = tiny
    est = quick(validation_fraction=0.9)
    with pytest.raises(ValueError, match="validation_fraction=0.9 leaves 1 of 10.*smaller"):
        est.fit(X[:10], label_sets[:10])
    assert not hasattr(est, "codec_")
    est.fit(X[:20], label_sets[:20])


def test__wrong_image_shape__names_the_remedy(quick, tiny):
    with pytest.raises(ValueError, match="image_shape=.* needs 4 columns, but X has 3.*Set"):
        quick(image_shape=(2, 2)).fit(*tiny)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_latents", -1),
        ("mi_weight", -1),
        ("objective", "wgan"),
        ("images", "none"),
        ("analyzer", "sentence"),
        ("validation_fraction", 1.0),
    ],
)
def test__bad_parameter__is_named(quick, tiny, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        quick(**{name: value}).fit(*tiny)


def test__unknown_device__names_the_remedy(quick, tiny):
    with pytest.raises(ValueError, match="device='gpu'.*Use"):
        quick(device="gpu").fit(*tiny)


def test__latent_without_effect__warns(quick, tiny, monkeypatch):
    def without_latents(self, images, latents):
        return forward(self, images, torch.zeros_like(latents))

    forward = Generator.forward
    monkeypatch.setattr(Generator, "forward", without_latents)
    with pytest.warns(CollapseWarning, match="gets 1.00 different.*2.0 are right.*Train"):
        quick().fit(*tiny)


STAGES = [("codec", "captions"), ("image_encoder", "images"), ("gan", "latents")]


@pytest.mark.parametrize(("part", "stage"), STAGES)
@pytest.mark.parametrize("n_steps", [1, 30])
def test__diverges__names_what_to_change_and_stays_unfitted(quick, tiny, part, stage, n_steps):
    est = quick().set_params(**{f"{part}__lr": 1e30, f"{part}__max_iter": n_steps})
    with pytest.raises(TrainingDivergedError, match=f"{stage} stage.*Lower its `lr`"):
        est.fit(*tiny)
    with pytest.raises(NotFittedError):
        est.predict(tiny[0])


class Spoil(Callback):
    """What a step too long does to the weights, where no later loss shows it."""

    def __init__(self, value):
        self.value = value

    def on_batch_end(self, net, **kwargs):
        if len(net.history) < net.max_epochs:
            return
        for module in (net.module_, getattr(net, "average_", net.module_)):
            with torch.no_grad():
                next(module.parameters()).fill_(self.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("part", "stage"), STAGES)
def test__weights_spoiled_by_the_last_step__are_an_error(quick, tiny, part, stage, value):
    est = quick().set_params(**{f"{part}__callbacks": [Spoil(value)]})
    with pytest.raises(TrainingDivergedError, match=f"{stage} stage"):
        est.fit(*tiny)
    assert not hasattr(est, "gan_")
