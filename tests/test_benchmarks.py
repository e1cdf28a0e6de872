"""What is measured runs on the package as it is."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condcap_sk.datasets import make_captioned_shapes

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the sources are elsewhere")


@pytest.mark.parametrize("kind", ["ShowAndTell", "ConditionalVAE"])
def test__caption_peers__few_steps__give_token_ids_of_the_vocabulary(kind, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import caption_peers

    monkeypatch.setattr(caption_peers, "BATCH_SIZE", 4)
    vectors = np.random.RandomState(0).random((8, 10)).astype(np.float32)
    tokens = [np.array([[2, 3, 0], [4, 0, 0]])] * 8
    model = getattr(caption_peers, kind)(10, 5, 3, seed=0).fit(vectors, tokens, 3)
    found = [
        model.beam(vectors, 3, 0.7),
        model.sample(vectors, 0.5, 0.9, torch.Generator().manual_seed(0)),
    ]
    if kind == "ConditionalVAE":
        found.append(model.caption(vectors, np.zeros(model.N_LATENTS, dtype=np.float32), 2))
    for tokens in found:
        assert tokens.shape == (8, 3)
        assert ((tokens >= 0) & (tokens < 5)).all()


def test__mutations__every_break__has_one_place_and_tests(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import mutations

    mutations.check(mutations.read_breaks())


REFERENCES = ["a boy in a red shirt runs", "a puppy chases two children", "a man rides a bike"]


def test__truth__named_words__are_true_by_near_synonyms_and_by_what_implies_them(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from truth import precisions

    def judge(caption):
        return precisions([caption], [REFERENCES])

    # "boy" does not follow from "children", and the cat and blue are in no reference.
    found = judge("a girl and a kid, a dog and a person, a cat on a blue bicycle")
    assert found["objects"] == (pytest.approx(4 / 6), 6)
    assert found["colours"] == (0, 1)
    assert found["numbers"][1] == 0
    assert np.isnan(found["numbers"][0])
    assert judge("two dogs running and swimming")["actions"] == (0.5, 2)
    assert judge("two guys, three people")["numbers"] == (0.5, 2)
    assert precisions([["a cat", "a cat"], "a dog"], [REFERENCES] * 2)["objects"] == (1 / 3, 3)


def test__truth__references_left_out_in_turn__are_not_asked(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from truth import human_precisions, precisions_without_one

    rows = [["a red dog", "a puppy", "a blue dog"], ["a cat", "a red cat", "the red cat"]]
    # Of people's own: no other has the red or the blue of the first image.
    assert human_precisions(rows)["colours"] == (0.5, 4)
    assert human_precisions(rows)["objects"] == (1, 6)
    # The red of the first is true against two of its three pairs of references.
    found = precisions_without_one(["a red dog", "a dog"], rows)
    assert found["colours"] == (pytest.approx(2 / 3), 1)
    assert found["objects"] == (pytest.approx(0.5), 2)


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("bad_endings", "a dog runs with a"),
        ("bad_endings", "A dog runs into."),
        ("bad_endings", "a dog and"),
        ("loops", "a man in a hat with a man in a coat"),
    ],
)
def test__truth__malformed_captions__are_counted(name, caption, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import truth

    assert getattr(truth, name)([caption, "a dog runs in a red hat", "a man walks by", ""]) == 0.25


SCENE = ["a red cross above a blue circle", "a cross above a circle", "a red cross at the top"]


@pytest.mark.parametrize(
    ("caption", "error"),
    [
        (SCENE[0], None),
        ("a red square above a blue circle", "shape"),
        ("a cross above a cross", "shape"),
        ("a green cross above a red circle", "colour"),
        ("a blue cross above a red circle", "binding"),
        ("a blue cross at the top", "binding"),
        ("a red cross below a blue circle", "position"),
        ("a cross on the left", "position"),
        ("a red cross above a circle", "other"),
        ("a red cross above a", "other"),
        ("a red cross at the top of a blue circle", "other"),
    ],
)
def test__shapes__false_captions__have_one_error_each(caption, error, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from shapes import error_of

    assert error_of(caption, SCENE) == error


def test__shapes__true_captions__are_of_the_sentences_that_errors_are_read_by(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from shapes import SENTENCE, error_of

    scenes = make_captioned_shapes(20, n_captions=8, size=16, random_state=0)
    for known in scenes.captions:
        assert all(SENTENCE.fullmatch(caption) for caption in known)
        assert error_of(known[0] + " a", known) == "other"


def test__confidence__tables__are_of_unseen_pairs_and_of_answers_by_confidence(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    import confidence

    rng = np.random.RandomState(0)
    X = rng.randint(2, size=(400, 3))
    y = [{k for k in range(3) if row[k]} | {3} for row in X]

    class Estimator:
        """Sees which labels are right, through noise; it answers 0 and, under latents, 3."""

        classes_ = np.arange(4)
        model_ = SimpleNamespace(calibrator=None)

        def score_samples(self, X, labels):
            right = np.c_[X, np.ones(len(X))][np.arange(len(X)), labels]
            return (4 * right - 2 + 0.5 * rng.standard_normal(len(X))).astype(np.float32)

        def confidence(self, X, labels):
            return 1 / (1 + np.exp(-self.score_samples(X, labels)))

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

        def predict_grid(self, X, latents):
            return np.full((len(X), len(latents)), 3)

        def sample_latents(self, n, random_state):
            return np.zeros((n, 1))

    confidence.print_calibration(Estimator(), X, y)
    confidence.print_risk(Estimator(), X, y)
    first, _, *rows = capsys.readouterr().out.splitlines()
    assert first == f"800 unseen pairs, share that is right {sum(map(len, y[200:])) / 800:.3f}"
    errors = {row[:24].strip(): [float(cell) for cell in row[24:].split()] for row in rows[:-3]}
    assert list(errors) == [f"calibrated on {n} images" for n in (15, 50, 150)]
    # Error and cross-entropy of each way: what was calibrated on most is better than relevance.
    relevance, *others = np.reshape(errors["calibrated on 150 images"], (-1, 2))
    assert all((other < relevance).all() for other in others)
    risks = {row[:24].strip(): [float(cell) for cell in row[24:].split()] for row in rows[-2:]}
    no_latent, latents = risks["no latent"], risks["latents"]
    assert no_latent[0] == pytest.approx(1 - X[:, 0].mean(), abs=1e-4)
    assert no_latent[3] < no_latent[0] / 3
    assert set(latents) == {0}


def test__few_photographs__figures_and_captions__are_of_what_was_not_fitted(
    quick, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(str(FOLDER))
    import few_photographs

    vectors = np.tile(np.eye(3).repeat(3, axis=1), (20, 1))
    given = [["a red cat", "the cat is here"], ["a dog", "two dogs"], ["a blue fish"] * 2] * 20
    est = quick(n_regions=2, validation_fraction=0.3).fit(vectors, given)
    monkeypatch.setattr(few_photographs, "N_ASKED", (2, 3))
    monkeypatch.setattr(few_photographs, "N_DRAWN", (10,))
    monkeypatch.setattr(few_photographs, "WISH", {"words": 2})
    few_photographs.judge(est, vectors[:9], given[:9])
    few_photographs.show(est, vectors[:2], ["a/b.jpg", Path("c.jpg")])
    few_photographs.judge_directions(est, vectors)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in lines] == [
        *("predict", "predict", "under latents", "sample", "own captions", "those of others"),
        *("b.jpg", "c.jpg"),
        *("2 photographs, 10 latents", "3 photographs, 10 latents"),
        *("find_latent, 20 photographs", "find_latent, 100 photographs"),
    ]
    assert lines[6].endswith(f": {est.predict(vectors[:1])[0]}")
