"""Images that are read when they are needed, as from a file that is larger than memory."""

import copy
import mmap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing

from ._processes import sharing

# By hand: bytes that are read at a time where all rows are, rows after which a mapped file is let
# go of, and bytes that a system maps at most around one that is read.
AT_ONCE, ROWS_MAPPED, AROUND = 2**22, 16, 2**21

Rows = NDArray[np.int64]


class Source:
    """Rows that lie elsewhere, as they are there.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=object))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Read rows, by whatever takes rows of an array."""
        if isinstance(rows, tuple) and rows[1:] == (Ellipsis,):  # as scikit-learn asks for them
            rows = rows[0]
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        if not rows.ndim:
            return self[rows[None]][0]
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = np.where(rows < 0, rows + len(self), rows)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"X has {len(self)} rows: there is no row {rows.max()}.")
        found = self._read(rows)
        if found.shape != (len(rows), *self.shape[1:]) or found.dtype != self.dtype:
            raise ValueError(
                f"X is {self.dtype} of shape {self.shape}, but {len(rows)} rows of it are "
                f"{found.dtype} of shape {found.shape}. Pass X whose shape and dtype stay."
            )
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _read(self, rows: Rows) -> NDArray[Any]:
        """Return rows as an array in memory."""
        raise NotImplementedError


class TakenRows(Source):
    """Some rows of a source."""

    def __init__(self, source: Source, rows: Rows) -> None:
        super().__init__((len(rows), *source.shape[1:]), source.dtype)
        self._source, self._rows = source, rows

    def _read(self, rows: Rows) -> NDArray[Any]:
        return self._source[self._rows[rows]]


class MappedRows(Source):
    """Rows of a memory-mapped file."""

    def __init__(self, X: np.memmap) -> None:
        super().__init__(X.shape, X.dtype)
        self._rows = X
        self._map: Any = X._mmap  # type: ignore[attr-defined]
        # Changes to a private map are nowhere but in memory.
        self._may_forget = X.mode != "c" and hasattr(mmap, "MADV_DONTNEED")
        # Where the rows begin in the map, which a view of it need not know.
        self._start = X.ctypes.data - np.frombuffer(self._map, np.uint8).ctypes.data

    def _read(self, rows: Rows) -> NDArray[Any]:
        offset = self._rows.offset
        needed = offset - offset % mmap.ALLOCATIONGRANULARITY + len(self._map)
        # To read beyond a file's end would end the process.
        if self._map.size() < needed:
            raise OSError(
                f"{self._rows.filename} has {self._map.size()} bytes and had {needed} when it was "
                "mapped: it was cut off. Write it again, and pass it anew."
            )
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for start in range(0, len(rows), ROWS_MAPPED):
            some = rows[start : start + ROWS_MAPPED]
            found[start : start + ROWS_MAPPED] = self._rows[some]
            if self._may_forget:
                self._forget(some)
        return found

    def _forget(self, rows: Rows) -> None:
        """Let go of some rows, and of what the system mapped around them.

        Else the process would come to hold the file. To let go of all of it, at once, takes the
        longer, the larger it is, and is done only for rows that do not lie one after another.
        """
        if not self._rows.flags.c_contiguous:
            self._map.madvise(mmap.MADV_DONTNEED)
            return
        n_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        for row in rows.tolist():
            first = self._start + row * n_bytes
            start, stop = first // AROUND * AROUND, -(-(first + n_bytes) // AROUND) * AROUND
            self._map.madvise(mmap.MADV_DONTNEED, start, min(stop, len(self._map)) - start)


class ArrayRows(Source):
    """Rows of an array that is no NumPy array, such as a dataset of HDF5 or zarr."""

    def __init__(self, X: Any) -> None:
        super().__init__(X.shape, X.dtype)
        self._rows = X

    def _read(self, rows: Rows) -> NDArray[Any]:
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        order = np.argsort(rows, kind="stable")
        # Slices are what all kinds of arrays read, in the order of the file.
        for run in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1):
            if len(run):
                start, stop = rows[run[0]], rows[run[-1]] + 1
                part = np.asarray(self._rows[int(start) : int(stop)])
                if part.shape != found[run].shape or part.dtype != self.dtype:
                    raise ValueError(
                        f"X is {self.dtype} of shape {self.shape}, but X[{start}:{stop}] is "
                        f"{part.dtype} of shape {part.shape}. Pass X whose shape and dtype stay."
                    )
                found[run] = part
        return found


