"""describe_latents on an estimator whose regions are known."""

import numpy as np
import pytest

from condcap_sk.inspection import describe_latents


class Quarters:
    """Four regions, by the signs of two latent dimensions; an image has two labels."""

    classes_ = np.array(["east", "north", "south", "west"])

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, 3))

    def predict_grid(self, X, latents):
        order = np.where(
            latents[:, [0]] < 0,
            np.where(latents[:, [1]] < 0, [3, 2, 1, 0], [1, 3, 0, 2]),
            np.where(latents[:, [1]] < 0, [2, 0, 3, 1], [0, 1, 2, 3]),
        )
        rank = order.argsort(axis=1)[:, X]
        return self.classes_[np.where(rank[..., 0] < rank[..., 1], X[:, 0], X[:, 1])].T


@pytest.fixture(scope="module")
def X():
    rng = np.random.RandomState(0)
    return np.stack([rng.permutation(4)[:2] for _ in range(300)])


def test__describe_latents__known_regions__are_found(X):
    found = describe_latents(Quarters(), X, output_dict=True)
    assert {group["label"] for group in found["groups"]} == set(Quarters.classes_)
    for group in found["groups"]:
        assert group["prior_share"] == pytest.approx(0.25, abs=0.05)
        assert max(group["label_shares"], key=group["label_shares"].get) == group["label"]
        assert group["recall"] > 0.95
        assert group["precision"] > 0.95
    assert found["tree_accuracy"] > 0.95
    assert "c[2]" not in found["tree"].split("class")[0]
    assert sum(found["average"].values()) == pytest.approx(1)


def test__describe_latents__known_regions__have_directions(X):
    found = describe_latents(Quarters(), X, output_dict=True)["directions"]
    expected = {"east": [1, 1], "north": [-1, 1], "south": [1, -1], "west": [-1, -1]}
    assert set(found) == set(expected)
    for label, corner in expected.items():
        row = found[label]
        assert row["r2"] > 0.5
        assert (row["direction"][:2] * corner > 0.4).all()
        assert abs(row["direction"][2]) < 0.1
        assert 0.1 < row["change"] < 0.3
        # An image that has the label, and another one beside it.
        assert label in Quarters.classes_[X[row["image"]]]
        assert row["examples"][1] == label != row["examples"][0]


def test__describe_latents__text__has_a_line_for_each_region_and_direction(X):
    text = describe_latents(Quarters(), X)
    for table in text.split("\n\n"):
        lines = table.partition("\nal")[0].splitlines()
        assert sorted(line.split()[0] for line in lines[1:5]) == sorted(Quarters.classes_)


def test__describe_latents__few_latents__are_named(X):
    with pytest.raises(ValueError, match="n_latents == 4, must be >= 5"):
        describe_latents(Quarters(), X, n_latents=4)


def test__describe_latents__same_seed__same_table(X):
    assert describe_latents(Quarters(), X) == describe_latents(Quarters(), X)


def test__fitted_on_captions__is_an_error_with_a_remedy(captioner):
    with pytest.raises(ValueError, match="fitted on captions.*analyzer=.*`describe_captions`"):
        describe_latents(captioner, np.zeros((4, 2)))


@pytest.mark.parametrize(
    "labels",
    [
        [0.1, 0.2, 0.5, 0.7],
        np.array([0.1, 0.2, 0.5, 0.7], dtype="f2"),
        np.array([2**63 + 1, 2**63 + 2, 2**63 + 3, 2**63 + 4], dtype="u8"),
        np.array([-4, -3, 0, 1], dtype="i1"),
        ["e", "n", "s", "w"],
    ],
    ids=lambda labels: str(np.asarray(labels).dtype),
)
def test__describe_latents__labels_of_any_type__are_described_alike(X, labels):
    class Other(Quarters):
        classes_ = np.asarray(labels)

    expected = describe_latents(Quarters(), X, output_dict=True)
    found = describe_latents(Other(), X, output_dict=True)
    names = dict(zip(Quarters.classes_.tolist(), Other.classes_.tolist(), strict=True))
    assert [group["label"] for group in found["groups"]] == [
        names[group["label"]] for group in expected["groups"]
    ]
    assert found["tree_accuracy"] == expected["tree_accuracy"]
    examples = [row["examples"] for row in expected["directions"].values()]
    assert [row["examples"] for row in found["directions"].values()] == [
        (names[low], names[high]) for low, high in examples
    ]
    tree = expected["tree"]
    for name, label in names.items():
        tree = tree.replace(f"class: {name}", f"class: {label}")
    assert found["tree"] == tree
    assert describe_latents(Other(), X)
