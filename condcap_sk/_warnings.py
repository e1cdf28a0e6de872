"""Warnings that point at the user's line."""

import sys
import warnings
from pathlib import Path
from types import FrameType

_OURS = str(Path(__file__).parent)
# Modules between a user's call and ours: decorators, and tools that call on behalf of the user.
_BETWEEN = ("contextlib", "functools", "joblib.", "pickle.", "sklearn.", "threading", "concurrent.")


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost line that is of neither this package nor the modules above."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_between(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_between(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return frame.f_code.co_filename.startswith(_OURS) or f"{name}.".startswith(_BETWEEN)
