"""describe_captions on an estimator whose latent decides known properties."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from condcap_sk.inspection import describe_captions


class Known:
    """The first component of the latent decides the end of a caption, the others nothing."""

    def fit(self, X, captions):
        return self

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, 3))

    def predict_grid(self, X, latents):
        ends = np.array(["", " that runs", " that runs and barks", " that runs and barks and eats"])
        captions = ["a dog" + end for end in ends[np.digitize(latents[:, 0], [-1, 0, 1])]]
        named = [c.replace("a", "the", 1) if i % 2 else c for i, c in enumerate(captions)]
        return np.tile(np.array(named, dtype=object), (len(X), 1))


@pytest.fixture(scope="module")
def found():
    return describe_captions(Known(), np.zeros((4, 2)), output_dict=True)


def test__length__follows_the_first_component(found):
    assert found["words"]["r2"] > 0.8
    direction = found["words"]["direction"]
    assert direction[0] > 0.99
    assert np.linalg.norm(direction) == pytest.approx(1)
    # From two words to nine, of three standard deviations.
    assert 1.5 < found["words"]["change"] < 3
    assert found["words"]["examples"] == ("a dog", "the dog that runs and barks and eats")


def test__words__frequent_ones_are_properties_and_the_best_predicted_come_first(found):
    assert {"words", "'the'", "'barks'", "'runs'"} <= set(found)
    assert "'dog'" not in found
    scores = [round(row["r2"], 6) for row in found.values()]
    assert scores == sorted(scores, reverse=True)
    assert found["'the'"]["r2"] < 0.1


def test__properties__given__only_these_and_a_constant_one_has_r2_of_0():
    properties = {"long": lambda row: len(row) > 4, "dogs": lambda row: row.count("dog")}
    found = describe_captions(Known(), np.zeros((4, 2)), properties=properties, output_dict=True)
    assert list(found) == ["long", "dogs"]
    nothing = dict.fromkeys(["direction", "change", "image", "examples"])
    assert found["dogs"] == {"mean": 1.0, "sd": 0.0, "r2": 0.0, "by_category": []} | nothing


def test__text__one_line_for_each_property_and_examples_of_three(found):
    table, _, examples = describe_captions(Known(), np.zeros((4, 2))).partition("\nalong")
    assert [line.split()[0] for line in table.splitlines()[1:]] == list(found)
    assert "c[0] +1.00" in table
    assert examples.count("along the direction of") == 2
    assert examples.count("the dog that runs and barks and eats") == 3


def test__properties__none_at_all__names_the_remedy():
    with pytest.raises(ValueError, match="properties is empty. Pass one at least, or None"):
        describe_captions(Known(), np.zeros((4, 2)), properties={})


def test__few_latents__are_named():
    with pytest.raises(ValueError, match="n_latents == 9, must be >= 10"):
        describe_captions(Known(), np.zeros((4, 2)), n_latents=9)


def fitted_with(analyzer):
    known = Known()
    known.codec_ = SimpleNamespace(analyzer_=analyzer)
    return known


@pytest.mark.parametrize("analyzer", ["char", lambda text: text.split("a")])
def test__other_analyzers__properties_and_defaults__are_of_their_tokens(analyzer):
    split = list if analyzer == "char" else analyzer
    X = np.zeros((4, 2))
    captions = Known().predict_grid(X, np.random.RandomState(0).standard_normal((200, 3)))
    n_tokens = np.mean([len(split(caption)) for caption in captions.ravel()])
    for est in (fitted_with(analyzer), make_pipeline(FunctionTransformer(), fitted_with(analyzer))):
        given = describe_captions(est, X, properties={"long": len}, output_dict=True)
        default = describe_captions(est, X, output_dict=True)
        assert given["long"]["mean"] == default["tokens"]["mean"] == pytest.approx(n_tokens)
        assert "words" not in default


def test__fitted_on_labels__is_an_error_with_a_remedy():
    with pytest.raises(ValueError, match="fitted on labels.*`describe_latents`"):
        describe_captions(fitted_with("label"), np.zeros((4, 2)))
