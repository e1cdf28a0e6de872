"""How good answers are, and how much the latent governs them."""

from .captions import cider
from .control import (
    calibration_error,
    conditional_mutual_information,
    coverage,
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    latent_error,
    semantic_control,
    total_variation,
)
from .dialogue import dialogue_accuracy
from .report import control_report, control_score

__all__ = [
    "calibration_error",
    "cider",
    "conditional_mutual_information",
    "control_report",
    "control_score",
    "coverage",
    "dialogue_accuracy",
    "fixed_latent_accuracy",
    "label_frequencies",
    "label_skew",
    "latent_error",
    "semantic_control",
    "total_variation",
]
