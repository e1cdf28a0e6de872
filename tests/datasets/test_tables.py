"""Tables of captions; what Flickr8k's may hold is in test_flickr_text.py."""

import pytest

from condcap_sk.datasets.tables import is_text, read_captions, read_lines, read_text


def test__captions__columns_are_found_by_their_names(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('n,photo,text\n1,a.jpg,"one, two"\n2,b/c.jpg,three, four\n')
    assert list(read_captions(file, "photo", "text")) == [
        ("a.jpg", "one, two"),
        ("b/c.jpg", "three, four"),
    ]
    with pytest.raises(ValueError, match="one column image and one column caption: image,caption."):
        list(read_captions(file))


def test__captions__advice__ends_the_message_on_the_header(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a;b\n")
    with pytest.raises(ValueError, match="photo,text. Do this.$"):
        list(read_captions(file, "photo", "text", " Do this."))


def test__captions__without_one__are_named_by_their_column(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("photo,text\na.jpg,\n")
    with pytest.raises(ValueError, match="line 2 has no text.*Expected photo,text"):
        list(read_captions(file, "photo", "text"))


def test__lines__blank_ones_are_counted_and_left_out(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffone\r\n\n \ntwo\u2028three\r".encode())
    assert list(read_lines(file)) == [(1, "one"), (4, "two\u2028three")]


def test__text__not_in_utf_8__is_an_error(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\n\xe9")
    with pytest.raises(ValueError, match="line 2 is not in UTF-8"):
        read_text(tmp_path / "a.txt")


def test__is_text__is_of_str_that_are_not_blank():
    assert is_text(" a ")
    assert not any(map(is_text, ["", " \n", None, 1, ["a"]]))
