"""tqdm, as this process can show it."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

__all__ = ["tqdm"]

if TYPE_CHECKING or find_spec("ipywidgets") is None:
    # In a notebook tqdm.auto would show the same bar, and warn that widgets are missing.
    from tqdm import tqdm
else:
    from tqdm.auto import tqdm
