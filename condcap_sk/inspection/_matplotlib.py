"""The one place that imports matplotlib, an optional dependency."""

from types import ModuleType


def import_pyplot() -> ModuleType:
    """Return `matplotlib.pyplot`, or raise an error with the command that installs it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Displays need matplotlib. Install it with: pip install 'condcap_sk[plot]'"
        ) from error
    return plt
