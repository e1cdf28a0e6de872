"""The rules of the house."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import condcap_sk

ROOT = Path(condcap_sk.__file__).parent
TESTS = Path(__file__).parent
# A file imports from its own folder and from those to the right of it.
ORDER = ["captioner", "inspection", "metrics", "speaker", "gan", "text", "vision", "training",
         "datasets", "persistence", "_validation", "answers",
         "_pixels", "_warnings", "_version", "exceptions"]  # fmt: skip


def imports(path):
    """Names of the modules that a file imports; those of the package without its name."""
    folder = ["condcap_sk", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


TORCH_ONLY = [*ROOT.glob("*/modules.py"), ROOT / "gan/consensus.py", ROOT / "gan/losses.py"]


@pytest.mark.parametrize("path", TORCH_ONLY, ids=str)
def test__modules__torch_only__know_neither_sklearn_nor_skorch(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"sklearn", "skorch"}


@pytest.mark.parametrize(
    "path", [p for p in ROOT.rglob("*.py") if p.name != "__init__.py"], ids=str
)
def test__imports__every_file__point_downwards(path):
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    for name in imports(path):
        if name.startswith("condcap_sk."):
            there = name.split(".")[1]
            assert here == there or ORDER.index(here) < ORDER.index(there)


def public_classes():
    for package in ("", ".gan", ".inspection", ".text", ".vision"):
        module = importlib.import_module(f"condcap_sk{package}")
        yield from (getattr(module, name) for name in module.__all__ if name[0].isupper())


@pytest.mark.parametrize("cls", list(public_classes()))
def test__public_class__has_its_own_file_and_test_file(cls):
    path = Path(inspect.getfile(cls))
    public = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body
              if isinstance(node, ast.ClassDef) and node.name[0] != "_"]  # fmt: skip
    assert public == [cls.__name__]
    assert (TESTS / path.relative_to(ROOT).parent / f"test_{path.name}").exists()


@pytest.mark.parametrize("cls", [c for c in public_classes() if issubclass(c, BaseEstimator)])
def test__estimator__init__only_assigns(cls):
    (function,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls.__init__))).body
    for statement in function.body:
        assert isinstance(statement, ast.Assign)
        assert ast.unparse(statement.targets[0]) == f"self.{ast.unparse(statement.value)}"
