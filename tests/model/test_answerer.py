"""How answers are chosen and ranked, whatever their kind."""

from types import SimpleNamespace

import numpy as np
import pytest

from condcap_sk.model.answerer import Answerer, log_relevance, ranked


def test__paper__answer__is_the_decoder_of_the_generator(paper_model, features):
    model, c = paper_model.model_, paper_model.sample_latents(20, random_state=0)
    images = model.sight(features)
    ids, _ = model.codec.candidates(model.gan.generate(images, c), 1)
    np.testing.assert_array_equal(model.answerer.choose(images, c), ids[:, 0])


def test__paper__calibration__changes_nothing(paper_model, features):
    images = paper_model.model_.sight(features)
    paper_model.model_.answerer.calibrate(images, paper_model.sample_latents(20, random_state=0))
    assert paper_model.gan_.calibration_ == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("name", ["labels_model", "captions_model"])
def test__calibration__of_q__is_least_squares_on_the_model_s_own_answers(name, features, request):
    est = request.getfixturevalue(name)
    model, c = est.model_, est.sample_latents(20, random_state=3)
    before = est.gan_.calibration_
    images = model.sight(features)
    vectors = model.codec.encode_tokens(model.answerer.choose(images, c))
    try:
        model.answerer.calibrate(images, c)
        mean, std = model.gan.infer(images, vectors)
    finally:
        est.gan_.calibration_ = before
    mean = mean.astype(float)  # the latent may count for little in so short a fit
    for factor in (0.9, 1.1):
        assert np.square(mean - c).sum() < np.square(factor * mean - c).sum()
    assert np.square(mean - c).mean() == pytest.approx(np.square(std).mean(), rel=1e-3)


@pytest.mark.parametrize("of_repeated", [(0.5, 0.1), (0.1, 0.5)])
def test__ranked__repeated_and_impossible__are_left_out(of_repeated):
    ids = np.array([[[1, 2], [3, 4], [1, 2], [5, 6]]])
    first, second = of_repeated
    ((found, merits),) = ranked(ids, np.array([[first, 2.0, second, -np.inf]]))
    assert found.tolist() == [[3, 4], [1, 2]]
    assert merits.tolist() == [2.0, 0.5]


def test__log_relevance__is_a_log_probability():
    log_odds = np.array([-800.0, 0.0, 800.0])
    np.testing.assert_allclose(log_relevance(log_odds), [-800, np.log(0.5), 0])


class Digits:
    """Stands for all fitted parts.

    The answer is the sign of one of two latents, which the image names, or 0; ids are 2, 3 and 4.
    """

    def __init__(self, n_possible=np.inf):
        self.vocabulary_ = SimpleNamespace(n_possible=n_possible)
        self.asked = []

    def generate(self, images, latents):
        self.asked.append(len(images))
        latents = np.c_[latents, np.zeros(len(latents))]
        return latents[np.arange(len(images)), images[:, 0].astype(int)]

    def candidates(self, vectors, width):
        ids = 3 + np.sign(vectors).astype(int)
        return ids[:, None, None], np.zeros((len(vectors), 1), dtype=np.float32)

    def relevance(self, images, ids, codec, gan):
        # The larger the number, the more relevant.
        return ids[:, :, 0].astype(float)

    def answerer(self):
        return Answerer(self, self, self, 0, 1)


NAMED_FIRST, NAMED_SECOND, NAMED_NONE = 0, 1, 2
IMAGES = np.array([[NAMED_FIRST], [NAMED_SECOND], [NAMED_NONE]])
LATENTS = np.array([[1.0, -1.0], [1.0, -2.0], [-1.0, -1.0], [-2.0, 5.0]])


class TestChoosing:
    def test__choose__rows__are_answered_each_under_its_latent(self):
        ids = Digits().answerer().choose(IMAGES, LATENTS[[0, 0, 0]])
        assert ids.tolist() == [[4], [2], [3]]

    def test__choose__of_candidates__is_the_one_of_most_merit(self):
        answerer = Digits().answerer()
        ids = np.array([[[2], [3]], [[4], [5]]])
        answerer.candidates = lambda images, latents: (ids, np.array([[0.0, 1.0], [3.0, 2.0]]))
        assert answerer.choose(IMAGES[:2], LATENTS[:2]).tolist() == [[3], [4]]

    @pytest.mark.parametrize("n_rows", [1, 3, 7, 4096])
    def test__choose_each__any_number_of_rows_at_a_time__gives_the_same(self, n_rows, monkeypatch):
        monkeypatch.setattr("condcap_sk.model.answerer.N_ROWS", n_rows)
        parts = Digits()
        ids = parts.answerer().choose_each(IMAGES, LATENTS)
        assert ids[:, :, 0].tolist() == [[4, 4, 2, 2], [2, 2, 2, 4], [3, 3, 3, 3]]
        assert max(parts.asked) <= max(n_rows, len(IMAGES))

    def test__rank__answers_under_all_latents__are_distinct_and_by_relevance(self):
        found = Digits().answerer().rank(IMAGES, LATENTS, len(LATENTS))
        assert [ids[:, 0].tolist() for ids, _ in found] == [[4, 2], [4, 2], [3]]
        assert [merits.tolist() for _, merits in found] == [[4, 2], [4, 2], [3]]

    def test__best__is_the_first_of_these(self):
        assert Digits().answerer().best(IMAGES, LATENTS)[:, 0].tolist() == [4, 4, 3]

    def test__pick__is_the_first_of_those_there_are(self):
        ids = np.array([[4], [2]])
        assert Digits().answerer().pick(ids, None, 1).tolist() == [[4]]
        assert Digits().answerer().pick(ids, None, 9).tolist() == [[4], [2]]


class TestAsLongAsNew:
    """The first of these images gets the same under every latent, the second always another."""

    IMAGES, LATENTS = np.array([[0], [1]]), np.zeros((16, 3))

    def ask(self, n_first, n_possible=np.inf):
        asked = []

        def propose(images, latents):
            tried = 10 * len(asked)
            asked.append((images[:, 0].tolist(), len(latents)))
            ids = np.zeros((len(images), len(latents), 1), dtype=int)
            ids[images[:, 0] == 1, :, 0] = tried + np.arange(len(latents))
            return ids, np.ones(ids.shape[:2])

        answerer = Digits(n_possible).answerer()
        found = answerer.as_long_as_new(propose, self.IMAGES, self.LATENTS, n_first)
        return found, asked

    def test__images_that_gain_nothing__are_left_out_soon(self):
        (ids, scores), asked = self.ask(2)
        # Under two latents, again two, four and eight: the first image is asked twice.
        assert asked == [([0, 1], 2), ([0, 1], 2), ([1], 4), ([1], 8)]
        assert ids.shape == (2, 16, 1)
        assert len(np.unique(ids[1])) == 16
        # What was not tried is the first answer again, of probability 0.
        assert (ids[0] == ids[0, 0]).all()
        assert (scores[0, :4] == 1).all()
        assert (scores[0, 4:] == -np.inf).all()
        assert (scores[1] == 1).all()

    def test__all_that_there_can_be__are_found_and_no_more_are_tried(self):
        _, asked = self.ask(2, n_possible=4)
        assert asked == [([0, 1], 2), ([0, 1], 2)]
        _, asked = self.ask(2, n_possible=1)
        assert asked == [([0, 1], 2)]

    def test__all_latents_at_first__are_tried_once(self):
        (ids, _), asked = self.ask(16)
        assert asked == [([0, 1], 16)]
        assert ids.shape[1] == 16
