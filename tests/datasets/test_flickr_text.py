"""load_flickr8k: what files of captions may hold, and what is refused."""

import csv
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condcap_sk.datasets import load_flickr8k

TOKENS, TABLE, JSON = "Flickr8k.token.txt", "captions.txt", "captions.json"


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


def entry(**fields):
    image = {"file": "0_ab.jpg", "split": "train", "captions": ["A dog"]} | fields
    kept = {key: value for key, value in image.items() if value is not None}
    return json.dumps({"images": [kept]})


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
