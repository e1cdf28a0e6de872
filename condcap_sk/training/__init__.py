"""The training that all stages share: their base class, nets, progress and callbacks."""

from .process_group import process_group

__all__ = ["process_group"]
