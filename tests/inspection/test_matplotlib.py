"""matplotlib is optional."""

import sys

import pytest

from condcap_sk.inspection._matplotlib import import_pyplot


def test__import_pyplot__without_matplotlib__names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'condcap_sk\[plot\]'"):
        import_pyplot()


def test__import_pyplot__with_matplotlib__returns_it():
    plt = pytest.importorskip("matplotlib.pyplot")
    assert import_pyplot() is plt