class ItemRows(Source):
    """The items of a torch Dataset or the like; of a pair, as (image, label), the first.

    Parameters
    ----------
    items : object
        With ``len(items)`` and ``items[row]``.
    """

    def __init__(self, items: Any) -> None:
        self._items = items
        first = self._item(0) if len(items) else np.empty(0)
        super().__init__((len(items), *first.shape), first.dtype)

    def _item(self, row: int) -> NDArray[Any]:
        item = self._items[row]
        is_pair = isinstance(item, tuple) or (
            isinstance(item, list) and len({np.ndim(part) for part in item}) > 1
        )
        return np.asarray(item[0] if is_pair else item)

    def _read(self, rows: Rows) -> NDArray[Any]:
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for place, row in enumerate(rows.tolist()):
            item = self._item(row)
            if item.shape != self.shape[1:] or item.dtype != self.dtype:
                raise ValueError(
                    f"X[{row}] is {item.dtype} of shape {item.shape}, but X[0] is {self.dtype} of "
                    f"shape {self.shape[1:]}. Bring all to one."
                )
            found[place] = item
        return found


def source_of(X: Any) -> Source | None:
    """Return the source of the rows of `X`, None if it is in memory."""
    if isinstance(X, Source):
        return X
    if isinstance(X, np.memmap):
        # What was computed from one has none.
        is_mapped = X._mmap is not None and X.dtype.kind in "biuf"  # type: ignore[attr-defined]
        return MappedRows(X) if is_mapped and X.ndim > 1 else None
    if isinstance(X, np.ndarray | Sequence | Mapping) or not hasattr(X, "__getitem__"):
        return None
    in_memory = "__dlpack__", "__array_interface__", "__dataframe__", "iloc"
    if sparse.issparse(X) or any(hasattr(X, name) for name in in_memory):
        return None
    if hasattr(X, "shape"):
        is_array = hasattr(X, "dtype") and len(X.shape or ()) > 1
        return ArrayRows(X) if is_array else None
    return ItemRows(X) if hasattr(X, "__len__") and not hasattr(X, "__array__") else None


def rows_of(X: Any, rows: Any) -> Any:
    """Return some rows of whatever `fit` takes; what is not in memory is not read yet."""
    source = source_of(X)
    return _safe_indexing(X, rows) if source is None else TakenRows(source, rows)


class StoredImages:
    """Images (n, C, H, W) or feature vectors (n, d), read from a `Source` when they are needed.

    All are read once when this is made, to see whether they are sound and how bright they are.
    Processes that make one fit read a part of them each.

    Parameters
    ----------
    source : Source
    form : callable
        Returns rows of the source as `check_images` does, or raises a ValueError.
    """

    def __init__(self, source: Source, form: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self._source = source
        self._form = form
        self._reading = threading.Lock()  # h5py and the like have no several readers
        self._choose(np.arange(len(source)), form(source[:1]))
        processes = sharing()
        if processes is None or len(source) < processes.size:
            self._low, self._high = self._ranges(slice(None))
        else:
            self._low, self._high = processes.share_rows(len(source), self._ranges)

    def _ranges(self, rows: slice) -> list[NDArray[Any]]:
        """Return the lowest and the highest value of each of some images."""
        axes = tuple(range(1, self.ndim))
        ranges = [(block.min(axis=axes), block.max(axis=axes)) for block in self._blocks(rows)]
        return [np.concatenate(ends) for ends in zip(*ranges, strict=True)]

    def _choose(self, rows: Rows, like: Any) -> None:
        """Let `rows` of the source be those that count; they are like those of `like`."""
        self._rows = rows
        self.shape: tuple[int, ...] = (len(rows), *like.shape[1:])
        self.dtype, self.ndim = like.dtype, like.ndim
        self.nbytes = len(rows) * (like.nbytes // len(like))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | Rows) -> NDArray[Any]:
        """Read rows."""
        wanted = self._rows[rows]
        if not len(wanted):
            return np.empty((0, *self.shape[1:]), dtype=self.dtype)
        with self._reading:
            raw = self._source[wanted]
            try:
                return self._form(raw)
            except ValueError as error:
                for place, row in enumerate(wanted.tolist()):
                    try:
                        self._form(raw[place : place + 1])
                    except ValueError as reason:
                        raise ValueError(f"X[{row}]: {reason}") from error
                raise

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, rows: Rows) -> "StoredImages":
        """Return some of the rows, which are not read yet."""
        taken = copy.copy(self)
        taken._choose(self._rows[rows], self)
        return taken

    def min(self) -> Any:
        """Return the lowest value."""
        return self._low[self._rows].min()

    def max(self) -> Any:
        """Return the highest value."""
        return self._high[self._rows].max()

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read all rows, some at a time."""
        return self._blocks(slice(None))

    def _blocks(self, rows: slice) -> Iterator[NDArray[Any]]:
        start, stop, _ = rows.indices(len(self))
        step = max(1, AT_ONCE * len(self) // max(1, self.nbytes))
        for first in range(start, stop, step):
            yield self[first : min(first + step, stop)]


Images = NDArray[Any] | StoredImages


def take(images: Images, rows: Rows) -> Images:
    """Return some of the images; what is not in memory is not read yet."""
    return images.take(rows) if isinstance(images, StoredImages) else images[rows]
