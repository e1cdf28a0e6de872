"""FOLDER and CAPTIONS.csv."""

from argparse import ArgumentParser

import pytest

from condcap_sk._command_line import tables
from condcap_sk._command_line.console import UsageError


@pytest.fixture
def read(tmp_path):
    (tmp_path / "photographs" / "trip").mkdir(parents=True)
    for name in ("a.jpg", "b c.jpg", "trip/é.jpg", "-d.jpg"):
        (tmp_path / "photographs" / name).touch()

    def call(captions, *options):
        parser = ArgumentParser()
        tables.add_table(parser)
        args = parser.parse_args([*options, str(tmp_path / "photographs"), str(captions)])
        return tables.read_table(args)

    return call


def test__table__captions_of_a_photograph__are_together(read, table, tmp_path):
    rows = [("a.jpg", "one"), ("b c.jpg", "two, three"), ("a.jpg", "four"), ("trip/é.jpg", "five"),
            ("-d.jpg", "six")]  # fmt: skip
    files, captions = read(table(rows))
    names = ["a.jpg", "b c.jpg", "trip/é.jpg", "-d.jpg"]
    assert files == [str(tmp_path / "photographs" / name) for name in names]
    assert captions == [["one", "four"], ["two, three"], ["five"], ["six"]]


def test__columns__of_other_names__are_asked_for(read, table):
    path = table([("one", "a.jpg")], header=("text", "file"))
    with pytest.raises(ValueError, match="the header is 'text,file'.*--image-column and --capt"):
        read(path)
    _, captions = read(path, "--image-column", "file", "--caption-column", "text")
    assert captions == [["one"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,caption\na.jpg,caf\xe9\n", "line 2 is not in UTF-8"),
        (b"image,caption\na.jpg,\n", "line 2 has no caption"),
        (b"image,caption\n", "holds no captions"),
        (b"", "the header is ''"),
    ],
)
def test__table__of_another_form__is_named_with_its_line(read, tmp_path, content, message):
    path = tmp_path / "captions.csv"
    path.write_bytes(content)
    with pytest.raises((ValueError, UsageError), match=f"captions.csv.*{message}"):
        read(path)


def test__photographs__that_are_not_there__are_counted_and_some_named(read, table):
    path = table([("a.jpg", "one"), *((f"{i}.jpg", "two") for i in range(5))])
    message = "5 of the 6 photographs in .* are not in .*: '0.jpg', '1.jpg', '2.jpg', …. Put"
    with pytest.raises(UsageError, match=f"{message} them there or pass --skip-missing"):
        read(path)
    files, captions = read(path, "--skip-missing")
    assert len(files) == 1
    assert captions == [["one"]]


def test__photographs__none_of_which_are_there__are_no_fit(read, table):
    path = table([("x.jpg", "one")])
    for options in ([], ["--skip-missing"]):
        with pytest.raises(UsageError, match="1 of the 1 .*: 'x.jpg'. Put them there.$"):
            read(path, *options)


def test__folder_and_table__that_are_not_there__are_named(read, table, tmp_path):
    with pytest.raises(UsageError, match="There is no file '.*no.csv'"):
        read(tmp_path / "no.csv")
    with pytest.raises(UsageError, match="There is no file"):
        read(tmp_path)
    parser = ArgumentParser()
    tables.add_table(parser)
    with pytest.raises(UsageError, match="There is no folder 'no'"):
        tables.read_table(parser.parse_args(["no", table([("a.jpg", "one")])]))
