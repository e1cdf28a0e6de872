"""Modules that know what they were built with."""

import inspect
from functools import wraps

from torch import nn


def keeps_config(init):
    """Decorate the `__init__` of a module: `config` holds its arguments, as JSON has them.

    A module among them is held as its own config and, as "class", the name of its class. Numbers
    of NumPy, which torch does not take everywhere, become those of the annotations.
    """
    signature = inspect.signature(init)

    @wraps(init)
    def keeping(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            annotation = signature.parameters[name].annotation
            if annotation in (int, float, bool):
                bound.arguments[name] = annotation(value)
        init(*bound.args, **bound.kwargs)
        self.config = {
            name: describe(value) if isinstance(value, nn.Module) else value
            for name, value in bound.arguments.items()
            if name != "self"
        }

    return keeping


def describe(module):
    """Return the class and the config of a module, from which it can be built again.

    A user's own module has no config.
    """
    return {"class": type(module).__name__, **getattr(module, "config", {})}
