"""How a model is fitted from its stages."""

import warnings
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk.exceptions import CollapseWarning, EmptyCaptionError, SingleAnswerWarning
from condcap_sk.gan import LatentGAN
from condcap_sk.model.fitting import MOST_HELD_OUT, _split, fit_model, warn_of_answers
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

from .conftest import CAPTIONS, X, quick


@pytest.mark.parametrize(("n", "share", "held_out"), [(20, 0.1, 2), (20, 0, 0), (50_000, 0.5, 500)])
def test__split__rows__are_in_one_part_each(n, share, held_out):
    train, out = _split(n, share, 0)
    assert len(out) == held_out <= MOST_HELD_OUT
    assert sorted([*train, *out]) == list(range(n))
    assert (np.diff(train) > 0).all()
    again = _split(n, share, 0)
    np.testing.assert_array_equal(train, again[0])
    if held_out:
        assert not np.array_equal(out, _split(n, share, 1)[1])


class TestFitModel:
    """Without scikit-learn around it."""

    PARAMS = {
        "validation_fraction": 0.2,
        "images": "matched",
        "relevance_weight": 0.5,
        "beam_width": 2,
    }
    # Three answers of each image.
    ANSWERS = np.array([f"{'abc'[k]}{i % 7}" for i in range(20) for k in range(3)], dtype=object)
    OWNERS = np.repeat(np.arange(20), 3)

    def stages(self):
        return {
            "codec": CaptionCodec(max_iter=2, hidden_size=8, random_state=0),
            "image_encoder": ImageEncoder(max_iter=2, random_state=0),
            "gan": LatentGAN(max_iter=2, hidden_size=8, random_state=0),
        }

    def fit(self, stages, report=lambda stage, snapshot=None: nullcontext(), bank_seed=1, **params):
        return fit_model(
            stages,
            X.astype(np.float32),
            self.ANSWERS,
            self.OWNERS,
            params={**self.PARAMS, **params},
            seeds=[0, bank_seed, 2, 3],
            report=report,
        )

    def test__stages__are_fitted_in_order_and_reported(self):
        stages, reported = self.stages(), []

        @contextmanager
        def report(stage, snapshot=None):
            assert not hasattr(stage, "history_")
            reported.append((stage, snapshot is not None))
            yield
            assert hasattr(stage, "history_")

        model = self.fit(stages, report)
        # Only in the last training there is what could answer.
        assert reported == [
            (stages["codec"], False),
            (stages["image_encoder"], False),
            (stages["gan"], True),
        ]
        assert (model.codec, model.sight.encoder, model.gan) == tuple(stages.values())
        assert model.answerer.relevance_weight == 0.5

    def test__snapshot__in_the_last_training__is_a_model_that_answers(self):
        answers = []

        @contextmanager
        def report(stage, snapshot=None):
            if snapshot is not None:
                watch = Callback()
                watch.on_epoch_end = lambda net, **kwargs: answers.append(
                    snapshot(net).best(X.astype(np.float32), 20)
                )
                stage._reports = (watch,)
            yield

        model = self.fit(self.stages(), report)
        assert len(answers) == model.gan.n_iter_
        assert all(ids.shape == (20, 1) for ids in answers)

    def test__sight_without_an_encoder__is_not_reported(self):
        stages, reported = self.stages(), []

        def report(stage, snapshot=None):
            reported.append(stage)
            return nullcontext()

        self.fit(stages, report, images="ignored")
        assert reported == [stages["codec"], stages["gan"]]
        assert not hasattr(stages["image_encoder"], "history_")

    def test__same_seeds__same_model(self):
        images, found = X.astype(np.float32), []
        for model in (self.fit(self.stages()), self.fit(self.stages())):
            assert model.gan.calibration_ != (1.0, 1.0, 1.0)
            ids = model.answer(images, model.bank[:20], 20)
            found.append([model.bank, ids, *model.infer(images, ids, 20), model.gan.calibration_])
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)

    def test__bank__is_drawn_by_its_seed(self):
        one, same, other = (self.fit(self.stages(), bank_seed=seed).bank for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert not np.isclose(one, other).any()

    def test__images_and_their_answers__stay_together_in_training_and_held_out(self):
        codec, encoder, gan = (stages := self.stages()).values()
        found = []
        for stage, name in ((encoder, "_fit_checked"), (gan, "fit")):
            fit = getattr(type(stage), name)

            def watched(images, answers, validation, stage=stage, fit=fit):
                found.append([(images, answers), validation])
                return fit(stage, images, answers, validation)

            setattr(stage, name, watched)
        self.fit(stages)
        of_encoder, of_gan = found
        for (images, answers), (vectors, same) in zip(of_encoder, of_gan, strict=True):
            rows = [X.astype(np.float32).tolist().index(image) for image in images.tolist()]
            ids = answers.ids[answers.index].reshape(-1, 1)
            expected = self.ANSWERS.reshape(20, 3)[rows]
            assert codec.vocabulary_.decode(ids).reshape(-1, 3).tolist() == expected.tolist()
            np.testing.assert_array_equal(vectors, encoder.transform(images))
            np.testing.assert_array_equal(same.index, answers.index)
        assert [len(images) for images, _ in of_encoder] == [16, 4]
        # The codec knows all.
        assert codec.classes_.tolist() == np.unique(self.ANSWERS).tolist()

    def test__caption_without_a_token__is_named_with_its_images(self):
        stages = self.stages()
        stages["codec"].set_params(analyzer="word")
        self.ANSWERS = self.ANSWERS.copy()
        self.ANSWERS[[4, 5, 30]] = "!?"
        with pytest.raises(
            EmptyCaptionError, match=r"3 of 60 captions.*They are in y\[1\], y\[10\]\."
        ) as e:
            self.fit(stages)
        assert e.value.rows == [1, 10]
        assert e.value.captions == ["!?"] * 3


def test__fit__held_out_images__change_no_answer_of_the_codec():
    """Captions are learned from all images, matching and latents from those not held out."""
    est = quick(validation_fraction=0.2).fit(X, CAPTIONS)
    assert "latents_valid_cross_entropy" in est.history_
    assert "images_valid_average_precision" in est.history_
    without = quick(validation_fraction=0.0).fit(X, CAPTIONS)
    assert not any("valid" in name for name in without.history_)
    np.testing.assert_array_equal(
        est.codec_.transform(["a red dog"]), without.codec_.transform(["a red dog"])
    )


def test__fit__each_caption__is_split_once():
    calls = []

    def split(caption):
        calls.append(caption)
        return caption.split()

    quick(analyzer=split).fit(X, CAPTIONS)
    assert sorted(calls) == sorted(caption for row in CAPTIONS for caption in row)


def test__fit__noise__is_the_codec_s():
    est = quick().set_params(codec__noise=0.25).fit(X, CAPTIONS)
    assert est.gan_.noise == 0.25
    assert quick().set_params(codec__noise=0.0).fit(X, CAPTIONS).gan_.noise == 1.0


def test__warn__nothing_to_choose_between__is_named(labels_model, features):
    answers, owners = np.array(["a"] * 20), np.arange(20)
    with pytest.warns(SingleAnswerWarning, match="Every answer in y is 'a'"):
        warn_of_answers(labels_model.model_, features, answers, owners, 20)


def test__warn__latent_without_influence__is_named_with_the_remedy(
    captions_model, features, monkeypatch
):
    model = captions_model.model_
    answers, owners = np.array(["a", "b"] * 20), np.arange(20).repeat(2)
    monkeypatch.setattr(model, "answer_each", lambda X, bank, _: np.zeros((len(X), len(bank), 1)))
    with pytest.warns(CollapseWarning, match=r"1\.00 different answers.*2\.0 are right.*kl_target"):
        warn_of_answers(model, features, answers, owners, 20)
    monkeypatch.setattr(
        model,
        "answer_each",
        lambda X, bank, _: np.tile(np.arange(len(bank))[:, None], (len(X), 1, 1)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_answers(model, features, answers, owners, 20)


def test__warn__images_that_are_sorted__are_examined_from_end_to_end():
    def answer_each(rows, latents, batch_size):
        # The first tenth has one answer, whatever the latent.
        return np.where(rows[:, None, None] < 40, 0, np.arange(8)[None, :, None])

    model = SimpleNamespace(answer_each=answer_each, bank=np.zeros((8, 1)))
    with warnings.catch_warnings(action="error"):
        warn_of_answers(model, np.arange(400), np.arange(800)[:, None], np.arange(800) // 2, 20)


def test__fit__images_ignored__are_not_needed():
    est = ConditionalCaptioner(images="ignored", random_state=0).set_params(
        codec__max_iter=2, gan__max_iter=2
    )
    est.fit(X, [{"a", "b"}, {"c"}] * 10)
    assert est.image_encoder_ is None
    assert len(set(est.predict(X, [0.3, 0.1, 0.2]))) == 1


def test__fit__consensus_decoder__is_only_where_g_gets_image_vectors():
    consensus = {
        images: quick(images=images).fit(X, CAPTIONS).gan_.consensus_
        for images in ("matched", "ignored", "end-to-end")
    }
    assert [name for name, module in consensus.items() if module is None] == ["end-to-end"]
