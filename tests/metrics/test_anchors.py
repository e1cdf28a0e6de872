"""What agreement of captions is compared with."""

import numpy as np
import pytest

from condcap_sk.metrics import cider_d
from condcap_sk.metrics._anchors import agreement_of, anchors_of

REFERENCES = [
    ["a red dog runs", "the red dog runs fast"],
    ["one black cat", "a black cat sits"],
    ["two white birds fly", "two birds fly away"],
]


def anchors(captions, references, seed=0):
    return anchors_of(captions, references, "word", np.random.RandomState(seed))


def test__agreement__is_that_of_each_measure():
    captions = [row[0] for row in REFERENCES]
    found = agreement_of(captions, REFERENCES, "word")
    assert list(found) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "cider_d"]
    assert found["bleu_1"] == pytest.approx(1)
    assert found["cider_d"] == pytest.approx(cider_d(captions, REFERENCES).mean())


def test__chance__captions_that_fit_their_own_image_alone__is_below_a_person_s():
    found = anchors([row[0] for row in REFERENCES], REFERENCES)
    for name in ("bleu_1", "rouge_l", "cider", "cider_d"):
        chance, person = found[name]
        assert chance < person


def test__chance__the_same_caption_for_all__is_what_it_has():
    captions = ["a black cat"] * 3
    found = anchors(captions, REFERENCES)
    for name, value in agreement_of(captions, REFERENCES, "word").items():
        assert found[name][0] == pytest.approx(value)


def test__person__is_compared_with_others_only():
    # Of two captions without a common word, neither is like the other.
    found = anchors(["x"] * 2, [["a b", "c d"], ["e f", "g h"]])
    assert found["bleu_1"][1] == 0


def test__recall__chance_is_the_share_of_images():
    found = anchors([row[0] for row in REFERENCES], REFERENCES)
    assert found["recall_at_1"] == (pytest.approx(1 / 3), None)
    assert found["recall_at_5"] == (1, None)


def test__one_image_or_one_reference__has_no_chance_or_no_person():
    assert anchors(["a cat"], [["a cat", "one cat"]])["cider_d"][0] is None
    assert anchors(["a cat", "a dog"], [["a cat"], ["a dog"]])["cider_d"][1] is None
