"""Images to image vectors."""

from .encoder import ImageEncoder

__all__ = ["ImageEncoder"]
