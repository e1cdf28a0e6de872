"""How answers are chosen among what the decoder proposes."""

import numpy as np
import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk.gan import LatentGAN

X = np.random.RandomState(0).random((20, 4))


def quick(**params):
    return ConditionalCaptioner(random_state=0, **params).set_params(
        codec__max_iter=5, codec__hidden_size=8, image_encoder__max_iter=5, gan__max_iter=5
    )


def test__tiny_vocabulary__more_asked_for_than_there_is__never_unknown_or_empty():
    est = quick(analyzer="char").fit(X, [["a"], ["b"]] * 10)
    for answers in est.sample(X, 20):
        assert set(answers) <= {"a", "b"}
        assert len(answers) == len(set(answers)) >= 1


def test__unknown_words__in_training__are_never_said():
    captions = [["a red dog", "one rare zebra"], ["a cat sits"]] * 9 + [["a dog"], ["odd okapi"]]
    est = quick().set_params(codec__min_df=2).fit(X, captions)
    words = {word for answers in est.sample(X, 30) for text in answers for word in text.split()}
    assert words <= {"a", "red", "dog", "one", "rare", "zebra", "cat", "sits"}


@pytest.mark.parametrize("images", ["ignored", "end-to-end"])
def test__sentences_without_an_image_encoder__relevance_weight__does_not_apply(images):
    y = [["a red dog", "the dog"], ["one cat"]] * 10
    est = quick(images=images).fit(np.zeros((20, 8, 8)) + X[:, :1, None], y)
    c = est.sample_latents(20, random_state=0)
    one = est.predict(np.zeros((20, 8, 8)), c)
    other = est.set_params(relevance_weight=100.0).predict(np.zeros((20, 8, 8)), c)
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__sample__sentences__distinct_and_as_many_as_asked(objective):
    y = [["a red dog", "the dog"], ["one cat", "a cat sits"]] * 10
    est = quick(objective=objective).fit(X, y)
    for answers in est.sample(X[:3], 4):
        assert 1 <= len(answers) <= 4
        assert len(set(answers)) == len(answers)
        assert all(answers)


def test__sample__however_many__begins_with_what_predict_gives():
    est = quick().fit(X, [["a red dog", "the dog"], ["one cat", "a cat sits"]] * 10)
    best = est.predict(X).tolist()
    for n_samples in (1, 5, 20):
        assert [answers[0] for answers in est.sample(X, n_samples)] == best


def test__beam_width__one__is_greedy():
    y = [["a red dog", "the dog"], ["one cat", "a cat sits"]] * 10
    est = quick(beam_width=1).fit(X, y)
    c = est.sample_latents(20, random_state=0)
    vectors = est.gan_.generate(est.image_encoder_.transform(X), c)
    tokens, _ = est.codec_.candidates(vectors, 1, est.gan_.decoder_)
    assert est.predict(X, c).tolist() == est.codec_.vocabulary_.decode(tokens[:, 0]).tolist()
    assert all(est.predict(X))


def test__beam_width__any__one_sentence_and_its_company_are_told_alike():
    y = [["a red dog", "the dog"], ["one cat", "a cat sits"]] * 10
    est = quick(beam_width=5).fit(X, y)
    assert est.predict(X[::-1]).tolist() == est.predict(X)[::-1].tolist()
    assert [est.predict(X[[i]])[0] for i in range(5)] == est.predict(X)[:5].tolist()


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
@pytest.mark.parametrize("answers", [[{0, 1, 2}], [["a dog", "the dog"], ["a cat"]]], ids=str)
def test__sample__far_more_than_there_are__costs_no_more(answers, objective, monkeypatch):
    """Of few possible answers all are found soon; what is tried after that is in vain."""
    X = np.random.RandomState(0).rand(20, 6)
    est = quick(objective=objective).fit(X, answers * (20 // len(answers)))
    rows = []
    generate = LatentGAN.generate

    def count(self, X, c):
        rows.append(len(X))
        return generate(self, X, c)

    monkeypatch.setattr(LatentGAN, "generate", count)
    found, cost = {}, {}
    for n in (50, 500, 5000, np.int64(10**9)):
        rows.clear()
        found[n] = est.sample(X[:4], n)
        cost[n] = sum(rows)
    assert found[50] == found[500] == found[5000] == found[10**9]
    assert cost[10**9] == cost[5000] == cost[500] <= 2 * cost[50]


def test__sample__rows_alone_and_together__get_the_same():
    X = np.random.RandomState(0).rand(20, 6)
    est = quick().fit(X, [["a red dog runs", "the dog"], ["one cat", "a cat sits"]] * 10)
    together = est.sample(X[:5], 30)
    assert [est.sample(X[i : i + 1], 30)[0] for i in range(5)] == together
