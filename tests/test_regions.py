"""Regions in X: the vectors of an image and of its regions, from end to end."""

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk.vision import LoadImages, PretrainedFeatures

N, SIZE, N_REGIONS = 24, 5, 4
COLOURS, SHAPES = ["red", "blue", "green"], ["ball", "box"]


def make_data(n):
    """Two things at two of four places; the image vector does not say which colour is whose."""
    rng = np.random.RandomState(0)
    colours, shapes = rng.randint(0, 3, (n, 2)), rng.randint(0, 2, (n, 2))
    regions = np.zeros((n, N_REGIONS, SIZE), dtype=np.float16)
    for image in range(n):
        for place, colour, shape in zip(
            rng.permutation(N_REGIONS), colours[image], shapes[image], strict=False
        ):
            regions[image, place, [colour, 3 + shape]] = 1
    captions = [
        [f"a {COLOURS[c]} {SHAPES[s]}" for c, s in zip(*both, strict=True)]
        for both in zip(colours, shapes, strict=True)
    ]
    return np.concatenate([regions.mean(axis=1), regions.reshape(n, -1)], axis=1), captions


X, CAPTIONS = make_data(N)


@pytest.fixture(scope="module")
def est(quick):
    return quick(n_regions=N_REGIONS).fit(X, CAPTIONS)


def test__answers__depend_on_the_regions_alone_where_vectors_are_equal(est):
    latents = est.sample_latents(20, random_state=0)
    one = np.repeat(X[:1], 6, axis=0).astype(float)
    # The weights of a short training hardly differ: what is looked at must be far away.
    one[1:, SIZE:] += 30 * np.random.RandomState(1).standard_normal((5, N_REGIONS * SIZE))
    found = est.predict_grid(one, latents)
    assert (found[1:] != found[0]).any()
    np.testing.assert_array_equal(est.score_samples(one, ["a red ball"] * 6)[1:], est.score_samples(
        one[:1], ["a red ball"]
    ).repeat(5))  # fmt: skip


def test__answers__alone_and_together__are_the_same(est):
    together, c = est.predict(X), est.sample_latents(random_state=0)[0]
    assert [est.predict(X[[row]])[0] for row in range(4)] == together[:4].tolist()
    assert [est.predict(X[[row]], c)[0] for row in range(4)] == est.predict(X, c)[:4].tolist()
    grid = est.predict_grid(X[:3], est.sample_latents(40, random_state=0))
    assert est.predict_grid(X[1:2], est.sample_latents(40, random_state=0)).tolist() == [
        grid[1].tolist()
    ]


def test__binding__is_learned(quick):
    train, captions = make_data(120)
    est = ConditionalCaptioner(2, n_regions=N_REGIONS, random_state=0)
    est.set_params(codec__max_iter=100, image_encoder__max_iter=30, gan__max_iter=100)
    est.fit(train, captions)
    right = [caption in known for caption, known in zip(est.predict(train), captions, strict=True)]
    assert np.mean(right) > 0.9


def test__round_trip__file_and_pickle__give_the_same_answers(est, tmp_path):
    est.save(tmp_path / "model.safetensors")
    joblib.dump(est, tmp_path / "model.joblib")
    for again in (
        ConditionalCaptioner.load(tmp_path / "model.safetensors"),
        joblib.load(tmp_path / "model.joblib"),
    ):
        assert again.predict(X).tolist() == est.predict(X).tolist()
        assert again.n_regions == N_REGIONS
        mean, _ = again.infer_speaker(X[:2], CAPTIONS[0])
        np.testing.assert_array_equal(mean, est.infer_speaker(X[:2], CAPTIONS[0])[0])


def test__tools_of_sklearn__clone_and_search__take_regions(est, quick):
    assert clone(est).n_regions == N_REGIONS
    search = GridSearchCV(quick(n_regions=N_REGIONS), {"gan__lr": [1e-3, 3e-3]}, cv=2)
    frame = pd.DataFrame(X.astype(float), columns=[f"x{i}" for i in range(X.shape[1])])
    assert len(search.fit(frame, CAPTIONS).predict(frame)) == N
    assert len(cross_val_predict(quick(n_regions=N_REGIONS), X, CAPTIONS, cv=2)) == N


class Maps(torch.nn.Module):
    def forward(self, images):
        return torch.nn.functional.avg_pool2d(images, 8)


def scaled(images):
    return images / 255


