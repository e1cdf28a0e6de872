"""Images to image vectors."""

from .encoder import ImageEncoder
from .load import LoadImages, drop_unreadable
from .pretrained import PretrainedFeatures

__all__ = ["ImageEncoder", "LoadImages", "PretrainedFeatures", "drop_unreadable"]
