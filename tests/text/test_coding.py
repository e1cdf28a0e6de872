"""What a fitted CaptionCodec does: captions to sentence vectors and back."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from condcap_sk.text import CaptionCodec, inference


def test__transform__any_caption__gives_a_vector_of_one_norm(words, sentences):
    vectors = words.transform([*sentences, "a word that was not in fit"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.sqrt(32), rtol=1e-5)


def test__transform__rows_by_themselves__are_the_same(words, sentences):
    whole = words.transform(sentences)
    for i, sentence in enumerate(sentences):
        np.testing.assert_array_equal(words.transform([sentence])[0], whole[i])


def test__transform__a_label_that_was_not_in_fit__is_named():
    codec = CaptionCodec(max_iter=2, random_state=0).fit(["cat", "dog"])
    with pytest.raises(ValueError, match="captions holds .*fit: cow.*Use .*'cat', 'dog'"):
        codec.transform(["cat", "cow"])


def test__encode_tokens__ids_of_captions__are_their_vectors(words, sentences):
    ids = words.vocabulary_.encode(sentences)
    np.testing.assert_array_equal(words.encode_tokens(ids), words.transform(sentences))


def test__inverse_transform__vectors_of_captions__gives_them_back(words, numbers, sentences):
    assert words.inverse_transform(words.transform(sentences)).tolist() == sentences
    back = numbers.inverse_transform(numbers.transform(range(10)))
    np.testing.assert_array_equal(back, np.arange(10))
    assert back.dtype == numbers.classes_.dtype


def test__inverse_transform__noisy_label_vectors__gives_the_label(numbers):
    labels = np.arange(10).repeat(100)
    noise = np.random.RandomState(0).standard_normal((1000, 16))
    found = numbers.inverse_transform(numbers.transform(labels) + noise)
    assert (found == labels).mean() > 0.95


def test__inverse_transform__any_vector__gives_known_words_and_one_at_least(words):
    vectors = np.random.RandomState(0).standard_normal((200, 32))
    for caption in words.inverse_transform(vectors):
        assert caption
        assert set(caption.split()) <= set(words.vocabulary_.tokens_)


def test__candidates__any_number__are_those_of_the_decoder_likeliest_first(words, sentences):
    vectors = words.transform(sentences)
    ids, log_probabilities = words.candidates(vectors, 4)
    assert ids.shape == (5, 4, words.vocabulary_.max_length_)
    assert (np.diff(log_probabilities, axis=1) <= 0).all()
    assert words.vocabulary_.decode(ids[:, 0]).tolist() == sentences
    expected = inference.likeliest(
        words.decoder_, vectors[:, None], 4, size=1, device=words.device_
    )
    np.testing.assert_array_equal(ids, expected[0][:, 0])


def test__log_probability__of_labels__sums_to_one(numbers):
    ids = numbers.vocabulary_.encode(range(10))
    vectors = np.repeat(numbers.transform([3]), 10, axis=0)
    probabilities = np.exp(numbers.log_probability(vectors, ids))
    assert probabilities.argmax() == 3
    assert probabilities.sum() == pytest.approx(1, abs=0.01)


def test__log_probability__of_sentences__is_that_of_the_search(words, sentences):
    vectors = words.transform(sentences)
    ids, scores = words.candidates(vectors, 1)
    found = words.log_probability(vectors, ids[:, 0])
    # The search gives the unknown word no probability.
    np.testing.assert_allclose(found, scores[:, 0], atol=0.05)
    assert (words.log_probability(vectors, np.roll(ids[:, 0], 1, axis=0)) < found).all()


@pytest.mark.parametrize(
    "use",
    [
        lambda codec, vectors: codec.inverse_transform(vectors),
        lambda codec, vectors: codec.candidates(vectors, 2),
        lambda codec, vectors: codec.log_probability(vectors, np.array([[2, 0, 0, 0]])),
    ],
    ids=["inverse_transform", "candidates", "log_probability"],
)
def test__vectors__of_another_width__are_named_with_the_right_one(use, words):
    with pytest.raises(ValueError, match="vectors has 3 columns, but 32 are expected"):
        use(words, np.zeros((1, 3)))


@pytest.mark.parametrize(
    "use",
    [
        lambda codec: codec.transform(["a"]),
        lambda codec: codec.inverse_transform(np.zeros((1, 3))),
        lambda codec: codec.encode_tokens(np.array([[2]])),
        lambda codec: codec.candidates(np.zeros((1, 3)), 2),
        lambda codec: codec.log_probability(np.zeros((1, 3)), np.array([[2]])),
    ],
)
def test__any_use__before_fit__raises_not_fitted(use):
    with pytest.raises(NotFittedError):
        use(CaptionCodec())
