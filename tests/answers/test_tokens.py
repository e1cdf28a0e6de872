"""Token ids that every vocabulary has, and distinct answers."""

import numpy as np
import pytest

from condcap_sk.answers.tokens import END, N_SPECIAL, UNKNOWN, distinct_answers
from condcap_sk.answers.vocabulary import make_vocabulary


def test__special_ids__are_those_that_model_files_hold():
    assert (END, UNKNOWN, N_SPECIAL) == (0, 1, 2)


@pytest.mark.parametrize("analyzer", ["label", "word", "char"])
def test__special_ids__in_any_vocabulary__belong_to_no_token(analyzer):
    vocabulary = make_vocabulary(analyzer).fit(["b", "a"])
    assert sorted(vocabulary.ids_.values()) == [N_SPECIAL, N_SPECIAL + 1]
    assert len(vocabulary) == N_SPECIAL + 2


@pytest.mark.parametrize("max_length", [1, 3])
def test__distinct_answers__in_order__and_which_each_is(max_length):
    ids = np.random.RandomState(0).randint(4, size=(50, max_length))
    distinct, which = distinct_answers(ids)
    assert distinct.tolist() == sorted(map(list, set(map(tuple, ids.tolist()))))
    np.testing.assert_array_equal(distinct[which], ids)


def test__distinct_answers__of_none__are_none():
    distinct, which = distinct_answers(np.zeros((0, 1), dtype=int))
    assert (distinct.shape, which.shape) == ((0, 1), (0,))