def test__pipeline__of_files_with_memory__computes_regions_once(quick, tmp_path):
    files = []
    for row in range(N):
        pixels = np.random.RandomState(row).randint(0, 256, (32, 32, 3), dtype=np.uint8)
        files.append(f"{tmp_path}/{row}.png")
        Image.fromarray(pixels).save(files[-1])
    features = PretrainedFeatures(Maps(), n_regions=N_REGIONS, preprocess=scaled)
    pipe = make_pipeline(
        LoadImages(32), features, quick(n_regions=N_REGIONS), memory=str(tmp_path / "cache")
    )
    frame = pd.DataFrame({"file": files})
    first = pipe.fit(frame["file"], CAPTIONS).predict(frame["file"])
    assert pipe.fit(frame["file"], CAPTIONS).predict(frame["file"]).tolist() == first.tolist()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (X[:, :SIZE], "has 5 features, .* 25 features .* 5 vectors of 5.*n_regions=4"),
        (X[:, : 4 * SIZE], "has 20 features"),
        (np.repeat(X, 2, axis=1), "has 50 features"),
        (X.reshape(N, -1, SIZE), r"5x5 images .*X\.reshape\(len\(X\), -1\)"),
        (np.zeros((N, 14, 14)), r"14x14 images .*Pass feature vectors \(n, 25\), as in fit"),
        (np.zeros((N, 2, 2), dtype=bool), "2x2 images .*Pass feature vectors"),
    ],
    ids=["no regions", "fewer", "wider", "not flattened", "grey images", "masks"],
)
def test__predict__other_than_in_fit__is_an_error_with_a_remedy(est, bad, message):
    with pytest.raises(ValueError, match=message):
        est.predict(bad)


@pytest.mark.parametrize("part", [slice(0, SIZE), slice(SIZE, None)], ids=["image", "regions"])
@pytest.mark.parametrize("far", [1e20, -1e20, 1e38])
def test__values_too_large_to_compute_with__are_an_error_that_names_them(est, part, far):
    bad = X.astype(np.float32)
    bad[:, part] = far
    for answer in (est.predict, lambda X: est.sample(X, 2), est.score_samples):
        with pytest.raises(ValueError, match=r"X holds values up to 1e\+.*another scale"):
            answer(bad)


def test__model_without_regions__refuses_regions(quick):
    est = quick().fit(X[:, :SIZE], CAPTIONS)
    remedy = r"If these are 5 vectors of 5.* pass .* X\[:, :5\], or fit again with n_regions=4"
    with pytest.raises(ValueError, match=rf"25 features, .* is expecting 5 .*{remedy}"):
        est.predict(X)
    with pytest.raises(ValueError, match=r"24 features, .* is expecting 5 features"):
        est.predict(X[:, 1:])


def test__frame_that_lacks_a_column__is_an_error_that_names_it(quick):
    frame = pd.DataFrame(X[:, :SIZE], columns=list("abcde"))
    with pytest.raises(ValueError, match="now missing:\n- e"):
        quick().fit(frame, CAPTIONS).predict(frame[list("abcd")])


@pytest.mark.parametrize(
    ("params", "images", "y", "message"),
    [
        ({}, X[:, :SIZE], CAPTIONS, None),
        ({"n_regions": 5}, X, CAPTIONS, "6 vectors of equal length.* 25 columns"),
        ({"n_regions": 4}, X, [{1, 2}] * N, "n_regions=4 is for captions.*n_regions=None"),
        ({"n_regions": 4}, np.zeros((N, 9, 9)), CAPTIONS, r"images of shape \(1, 9, 9\)"),
        ({"n_regions": 4, "images": "ignored"}, X, CAPTIONS, "images='matched'"),
        ({"n_regions": 4, "images": "end-to-end"}, X, CAPTIONS, "images='matched'"),
        ({"n_regions": 0}, X, CAPTIONS, "n_regions"),
    ],
    ids=["none", "other number", "labels", "pixels", "ignored", "end-to-end", "zero"],
)
def test__fit__regions_that_do_not_apply__are_an_error(quick, params, images, y, message):
    if message is None:
        quick(**params).fit(images, y)
        return
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(images, y)


def test__paper__answer_is_the_decoded_vector_whatever_the_regions(quick):
    est = quick(n_regions=N_REGIONS, objective="paper").fit(X, CAPTIONS)
    c = est.sample_latents(N, random_state=0)
    changed = X + np.r_[np.zeros(SIZE), np.ones(N_REGIONS * SIZE)]
    assert est.predict(changed, c).tolist() == est.predict(X, c).tolist()
    images = est.model_.sight(X.astype(np.float32))
    vectors = est.gan_.generate(images, c)
    assert est.predict(X, c).tolist() == est.codec_.inverse_transform(vectors).tolist()
