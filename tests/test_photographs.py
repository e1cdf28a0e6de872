"""From image files to captions, in one pipeline."""

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.vision import LoadImages, PretrainedFeatures


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    scenes = make_captioned_shapes(24, size=32, random_state=0)
    scenes.files = []
    for i, image in enumerate(scenes.images):
        scenes.files.append(folder / f"{i}.png")
        Image.fromarray(image).save(scenes.files[-1])
    return scenes


def captioner(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=5, codec__hidden_size=16, image_encoder__max_iter=5, gan__max_iter=5
    )


def test__pipeline__files_to_captions__features_are_kept(scenes, tmp_path, monkeypatch):
    pipe = make_pipeline(
        LoadImages(size=64), PretrainedFeatures(), captioner(), memory=str(tmp_path)
    )
    pipe.fit(scenes.files, scenes.captions)
    (caption,) = pipe.predict(scenes.files[3:4])
    assert isinstance(caption, str)
    assert caption

    def never(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(PretrainedFeatures, "transform", never)
    pipe.set_params(conditionalcaptioner__n_latents=2).fit(scenes.files, scenes.captions)


def test__without_a_pretrained_network__learns_from_small_images(scenes):
    pipe = make_pipeline(LoadImages(size=32), captioner()).fit(scenes.files, scenes.captions)
    answers = pipe.predict(scenes.files, c=[0.5, 0.5, 0.5])
    assert answers.shape == (24,)
    np.testing.assert_array_equal(pipe.predict(scenes.files[:2]), pipe.predict(scenes.files)[:2])


@pytest.mark.parametrize(
    "captions",
    [["赤い丸", "青い四角の左に赤い丸"], ["a 🐶 runs", "собака бежит 🐶"]],
    ids=["japanese", "mixed"],
)
def test__other_scripts__characters__are_given_back(scenes, captions):
    est = captioner(analyzer="char").fit(scenes.images, [captions] * 24)
    known = set("".join(captions).lower())
    assert all(set(answer.lower()) <= known for answer in est.predict(scenes.images))


def test__characters__score__counts_them_and_not_words(scenes):
    texts = [["赤い丸が見える"], ["青い四角です"]] * 12
    est = captioner(analyzer="char").fit(scenes.images, texts)
    # Nearly all answers share a character with a true caption, and none shares a "word".
    assert 0 < est.score(scenes.images, texts) < 10
