"""What a fit is of: equal where the fitted model is, and different by name where it is not."""

import json

import numpy as np
import pytest
import torch

from condcap_sk._version import __version__
from condcap_sk.gan import LatentGAN
from condcap_sk.model.identity import identity_of
from condcap_sk.text import CaptionCodec

X = np.arange(24, dtype=np.float32).reshape(6, 4)
ANSWERS, OWNERS = np.array(["a", "b", "a"], dtype=object), np.array([0, 1, 5])


class OtherGAN(LatentGAN):
    """One that may train in another way."""


def analyse(text):
    return text.split()


def identity(X=X, answers=ANSWERS, owners=OWNERS, gan=None, **params):
    stages = {"codec": CaptionCodec(), "gan": gan or LatentGAN()}
    params = {"device": "cpu", "n_latents": 3, "codec": None, "gan": None, **params}
    return identity_of(stages, params, X, answers, owners)


def differing(one, other):
    return [name for name in one | other if one.get(name) != other.get(name)]


class TestIdentityOf:
    def test__json__gives_it_back(self):
        found = identity(image_shape=(np.int64(2), 2), analyzer=analyse)
        assert json.loads(json.dumps(found)) == json.loads(json.dumps(found))
        assert found["image_shape"] == [2, 2]

    def test__versions__are_known(self):
        found = identity()
        assert found["the version of condcap_sk"] == __version__
        assert found["the version of torch"] == torch.__version__

    @pytest.mark.parametrize(
        "same",
        [
            {"X": np.asfortranarray(X)},
            {"X": np.repeat(X, 2, axis=1)[:, ::2]},
            {"gan": LatentGAN(n_jobs=2, verbose=1, random_state=7)},
            {"n_jobs": 2, "verbose": 1, "random_state": 3},
            {"device": "auto"},
            {"gan": LatentGAN(lr=np.float64(3e-3), batch_size=np.int64(256))},
            {"gan": LatentGAN(callbacks=[analyse])},
            {"batch_size": 7, "beam_width": 5, "relevance_weight": 0.0},
        ],
    )
    def test__what_changes_no_bit__does_not_count(self, same):
        assert not differing(identity(), identity(**same))

    @pytest.mark.parametrize(
        ("other", "names"),
        [
            ({"X": X + 1}, ["the values of X"]),
            ({"X": X.astype(np.float64)}, ["X", "the values of X"]),
            ({"X": X.reshape(6, 2, 2)}, ["X"]),
            ({"answers": np.array(["b", "a", "a"], dtype=object)}, ["the answers in y"]),
            ({"answers": np.array(["a", "b", 1], dtype=object)}, ["the answers in y"]),
            ({"owners": np.array([0, 2, 5])}, ["the answers in y"]),
            ({"gan": OtherGAN()}, ["gan"]),
            ({"gan": LatentGAN(batch_size=7)}, ["gan__batch_size"]),
            ({"n_latents": 4}, ["n_latents"]),
            ({"gan": LatentGAN(lr=0.1, max_iter=7)}, ["gan__lr", "gan__max_iter"]),
            ({"analyzer": analyse}, ["analyzer"]),
        ],
    )
    def test__what_changes_the_model__is_named(self, other, names):
        assert sorted(differing(identity(), identity(**other))) == names

    def test__objects__are_known_by_their_names(self):
        # Not by pickles, which differ from one process to the next.
        assert identity(analyzer=analyse)["analyzer"].endswith("test_identity.analyse")
        assert "<lambda>" in identity(analyzer=lambda text: text)["analyzer"]
        assert identity(word_vectors={"a": X})["word_vectors"] == "builtins.dict"

    def test__rows__are_read_in_parts(self, monkeypatch):
        expected = identity()
        monkeypatch.setattr("condcap_sk.model.identity.AT_ONCE", 40)
        assert identity() == expected
