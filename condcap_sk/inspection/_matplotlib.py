"""The one place that imports matplotlib, an optional dependency."""


def import_pyplot():
    """Return `matplotlib.pyplot`, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Displays need matplotlib. Install it with: pip install 'condcap_sk[plot]'"
        ) from error
    return plt
