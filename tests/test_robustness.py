"""Unusual data, and Ctrl-C: the answers are right, or what was there stays."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner


def assert_answers_well(est, X, y):
    """What holds of any fitted estimator."""
    n = len(X)
    answers = est.predict(X)
    assert answers.shape == (n,)
    if est.codec_.analyzer_ == "label":
        assert set(answers.tolist()) <= set(est.classes_.tolist())
        assert answers.dtype == est.classes_.dtype
    rows = X[::-1]
    np.testing.assert_array_equal(est.predict(rows), answers[::-1])
    c = est.sample_latents(2, random_state=0)
    grid = est.predict_grid(X, c)
    np.testing.assert_array_equal(grid[:, 1], est.predict(X, c[1]))
    assert est.score(X, y) >= 0
    said = est.predict(X, c[0])
    if all(str(answer).strip() for answer in said):
        latents, std = est.infer_latent(X, said, return_std=True)
        assert latents.shape == std.shape == (n, est.n_latents)
        assert np.isfinite(latents).all()
        assert (std >= 0).all()
        assert np.isfinite(est.score_samples(X, said)).all()


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=3, codec__hidden_size=8, image_encoder__max_iter=3, gan__max_iter=3
    )


RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(24, 10, 12, 3), dtype=np.uint8)
PAIRS = [{i % 3, 3 + i % 2} for i in range(24)]
UNUSUAL = {
    "constant images": (np.full_like(IMAGES, 7), PAIRS),
    "two images again and again": (IMAGES[[0, 1] * 12], PAIRS),
    "one answer for each image": (IMAGES, [{i % 3} for i in range(24)]),
    "a thousand labels": (RNG.rand(500, 4), [{2 * i, 2 * i + 1} for i in range(500)]),
    "a label seen once": (IMAGES, [{99}, *PAIRS[1:]]),
    "long captions": (IMAGES, [["w" * 500, " ".join(map(str, range(60)))], ["a b"]] * 12),
    "huge values": (1e30 * IMAGES.astype(float), PAIRS),
    "tiny values": (1e-30 * IMAGES.astype(float), PAIRS),
    "far from zero": (1e4 + IMAGES / 255, PAIRS),
    "a single pixel": (IMAGES[:, :1, :1], PAIRS),
    "one feature": (RNG.rand(24, 1), PAIRS),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test__fit__unusual_data__answers(kind):
    X, y = UNUSUAL[kind]
    assert_answers_well(quick().fit(X, y), X, y)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype("f8"),
        lambda X: X.astype(">f4"),
        lambda X: X.astype("f2"),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        np.asfortranarray,
        lambda X: X.transpose(0, 3, 1, 2),
        lambda X: X.tolist(),
    ],
    ids=["double", "big-endian", "half", "strided", "fortran", "channels first", "lists"],
)
def test__fit__same_images_in_another_form__same_model(convert):
    X = IMAGES.astype("f4")
    first, other = quick().fit(X, PAIRS), quick().fit(convert(X), PAIRS)
    np.testing.assert_array_equal(
        first.infer_latent(X, [0] * 24), other.infer_latent(convert(X), [0] * 24)
    )


class CtrlC(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("part", ["codec", "image_encoder", "gan"])
def test__ctrl_c__in_any_stage__leaves_what_was_there(part):
    est = quick().set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, PAIRS)
    with pytest.raises(NotFittedError):
        est.predict(IMAGES)

    X = RNG.rand(24, 3)
    est.set_params(**{f"{part}__callbacks": None}).fit(X, PAIRS)
    before = pickle.dumps(est)
    est.set_params(**{f"{part}__callbacks": [CtrlC()]})
    with pytest.raises(KeyboardInterrupt):
        est.fit(IMAGES, [["a dog"], ["a cat"]] * 12)
    est.set_params(**{f"{part}__callbacks": None})
    assert pickle.dumps(est) == before
