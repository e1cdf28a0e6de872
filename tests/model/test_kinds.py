"""The table of what kinds of answers take."""

from types import SimpleNamespace

import pytest

from condcap_sk.gan.latent_gan import GAMES
from condcap_sk.model.answerer import Answerer
from condcap_sk.model.kinds import ANSWERERS, answerer_of
from condcap_sk.model.labels import LabelAnswerer
from condcap_sk.model.sentences import SentenceAnswerer


def test__answerers_and_games__are_there_for_the_same_kinds():
    assert set(ANSWERERS) == set(GAMES)


def test__answerer_of__fitted_parts__is_that_of_their_kind(
    labels_model, captions_model, paper_model
):
    found = [type(est.model_.answerer) for est in (labels_model, captions_model, paper_model)]
    assert found == [LabelAnswerer, SentenceAnswerer, Answerer]
    for est in (labels_model, captions_model, paper_model):
        assert est.model_.answerer.has_decoder == (est.gan_.decoder_ is not None)


@pytest.mark.parametrize(
    ("objective", "are_sentences", "kind"),
    [
        ("paper", False, Answerer),
        ("paper", True, Answerer),
        ("relativistic", False, LabelAnswerer),
        ("relativistic", True, SentenceAnswerer),
    ],
)
def test__answerer_of__objective_and_answers__decide(objective, are_sentences, kind):
    codec = SimpleNamespace(vocabulary_=SimpleNamespace(are_sentences=are_sentences))
    sight, gan = SimpleNamespace(weight_of_sentences=1), SimpleNamespace(objective=objective)
    answerer = answerer_of(codec, sight, gan, 0.7, 4)
    assert type(answerer) is kind
    assert (answerer.codec, answerer.sight, answerer.gan) == (codec, sight, gan)
    assert (answerer.relevance_weight, answerer.beam_width) == (0.7, 4)
