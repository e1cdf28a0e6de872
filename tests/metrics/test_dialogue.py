"""dialogue_accuracy on a speaker whose listener is known."""

import numpy as np
import pytest

from condcap_sk.metrics import dialogue_accuracy


@pytest.fixture
def listener(estimators):
    """The oracle, with a listener that averages the directions of the labels it gets."""
    oracle = estimators.oracle

    class Listener:
        sample_latents = staticmethod(oracle.sample_latents)
        predict_grid = staticmethod(oracle.predict_grid)
        predict = staticmethod(oracle.predict)

        def infer_speaker(self, X, labels):
            return oracle.infer_latent(X, labels).mean(axis=0), None

    return Listener()


def test__dialogue_accuracy__more_turns__predict_better(listener, grids):
    accuracy = dialogue_accuracy(listener, grids, turns=(1, 10), n_speakers=50)
    assert accuracy["chance"] < accuracy["best constant"] < accuracy[1] < accuracy[10]
    assert accuracy["chance"] == pytest.approx(0.33, abs=0.05)


def test__dialogue_accuracy__same_seed__same_speakers(listener, grids):
    first, second = (dialogue_accuracy(listener, grids, n_speakers=5) for _ in range(2))
    assert first == second


def test__dialogue_accuracy__fewer_images_than_turns__error_names_how_many(listener, grids):
    with pytest.raises(ValueError, match="X holds 10 images.*more than 10"):
        dialogue_accuracy(listener, grids[:10])


class Memory:
    """Three speakers who each name a column, and a listener who knows which is which."""

    def __init__(self):
        self.answered, self.asked = [], []

    def sample_latents(self, n_samples, random_state):
        return np.arange(n_samples)[:, None]

    def predict_grid(self, X, latents):
        return X[:, latents[:, 0]]

    def infer_speaker(self, X, labels):
        self.answered.append(X[:, 3].tolist())
        return (X[0, :3] == labels[0]).argmax(keepdims=True), None

    def predict(self, X, c):
        self.asked.append(X[:, 3].tolist())
        return X[:, c[0]]


@pytest.fixture
def columns():
    """Of two speakers half the answers are the same, the third agrees with none; then the rows."""
    first = np.arange(20)
    return np.stack([first, first + 100 * (first % 2), first - 50, first], axis=1)


def test__dialogue_accuracy__chance_and_best_constant__are_those_of_other_speakers(columns):
    accuracy = dialogue_accuracy(Memory(), columns, turns=(1,), n_speakers=3)
    assert accuracy["chance"] == pytest.approx(1 / 6)
    assert accuracy["best constant"] == pytest.approx(1 / 4)


def test__dialogue_accuracy__images__are_asked_or_answered_and_a_matter_of_the_seed(columns):
    memories = [Memory() for _ in range(3)]
    for memory, seed in zip(memories, (0, 0, 1), strict=True):
        dialogue_accuracy(memory, columns, turns=(2, 5), n_speakers=3, random_state=seed)
        pairs = zip(memory.answered, memory.asked, strict=True)
        assert all(not set(answered) & set(asked) for answered, asked in pairs)
    one, same, other = (memory.asked for memory in memories)
    assert one == same != other
