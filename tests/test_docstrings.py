"""Every public class, method and function is documented in full, in numpydoc's form."""

import importlib
import inspect

import pytest
from numpydoc.validate import validate

PACKAGES = ["", ".datasets", ".export", ".gan", ".inspection", ".metrics", ".text", ".vision"]
# Not asked for: extended summaries, types of returns in "name : type" form, a See Also or an
# example for every method, a final full stop after code.
IGNORED = {"ES01", "SA01", "EX01", "RT02", "GL01", "SS06", "RT03", "PR09"}


def public_objects():
    for package in PACKAGES:
        module = importlib.import_module(f"condcap_sk{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            path = f"{thing.__module__}.{name}"
            yield path
            if inspect.isclass(thing):
                for method, function in inspect.getmembers(thing, inspect.isroutine):
                    owner = getattr(function, "__module__", "") or ""
                    if not method.startswith("_") and owner.startswith("condcap_sk"):
                        yield f"{path}.{method}"


PATHS = sorted(set(public_objects()))


@pytest.mark.parametrize("path", PATHS)
def test__docstring__public_object__is_complete(path):
    errors = [error for error in validate(path)["errors"] if error[0] not in IGNORED]
    assert not errors


@pytest.mark.parametrize("path", [path for path in PATHS if path.rpartition(".")[0] not in PATHS])
def test__docstring__public_class_or_function__has_an_example(path):
    assert ">>>" in validate(path)["docstring"]
