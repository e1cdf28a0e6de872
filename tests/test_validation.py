"""Checks of what users hand in, where no estimator's own test makes them."""

import tracemalloc

import numpy as np
import pytest

from condcap_sk._validation import check_answers, check_label_sets


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, r"y\[3\] holds None of type NoneType"),
        (b"a", r"y\[3\] holds b'a' of type bytes"),
        (3, r"3 \(number\) in y\[3\] and 'a dog' \(str\) in y\[0\].*str\(\)"),
        (np.nan, r"y\[3\] holds nan, .*missing.*Leave it out"),
        (np.float32(np.nan), r"y\[3\] holds nan, .*missing.*Leave it out"),
    ],
)
def test__check_label_sets__bad_answer__is_located(bad, message):
    y = [["a dog", "one dog"], ["a cat"], ["a cat", "it"], ["a cow", bad], ["a horse"]]
    with pytest.raises(ValueError, match=message):
        check_label_sets(y, 5, "y")


def test__check_answers__one_long_caption__takes_no_memory_for_the_others():
    captions = ["a dog runs"] * 3000 + ["x" * 20_000]
    tracemalloc.start()
    checked = check_answers(captions, "captions")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert checked.tolist() == captions
