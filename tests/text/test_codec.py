"""CaptionCodec: its fit, and what it keeps."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.nn import functional as F

from condcap_sk._persistence import Fields, Tensors
from condcap_sk.exceptions import ModelFileError
from condcap_sk.text import CaptionCodec

SENTENCES = ["a red dog runs", "one dog", "two cats sit down", "a cat", "nothing at all here"]


def small(**params):
    """A codec whose training takes a second."""
    settings = {"batch_size": 32, "max_iter": 200, "random_state": 0}
    return CaptionCodec(**settings, **params)


def tiny(**params):
    """A codec that has learned nothing."""
    settings = {"hidden_size": 4, "n_components": 4, "batch_size": 8, "max_iter": 3}
    return CaptionCodec(**settings, **{"random_state": 0, **params})


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
    codec = small(analyzer="label").fit(labels)
    back = codec.inverse_transform(codec.transform(labels))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == labels.dtype
    np.testing.assert_array_equal(codec.classes_, np.unique(labels))


def test__words__round_trip__gives_the_sentences(words, sentences):
    assert words.analyzer_ == "word"
    assert words.inverse_transform(words.transform(sentences)).tolist() == sentences
    assert not hasattr(words, "classes_")


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
    codec = small(analyzer=analyzer, hidden_size=64, n_components=32).fit(captions)
    assert codec.inverse_transform(codec.transform(captions)).tolist() == captions


def test__fit__same_seed__same_weights_and_untouched_streams():
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(2).tolist(), np.random.rand()
    torch.manual_seed(1)
    np.random.seed(1)
    one, other = (tiny(random_state=3).fit(SENTENCES) for _ in range(2))
    assert (torch.rand(2).tolist(), np.random.rand()) == expected
    for name, value in one.encoder_.state_dict().items():
        assert torch.equal(value, other.encoder_.state_dict()[name])


def test__fit__order_and_repetition__do_not_matter():
    one, other = tiny().fit(SENTENCES), tiny().fit(SENTENCES[::-1] * 2)
    np.testing.assert_array_equal(one.transform(SENTENCES), other.transform(SENTENCES))


@pytest.mark.parametrize(
    ("captions", "n_components", "hidden_size", "noise"),
    [(range(10), 16, 64, 1.0), (range(100), 28, 64, 1.0), (SENTENCES, 256, 256, 0.5)],
    ids=["labels", "many labels", "sentences"],
)
def test__auto__kind_and_number_of_answers__decide(captions, n_components, hidden_size, noise):
    codec = CaptionCodec(max_iter=1, batch_size=8, random_state=0).fit(list(captions))
    config = codec.encoder_.config
    assert (config["n_components"], config["hidden_size"]) == (n_components, hidden_size)
    assert codec.noise_ == noise


def test__auto__other_values__are_taken():
    codec = CaptionCodec(n_components=np.int64(3), hidden_size=np.int64(5), noise=0.0, max_iter=1)
    codec.fit(SENTENCES)
    config = codec.encoder_.config
    assert (config["n_components"], config["hidden_size"], codec.noise_) == (3, 5, 0.0)


def test__vocabulary_limits__rare_words_and_length__are_cut():
    codec = tiny(min_df=2, max_length=2).fit(SENTENCES)
    assert set(codec.vocabulary_.tokens_) == {"a", "dog"}
    assert codec.vocabulary_.encode(["dog dog dog"]).shape == (1, 2)
    few = tiny(max_features=3).fit(SENTENCES)
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
def test__fit__bad_captions__names_the_remedy(captions, params, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        CaptionCodec(**params).fit(captions)


def test__clone__parameters__are_kept():
    assert clone(CaptionCodec(lr=0.5)).lr == 0.5


@pytest.mark.parametrize("answers", [SENTENCES, [4, 2, 9, 4, 2]], ids=["sentences", "labels"])
def test__fit_encode__answers_of_images__are_theirs_in_order(answers):
    images = np.array([0, 0, 1, 2, 2])
    answers = np.array(answers, dtype=object if isinstance(answers[0], str) else None)
    codec = tiny()
    encoded = codec._fit_encode(answers, images)
    vocabulary = codec.vocabulary_
    assert len(encoded) == 3
    assert encoded.n_pairs == 5
    for image, row in enumerate(encoded.index):
        found = row[row >= 0]
        assert vocabulary.decode(encoded.ids[found]).tolist() == answers[images == image].tolist()
        np.testing.assert_array_equal(
            encoded.vectors[found], codec.transform(answers[images == image])
        )
    assert len(encoded.ids) == len(np.unique(answers))
    assert encoded.n_tokens == len(vocabulary)
    assert encoded.are_sentences == vocabulary.are_sentences
    assert encoded.word_vectors is None


def test__fit_encode__fits_as_fit_does():
    codec = tiny()
    codec._fit_encode(np.array(SENTENCES, dtype=object), np.arange(5))
    np.testing.assert_array_equal(
        codec.transform(SENTENCES), tiny().fit(SENTENCES).transform(SENTENCES)
    )


def state(codec):
    """Return fields, as a file holds them, and tensors of a fitted codec."""
    fields, tensors = codec._to_state("codec")
    return json.loads(json.dumps(fields)), tensors


def from_state(fields, tensors):
    held = Tensors(dict(tensors))
    codec = CaptionCodec._from_state("codec", Fields(fields, "codec"), held)
    held.end()
    return codec


@pytest.mark.parametrize(
    ("captions", "params"),
    [
        (SENTENCES, {}),
        (SENTENCES, {"min_df": 2, "max_length": 2}),
        (["ab", "cde"], {"analyzer": "char"}),
        ([0.1, -np.inf], {}),
        ([True, False], {}),
        (["dog", "cat"], {}),
    ],
)
@pytest.mark.bits
def test__state__round_trip__is_the_same_codec(captions, params):
    codec = tiny(**params).fit(captions)
    loaded = from_state(*state(codec))
    assert set(vars(loaded)) == set(vars(codec))
    assert repr(loaded) == repr(codec)
    vectors = codec.transform(captions)
    np.testing.assert_array_equal(loaded.transform(captions), vectors)
    back = codec.inverse_transform(vectors)
    np.testing.assert_array_equal(loaded.inverse_transform(vectors), back)
    assert loaded.inverse_transform(vectors).dtype == back.dtype
    assert (loaded.history_, loaded.noise_) == (codec.history_, codec.noise_)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("analyzer", "label"),
        ("analyzer", "none"),
        ("tokens", ["a", "a"]),
        ("tokens", ["b", "a"]),
        ("tokens", []),
        ("tokens", [["a"]]),
        ("dtype", "<i8"),
        ("noise", "much"),
    ],
)
def test__state__of_no_codec__is_refused(name, value):
    fields, tensors = state(tiny().fit(SENTENCES))
    with pytest.raises(ModelFileError, match="codec"):
        from_state({**fields, name: value}, tensors)


def test__state__one_token_less__is_refused():
    fields, tensors = state(tiny().fit(SENTENCES))
    with pytest.raises(ModelFileError, match="no vocabulary"):
        from_state({**fields, "tokens": fields["tokens"][1:]}, tensors)


def test__state__labels_that_json_has_not__names_another_way():
    codec = tiny().fit(np.array([1.0, np.nextafter(np.longdouble(1), 2)], dtype=np.longdouble))
    with pytest.raises(ValueError, match=r"dtype .*float64.*joblib\.dump"):
        codec._to_state("codec")


def test__fit__noise_and_seeds__decide_the_weights(monkeypatch):
    def weights(noise=0.5, of_weights=1, of_noise=3):
        seeds = [of_weights, 2, of_noise]
        monkeypatch.setattr("condcap_sk.text.codec.spawn_seeds", lambda *args: seeds)
        return tiny(noise=noise).fit(["a dog", "one cat"]).encoder_.to_vector.weight

    assert torch.equal(weights(), weights())
    for changed in ({"noise": 0}, {"of_weights": 4}, {"of_noise": 4}):
        assert not torch.equal(weights(), weights(**changed))


@pytest.mark.bits
def test__fit__word_vectors__are_what_encoder_and_decoder_begin_with():
    known = {"dog": [1.0, 0.0, 0.0, 0.0], "cat": [0.0, 3.0, 4.0, 0.0]}
    codec = tiny(word_vectors=known, lr=1e-9).fit(["a dog", "one cat"])
    rows = codec.vocabulary_.encode(["dog", "cat"])[:, 0]
    # Of two vectors, less their mean, one is the other's opposite.
    direction = F.normalize(torch.tensor([1.0, -3.0, -4.0, 0.0]), dim=0)
    for network in (codec.encoder_, codec.decoder_):
        found = F.normalize(network.embedding.weight[rows])
        torch.testing.assert_close(found[0], direction, atol=1e-5, rtol=0)
        torch.testing.assert_close(found[1], -direction, atol=1e-5, rtol=0)


def test__fit_encode__word_vectors__go_with_the_answers():
    known = {"dog": [1.0, 0.0], "cat": [0.0, 3.0]}
    captions = np.array(["a dog", "one cat"], dtype=object)
    encoded = tiny(word_vectors=known)._fit_encode(captions, np.array([0, 1]))
    assert np.isfinite(encoded.word_vectors).all(axis=1).sum() == 2


def test__fit__sentences_after_labels__leave_no_classes():
    codec = tiny().fit([1, 2])
    assert codec.classes_.tolist() == [1, 2]
    assert not hasattr(codec.fit(["a dog", "one cat"]), "classes_")
