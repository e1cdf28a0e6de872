"""LoadImages: image files → images."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from io import IOBase
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, _safe_indexing
from sklearn.utils._param_validation import Interval

from .._bars import tqdm
from .._links import DocumentationLink
from .._stored import Source
from .._validation import checks_params
from ..exceptions import UnreadableImageError
from .decode import File, decoded, import_pillow


class LoadImages(DocumentationLink, TransformerMixin, BaseEstimator):
    """Read image files and resize them to one size, as the first step of a pipeline.

    All formats are read that Pillow reads, except pixels whose value for white is unknown (floats,
    signed integers, integers of more than 16 bits) and TIFFs that Pillow misreads. All colour
    modes become RGB: grey, palette, CMYK, 16 bits. Transparent pixels become white. The camera's
    orientation is applied. Of several pages or frames, the first is taken. Images are resized to a
    square without cropping, so that nothing at their edges is lost.

    Parameters
    ----------
    size : int, default=224
        Height and width, in pixels.
    lazy : bool, default=False
        Whether images are read when the next step needs them and not kept: for more files than the
        memory holds. `PretrainedFeatures` reads each twice, a fit on pixels in each epoch.
    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    drop_unreadable : Leave out files that cannot be read, and their captions.
    PretrainedFeatures : The usual next step of a pipeline.

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
        "lazy": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(self, size: int = 224, *, lazy: bool = False, verbose: int = 0) -> None:
        self.size = size
        self.lazy = lazy
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A one-dimensional input of files, like the texts of CountVectorizer.
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.requires_fit = False
        return tags

    @checks_params
    def fit(self, X: object = None, y: object = None) -> Self:
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

    def transform(self, X: Iterable[File]) -> NDArray[np.uint8] | Source:
        """Read files.

        Parameters
        ----------
        X : iterable of n files
            Paths (str or path-like), or objects with a method ``open("rb")``, such as
            `zipfile.Path`.

        Returns
        -------
        images : ndarray of shape (n, size, size, 3), uint8
            0.15 MB each at the default size. With `lazy`, what all estimators of this package take
            in its place; ``images[rows]`` reads some.

        Raises
        ------
        UnreadableImageError
            If files are missing, damaged or no images; the error's `rows` are the places of all
            of them. With `lazy`, once they are read.
        """
        self._validate_params()
        files = _listed(X, "X")
        if self.lazy:
            return _FileRows(files, self.size)
        images, unreadable = read_images(files, self.size, self.verbose)
        if unreadable:
            raise _error(files, unreadable)
        return images


class _FileRows(Source):
    """Image files, read and resized when they are needed.

    Parameters
    ----------
    files : list of n files
    size : int
        Height and width, in pixels.
    """

    def __init__(self, files: list[File], size: int) -> None:
        super().__init__((len(files), size, size, 3), np.uint8)
        self._files = files

    def _read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        images, unreadable = read_images(
            [self._files[row] for row in rows], self.shape[1], verbose=0
        )
        if unreadable:
            raise _error(self._files, {int(rows[place]): why for place, why in unreadable.items()})
        return images


def _listed(files: Iterable[File], name: str) -> list[File]:
    if isinstance(files, str | bytes | os.PathLike):
        raise ValueError(
            f"{name}={files!r} is one file. Pass a list of files: [{os.fspath(files)!r}]."
        )
    if not _is_ordered(files):
        raise ValueError(
            f"{name}={files!r:.80} of type {type(files).__name__} is not a list of files. Pass a "
            "list of paths."
        )
    shape: tuple = getattr(files, "shape", ())
    if len(shape) == 2:
        if shape[1] != 1:
            raise ValueError(
                f"{name} has {shape[1]} columns. Pass the one that holds the files, as "
                f"{name}['file'] of a DataFrame."
            )
        files = np.asarray(files)[:, 0]
    files = list(files)
    for row, file in enumerate(files):
        # `open` would take a number for a file descriptor of this process.
        if not isinstance(file, str | bytes | os.PathLike) and not hasattr(file, "open"):
            raise ValueError(
                f"{name}[{row}] is {file!r:.80} of type {type(file).__name__}, no file. Pass "
                "paths; images that are read already go to the next step, as np.asarray(image) "
                "of one size."
            )
    return files


