"""dialogue_accuracy on a speaker whose listener is known."""

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
