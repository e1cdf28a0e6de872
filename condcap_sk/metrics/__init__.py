"""How good answers are, and how much the latent governs them."""

from .agreement import best_of_k, bleu, cider, cider_d, rouge_l
from .caption_report import bleu_score, caption_report, oracle_score
from .confidence import expected_calibration_error, risk_coverage_curve
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
from .disentanglement import dci, mig, modularity, sap
from .diversity import distinct_n, mutual_bleu, novelty, self_cider, uniqueness
from .report import control_report, control_score

__all__ = [
    "best_of_k",
    "bleu",
    "bleu_score",
    "calibration_error",
    "caption_report",
    "cider",
    "cider_d",
    "conditional_mutual_information",
    "control_report",
    "control_score",
    "coverage",
    "dci",
    "dialogue_accuracy",
    "distinct_n",
    "expected_calibration_error",
    "fixed_latent_accuracy",
    "label_frequencies",
    "label_skew",
    "latent_error",
    "mig",
    "modularity",
    "mutual_bleu",
    "novelty",
    "oracle_score",
    "risk_coverage_curve",
    "rouge_l",
    "sap",
    "self_cider",
    "semantic_control",
    "total_variation",
    "uniqueness",
]
