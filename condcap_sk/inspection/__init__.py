"""What a latent does: as displays, which need matplotlib, and as tables."""

from .attention import AttentionDisplay
from .describe_captions import describe_captions
from .describe_latents import describe_latents
from .find_latent import find_latent
from .label_frequency import LabelFrequencyDisplay
from .latent_map import LatentMapDisplay
from .latent_traversal import LatentTraversalDisplay
from .reliability import ReliabilityDisplay
from .risk_coverage import RiskCoverageDisplay

__all__ = [
    "AttentionDisplay",
    "LabelFrequencyDisplay",
    "LatentMapDisplay",
    "LatentTraversalDisplay",
    "ReliabilityDisplay",
    "RiskCoverageDisplay",
    "describe_captions",
    "describe_latents",
    "find_latent",
]
