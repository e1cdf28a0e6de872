"""CIDEr."""

import numpy as np
import pytest

from condcap_sk.metrics import cider

REFERENCES = [
    ["a red dog runs over the field", "the dog runs"],
    ["two men sit on a bench in town", "men on a bench"],
    ["the sea is calm this very morning", "calm sea at dawn"],
]


def test__cider__the_only_reference__is_ten():
    assert cider([texts[0] for texts in REFERENCES], [texts[:1] for texts in REFERENCES]) == (
        pytest.approx([10, 10, 10])
    )


def test__cider__nothing_shared__is_zero():
    assert cider(["xyzzy"] * 3, REFERENCES).tolist() == [0, 0, 0]


def test__cider__order_of_references_case_and_punctuation__do_not_matter():
    captions = ["a dog runs", "men sit", "the calm sea"]
    shuffled = [texts[::-1] for texts in REFERENCES]
    np.testing.assert_allclose(cider(captions, REFERENCES), cider(captions, shuffled))
    loud = [f"{caption.upper()}!" for caption in captions]
    np.testing.assert_allclose(cider(captions, REFERENCES), cider(loud, REFERENCES))


def test__cider__two_images_by_hand__is_the_weighted_cosine():
    # Unigrams b and c have weight log 2, a has weight 0: cosine 1/√2 for n = 1, nothing for others
    # but "a b" (n = 2), of which the caption's only other bigram is missing: 1/√2.
    scores = cider(["a b c", "x"], [["a b"], ["a d"]])
    assert scores[0] == pytest.approx(10 * (1 / np.sqrt(2) + 1 / np.sqrt(2)) / 4)
