"""model_card: what it says with and without images, of any model, whatever its labels hold."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk._card import OF_CAPTIONS, OF_LABELS
from condcap_sk.metrics import caption_report, control_report

CAPTIONS = [["a red dog", "the dog is red"], ["one cat"], ["birds fly", "two birds"]] * 20
FEW = slice(12)  # as many images as show all answers; figures take the time of a card
SECTIONS = ["Model", "Data", "Parameters", "Training", "Figures", "Use", "Limits", "Licence"]


@pytest.fixture(scope="module")
def captioner(quick, tiny):
    return quick(validation_fraction=0.2).fit(tiny[0], CAPTIONS)


@pytest.fixture(scope="module")
def labeller(quick, tiny):
    return quick(validation_fraction=0.2).fit(*tiny)


def cells(card, header):
    """Return the rows of the table with this header, by their first cell."""
    lines = card[card.index(f"| {' | '.join(header)} |") :].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def test__any_model__has_all_sections_and_yaml(labeller, captioner):
    yaml = pytest.importorskip("yaml")
    for est, tag in ((labeller, "image-classification"), (captioner, "image-to-text")):
        card = est.model_card()
        assert re.findall("^## (.+)$", card, re.MULTILINE) == SECTIONS
        front = yaml.safe_load(card.split("---\n")[1])
        assert front == {"library_name": "condcap_sk", "tags": [tag, "latent-variables"]}


def test__loaded__is_the_same_card(labeller, captioner, tiny, tmp_path):
    for est, y in ((labeller, tiny[1]), (captioner, CAPTIONS)):
        est.save(tmp_path / "m")
        loaded = ConditionalCaptioner.load(tmp_path / "m")
        assert loaded.model_card() == est.model_card()
        X, y = tiny[0][FEW], y[FEW]
        assert loaded.model_card(X, y) == est.model_card(X, y)


def test__no_images__what_may_have_been_chosen_on_them__is_said(quick, tiny, labeller):
    assert "Nothing was chosen on them." in labeller.model_card()
    est = quick(validation_fraction=0.2, warm_start=True)
    est.set_params(image_encoder__callbacks=[Callback()]).fit(*tiny)
    card = est.model_card()
    assert "Nothing was chosen" not in card
    assert "A callback that was passed may have stopped the training by them. If it went" in card
    assert "Steps are those of the last fit" in card
    # Neither of these sees what was held out.
    est = quick(validation_fraction=0.2, images="ignored")
    est.set_params(image_encoder__callbacks=[Callback()], codec__callbacks=[Callback()])
    assert "Nothing was chosen on them." in est.fit(*tiny).model_card()


def test__no_images__figures_are_those_of_the_fit(labeller):
    rows = cells(labeller.model_card(), ["figure", "what it is", "here"])
    assert (
        rows["latents_valid_accuracy"][1]
        == f"{labeller.history_['latents_valid_accuracy'][-1]:.3f}"
    )
    assert "on the 12 images that it held out" in labeller.model_card()
    assert all(meaning for meaning, _ in rows.values())


def test__no_images_and_none_held_out__has_no_figures(quick, tiny):
    card = quick(validation_fraction=0.0).fit(*tiny).model_card()
    assert "held no images out" in card
    assert "_valid_" not in card


def test__labels_with_images__figures_are_those_of_control_report(labeller, tiny):
    card = labeller.model_card(*tiny)
    rows = cells(card, ["figure", "what it is", "here", "chance", "ceiling"])
    report = control_report(labeller, *tiny, output_dict=True)
    assert rows.keys() == report.keys()
    for name, row in report.items():
        expected = ["–" if value is None else f"{value:.3f}" for value in row.values()]
        assert rows[name][1:] == expected
    assert "On 60 images with 120 right answers" in card


def test__captions_with_images__figures_are_those_of_caption_report(captioner, tiny):
    card = captioner.model_card(tiny[0], CAPTIONS)
    rows = cells(card, ["figure", "what it is", "here", "chance", "a person"])
    report = caption_report(captioner, tiny[0], CAPTIONS, output_dict=True)
    assert rows.keys() == report.keys()
    assert all(rows[name][1] == f"{value:.3f}" for name, value in report.items())
    for name in ("bleu_1", "cider_d"):
        assert re.fullmatch(r"\d+\.\d{3}", rows[name][2])
        assert re.fullmatch(r"\d+\.\d{3}", rows[name][3])


def test__meanings__every_figure_of_the_reports_has_one(labeller, captioner, quick, tiny):
    X, y = tiny[0][FEW], tiny[1][FEW]
    in_categories = quick(n_categories=2).fit(*tiny)
    names = {
        name
        for est in (labeller, in_categories)
        for name in control_report(est, X, y, output_dict=True)
    }
    assert names == OF_LABELS.keys()
    names = caption_report(captioner, X, CAPTIONS[FEW], output_dict=True)
    assert names.keys() == OF_CAPTIONS.keys()


@pytest.mark.parametrize(
    "params",
    [{"images": "ignored"}, {"objective": "paper"}, {"n_latents": 0, "n_categories": 2}],
    ids=str,
)
def test__other_models__have_a_card(quick, tiny, params):
    for y in (tiny[1], CAPTIONS):
        est = quick(**params).fit(tiny[0], y)
        assert "## Licence" in est.model_card(tiny[0][FEW], y[FEW])
        assert "## Licence" in est.model_card()


def test__labels__every_form_of_right_answers__is_the_same_card(labeller, tiny):
    X, y = tiny
    indicators = np.array([[label in labels for label in range(6)] for labels in y])
    assert labeller.model_card(X, indicators) == labeller.model_card(X, y)


HOSTILE = ["a | b", "` `` c", "d\n\n# e", "<script>alert(1)</script>", "[f](http://g)", "![h](i)"]


def test__labels_that_are_markup__change_nothing_of_the_page(quick, tiny):
    markdown_it = pytest.importorskip("markdown_it")
    X, _ = tiny
    y = [HOSTILE[2 * (i % 3) : 2 * (i % 3) + 2] for i in range(60)]
    card = quick(analyzer="label").fit(X, y).model_card(X[FEW], y[FEW])
    html = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(card)
    assert re.findall("<h2>(.+?)</h2>", html)[-len(SECTIONS) :] == SECTIONS
    assert not re.search('<script|<img|http://g"', html)
    # All of them on one line.
    (line,) = [line for line in card.splitlines() if line.startswith("- **Answers:**")]
    assert all(repr(label)[1:4] in line for label in HOSTILE)


def test__captions__no_word_of_them_is_in_the_card(quick, tiny):
    captions = [[f"xyzzy{i} plugh{i % 3}"] for i in range(60)]
    card = quick().fit(tiny[0], captions).model_card(tiny[0][FEW], captions[FEW])
    assert not re.search("xyzzy|plugh", card)


def test__pipeline__its_last_step_has_the_card(quick, tiny):
    X, y = tiny
    pipe = make_pipeline(FunctionTransformer(np.negative), quick()).fit(X, y)
    expected = quick().fit(-X, y).model_card(-X[FEW], y[FEW])
    assert pipe[-1].model_card(pipe[:-1].transform(X[FEW]), y[FEW]) == expected


def test__one_image__has_a_card(labeller, captioner, tiny):
    assert "On 1 image with" in labeller.model_card(tiny[0][:1], tiny[1][:1])
    assert "On 1 image with" in captioner.model_card(tiny[0][:1], CAPTIONS[:1])


class TestErrors:
    def test__not_fitted__raises(self, quick):
        with pytest.raises(NotFittedError):
            quick().model_card()

    def test__one_without_the_other__is_named(self, labeller, tiny):
        with pytest.raises(ValueError, match="X was passed without y. Pass"):
            labeller.model_card(tiny[0])
        with pytest.raises(ValueError, match="y was passed without X. Pass"):
            labeller.model_card(y=tiny[1])

    def test__wrong_shape__is_named(self, labeller, tiny):
        with pytest.raises(ValueError, match="X has 2 features"):
            labeller.model_card(tiny[0][:, :2], tiny[1])

    def test__wrong_length__is_named(self, labeller, captioner, tiny):
        with pytest.raises(ValueError, match="X holds 60 images, but y holds 59"):
            labeller.model_card(tiny[0], tiny[1][:59])
        with pytest.raises(ValueError, match="X holds 60 images, but y holds 59"):
            captioner.model_card(tiny[0], CAPTIONS[:59])

    def test__answers_of_another_kind__are_named(self, labeller, captioner, tiny):
        with pytest.raises(ValueError, match="y holds no answer that was in fit.*of the same kind"):
            labeller.model_card(tiny[0], CAPTIONS)
        with pytest.raises(ValueError, match="y holds 0, but fit saw captions. Pass strings"):
            captioner.model_card(*tiny)
