"""save and load: what a file knows of photographs. What else is in it: test_persistence.py."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.vision import LoadImages, PretrainedFeatures

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    scenes = make_captioned_shapes(10, size=32, random_state=0)
    scenes.files = [str(folder / f"{i}.png") for i in range(10)]
    for file, image in zip(scenes.files, scenes.images, strict=True):
        Image.fromarray(image).save(file)
    return scenes


@pytest.fixture(scope="module")
def pipe(scenes, quick):
    return make_pipeline(LoadImages(size=32), quick()).fit(scenes.files, scenes.captions)


def assert_same(again, pipe, files):
    answers = pipe.predict(files)
    np.testing.assert_array_equal(again.predict(files), answers)
    # After few steps, all images may have one answer, and yet another relevance each.
    found, expected = (p[-1].score_samples(p[:-1].transform(files), answers) for p in (again, pipe))
    np.testing.assert_array_equal(found, expected)
    assert len(set(expected)) == len(set(files))


def test__preprocessor__loaded__captions_files_with_the_estimator(pipe, scenes, tmp_path):
    pipe[-1].save(tmp_path / "m", preprocessor=pipe[:-1])
    assert pipe[-1].preprocessor_ is None
    est = ConditionalCaptioner.load(tmp_path / "m")
    assert isinstance(est.preprocessor_, Pipeline)
    again = make_pipeline(est.preprocessor_, est)
    assert_same(again, pipe, scenes.files)
    # A pipeline in a pipeline can be taken apart and cloned as any.
    assert clone(again).get_params()["pipeline__loadimages__size"] == 32


def test__preprocessor__of_a_pretrained_network__is_loaded_without_it(
    scenes, quick, tmp_path, monkeypatch
):
    pytest.importorskip("efficientnet_lite_pytorch")
    steps = LoadImages(size=64), PretrainedFeatures(n_regions=1)
    pipe = make_pipeline(*steps, quick(n_regions=1)).fit(scenes.files, scenes.captions)
    pipe[-1].save(tmp_path / "m", preprocessor=pipe[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(
            "condcap_sk.vision.pretrained.efficientnet_lite",
            lambda *args: pytest.fail("read"),
        )
        est = ConditionalCaptioner.load(tmp_path / "m")
    again = make_pipeline(est.preprocessor_, est)
    assert_same(again, pipe, scenes.files)


def test__preprocessor__is_kept_by_a_model_that_is_saved_again(pipe, tmp_path):
    pipe[-1].save(tmp_path / "a", preprocessor=pipe[0])
    ConditionalCaptioner.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test__preprocessor__of_another_fit__is_forgotten(pipe, scenes, tmp_path):
    pipe[-1].save(tmp_path / "m", preprocessor=pipe[:-1])
    est = ConditionalCaptioner.load(tmp_path / "m")
    assert est.fit(scenes.images, scenes.captions).preprocessor_ is None


def test__preprocessor__none__nothing_is_known(pipe, tmp_path):
    pipe[-1].save(tmp_path / "m")
    assert ConditionalCaptioner.load(tmp_path / "m").preprocessor_ is None


def test__preprocessor__that_does_not_fit__writes_nothing(pipe, tmp_path):
    with pytest.raises(ValueError, match=r"preprocessor makes images of shape \(3, 16, 16\)"):
        pipe[-1].save(tmp_path / "m", preprocessor=LoadImages(size=16))
    assert not list(tmp_path.iterdir())


def test__subclass_of_the_class__is_refused(pipe, tmp_path):
    class Mine(ConditionalCaptioner):
        pass

    mine = Mine()
    mine.__dict__.update(vars(pipe[-1]))
    with pytest.raises(ValueError, match="is a Mine, which `load` does not know"):
        mine.save(tmp_path / "m")
