"""What a latent does, in pictures (scikit-learn's displays; they need matplotlib) and in words."""

from .describe_captions import describe_captions
from .describe_latents import describe_latents
from .label_frequency import LabelFrequencyDisplay
from .latent_map import LatentMapDisplay
from .latent_traversal import LatentTraversalDisplay

__all__ = [
    "LabelFrequencyDisplay",
    "LatentMapDisplay",
    "LatentTraversalDisplay",
    "describe_captions",
    "describe_latents",
]
