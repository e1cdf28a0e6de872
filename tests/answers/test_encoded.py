"""EncodedAnswers: each distinct answer once, and which of them an image has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condcap_sk.answers.encoded import EncodedAnswers, indexed

N_ANSWERS, N_COMPONENTS = 7, 3
VECTORS = np.random.RandomState(0).standard_normal((N_ANSWERS, N_COMPONENTS)).astype(np.float32)
IDS = np.array([[2, 0, 0], [3, 0, 0], [2, 3, 0], [3, 2, 0], [4, 0, 0], [4, 4, 4], [2, 2, 0]])
# The answers of each image: one at least, some several times.
IMAGES = st.lists(
    st.lists(st.integers(0, N_ANSWERS - 1), min_size=1, max_size=5), min_size=1, max_size=6
)


def encoded(rows):
    counts = [len(row) for row in rows]
    index = indexed(np.concatenate(rows), np.repeat(np.arange(len(rows)), counts))
    return EncodedAnswers(VECTORS, index, IDS, 5, np.ones((5, 2), np.float32), True)


def vectors_of(answers):
    """The sentence vectors of each image's answers, in their order."""
    return [[answers.vectors[i].tolist() for i in row if i >= 0] for row in answers.index]


@given(IMAGES)
def test__indexed__any_answers__are_each_image_s_in_order_and_filled_up(rows):
    index = encoded(rows).index
    assert index.shape == (len(rows), max(map(len, rows)))
    assert index.dtype == np.int64
    assert [[i for i in row if i >= 0] for row in index.tolist()] == rows
    # What fills a row up follows its answers.
    assert not ((index[:, :-1] < 0) & (index[:, 1:] >= 0)).any()


@given(IMAGES, st.data())
def test__take__some_images__keep_their_answers_order_and_multiplicity(rows, data):
    answers = encoded(rows)
    images = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    taken = answers.take(np.array(images))
    assert len(taken) == len(images)
    assert vectors_of(taken) == [VECTORS[rows[i]].tolist() for i in images]
    assert taken.captions() == [answers.captions()[i] for i in images]
    assert taken.n_pairs == sum(len(rows[i]) for i in images)
    # Nothing of images that were not taken is left, and no column that only fills.
    assert len(taken.vectors) == len(taken.ids) == len({i for image in images for i in rows[image]})
    assert (taken.index >= 0).any(axis=0).all()
    for name in ("n_tokens", "word_vectors", "are_sentences"):
        assert getattr(taken, name) is getattr(answers, name)


@given(IMAGES)
def test__take__two_parts__are_the_whole(rows):
    answers = encoded(rows)
    order = np.random.RandomState(0).permutation(len(rows))
    parts = [answers.take(part) for part in np.split(order, [len(rows) // 2]) if len(part)]
    found = [row for part in parts for row in vectors_of(part)]
    assert [found[i] for i in np.argsort(order)] == vectors_of(answers)


def test__take__no_token_ids__takes_vectors():
    taken = EncodedAnswers(VECTORS, np.array([[0, 1], [2, -1]])).take(np.array([1]))
    assert taken.ids is None
    np.testing.assert_array_equal(taken.vectors, VECTORS[[2]])


def test__captions__are_the_token_ids_without_what_fills_them_up():
    assert encoded([[0, 2], [5, 5]]).captions() == [[[2, 0], [2, 3, 0]], [[4, 4, 4], [4, 4, 4]]]


def test__radius__vectors_of_one_norm__is_that_norm():
    vectors = 3 * VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    answers = EncodedAnswers(vectors, np.zeros((1, 1), np.int64))
    assert answers.radius == pytest.approx(3)
    assert isinstance(answers.radius, float)


@given(IMAGES)
def test__from_vectors__lists_of_vectors__equal_ones_are_one_answer(rows):
    answers = EncodedAnswers.from_vectors([VECTORS[row] for row in rows], len(rows))
    assert vectors_of(answers) == [VECTORS[row].tolist() for row in rows]
    assert len(answers.vectors) == len({i for row in rows for i in row})
    assert answers.vectors.dtype == np.float32
    assert not answers.are_sentences


@pytest.mark.parametrize(
    "form", [list, tuple, np.asarray, lambda rows: [row[None] for row in rows]]
)
def test__from_vectors__one_vector_for_each_image__in_any_form(form):
    answers = EncodedAnswers.from_vectors(form(VECTORS.astype(float)), N_ANSWERS)
    assert vectors_of(answers) == VECTORS[:, None].tolist()


def test__from_vectors__encoded_already__is_itself():
    answers = encoded([[0], [1]])
    assert EncodedAnswers.from_vectors(answers, 2) is answers


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (list(VECTORS[:3]), r"X holds 2 rows, but y holds 3\. Pass one set"),
        (encoded([[0]]), r"X holds 2 rows, but y holds 1\. Pass one set"),
        ([VECTORS[:2], VECTORS[:0]], "y holds sets that are empty.*at least one answer"),
        ([VECTORS[0], VECTORS[0, :2]], "y holds .* vectors of different lengths.*Pass"),
        ([["a"], ["b"]], "y: .*"),
        ([[None], [[1.0, [2.0]]]], "y: .*"),
    ],
)
def test__from_vectors__no_vectors_of_each_image__names_y(y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        EncodedAnswers.from_vectors(y, 2)
