"""The exceptions and warnings this package raises by name."""

from sklearn.exceptions import ConvergenceWarning


class TrainingDivergedError(ArithmeticError):
    """A loss became infinite or NaN; the estimator is left unfitted."""


class ModelFileError(ValueError):
    """A file is not a model that `save` wrote, or is damaged."""


class UnreadableImageError(ValueError):
    """Files are missing, damaged or no images; `rows` are their places in the list."""

    rows: list


class EmptyCaptionError(ValueError):
    """`captions` that have no token; `rows` are their places among all that were passed."""

    rows: list
    captions: list


class SingleAnswerWarning(ConvergenceWarning):
    """All answers seen in `fit` are the same: there is nothing for a latent to choose between."""


class VersionMismatchWarning(UserWarning):
    """A model was kept by another version of this package."""


class LongCaptionWarning(UserWarning):
    """Captions much longer than the others are cut."""


class CollapseWarning(ConvergenceWarning):
    """The fitted latent decides nothing: an image gets the same answer under all latents."""


class AnalyzerWarning(UserWarning):
    """How captions fall into tokens was guessed, or does not fit their writing system."""


class PixelRangeWarning(UserWarning):
    """Images have pixels of another scale than those that were fitted."""
