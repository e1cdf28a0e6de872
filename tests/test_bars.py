"""The progress bar that a process gets."""

import runpy
import sys
from importlib import util
from types import SimpleNamespace

import pytest

from condcap_sk import _bars


@pytest.mark.parametrize(("widgets", "module"), [(None, "tqdm.std"), ("there", "tqdm.asyncio")])
def test__tqdm__notebook_without_widgets__is_the_one_for_terminals(monkeypatch, widgets, module):
    if widgets is None:
        kernel = SimpleNamespace(config={"IPKernelApp": {}})
        notebook = SimpleNamespace(get_ipython=lambda: kernel)
        monkeypatch.setitem(sys.modules, "IPython", notebook)
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(util, "find_spec", lambda name: widgets)
    # Where widgets are missing, tqdm.auto would warn, and catch what makes an error of it.
    assert runpy.run_path(_bars.__file__)["tqdm"].__module__ == module
