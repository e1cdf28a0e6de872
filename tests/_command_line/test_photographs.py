"""Photographs: found, and read some at a time."""

import os
import tracemalloc

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from condcap_sk._command_line import photographs
from condcap_sk._command_line.console import UsageError
from condcap_sk.vision import LoadImages

Image = pytest.importorskip("PIL.Image")


def test__find__folders__are_searched_in_order_without_what_is_hidden(tmp_path):
    for name in ("b/2.jpg", "b/1.JPG", "a/x.png", ".hidden/3.jpg", "b/._1.jpg", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = photographs.find([str(tmp_path)])
    assert [os.path.relpath(file, tmp_path) for file in found] == [
        os.path.join("a", "x.png"), os.path.join("b", "1.JPG"), os.path.join("b", "2.jpg"),
    ]  # fmt: skip


def test__find__files__are_taken_as_they_are(tmp_path):
    (tmp_path / ".dot").mkdir()
    (tmp_path / ".dot" / "a.jpg").touch()
    given = ["no.such", "notes.txt", str(tmp_path / ".dot")]
    assert photographs.find(given) == [*given[:2], str(tmp_path / ".dot" / "a.jpg")]


def test__find__folder_without_photographs__is_named(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds no photographs .*jpg"):
        photographs.find(["a.jpg", str(tmp_path)])


@pytest.fixture
def files(tmp_path):
    """Fifty photographs, of which some are none."""
    found = []
    for i in range(50):
        found.append(str(tmp_path / f"{i}.png"))
        Image.new("RGB", (8, 8), (i, 0, 0)).save(found[-1])
    for i in (0, 1, 2, 3, 30):
        (tmp_path / f"{i}.png").write_text("no picture")
    os.remove(found[49])
    return found


def test__reader__batches__are_small_at_first_and_leave_out_what_is_none(files, capsys):
    reader = photographs.Reader([LoadImages(size=4)], "condcap_sk x")
    batches = list(reader.batches(files))
    # Of the first batch nothing is left.
    assert [len(rows) for rows, _ in batches] == [8, 16, 20]
    rows = [row for rows, _ in batches for row in rows]
    assert rows == [row for row in range(49) if row not in (0, 1, 2, 3, 30)]
    reds = np.concatenate([X[:, 0, 0, 0] for _, X in batches])
    np.testing.assert_array_equal(reds, rows)
    assert (reader.n_unreadable, reader.exit_code) == (6, 1)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith(f"condcap_sk x: {files[0]!r} cannot be read. No image of a format")
    assert lines[0].endswith("save it as PNG.")
    assert "No such file or directory" in lines[-1]


def test__reader__steps__are_applied_in_order(files):
    steps = [LoadImages(size=4), FunctionTransformer(lambda X: X[:, 0, 0]),
             FunctionTransformer(lambda X: X + 1)]  # fmt: skip
    (rows, X), *_ = photographs.Reader(steps, "").batches(files[4:6])
    assert rows == [0, 1]
    np.testing.assert_array_equal(X, [[5, 1, 1], [6, 1, 1]])


def test__read_all__is_all_that_can_be_read(files):
    reader = photographs.Reader([LoadImages(size=4)], "")
    bar = photographs.progress(files, quiet=True)
    rows, X = reader.read_all(files, bar)
    assert X.shape == (len(rows), 4, 4, 3)
    np.testing.assert_array_equal(X[:, 0, 0, 0], rows)


def test__read_all__nothing_can_be_read__says_so(files):
    reader = photographs.Reader([LoadImages(size=4)], "")
    with pytest.raises(UsageError, match="None of the photographs can be read. Open one"):
        reader.read_all(files[:3], photographs.progress(files, quiet=True))


def test__reader__memory__is_that_of_one_batch(tmp_path):
    Image.new("RGB", (600, 600)).save(tmp_path / "a.png")
    reader = photographs.Reader([LoadImages(size=224)], "")
    tracemalloc.start()
    try:
        n_read = sum(len(rows) for rows, _ in reader.batches([str(tmp_path / "a.png")] * 300))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_read == 300
    assert peak < 4 * photographs.MOST * 224 * 224 * 3
