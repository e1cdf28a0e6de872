"""load_flickr8k: its layouts, imitated."""

import csv
import json
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condcap_sk.datasets import load_flickr8k

NAMES = [f"{i}_ab.jpg" for i in range(4)]
CAPTIONS = [[f"A dog , number {i} .", "Two men"] for i in range(4)]


def release(root):
    lines = [
        f"{name}#{j}\t{caption}"
        for name, captions in zip(NAMES, CAPTIONS, strict=True)
        for j, caption in enumerate(captions)
    ]
    (root / "text").mkdir()
    (root / "text/Flickr8k.token.txt").write_text("\n".join(lines))
    parts = {"trainImages": NAMES[:2], "devImages": NAMES[2:3], "testImages": [NAMES[3], "x.jpg"]}
    for part, names in parts.items():
        (root / f"text/Flickr_8k.{part}.txt").write_text("\n".join(names) + "\n")
    photos(root / "Flicker8k_Dataset")


def table(root):
    lines = [
        f'{name},"{caption}"'
        for name, captions in zip(NAMES, CAPTIONS, strict=True)
        for caption in captions
    ]
    (root / "captions.txt").write_text("\n".join(["image,caption", *lines]))
    photos(root / "Images")


def development(root):
    images = [
        {"file": name, "split": "val" if i == 3 else "train", "captions": captions}
        for i, (name, captions) in enumerate(zip(NAMES, CAPTIONS, strict=True))
    ]
    (root / "captions.json").write_text(json.dumps({"images": images}))
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(f"images/{name}", name)
    features = np.arange(8, dtype=np.float16).reshape(4, 2)
    np.savez(root / "pooled.npz", files=np.array(NAMES)[::-1], features=features[::-1])


def photos(folder):
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name)


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        (release, {"train": [0, 1], "val": [2], "test": [3]}),
        (table, {"train": [0, 1, 2, 3]}),
        (development, {"train": [0, 1, 2], "val": [3]}),
    ],
)
def test__layout__photographs_and_captions__stay_together(layout, parts, tmp_path):
    layout(tmp_path)
    photos = load_flickr8k(tmp_path)
    assert list(photos.files) == list(photos.captions) == list(parts)
    for part, rows in parts.items():
        assert photos.captions[part] == [CAPTIONS[i] for i in rows]
        for file, i in zip(photos.files[part], rows, strict=True):
            with file.open("rb") as stream:
                assert stream.read().decode() == NAMES[i]
    if layout is development:
        np.testing.assert_array_equal(photos.features["val"], [[6, 7]])
        assert photos.features["train"].dtype == np.float32
    else:
        assert photos.features == {}


