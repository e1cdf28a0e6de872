"""The exceptions and warnings this package raises by name."""

from sklearn.exceptions import ConvergenceWarning


class TrainingDivergedError(ArithmeticError):
    """A loss became infinite or NaN; the estimator is left unfitted."""


class SingleAnswerWarning(ConvergenceWarning):
    """All answers seen in `fit` are the same: there is nothing for a latent to choose between."""