def _is_ordered(values: object) -> bool:
    """Whether iterating gives rows, and not the keys of a dict or the lines of an open file."""
    try:
        iter(values)  # type: ignore[call-overload]
    except TypeError:
        return sparse.issparse(values)
    return not isinstance(values, str | bytes | Mapping | IOBase)


def read_images(
    files: Sequence[File], size: int, verbose: int
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Return the images, and the reason for each row that could not be read."""
    pillow = import_pillow()
    images = np.zeros((len(files), size, size, 3), dtype=np.uint8)
    unreadable: dict[int, str] = {}
    for row, file in enumerate(tqdm(files, desc="files", disable=verbose <= 0, leave=False)):
        try:
            # Pillow warns of many pixels or odd camera fields. Where warnings are errors, these
            # would make readable images unreadable.
            with warnings.catch_warnings(action="ignore"):
                images[row] = decoded(file, size, *pillow)
        # On damaged bytes, Pillow's readers raise errors of many types.
        except Exception as error:
            unreadable[row] = f"{type(error).__name__}: {error}"
    return images, unreadable


def _error(files: Sequence[File], unreadable: Mapping[int, str]) -> UnreadableImageError:
    named = [f"{str(files[row])!r} (row {row}; {why})" for row, why in list(unreadable.items())[:3]]
    error = UnreadableImageError(
        f"{len(unreadable)} of {len(files)} files cannot be read as images: {', '.join(named)}"
        f"{', …' * (len(unreadable) > 3)}. Leave them and their captions out: "
        "files, captions, unreadable = drop_unreadable(files, captions), or drop_unreadable(files, "
        "files) of files without captions."
    )
    error.rows = list(unreadable)
    return error


def drop_unreadable(
    files: Iterable[File], captions: Iterable[object]
) -> tuple[list[File], Any, dict[str, str]]:
    """Leave out image files that cannot be read, and their captions.

    Parameters
    ----------
    files : iterable of n files
        As for `LoadImages`.
    captions : iterable of n collections, or table of n rows
        The captions of each file. A table is a DataFrame, a sparse matrix or an array of more than
        one dimension.

    Returns
    -------
    files : list
        The readable files, in the same order.
    captions : list or table
        Their captions; of a table its rows, as a table of the same type.
    unreadable : dict of {str: str}
        The other files, each with the reason why it cannot be read.

    Examples
    --------
    >>> from condcap_sk.vision import drop_unreadable
    >>> files, captions, unreadable = drop_unreadable(["no.jpg"], [["a dog"]])
    >>> files, captions
    ([], [])
    >>> unreadable
    {'no.jpg': "FileNotFoundError: [Errno 2] No such file or directory: 'no.jpg'"}
    """
    files = _listed(files, "files")
    if not _is_ordered(captions) or isinstance(captions, set | frozenset):
        raise ValueError(
            f"captions={captions!r:.80} of type {type(captions).__name__} is not a collection in "
            "the files' order. Pass the captions of each file, in a list."
        )
    is_table = len(getattr(captions, "shape", ())) > 1
    table: Any = captions
    if sparse.issparse(captions):
        table = table.tocsr()
    elif not is_table:
        table = list(captions)
    n_rows = table.shape[0] if is_table else len(table)
    if len(files) != n_rows:
        raise ValueError(
            f"files holds {len(files)} files, captions {n_rows} rows. Pass the captions of each "
            "file."
        )
    unreadable = {}
    # One at a time: the pixels are not kept.
    for row, file in enumerate(files):
        _, reasons = read_images([file], 1, verbose=0)
        if reasons:
            unreadable[row] = reasons[0]
    kept = [row for row in range(len(files)) if row not in unreadable]
    return (
        [files[row] for row in kept],
        _safe_indexing(table, kept) if is_table else [table[row] for row in kept],
        {str(files[row]): why for row, why in unreadable.items()},
    )