@pytest.mark.parametrize("layout", [release, table, development])
def test__layout__with_byte_order_marks__loses_nothing(layout, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in [*tmp_path.rglob("*.txt"), *tmp_path.rglob("*.json")]:
        file.write_text(file.read_text(), encoding="utf-8-sig")
    assert load_flickr8k(tmp_path).captions == plain.captions


@pytest.mark.parametrize("name", ["0_ab.JPG", "0_ab.jpeg", "0_ab.JPEG"])
@pytest.mark.parametrize("layout", [release, table, development])
def test__photographs__any_suffix_of_jpeg__are_found(layout, name, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "NAMES", [name, *NAMES[1:]])
    layout(tmp_path)
    with load_flickr8k(tmp_path).files["train"][0].open("rb") as stream:
        assert stream.read().decode() == name


def test__release__without_the_list_to_train_on__says_what_to_do(tmp_path):
    release(tmp_path)
    (tmp_path / "text/Flickr_8k.trainImages.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lists.*val, test.*no .*trainImages\.txt.*Put it"):
        load_flickr8k(tmp_path)


def test__zipped_photographs__read_or_not__survive_pickling(tmp_path):
    development(tmp_path)
    first, *_ = files = load_flickr8k(tmp_path).files["train"]
    for _ in range(2):
        again = pickle.loads(pickle.dumps(files))
        assert again == files == load_flickr8k(tmp_path).files["train"]
        assert len({*files, *again}) == 3
        for file, name in zip(again, NAMES, strict=False):
            with file.open("rb") as stream:
                assert stream.read().decode() == name
            assert str(file) == str(tmp_path / "images.zip" / "images" / name)
    with pytest.raises(ValueError, match="mode='r'.*Use 'rb'"):
        first.open("r")


def test__zipped_photographs__many__need_one_reading_of_the_contents(tmp_path, monkeypatch):
    development(tmp_path)
    files = load_flickr8k(tmp_path).files["train"]
    made = []
    make = zipfile.ZipFile.__init__

    def count(archive, *args, **kwargs):
        made.append(archive)
        make(archive, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", count)
    for file in files * 3:
        file.open("rb").close()
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test__zipped_photographs__in_several_processes__are_read_without_warning(tmp_path):
    development(tmp_path)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in NAMES:  # larger than what a process keeps of a file
            archive.writestr(f"images/{name}", name * 100_000)
    script = """if True:
        import multiprocessing, sys
        from condcap_sk.datasets import load_flickr8k

        def read(file):
            with file.open("rb") as stream:
                return stream.read().decode() == file.member.rpartition("/")[2] * 100_000

        files = load_flickr8k(sys.argv[1]).files["train"]
        assert all(map(read, files))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert all(pool.map(read, files * 20, chunksize=1))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script, tmp_path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test__release__still_packed__says_to_unpack_it(tmp_path):
    for name in ("Flickr8k_text.zip", "Flickr8k_Dataset.zip"):
        zipfile.ZipFile(tmp_path / name, "w").close()
    with pytest.raises(FileNotFoundError, match="Unpack Flickr8k_Dataset.zip, Flickr8k_text.zip"):
        load_flickr8k(tmp_path)


def test__nothing_there__says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no captions: none of captions.json"):
        load_flickr8k(tmp_path)


def test__photograph_missing__is_named(tmp_path):
    release(tmp_path)
    (tmp_path / "Flicker8k_Dataset" / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"captions of 2_ab.jpg, but not this.*of 1 that"):
        load_flickr8k(tmp_path)


def write_tokens(root, caption):
    (root / "Flickr8k.token.txt").write_bytes(f"0_ab.jpg#0\t{caption}\n".encode())


def write_unquoted(root, caption):
    (root / "captions.txt").write_bytes(f"image,caption\n0_ab.jpg,{caption}\n".encode())


def write_quoted(root, caption):
    with (root / "captions.txt").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
            [["image", "caption"], ["0_ab.jpg", caption]]
        )


def write_json(root, caption):
    image = {"file": "0_ab.jpg", "split": "train", "captions": [caption]}
    (root / "captions.json").write_text(json.dumps({"images": [image]}))


def read_one(root):
    photos = load_flickr8k(root)
    assert list(photos.captions) == ["train"]
    ((caption,),) = photos.captions["train"]
    return caption


STRANGE = (
    'A dog, a cat,, and\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\u00a0\U0001f415 it\'s a "big" #1 dog,'
)


@pytest.mark.parametrize("write", [write_tokens, write_unquoted, write_quoted, write_json])
def test__caption__of_any_signs__comes_whole(write, tmp_path):
    (tmp_path / "0_ab.jpg").touch()
    write(tmp_path, STRANGE)
    assert read_one(tmp_path) == STRANGE


@settings(max_examples=40, deadline=None)
@given(
    write=st.sampled_from([write_tokens, write_unquoted, write_quoted, write_json]),
    caption=st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\0"\r\n')),
)
def test__caption__drawn__comes_whole(write, caption):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "0_ab.jpg").touch()
        write(Path(folder), f"A{caption}.")
        assert read_one(Path(folder)) == f"A{caption}."


@pytest.mark.parametrize("caption", ["A dog,\na cat", 'The "Rex",\r\na dog', '"', "one\rtwo"])
def test__quoted_caption__of_several_lines_and_quotes__comes_whole(caption, tmp_path):
    (tmp_path / "0_ab.jpg").touch()
    write_quoted(tmp_path, caption)
    assert read_one(tmp_path) == caption


def test__table__of_further_columns__is_read_by_its_header(tmp_path):
    (tmp_path / "0_ab.jpg").touch()
    table = ' image , number,caption \n\n0_ab.jpg ,0, A dog, a cat \n0_ab.jpg,1,"Two, men"\n  \n'
    (tmp_path / "captions.txt").write_text(table)
    assert load_flickr8k(tmp_path).captions["train"] == [["A dog, a cat", "Two, men"]]
    (tmp_path / "captions.txt").write_text("caption,url,image\nA dog,x,0_ab.jpg\n")
    assert load_flickr8k(tmp_path).captions["train"] == [["A dog"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("layout", [release, table])
def test__layout__with_blanks_and_any_line_end__loses_nothing(layout, end, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in tmp_path.rglob("*.txt"):
        lines = file.read_text().split("\n")
        if file.name != "captions.txt":  # where blanks may stand inside of quotes
            lines = [f" {line}\t" for line in lines]
        file.write_bytes(f"{end}  {end}".join([*lines, ""]).encode())
    photos = load_flickr8k(tmp_path)
    assert (photos.files, photos.captions) == (plain.files, plain.captions)


@pytest.mark.parametrize("layout", [release, table, development])
def test__names__with_a_space_or_a_number_behind__find_their_photographs(
    layout, tmp_path, monkeypatch
):
    monkeypatch.setitem(globals(), "NAMES", ["0 a b.jpg", *NAMES[1:]])
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)
    for file in [*tmp_path.rglob("*.txt"), *tmp_path.rglob("*.json")]:
        file.write_text(file.read_text().replace(".jpg", ".jpg.1"))
    photos = load_flickr8k(tmp_path)
    assert (photos.files, photos.captions) == (plain.files, plain.captions)
    assert Path(str(photos.files["train"][0])).name == "0 a b.jpg"


def entry(**fields):
    image = {"file": "0_ab.jpg", "split": "train", "captions": ["A dog"]} | fields
    kept = {key: value for key, value in image.items() if value is not None}
    return json.dumps({"images": [kept]})


TOKENS, TABLE, JSON = "Flickr8k.token.txt", "captions.txt", "captions.json"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (TOKENS, "0_ab.jpg#0\tA dog\n\n0_ab.jpg#1\n", "line 3 is .*Expected a photograph's file"),
        (TOKENS, "0_ab.jpg#0\tA dog\n0_ab.jpg#1\t \n", "line 2 .*a tab and a caption"),
        (TOKENS, "0_ab.jpg#0 A dog\n", "line 1 .*a.jpg#0<tab>A dog"),
        (TOKENS, "0_ab.jpg\tA dog\n", "line 1 .*a.jpg#0<tab>A dog"),
        (TOKENS, "0_ab.jpg#0\tA dog\nand a cat\n", "line 2 .*'and a cat'"),
        (TOKENS, "#0\tA dog\n", "line 1 .*a.jpg#0<tab>A dog"),
        (TOKENS, "\n", "holds no captions"),
        (TABLE, "image,caption\n0_ab.jpg,A dog\n0_ab.jpg\n", "line 3 has no caption: '0_ab.jpg"),
        (TABLE, "image,caption\n0_ab.jpg,\n", "line 2 has no caption.*Expected image,caption"),
        (TABLE, 'image,caption\n0_ab.jpg," "\n', "line 2 has no caption"),
        (TABLE, "image,caption\n,A dog\n", "line 2 has no image"),
        (TABLE, "image,text\n0_ab.jpg,A dog\n", "line 1: the header is 'image,text'.*column capt"),
        (TABLE, "\n0_ab.jpg,A dog\n", "line 2: the header is '0_ab.jpg,A dog'.*image,caption"),
        (TABLE, "image;caption\n0_ab.jpg;A dog\n", "line 1: the header is"),
        (TABLE, "image,caption,caption\n0_ab.jpg,a,b\n", "line 1: .*Expected one column"),
        (TABLE, "", "line 1: the header is ''"),
        (TABLE, "image,caption\n", "holds no captions"),
        (TABLE, "image,caption,url\n0_ab.jpg,A dog, a cat,x\n", "line 2 has 4 fields.*between q"),
        (TABLE, 'image,caption\n0_ab.jpg,"A dog", a cat\n', "line 2 has 3 fields.*between quotes"),
        (TABLE, 'image,caption\n0_ab.jpg,"A" dog\n', "line 2: .*expected after.*Close quotes"),
        (TABLE, 'image,caption\n0_ab.jpg,"A dog\n1_ab.jpg,A cat\n', "line 2: .*Close quotes"),
        (TABLE, 'image,caption\n0_ab.jpg,"A dog\n1_ab.jpg,"A cat"\n', "line 2: .*Close quotes"),
        (TABLE, 'image,caption\n0_ab.jpg,"A dog\n1_ab.jpg,A cat"\n', "line 2: .*another photogr"),
        (TABLE, 'image,caption\n0_ab.jpg,"A\n dog"\n1_ab.jpg,"A cat\n', "line 4: .*Close quotes"),
        (TABLE, f'image,caption\n0_ab.jpg,"A dog\n{"A cat" * 40_000}', "line 2: .*Close quotes"),
        (JSON, '{"images": [\n{"file": "0_ab.jpg",}]}', "line 2: this is no JSON"),
        (JSON, "", "line 1: this is no JSON"),
        (JSON, "[]", 'holds no list of "images". Expected'),
        (JSON, '{"images": {"file": "0_ab.jpg"}}', 'holds no list of "images". Expected'),
        (JSON, '{"images": []}', "holds no captions"),
        (JSON, '{"images": ["0_ab.jpg"]}', r"images\[0\] is '0_ab.jpg'. Expected"),
        (JSON, entry(file=None), r"images\[0\] is .*Expected"),
        (JSON, entry(split=None), r"images\[0\] is .*Expected"),
        (JSON, entry(split=1), r"images\[0\] is .*Expected"),
        (JSON, entry(captions=None), r"images\[0\] is .*Expected"),
        (JSON, entry(captions="A dog"), r"images\[0\] is .*'captions': 'A dog'.*Expected"),
        (JSON, entry(captions=["A dog", " "]), r"images\[0\] is .*Expected"),
        (JSON, entry(captions=[["A dog"]]), r"images\[0\] is .*Expected"),
        (JSON, f'{entry()[:-2]}, {entry()[12:]}', r"images\[1\] names 0_ab.jpg once more"),
    ],
)  # fmt: skip
def test__file__of_another_form__is_named_with_its_line(file, content, message, tmp_path):
    (tmp_path / "0_ab.jpg").touch()
    (tmp_path / "1_ab.jpg").touch()
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=f"(?s)^.*{file}.*{message}"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize(
    ("encoding", "noun", "line"),
    [
        ("utf-16", "dog", 1),
        ("utf-16-le", "dog", 1),
        ("utf-16-le", "Köter", 4),
        ("utf-32", "dog", 1),
        ("latin-1", "Köter", 4),
        ("cp932", "犬", 4),
    ],
)
@pytest.mark.parametrize(
    ("file", "content"),
    [
        (TOKENS, "0_ab.jpg#0\tA dog\n\n\n0_ab.jpg#1\tA NOUN\n"),
        (TABLE, "image,caption\n\n0_ab.jpg,A dog\n0_ab.jpg,A NOUN\n"),
        (JSON, '{\n"images":\n[{"file": "0_ab.jpg", "split":\n"train", "captions": ["A NOUN"]}]}'),
    ],
)
def test__file__not_in_utf_8__is_named_with_its_line(file, content, encoding, noun, line, tmp_path):
    content = content.replace("NOUN", noun)
    (tmp_path / "0_ab.jpg").touch()
    (tmp_path / file).write_bytes(content.encode())
    assert load_flickr8k(tmp_path).captions["train"][0][-1] == f"A {noun}"
    (tmp_path / file).write_bytes(content.encode(encoding))
    with pytest.raises(ValueError, match=f"{file} line {line} is not in UTF-8. Save the file"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("0_ab.jpg\n\n1_ab.jpg 2_ab.jpg\n", "line 3 is '1_ab.jpg 2_ab.jpg'. Expected one photo"),
        ("0_ab.jpg,1_ab.jpg\n", "line 1 .*Expected one photograph"),
        ("0_ab\n", "line 1 .*Expected one photograph"),
        ("x.jpg\ny.jpg\n", "lists 2 photographs, .*captions of none of them: 'x.jpg' .*'0_ab.jpg'"),
    ],
)
def test__list__of_another_form__is_named_with_its_line(listed, message, tmp_path):
    release(tmp_path)
    (tmp_path / "text/Flickr_8k.trainImages.txt").write_text(listed)
    with pytest.raises(ValueError, match=f"trainImages.txt {message}"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize("layout", [table, development])
def test__photographs__two_of_one_name__must_be_copies(layout, tmp_path):
    layout(tmp_path)
    plain = load_flickr8k(tmp_path)

    def put(folder, content):
        (tmp_path / folder).mkdir()
        if layout is table:
            (tmp_path / folder / NAMES[1]).write_text(content)
        else:
            with zipfile.ZipFile(tmp_path / folder / "others.zip", "w") as archive:
                archive.writestr(NAMES[1], content)

    put("copies", NAMES[1])
    for file, other in zip(
        load_flickr8k(tmp_path).files["train"], plain.files["train"], strict=True
    ):
        with file.open("rb") as one, other.open("rb") as another:
            assert one.read() == another.read()
    put("others", "another")
    with pytest.raises(ValueError, match=rf"{NAMES[1]} and .*{NAMES[1]} are two photographs of"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"files": np.array(NAMES), "features": np.ones((3, 2))}, r"\(4,\), and .*\(3, 2\)"),
        ({"files": np.array([NAMES]), "features": np.ones((1, 2))}, r"\(1, 4\), and .*\(1, 2\)"),
        ({"files": np.array(NAMES, object), "features": np.ones((4, 2))}, "as arrays of str"),
    ],
)
def test__features__of_another_form__are_named(arrays, message, tmp_path):
    development(tmp_path)
    np.savez(tmp_path / "pooled.npz", **arrays)
    with pytest.raises(ValueError, match=rf"pooled\.npz: .*{message}"):
        load_flickr8k(tmp_path)


def test__features__files_named_in_bytes__are_found(tmp_path):
    development(tmp_path)
    plain = load_flickr8k(tmp_path).features
    features = np.arange(8).reshape(4, 2)
    np.savez(tmp_path / "pooled.npz", files=np.array(NAMES, dtype="S"), features=features)
    np.testing.assert_equal(load_flickr8k(tmp_path).features, plain)


def test__zip_file__damaged__is_named(tmp_path):
    table(tmp_path)
    (tmp_path / "Flickr8k_Dataset.zip").write_text("half of it")
    with pytest.raises(zipfile.BadZipFile, match=r"Flickr8k_Dataset\.zip.*Download it again"):
        load_flickr8k(tmp_path)
