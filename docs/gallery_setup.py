"""What each process that reads or executes examples needs; all of them import it."""

# The names of examples are looked up, also of those that are not executed.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401


def prepare(gallery_conf, file):
    """Do nothing more: that this is called before each example makes its process import it."""
