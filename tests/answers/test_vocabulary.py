"""Vocabularies: answers into token ids and back, and which tokens are known."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from condcap_sk.answers.tokenizer import splitter
from condcap_sk.answers.tokens import END, N_SPECIAL, UNKNOWN
from condcap_sk.answers.vocabulary import (
    LabelVocabulary,
    TextVocabulary,
    make_vocabulary,
    resolve_analyzer,
)
from condcap_sk.exceptions import (
    AnalyzerWarning,
    EmptyCaptionError,
    LongCaptionWarning,
    UnknownWordsWarning,
)
from condcap_sk.text import CaptionCodec

CAPTIONS = ["dog dog dog dog dog", "red cat cat", "blue cat", "red cat sits red", "blue horse"]


def words(min_df=1, max_features=None, analyzer="word"):
    return make_vocabulary(analyzer, min_df, max_features, None)


@pytest.mark.parametrize(
    ("analyzer", "kind"),
    [("label", LabelVocabulary), ("word", TextVocabulary), ("char", TextVocabulary),
     (str.split, TextVocabulary)],
)  # fmt: skip
def test__make_vocabulary__an_analyzer__decides_the_kind(analyzer, kind):
    vocabulary = make_vocabulary(analyzer, 2, 30, 4)
    assert type(vocabulary) is kind
    assert vocabulary.analyzer == analyzer
    assert vocabulary.are_sentences == (analyzer != "label")


class TestLabels:
    """An answer is one token, whatever it is."""

    @pytest.mark.parametrize(
        "labels",
        [
            np.array([3, 1, 7, 7]),
            np.array([0.5, -2.0, 3.0], dtype=np.float32),
            np.array([True, False]),
            np.array(["cat", "a dog", ""], dtype=object),
        ],
        ids=["int", "float", "bool", "str"],
    )
    def test__round_trip__keeps_values_and_dtype(self, labels):
        vocabulary = LabelVocabulary()
        ids = vocabulary.fit_encode(labels)
        assert ids.shape == (len(labels), 1)
        assert ids.dtype == np.int64
        back = vocabulary.decode(ids)
        assert back.tolist() == labels.tolist()
        assert back.dtype == (labels.astype(str) if labels.dtype.kind == "O" else labels).dtype
        np.testing.assert_array_equal(vocabulary.encode(labels), ids)

    def test__ids__are_in_the_labels_order_after_the_special_ones(self):
        vocabulary = LabelVocabulary().fit(np.array([7, 3, 5, 3]))
        assert vocabulary.tokens_.tolist() == [3, 5, 7]
        assert vocabulary.encode([3, 5, 7]).tolist() == [[N_SPECIAL], [N_SPECIAL + 1], [4]]
        assert (len(vocabulary), vocabulary.n_possible, vocabulary.max_length_) == (5, 3, 1)

    def test__encode__a_label_that_was_not_in_fit__is_named_with_those_that_were(self):
        vocabulary = LabelVocabulary().fit(np.array(["cat", "dog"], dtype=object))
        with pytest.raises(ValueError, match="labels holds .*fit: cow.*Use .*'cat', 'dog'"):
            vocabulary.encode(["cat", "cow"], "labels")

    def test__encode__a_label_in_another_unicode_form__is_named_as_such(self):
        vocabulary = LabelVocabulary().fit(np.array(["cr\u00eape"], dtype=object))
        with pytest.raises(ValueError, match="Unicode form.*unicodedata.normalize"):
            vocabulary.encode(["cre\u0302pe"])


@pytest.mark.parametrize(
    ("analyzer", "captions"),
    [
        ("word", ["a red dog", "one cat", "a"]),
        ("char", ["赤い犬", "a\0", "猫"]),
        (str.split, ["red,dog cat", "cat"]),
    ],
)
def test__captions__round_trip__keeps_them(analyzer, captions):
    vocabulary = words(analyzer=analyzer)
    ids = vocabulary.fit_encode(captions)
    assert ids.shape == (len(captions), vocabulary.max_length_)
    assert vocabulary.decode(ids).tolist() == captions
    np.testing.assert_array_equal(vocabulary.encode(captions), ids)
    assert vocabulary.n_possible == np.inf


def test__captions__unknown_words_and_ends__have_ids_of_their_own():
    vocabulary = words().fit(["a red dog", "a cat"])
    a, cat = (vocabulary.ids_[word] for word in ("a", "cat"))
    assert vocabulary.encode(["a cat", "a cow"]).tolist() == [[a, cat, END], [a, UNKNOWN, END]]
    # Cut where the captions of `fit` end.
    assert vocabulary.encode(["a cat a cat"]).tolist() == [[a, cat, a]]


@pytest.mark.parametrize("min_df", [1, 2, 3, 0.0, 0.2, 0.3, 0.4, 0.6])
@pytest.mark.parametrize("max_features", [None, 1, 2, 4])
def test__limits__of_any_kind__keep_what_count_vectorizer_keeps(min_df, max_features):
    expected = CountVectorizer(min_df=min_df, max_features=max_features).fit(CAPTIONS)
    kept = words(min_df, max_features).fit(CAPTIONS).tokens_
    assert kept.tolist() == expected.get_feature_names_out().tolist()


def test__min_df__share_that_floats_round__is_met():
    captions = ["a dog"] * 55 + ["a cat"] * 45
    assert "dog" in words(min_df=0.55).fit(captions).tokens_


@pytest.mark.parametrize("analyzer", ["word", str.split])
def test__captions_without_tokens__are_all_named(analyzer):
    captions = np.array(["a dog", " ", "a cat", "", *["  "] * 3])
    with pytest.raises(
        EmptyCaptionError,
        match=r"5 of 7 captions have no token .*captions\[1\]=' ', captions\[3\]=''.*, …\. Leave",
    ) as info:
        words(analyzer=analyzer).fit(captions)
    assert info.value.rows == [1, 3, 4, 5, 6]
    assert info.value.captions == [" ", "", *["  "] * 3]
    with pytest.raises(EmptyCaptionError, match=r"1 of 1 labels .*labels\[0\]='!'. Leave"):
        words().fit(["a dog"]).encode(["!"], "labels")


@pytest.mark.parametrize(
    ("found", "named"), [([1, 2], "1 of type int"), ([("a", 1)], "tuple"), (None, "NoneType")]
)
def test__analyzer__that_finds_no_strings__is_named(found, named):
    with pytest.raises(ValueError, match=f"analyzer=<.*finds in 'a dog' the token .*{named}.*str"):
        words(analyzer=lambda caption: found).fit(["a dog"])


def test__analyzer__that_gives_a_string__is_named():
    with pytest.raises(ValueError, match="analyzer=<.*returns the str 'a dog'.*list of str"):
        words(analyzer=str.lower).fit(["A dog"])


def test__analyzer__any_iterable_of_strings__is_taken():
    vocabulary = words(analyzer=lambda caption: (word for word in caption.split()))
    assert vocabulary.fit(["red, dog"]).tokens_.tolist() == ["dog", "red,"]


COCO = ["person", "bicycle", "car", "traffic light", "stop sign", "cat", "dog", "horse"]


def test__auto__few_answers_with_white_space__warns_and_takes_words():
    message = (
        "^2 of the 8 different answers contain white space, such as 'traffic light', so .*captions"
        r"\. Pass analyzer='label' .*, 'word' .*captions\.$"
    )
    with pytest.warns(AnalyzerWarning, match=message) as warned:
        codec = CaptionCodec(max_iter=1).fit(COCO + ["dog"] * 5)
    assert codec.analyzer_ == "word"
    assert [w.filename for w in warned] == [__file__]


@pytest.mark.parametrize(
    ("answers", "analyzer"),
    [
        (["a dog", "dog"], "word"),
        (["a dog", "a cat", "dog"] + ["dog"] * 9, "word"),
        (["a\u3000dog", "a\xa0cat"], "word"),
        ([" dog", "cat ", "cow\n", ""], "label"),
        (["dog", "cat"], "label"),
        ([1, 2, 3], "label"),
        ([2**70, 1], "label"),
        ([0.5, 1.5], "label"),
        ([True, False], "label"),
        (["一只狗在跑", "一只猫在睡觉"], "char"),
        (["狗", "猫", "交通信号灯"], "label"),
    ],
)
def test__auto__plain_cases__takes_the_analyzer_without_a_warning(answers, analyzer):
    kind = object if isinstance(answers[0], str) else None
    assert resolve_analyzer("auto", np.array(answers, dtype=kind)) == analyzer


@pytest.mark.parametrize("analyzer", ["label", "word", "char", str.split])
def test__analyzer__given__is_taken_without_a_warning(analyzer):
    assert resolve_analyzer(analyzer, np.array(COCO, dtype=object)) is analyzer
    words(analyzer=analyzer).fit(COCO)


@pytest.mark.parametrize("analyzer", ["word", "char"])
def test__encode__composed_or_not__is_the_same(analyzer):
    vocabulary = words(analyzer=analyzer).fit(["une cr\u00eape"])
    expected = vocabulary.encode(["une cr\u00eape"])
    assert expected.min() > 1
    np.testing.assert_array_equal(vocabulary.encode(["une cre\u0302pe"]), expected)


USUAL = [
    f"a {colour} {thing} runs" for colour in ("red", "blue") for thing in ("dog", "cat", "man")
]


def test__length__one_caption_far_longer_than_the_others__is_cut_by_the_rule():
    captions = USUAL * 100 + [" ".join(f"word{i}" for i in range(300))]
    vocabulary = words()
    with pytest.warns(
        LongCaptionWarning, match=r"1 of 601 .*cut to 12 tokens, 3 times.*'word0.*300.*max_length"
    ):
        vocabulary.fit(captions)
    assert vocabulary.max_length_ == 12
    assert vocabulary.encode(captions).shape == (601, 12)


@pytest.mark.parametrize("analyzer", ["word", str.split])
def test__given__no_known_token__is_named(analyzer):
    vocabulary = words(analyzer=analyzer).fit(CAPTIONS)
    given = np.array(["red zebra", "zebra unicycle", "unicycle"], dtype=object)
    match = r"2 of 3 labels have no token that .* knows: labels\[1\]='zebra unicycle', labels\[2\]"
    with pytest.warns(UnknownWordsWarning, match=match):
        ids = vocabulary.encode_given(given, "labels")
    np.testing.assert_array_equal(ids, vocabulary.encode(given))
    assert "red" in vocabulary
    assert "zebra" not in vocabulary


def test__given__one_known_token__is_enough():
    vocabulary = words(min_df=2).fit(CAPTIONS)
    ids = vocabulary.encode_given(["a zebra with a red hat"], "labels")
    assert (ids == vocabulary.ids_["red"]).sum() == 1
    labels = LabelVocabulary().fit(np.array([3, 1, 7]))
    np.testing.assert_array_equal(labels.encode_given([7, 1], "labels"), labels.encode([7, 1]))


@pytest.mark.parametrize("max_length", [1, 3, 300, 1000])
def test__length__given__is_kept(max_length):
    captions = USUAL * 100 + [" ".join(f"word{i}" for i in range(300))]
    vocabulary = TextVocabulary("word", max_length=max_length).fit(captions)
    assert vocabulary.max_length_ == min(max_length, 300)


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=60),
    st.sampled_from(["word", "char", str.split]),
)
def test__length__any_captions__at_most_three_times_that_of_nineteen_in_twenty(lengths, analyzer):
    captions = ["a b" if n == 1 else " ".join("x" * n) for n in lengths]
    vocabulary = words(analyzer=analyzer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LongCaptionWarning)
        found = vocabulary.fit(captions).max_length_
    made = sorted(len(splitter(analyzer)(caption)) for caption in captions)
    usual = made[math.ceil(0.95 * len(made)) - 1]
    assert found == min(made[-1], 3 * usual)
