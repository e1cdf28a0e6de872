"""The answers of a batch of images."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from condcap_sk._torch.candidates import candidates_of, fits_of


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=6))
def test__candidates__any_batch__are_its_answers_and_whose_they_are(rows):
    longest = max(map(len, rows))
    answers = torch.tensor([row + [-1] * (longest - len(row)) for row in rows])
    candidates = candidates_of(answers)
    fits = fits_of(answers, candidates)
    assert candidates.tolist() == sorted({answer for row in rows for answer in row})
    found = [{c for c, fit in zip(candidates.tolist(), row, strict=True) if fit} for row in fits]
    assert found == [set(row) for row in rows]
