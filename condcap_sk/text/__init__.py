"""Captions to sentence vectors and back."""

from .codec import CaptionCodec

__all__ = ["CaptionCodec"]
