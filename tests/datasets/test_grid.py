"""Grids: what is in them, and how often."""

import itertools

import numpy as np
import pytest

from condcap_sk.datasets import make_image_grid


def make_source(n=60, shape=(3, 5), dtype=np.uint8, labels=(2, 4, 9)):
    """Return images that differ from one another, and 1/2, 1/3 and 1/6 of them of each label."""
    images = np.arange(n * np.prod(shape)).reshape(n, *shape) % 251
    return images.astype(dtype), np.repeat(labels, [n // 2, n // 3, n - n // 2 - n // 3])


def cells_of(grids, grid):
    rows, columns = grid
    return [np.split(row, columns, axis=2) for row in np.split(grids.images, rows, axis=1)]


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("shape", [(3, 5), (4, 4, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool])
def test__make_image_grid__every_cell__is_a_source_image_of_its_label(grid, shape, dtype):
    images, labels = make_source(shape=shape, dtype=dtype)
    grids = make_image_grid(images, labels, 20, grid=grid, random_state=0)
    assert grids.images.dtype == dtype
    known = {(image.tobytes(), label) for image, label in zip(images, labels, strict=True)}
    cells = itertools.chain.from_iterable(cells_of(grids, grid))
    for column, cell in zip(grids.cell_labels.T, cells, strict=True):
        assert {(c.tobytes(), y) for c, y in zip(cell, column, strict=True)} <= known


def test__make_image_grid__larger_cells__hold_the_image_centred_on_the_minimum():
    images = np.full((4, 2, 3), 7)
    images[0, 0, 0] = -1
    grids = make_image_grid(
        images[1:], [0, 1, 2], 5, grid=(2, 1), cell_shape=(5, 5), random_state=0
    )
    assert (grids.images == 7).all()
    grids = make_image_grid(images, [0, 1, 1, 1], 50, grid=(2, 1), cell_shape=(5, 5))
    expected = np.full((50, 2, 5, 5), -1)
    expected[:, :, 1:3, 1:4] = 7
    expected[:, :, 1, 1] -= 8 * (grids.cell_labels == 0)
    np.testing.assert_array_equal(grids.images, expected.reshape(50, 10, 5))


def test__make_image_grid__unbalanced_labels__are_drawn_equally_often():
    grids = make_image_grid(*make_source(), 3000, random_state=0)
    _, counts = np.unique(grids.cell_labels, return_counts=True)
    # Five standard deviations of a binomial share of 12 000 cells.
    np.testing.assert_allclose(counts / 12_000, 1 / 3, atol=5 * (2 / 9 / 12_000) ** 0.5)


def test__make_image_grid__cells__are_independent():
    labels = make_image_grid(*make_source(), 9000, random_state=0).cell_labels
    for a, b in itertools.combinations(labels.T, 2):
        _, counts = np.unique(np.stack([a, b]), axis=1, return_counts=True)
        np.testing.assert_allclose(counts / 9000, 1 / 9, atol=5 * (8 / 81 / 9000) ** 0.5)


def test__make_image_grid__images_of_one_label__are_all_drawn_equally_often():
    images = np.arange(10).reshape(10, 1, 1)
    grids = make_image_grid(images, ["a"] * 10, 2500, random_state=0)
    share = np.bincount(grids.images.ravel(), minlength=10) / 10_000
    np.testing.assert_allclose(share, 0.1, atol=5 * 0.003)


def test__make_image_grid__ten_labels__match_the_chance_of_the_protocol():
    labels = np.arange(10)
    sets = make_image_grid(labels[:, None, None], labels, 20_000, random_state=0).label_sets
    hit = np.mean([3 in answers for answers in sets])
    assert abs(hit - (1 - 0.9**4)) < 0.02


@pytest.mark.parametrize("labels", [(2, 4, 9), ("cat", "dog", "owl"), (False, True, True)])
def test__make_image_grid__label_sets__are_the_cells_as_python_objects(labels):
    grids = make_image_grid(*make_source(labels=labels), 30, random_state=0)
    assert grids.cell_labels.shape == (30, 4)
    assert grids.label_sets == [set(row) for row in grids.cell_labels.tolist()]
    assert {type(y) for answers in grids.label_sets for y in answers} == {type(labels[0])}


def test__make_image_grid__same_seed__same_grids_and_untouched_global_stream():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    a, b, c = (make_image_grid(*make_source(), 10, random_state=seed) for seed in (1, 1, 2))
    assert np.random.rand() == expected
    np.testing.assert_array_equal(a.images, b.images)
    assert a.label_sets == b.label_sets
    assert not np.array_equal(a.images, c.images)


def test__make_image_grid__read_only_images__are_left_alone():
    images, labels = make_source()
    images.flags.writeable = labels.flags.writeable = False
    make_image_grid(images, labels, 5, cell_shape=(8, 8)).images[:] = 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": np.ones((60, 15))}, r"images has shape \(60, 15\). Pass \(n_images, H, W\)"),
        ({"images": np.ones((0, 3, 5)), "labels": []}, r"images has shape \(0, 3, 5\). Pass"),
        ({"labels": [1, 2]}, r"labels has shape \(2,\), but there are 60 images. Pass one"),
        ({"labels": np.full(60, np.nan)}, "labels contains NaN"),
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"grid": 2}, "'grid' parameter"),
        ({"grid": (2,)}, r"grid=\(2,\). Pass two positive integers"),
        ({"grid": (2, 0)}, r"grid=\(2, 0\). Pass two positive integers"),
        ({"grid": (2, 1.5)}, r"grid=\(2, 1.5\). Pass two positive integers"),
        ({"cell_shape": ()}, r"cell_shape=\(\). Pass two positive integers"),
        ({"cell_shape": (8, 8, 8)}, r"cell_shape=\(8, 8, 8\). Pass two positive integers"),
        ({"cell_shape": (2, 5)}, r"cell_shape=\(2, 5\) is smaller than the images, \(3, 5\)"),
        ({"random_state": "x"}, "'random_state' parameter"),
    ],
)
def test__make_image_grid__wrong_argument__is_an_error_with_a_remedy(changed, message):
    images, labels = make_source()
    with pytest.raises(ValueError, match=message):
        make_image_grid(**{"images": images, "labels": labels, "n_samples": 4, **changed})
