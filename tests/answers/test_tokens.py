"""Token ids that every vocabulary has."""

import pytest

from condcap_sk.answers.tokens import END, N_SPECIAL, UNKNOWN
from condcap_sk.answers.vocabulary import make_vocabulary


def test__special_ids__are_those_that_model_files_hold():
    assert (END, UNKNOWN, N_SPECIAL) == (0, 1, 2)


@pytest.mark.parametrize("analyzer", ["label", "word", "char"])
def test__special_ids__in_any_vocabulary__belong_to_no_token(analyzer):
    vocabulary = make_vocabulary(analyzer).fit(["b", "a"])
    assert sorted(vocabulary.ids_.values()) == [N_SPECIAL, N_SPECIAL + 1]
    assert len(vocabulary) == N_SPECIAL + 2
