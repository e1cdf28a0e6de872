"""CaptionCodec: captions to sentence vectors and back."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from condcap_sk.text import CaptionCodec
from condcap_sk.text.modules import CaptionDecoder
from condcap_sk.text.vocabulary import END, N_SPECIAL, UNKNOWN
from condcap_sk.training.seeding import seeded_init

SENTENCES = ["a red dog runs", "one dog", "two cats sit down", "a cat", "nothing at all here"]


def small(**params):
    """A codec for sentences whose training takes a second."""
    return CaptionCodec(hidden_size=64, n_components=32, batch_size=64, max_iter=200, **params)


@pytest.fixture(scope="module")
def words():
    return small(random_state=0).fit(SENTENCES)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 1, 7, 7]),
        np.array([0.5, -2.0, 3.0]),
        np.array([True, False]),
        np.array(["cat", "a dog"]),
    ],
    ids=["int", "float", "bool", "str"],
)
def test__labels__round_trip__keeps_values_and_dtype(labels):
    codec = CaptionCodec(analyzer="label", random_state=0).fit(labels)
    back = codec.inverse_transform(codec.transform(labels))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == labels.dtype
    np.testing.assert_array_equal(codec.classes_, np.unique(labels))


def test__words__round_trip__gives_the_sentences(words):
    assert words.analyzer_ == "word"
    assert words.inverse_transform(words.transform(SENTENCES)).tolist() == SENTENCES


@pytest.mark.parametrize(
    ("analyzer", "captions"),
    [
        ("char", ["赤い犬", "猫が二匹", "犬"]),
        ("char", ["a\0", "\0\0"]),
        (str.split, ["red,dog cat", "cat"]),
    ],
    ids=["char", "NUL", "callable"],
)
def test__other_analyzers__round_trip__gives_the_captions(analyzer, captions):
    codec = small(analyzer=analyzer, random_state=0).fit(captions)
    assert codec.inverse_transform(codec.transform(captions)).tolist() == captions


def test__vectors__any_caption__have_one_norm(words):
    vectors = words.transform([*SENTENCES, "a word never seen"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.sqrt(32), rtol=1e-5)


def test__inverse_transform__noisy_label_vectors__hears_the_label():
    codec = CaptionCodec(random_state=0).fit(range(10))
    labels = np.arange(10).repeat(100)
    noise = np.random.RandomState(0).standard_normal((1000, 16))
    heard = codec.inverse_transform(codec.transform(labels) + noise)
    assert (heard == labels).mean() > 0.95


def test__inverse_transform__any_vector__never_says_the_unknown_or_nothing(words):
    vectors = np.random.RandomState(0).standard_normal((200, 32))
    for caption in words.inverse_transform(vectors):
        assert caption
        assert set(caption.split()) <= set(words.vocabulary_.tokens_)


def test__fit__same_seed__same_weights_and_untouched_streams():
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(2).tolist(), np.random.rand()
    torch.manual_seed(1)
    np.random.seed(1)
    one, other = (CaptionCodec(max_iter=10, random_state=3).fit(SENTENCES) for _ in range(2))
    assert (torch.rand(2).tolist(), np.random.rand()) == expected
    for name, value in one.encoder_.state_dict().items():
        assert torch.equal(value, other.encoder_.state_dict()[name])


def test__fit__order_and_repetition__do_not_matter():
    one = CaptionCodec(max_iter=10, random_state=3).fit(SENTENCES)
    other = CaptionCodec(max_iter=10, random_state=3).fit(SENTENCES[::-1] * 2)
    np.testing.assert_array_equal(one.transform(SENTENCES), other.transform(SENTENCES))


def test__transform__rows_by_themselves__are_the_same(words):
    whole = words.transform(SENTENCES)
    for i, sentence in enumerate(SENTENCES):
        np.testing.assert_allclose(words.transform([sentence])[0], whole[i], atol=1e-5)


def test__vocabulary_limits__rare_words_and_length__are_cut():
    codec = CaptionCodec(min_df=2, max_length=2, max_iter=5, random_state=0).fit(SENTENCES)
    assert set(codec.vocabulary_.tokens_) == {"a", "dog"}
    assert codec.vocabulary_.encode(["dog dog dog"]).shape == (1, 2)
    few = CaptionCodec(max_features=3, max_iter=5, random_state=0).fit(SENTENCES)
    assert len(few.vocabulary_.tokens_) == 3


def test__history__after_fit__is_a_dict_of_equal_lists(words):
    assert {"epoch", "cross_entropy", "reconstructed"} == set(words.history_)
    assert len({len(values) for values in words.history_.values()}) == 1
    assert words.history_["reconstructed"][-1] > 0.9


@pytest.mark.parametrize(
    ("captions", "params", "message"),
    [
        ([], {}, "captions is empty.*Pass"),
        ("cat", {}, "captions='cat' is one bare string.*Pass a list"),
        ([1, "1"], {}, "captions mixes types.*Convert"),
        (np.zeros((2, 2)), {}, r"captions has shape \(2, 2\).*shape \(n,\)"),
        ([1, 2], {"analyzer": "word"}, "captions holds .*cannot split.*analyzer='label'"),
        (["a dog", "!?"], {}, r"1 of 2 captions have no token.*captions\[1\]='!\?'.*Leave"),
        (["a b", "b"], {"min_df": 1.5}, "'min_df' parameter .* must be a float in the range"),
        (["a\0", "b"], {}, r"captions holds the label 'a\\x00'.*NUL.*rstrip"),
        (["a b"], {"min_df": 2}, "min_df=2 leaves no token.*Lower"),
    ],
)
def test__fit__bad_captions__says_what_to_do(captions, params, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        CaptionCodec(**params).fit(captions)


def test__transform__unseen_label__is_named():
    codec = CaptionCodec(max_iter=2, random_state=0).fit(["cat", "dog"])
    with pytest.raises(ValueError, match="never seen in fit: cow.*Use those seen .'cat', 'dog'"):
        codec.transform(["cat", "cow"])


def test__inverse_transform__wrong_width__says_what_to_do(words):
    with pytest.raises(ValueError, match="vectors has 3 columns, but 32 are expected"):
        words.inverse_transform(np.zeros((1, 3)))


def test__any_use__before_fit__raises_not_fitted():
    with pytest.raises(NotFittedError):
        CaptionCodec().transform(["a"])
    assert clone(CaptionCodec(lr=0.5)).lr == 0.5


def all_sequences(decoder, vector):
    """Every sequence the decoder can give, with its log-probability from teacher forcing."""
    n_tokens, length = decoder.to_logits.out_features, decoder.max_length
    found = {}
    for tokens in itertools.product(range(n_tokens), repeat=length):
        stop = tokens.index(END) if END in tokens else length
        if stop == 0 or UNKNOWN in tokens or any(tokens[stop:]):
            continue
        logits = decoder._logits_of(vector[None], torch.tensor([tokens]))
        total = 0.0
        for i in range(min(stop + 1, length)):
            allowed = logits[i].clone()
            allowed[UNKNOWN] = -torch.inf
            if i == 0:
                allowed[END] = -torch.inf
            total += allowed.log_softmax(0)[tokens[i]].item()
        found[tokens] = total
    return found


def test__beam_search__wide_enough__finds_what_enumeration_finds():
    with seeded_init(0), torch.no_grad():
        decoder = CaptionDecoder(3 + N_SPECIAL, 4, 6, max_length=3)
        for parameter in decoder.parameters():
            parameter.mul_(3)
        vectors = torch.tensor([[1.0, -1.0, 0.5, 2.0], [0.0, 3.0, -1.0, 1.0]])
        tokens, scores = decoder.candidates(vectors, 60)
        for vector, rows, values in zip(vectors, tokens, scores, strict=True):
            expected = all_sequences(decoder, vector)
            possible = torch.isfinite(values)
            assert possible.sum() == len(expected)
            assert (values[:-1] >= values[1:]).all()
            for row, value in zip(rows[possible].tolist(), values[possible], strict=True):
                assert value.item() == pytest.approx(expected[tuple(row)], abs=1e-4)


def test__log_probability__of_labels__sums_to_one():
    codec = CaptionCodec(random_state=0).fit(range(5))
    tokens = codec.vocabulary_.encode(range(5))
    vectors = np.repeat(codec.transform([3]), 5, axis=0)
    probabilities = np.exp(codec.log_probability(vectors, tokens))
    assert probabilities.argmax() == 3
    assert probabilities.sum() == pytest.approx(1, abs=0.01)


def test__log_probability__of_sentences__is_that_of_the_search(words):
    vectors = words.transform(words.inverse_transform(words.transform(SENTENCES)))
    tokens, scores = words.candidates(vectors, 1)
    found = words.log_probability(vectors, tokens[:, 0])
    np.testing.assert_allclose(found, scores[:, 0], atol=0.05)
    assert (words.log_probability(vectors, np.roll(tokens[:, 0], 1, axis=0)) < found).all()
