"""Pictures of what a latent does, in the manner of scikit-learn's displays (needs matplotlib)."""

from .label_frequency import LabelFrequencyDisplay
from .latent_traversal import LatentTraversalDisplay

__all__ = ["LabelFrequencyDisplay", "LatentTraversalDisplay"]
