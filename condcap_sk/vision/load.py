"""LoadImages: image files → images."""

import os
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from tqdm.auto import tqdm

from ..exceptions import UnreadableImageError


class LoadImages(TransformerMixin, BaseEstimator):
    """Read image files and bring them to one size, as the first step of a pipeline.

    Any format that Pillow reads, except pixels that are floats. Colours become RGB, whatever the
    file holds: grey, palette, CMYK, 16 bits. What is transparent becomes white; the camera's
    orientation is applied. Images are squeezed into a square, so that nothing at their edges is
    lost.

    Parameters
    ----------
    size : int, default=224
        Height and width, in pixels.
    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    drop_unreadable : Leaves out files that cannot be read, and their captions.
    PretrainedFeatures : The usual next step.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from condcap_sk.vision import LoadImages
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.fromarray(np.zeros((30, 40), dtype=np.uint8)).save(f"{folder}/grey.png")
    ...     images = LoadImages(size=16).transform([f"{folder}/grey.png"])
    >>> images.shape
    (1, 16, 16, 3)
    """

    _parameter_constraints: dict = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(self, size=224, *, verbose=0):
        self.size = size
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Files come in one dimension, as texts to CountVectorizer.
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.requires_fit = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Do nothing but check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n,), default=None
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : LoadImages
            The same.
        """
        return self

    def transform(self, X):
        """Read files.

        Parameters
        ----------
        X : iterable of n files
            Paths (str or path-like), or objects with a method ``open("rb")``, such as
            `zipfile.Path`.

        Returns
        -------
        images : ndarray of shape (n, size, size, 3), uint8
            0.15 MB each at the default size.

        Raises
        ------
        UnreadableImageError
            If files are missing, damaged or no images; names all of them.
        """
        self._validate_params()
        files = _listed(X, "X")
        images, unreadable = _read(files, self.size, self.verbose)
        if unreadable:
            raise _error(files, unreadable)
        return images


def _listed(files, name):
    if isinstance(files, str | os.PathLike):
        raise ValueError(
            f"{name}={files!r} is one file. Pass a list of files: [{os.fspath(files)!r}]."
        )
    files = list(files)
    for row, file in enumerate(files):
        # A number would be opened, too, as what the process has open under it.
        if not isinstance(file, str | bytes | os.PathLike) and not hasattr(file, "open"):
            raise ValueError(
                f"{name}[{row}] is {file!r:.80} of type {type(file).__name__}, no file. Pass "
                "paths; images that are read already go to the next step, as np.asarray(image) "
                "of one size."
            )
    return files


def _read(files, size, verbose):
    """Return the images, and for each row that could not be read why not."""
    pillow = _import_pillow()
    images = np.zeros((len(files), size, size, 3), dtype=np.uint8)
    unreadable = {}
    for row, file in enumerate(tqdm(files, desc="files", disable=verbose <= 0, leave=False)):
        try:
            images[row] = _read_one(file, size, *pillow)
        # Pillow's readers raise whatever damaged bytes lead them to.
        except Exception as error:
            unreadable[row] = f"{type(error).__name__}: {error}"
    return images, unreadable


def _read_one(file, size, Image, ImageOps):
    with file.open("rb") if hasattr(file, "open") else open(file, "rb") as stream:
        image = Image.open(stream)
        # Most of a large photograph's pixels need never be decoded.
        image.draft("RGB", (2 * size, 2 * size))
        image = ImageOps.exif_transpose(image)
        if image.mode == "F":
            raise ValueError(
                "its pixels are floats, and what is white is unknown: save it in 8 or 16 bits"
            )
        if image.mode.startswith("I"):
            # 16 bits: Pillow would cut them off at 255.
            image = Image.fromarray((np.asarray(image) / 257).clip(0, 255).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))


def _error(files, unreadable):
    named = [f"{str(files[row])!r} (row {row}; {why})" for row, why in list(unreadable.items())[:3]]
    error = UnreadableImageError(
        f"{len(unreadable)} of {len(files)} files cannot be read as images: {', '.join(named)}"
        f"{', …' * (len(unreadable) > 3)}. Leave them and their captions out: "
        "files, captions, unreadable = drop_unreadable(files, captions)."
    )
    error.rows = list(unreadable)
    return error


def drop_unreadable(files, captions):
    """Leave out image files that cannot be read, and their captions.

    Parameters
    ----------
    files : iterable of n files
        As for `LoadImages`.
    captions : iterable of n collections
        The captions of each.

    Returns
    -------
    files, captions : list
        Those that can be read, in the same order.
    unreadable : dict of {path: str}
        The others, and why.

    Examples
    --------
    >>> from condcap_sk.vision import drop_unreadable
    >>> files, captions, unreadable = drop_unreadable(["no.jpg"], [["a dog"]])
    >>> files, captions
    ([], [])
    >>> unreadable
    {'no.jpg': "FileNotFoundError: [Errno 2] No such file or directory: 'no.jpg'"}
    """
    files, captions = _listed(files, "files"), list(captions)
    if len(files) != len(captions):
        raise ValueError(
            f"files holds {len(files)} files, captions {len(captions)} collections. Pass the "
            "captions of each file."
        )
    unreadable = {}
    # One at a time: only their being readable counts, not their pixels.
    for row, file in enumerate(files):
        _, reasons = _read([file], 1, verbose=0)
        if reasons:
            unreadable[row] = reasons[0]
    kept = [row for row in range(len(files)) if row not in unreadable]
    return (
        [files[row] for row in kept],
        [captions[row] for row in kept],
        {str(files[row]): why for row, why in unreadable.items()},
    )


def _import_pillow():
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            "Image files need Pillow. Install it with: pip install 'condcap_sk[images]'"
        ) from error
    return Image, ImageOps
