"""LoadImages and drop_unreadable: files of every kind, and which are unreadable."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from condcap_sk.exceptions import UnreadableImageError
from condcap_sk.vision import LoadImages, drop_unreadable

RED = (200, 40, 40)


def make(mode):
    image = Image.new("RGB", (24, 18), RED)
    if mode == "I;16":
        return Image.fromarray(np.full((18, 24), 257 * 100, dtype=np.uint16))
    if mode == "RGBA":
        image.putalpha(0)
        return image
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix", "colour"),
    [
        ("RGB", "png", RED),
        ("RGB", "jpg", RED),
        ("RGB", "bmp", RED),
        ("P", "png", RED),
        ("P", "gif", RED),
        ("CMYK", "jpg", RED),
        ("L", "png", (88, 88, 88)),
        ("I;16", "png", (100, 100, 100)),
        ("RGBA", "png", (255, 255, 255)),
        ("1", "png", (127, 127, 127)),
    ],
)
def test__transform__any_kind_of_image__becomes_rgb(mode, suffix, colour, tmp_path):
    file = tmp_path / f"image.{suffix}"
    make(mode).save(file)
    images = LoadImages(size=16).fit().transform([file])
    assert (images.shape, images.dtype) == ((1, 16, 16, 3), np.uint8)
    tolerance = 60 if mode == "1" else 12
    assert np.abs(images.mean((0, 1, 2)) - colour).max() < tolerance


def test__transform__different_sizes__become_one(tmp_path):
    files = []
    for i, size in enumerate([(1, 1), (5, 900), (64, 64)]):
        files.append(tmp_path / f"{i}.png")
        Image.new("RGB", size, RED).save(files[-1])
    images = LoadImages(size=8).transform(files)
    np.testing.assert_array_equal(images, np.broadcast_to(RED, (3, 8, 8, 3)))


def test__transform__camera_orientation__is_applied(tmp_path):
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    image = LoadImages(size=16).transform([str(tmp_path / "a.jpg")])[0]
    assert image[:4].mean() < 20
    assert image[-4:].mean() > 235


def test__transform__in_a_zip_file__is_read(tmp_path):
    make("RGB").save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "photos/a.png")
    member = zipfile.Path(str(tmp_path / "all.zip"), "photos/a.png")
    np.testing.assert_array_equal(
        LoadImages(size=8).transform([member]), LoadImages(size=8).transform([tmp_path / "a.png"])
    )


@pytest.fixture
def damaged(tmp_path):
    """Files of which only the first and the last can be read."""
    good = tmp_path / "good.jpg"
    noise = np.random.RandomState(0).randint(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(good)
    content = good.read_bytes()
    (tmp_path / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "folder.jpg").mkdir()
    names = ["good.jpg", "truncated.jpg", "empty.png", "text.png", "folder.jpg", "missing.jpg"]
    return [*(str(tmp_path / name) for name in names), str(good)]


def test__transform__files_that_cannot_be_read__are_named(damaged):
    with pytest.raises(UnreadableImageError, match=r"5 of 7 files.*truncated.jpg' \(row 1") as info:
        LoadImages(size=8).transform(damaged)
    assert info.value.rows == [1, 2, 3, 4, 5]
    assert "drop_unreadable" in str(info.value)


@pytest.mark.parametrize("form", [tuple, np.array, iter, lambda x: pd.Series(x, range(5, 12))])
def test__files__in_any_form__are_taken(form, damaged):
    with pytest.raises(UnreadableImageError, match="5 of 7 files") as info:
        LoadImages(size=8).transform(form(damaged))
    assert info.value.rows == [1, 2, 3, 4, 5]
    assert LoadImages(size=8).transform(form([damaged[0]] * 7)).shape == (7, 8, 8, 3)
    files, captions, unreadable = drop_unreadable(form(damaged), form([*"abcdefg"]))
    assert (files, captions, len(unreadable)) == ([damaged[0], damaged[6]], ["a", "g"], 5)


def test__drop_unreadable__leaves_out_their_captions(damaged):
    captions = [[f"caption {i}"] for i in range(7)]
    files, kept, unreadable = drop_unreadable(damaged, captions)
    assert files == [damaged[0], damaged[6]]
    assert kept == [captions[0], captions[6]]
    assert [Path(name).name for name in unreadable] == [
        "truncated.jpg",
        "empty.png",
        "text.png",
        "folder.jpg",
        "missing.jpg",
    ]
    assert LoadImages(size=8).transform(files).shape == (2, 8, 8, 3)


def test__drop_unreadable__lengths_differ__is_an_error_with_a_remedy():
    with pytest.raises(ValueError, match="files holds 1 files, captions 2"):
        drop_unreadable(["a.jpg"], [["a"], ["b"]])


@pytest.mark.parametrize("file", ["a.jpg", Path("a.jpg")])
def test__transform__one_bare_file__is_an_error_with_a_remedy(file):
    with pytest.raises(ValueError, match="Pass a list of files"):
        LoadImages().transform(file)


@pytest.mark.parametrize("other", [make("RGB"), np.zeros((4, 4, 3)), 0, np.int64(0), None, np.nan])
def test__files__that_are_none__are_errors_with_a_remedy(other, damaged):
    with pytest.raises(ValueError, match=r"(?s)X\[1\] is .*no file.*np\.asarray"):
        LoadImages(size=8).transform([damaged[0], other])
    with pytest.raises(ValueError, match=r"(?s)files\[1\] is .*no file.*np\.asarray"):
        drop_unreadable([damaged[0], other], [["a"], ["b"]])


def test__transform__bad_parameter_and_no_fit__is_named(damaged):
    with pytest.raises(ValueError, match="'size' parameter"):
        LoadImages(size=0).transform(damaged[:1])


def test__verbose__shows_a_bar_or_nothing(tmp_path, capfd):
    make("RGB").save(tmp_path / "a.png")
    LoadImages(size=8).transform([tmp_path / "a.png"])
    assert capfd.readouterr().err == ""
    LoadImages(size=8, verbose=1).transform([tmp_path / "a.png"])
    assert "files" in capfd.readouterr().err


FRAMES = {
    "frame": lambda rows: pd.DataFrame(rows, columns=[*"abc"], index=range(7, 0, -1)),
    "frame of bools": lambda rows: pd.DataFrame(rows == "a1", columns=[*"abc"]),
    "frame of as many columns": lambda rows: pd.DataFrame(np.resize(rows, (7, 7))),
    "array": lambda rows: rows,
    "array of bools": lambda rows: rows == "a1",
    "sparse": lambda rows: sparse.coo_array(rows == "a1"),
}


@pytest.mark.parametrize("form", FRAMES)
def test__drop_unreadable__table_of_captions__keeps_rows_and_columns(form, damaged):
    rows = np.array([[f"{column}{row}" for column in "abc"] for row in range(7)])
    table = FRAMES[form](rows)
    files, kept, unreadable = drop_unreadable(damaged, table)
    assert (files, len(unreadable)) == ([damaged[0], damaged[6]], 5)
    if hasattr(table, "iloc"):
        pd.testing.assert_frame_equal(kept, table.iloc[[0, 6]])
    elif sparse.issparse(table):
        np.testing.assert_array_equal(kept.toarray(), table.toarray()[[0, 6]])
    else:
        np.testing.assert_array_equal(kept, table[[0, 6]])
        assert kept.dtype == table.dtype
    files, none, _ = drop_unreadable(damaged[1:2] * 7, table)
    assert files == []
    assert (type(none), none.shape) == (type(kept), (0, table.shape[1]))


def test__drop_unreadable__table_of_other_length__counts_rows(damaged):
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"], "c": ["x", "y"]})
    with pytest.raises(ValueError, match="files holds 3 files, captions 2 rows"):
        drop_unreadable(damaged[:3], frame)


@pytest.mark.parametrize("captions", ["ab", b"ab", {"a": 1, "b": 2}, {"a", "b"}, 2, None])
def test__drop_unreadable__captions_without_order__are_errors_with_a_remedy(captions, damaged):
    with pytest.raises(ValueError, match="captions=.*not a collection in the files' order"):
        drop_unreadable(damaged[:2], captions)


def test__files__in_one_column__are_taken(damaged):
    frame = pd.DataFrame({"file": damaged, "n": range(7)}, index=range(7, 0, -1))
    for column in (frame[["file"]], frame["file"], frame[["file"]].to_numpy()):
        with pytest.raises(UnreadableImageError, match="5 of 7 files"):
            LoadImages(size=8).transform(column)
        assert drop_unreadable(column, [*"abcdefg"])[:2] == ([damaged[0], damaged[6]], ["a", "g"])
    with pytest.raises(ValueError, match=r"X has 2 columns.*X\['file'\]"):
        LoadImages(size=8).transform(frame)


def test__files__that_are_no_list__are_errors_with_a_remedy(damaged, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.png", b"")
    others = [{"train": damaged}, zipfile.Path(str(tmp_path / "all.zip"), "a.png"), 3, None]
    for other in [*others, io.BytesIO(b"image"), np.array(damaged[0])]:
        with pytest.raises(ValueError, match="(?s)X=.*is not a list of files"):
            LoadImages(size=8).transform(other)
    with pytest.raises(ValueError, match="X=b'a.jpg' is one file. Pass a list of files"):
        LoadImages(size=8).transform(b"a.jpg")
