"""Warnings that point at the user's line."""

import sys
import warnings
from pathlib import Path

_OURS = str(Path(__file__).parent)
# What stands between a user's call and ours: decorators, and the tools that call for the user.
_BETWEEN = ("contextlib", "functools", "joblib.", "sklearn.", "threading", "concurrent.")


def warn_user(message, category):
    """Warn at the innermost line that is neither ours nor a library's between the user and us."""
    frame, level = sys._getframe(1), 2
    while _is_between(frame) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_between(frame):
    name = frame.f_globals.get("__name__", "")
    return frame.f_code.co_filename.startswith(_OURS) or f"{name}.".startswith(_BETWEEN)
