"""Grids of the bundled digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from condcap_sk.datasets import load_grid_digits


def cells(images):
    n = len(images)
    split = images.reshape(n, 2, 8, 2, 8).swapaxes(2, 3).reshape(-1, 8, 8)
    return {cell.tobytes() for cell in split}


def test__load_grid_digits__train_and_test__share_no_digit():
    grids = load_grid_digits(2000, 1000)
    train, test = cells(grids.images), cells(grids.images_test)
    assert not train & test
    assert train | test <= {image.tobytes() for image in load_digits().images}
    assert len(train) > 1300
    assert len(test) > 380


def test__load_grid_digits__fields__belong_together():
    grids = load_grid_digits(30, 20, grid=(1, 3))
    assert set(grids) == {
        *("images", "label_sets", "cell_labels"),
        *("images_test", "label_sets_test", "cell_labels_test"),
        "DESCR",
    }
    for part, n in (("", 30), ("_test", 20)):
        assert grids[f"images{part}"].shape == (n, 8, 24)
        assert grids[f"cell_labels{part}"].shape == (n, 3)
        sets = [set(row) for row in grids[f"cell_labels{part}"].tolist()]
        assert grids[f"label_sets{part}"] == sets


def test__load_grid_digits__default_seed__same_grids_and_untouched_global_stream():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    a, b, c = load_grid_digits(20, 10), load_grid_digits(20, 10), load_grid_digits(random_state=1)
    assert np.random.rand() == expected
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.images_test, b.images_test)
    assert not np.array_equal(a.images, c.images[:20])


def test__load_grid_digits__other_test_size__same_training_grids():
    a, b = load_grid_digits(20, 10), load_grid_digits(20, 30)
    np.testing.assert_array_equal(a.images, b.images)


@pytest.mark.parametrize("name", ["n_train", "n_test"])
def test__load_grid_digits__no_grids__names_the_argument(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        load_grid_digits(**{name: 0})
