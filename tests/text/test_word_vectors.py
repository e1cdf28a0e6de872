"""Word vectors that were learned elsewhere."""

import numpy as np
import pytest
import torch

from condcap_sk import ConditionalCaptioner
from condcap_sk.answers.tokens import N_SPECIAL
from condcap_sk.answers.vocabulary import LabelVocabulary, TextVocabulary
from condcap_sk.text import CaptionCodec
from condcap_sk.text.word_vectors import vectors_of

CAPTIONS = ["a red dog", "a blue cat", "one red cat"]
KNOWN = {
    "red": [1.0, 0.0, 0.0, 1.0],
    "blue": [1.0, 0.1, 0.0, 0.9],
    "dog": [-1.0, 3.0, 0.5, 0.0],
    "horse": [0.0, 0.0, 0.0, 1.0],
}


def vocabulary():
    return TextVocabulary("word").fit(CAPTIONS)


def test__vectors_of__known_and_unknown_words__standardised_or_nan():
    words = vocabulary()
    vectors = vectors_of(words, KNOWN)
    known = ~np.isnan(vectors).any(axis=1)
    assert {words.tokens_[i - N_SPECIAL] for i in np.flatnonzero(known)} == {"red", "blue", "dog"}
    np.testing.assert_allclose(vectors[known].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors[known].std(), 1, atol=1e-5)


def test__vectors_of__one_word_known__none():
    assert vectors_of(vocabulary(), {"red": [1.0]}) is None


def test__vectors_of__none_or_labels__none():
    assert vectors_of(vocabulary(), None) is None
    assert vectors_of(LabelVocabulary().fit(np.array(["red", "blue"])), KNOWN) is None


@pytest.mark.parametrize(
    ("mapping", "named"),
    [({"Dog": [1.0], "horse": [2.0]}, "but 'Dog', 'horse'"), ({}, "but nothing")],
    ids=["others", "empty"],
)
def test__vectors_of__no_word_known__names_some_of_both(mapping, named):
    with pytest.raises(
        ValueError, match=f"(?s)word_vectors holds none.*'a', 'blue'.*{named}.*Pass"
    ):
        CaptionCodec(word_vectors=mapping).fit(CAPTIONS)


@pytest.mark.parametrize(
    "vector",
    [
        "x", {"a": 1}, [1.0, [2.0]], 3.0, [], [[1.0, 2.0]], [np.nan, 1.0], [1.0, 1e300],
        torch.ones(2, requires_grad=True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("others", [{}, {"red": [1.0, 2.0]}])
def test__vectors_of__no_vector__names_the_word(vector, others):
    with pytest.raises(ValueError, match=r"(?s)word_vectors\['dog'\]=.* is no vector.*Pass"):
        vectors_of(vocabulary(), {**others, "dog": vector})


def test__vectors_of__of_other_length__names_two_words():
    longer = {"red": [1.0, 2.0], "blue": [3.0, 4.0], "dog": [1.0]}
    with pytest.raises(ValueError, match=r"word_vectors\['dog'\] has length 1, \['red'\] 2.*Pass"):
        vectors_of(vocabulary(), longer)


def test__vectors_of__tensors__are_taken():
    tensors = {word: torch.tensor(vector) for word, vector in KNOWN.items()}
    np.testing.assert_array_equal(
        vectors_of(vocabulary(), tensors), vectors_of(vocabulary(), KNOWN)
    )


def test__captioner__word_vectors__are_used_everywhere_and_not_kept(tmp_path):
    X = np.random.RandomState(0).random((12, 4))
    y = [[caption] for caption in CAPTIONS] * 4

    def fit(word_vectors):
        est = ConditionalCaptioner(random_state=0).set_params(
            codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2,
            codec__word_vectors=word_vectors,
        )  # fmt: skip
        return est.fit(X, y)

    plain, begun = fit(None), fit(KNOWN)
    red = plain.codec_.vocabulary_.ids_["red"]
    for embedding in (
        lambda est: est.codec_.encoder_.embedding,
        lambda est: est.image_encoder_.matcher_.embed_caption.words,
        lambda est: est.gan_.decoder_.embedding,
    ):
        assert not torch.allclose(embedding(plain).weight[red], embedding(begun).weight[red])
    begun.save(tmp_path / "model.safetensors")
    again = ConditionalCaptioner.load(tmp_path / "model.safetensors")
    assert again.codec.word_vectors is None
    assert again.predict(X).tolist() == begun.predict(X).tolist()
