"""The exceptions and warnings of this package."""

try:
    from sklearn.exceptions import ConvergenceWarning
except ImportError:  # exported models answer without scikit-learn
    ConvergenceWarning = UserWarning


class TrainingDivergedError(ArithmeticError):
    """A loss became infinite or NaN, or a weight huge; the estimator is not fitted."""


class ModelFileError(ValueError):
    """A file is not a model that `save` wrote, or is damaged."""


class ExportError(RuntimeError):
    """Of an exported network, onnxruntime computes something else than torch."""


class CheckpointError(ValueError):
    """A checkpoint is of another fit, damaged, or could not be written."""


class UnreadableImageError(ValueError):
    """Files are missing, damaged or no images; `rows` are their places in the list."""

    rows: list[int]


class EmptyCaptionError(ValueError):
    """Captions have no token: `captions`, and `rows`, their places among all captions."""

    rows: list[int]
    captions: list[str]


class ProcessGroupError(RuntimeError):
    """Processes that make one fit lost each other, or do not make the same one."""


class SingleAnswerWarning(ConvergenceWarning):
    """All answers in `fit` are the same: a latent has nothing to choose between."""


class VersionMismatchWarning(UserWarning):
    """A model was saved or pickled by another version of this package."""


class LongCaptionWarning(UserWarning):
    """Captions that are much longer than the others are cut."""


class CollapseWarning(ConvergenceWarning):
    """The fitted latent decides nothing: an image gets the same answer under all latents."""


class AnalyzerWarning(UserWarning):
    """How captions are split into tokens was guessed, or does not fit their writing system."""


class UnknownWordsWarning(UserWarning):
    """Captions have no word that the model knows: nothing can be read from them."""


class PixelRangeWarning(UserWarning):
    """Images have pixels on another scale than the images of `fit`."""


class WishWarning(UserWarning):
    """A latent hardly decides what is wished of the answers."""
