"""Files and folders that are written: checked before, and whole or not there."""

import errno
import os

import pytest

from condcap_sk._command_line import outputs
from condcap_sk._command_line.console import UsageError


def test__file__that_can_be_written__is_no_error(tmp_path, monkeypatch):
    outputs.check_file(str(tmp_path / "a b"), force=False)
    monkeypatch.chdir(tmp_path)
    outputs.check_file("new", force=False)


def test__file__that_is_there__is_refused_without_force(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(UsageError, match="is there already.*--force"):
        outputs.check_file(str(tmp_path / "a"), force=False)
    outputs.check_file(str(tmp_path / "a"), force=True)


@pytest.mark.parametrize("force", [False, True])
def test__file__that_is_read__is_never_replaced(tmp_path, force):
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in ("a", "b"):
        with pytest.raises(UsageError, match="is read by this command"):
            outputs.check_file(str(tmp_path / "a"), force, None, "no", str(tmp_path / name))
    outputs.check_file(str(tmp_path / "c"), force, str(tmp_path / "a"), str(tmp_path / "no"))


@pytest.mark.parametrize("force", [False, True])
def test__file__that_cannot_be_written__is_refused_even_with_force(tmp_path, force, monkeypatch):
    with pytest.raises(UsageError, match="is a folder"):
        outputs.check_file(str(tmp_path), force)
    with pytest.raises(UsageError, match="there is no folder .*Make it first"):
        outputs.check_file(str(tmp_path / "no" / "a"), force)
    (tmp_path / "link").symlink_to(tmp_path / "no" / "a")
    with pytest.raises(UsageError, match="there is no folder .*Make it first"):
        outputs.check_file(str(tmp_path / "link"), force)
    with pytest.raises(UsageError, match="has no name"):
        outputs.check_file("", force)
    with pytest.raises(UsageError, match="is too long"):
        outputs.check_file(str(tmp_path / ("a" * 250)), force)
    if os.path.exists("/dev/null"):
        with pytest.raises(UsageError, match="is no file that can be replaced"):
            outputs.check_file("/dev/null", True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(UsageError, match="cannot be written to"):
            outputs.check_file(str(tmp_path / "a"), force)


def test__room__that_is_not_there__is_asked_for(tmp_path, monkeypatch):
    outputs.check_room(str(tmp_path / "a"))
    monkeypatch.setattr(outputs, "ROOM", 2**62)
    with pytest.raises(UsageError, match="MB left.*Make room there"):
        outputs.check_room(str(tmp_path / "a"))


def test__folder__that_holds_something__is_refused_without_force(tmp_path):
    outputs.check_folder(str(tmp_path), force=False)
    (tmp_path / "a").touch()
    with pytest.raises(UsageError, match="not empty.*--force"):
        outputs.check_folder(str(tmp_path), force=False)
    outputs.check_folder(str(tmp_path), force=True)
    with pytest.raises(UsageError, match="is a file"):
        outputs.check_folder(str(tmp_path / "a"), force=True)
    with pytest.raises(UsageError, match="there is no folder"):
        outputs.check_folder(str(tmp_path / "no" / "new"), force=True)


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "Make room there, or"), (errno.EACCES, "Allow it, or")]
)
def test__writing__that_fails__says_what_to_do(number, remedy):
    message = f"^'m' could not be written: .*{remedy} pass a name"
    with pytest.raises(UsageError, match=message), outputs.writing("m"):
        raise OSError(number, os.strerror(number))
