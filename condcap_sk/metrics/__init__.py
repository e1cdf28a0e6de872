"""How good answers are, and how much the latent governs them."""

from .captions import cider
from .control import fixed_latent_accuracy, label_frequencies, label_skew, total_variation

__all__ = [
    "cider",
    "fixed_latent_accuracy",
    "label_frequencies",
    "label_skew",
    "total_variation",
]
