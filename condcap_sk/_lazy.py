"""Names of a package that are imported when they are used (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    package: str, names: Mapping[str, str], modules: tuple[str, ...] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    What needs neither torch nor scikit-learn, such as `condcap_sk.export`, is then imported
    without them.

    Parameters
    ----------
    package : str
        Its `__name__`.
    names : dict of str
        In which of its modules each of its names is.
    modules : tuple of str, default=()
        Modules that are attributes of the package, whether they were imported before or not.
    """

    def find(name: str) -> Any:
        if name in names:
            value = getattr(import_module(f"{package}.{names[name]}"), name)
        elif name in modules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *modules})

    return find, listed
