"""write_examples: images for the explorer to show, beside an exported model."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import as_rows, check_images

FORMAT, INDEX = "condcap_sk.examples.1", "examples.json"
MOST = 400  # examples; more are no page that anyone looks at


def write_examples(
    folder: str | os.PathLike[str],
    X: ArrayLike,
    *,
    pictures: ArrayLike | None = None,
    latents: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write images, for the explorer to show, into the folder of an exported model.

    Parameters
    ----------
    folder : str or path
        As `ConditionalCaptioner.export` wrote it.
    X : array-like
        1 to 400 images or feature vectors, as in `fit`.
    pictures : array-like of shape (n, H, W) or (n, H, W, 3), uint8, default=None
        What stands for the rows of `X` on the page, such as thumbnails of the photographs that
        feature vectors are of. None: `X` itself, if it holds images; feature vectors are numbered.
    latents : dict of {str: array-like of shape (n_latents,)}, default=None
        Latents that have a name, which the page steers to; `find_latent` finds them by wish.

    Raises
    ------
    FileNotFoundError
        If there is no exported model in `folder`.
    ValueError
        If `X` is not of the model's shape, `pictures` are not its rows', or `latents` not the
        model's.

    See Also
    --------
    serve : Shows them.

    Notes
    -----
    They are two or three files: ``examples.json`` says how many there are, of what shape and type,
    and holds `latents`;
    ``examples.bin`` holds the numbers in C order, channels first, little-endian float32 or uint8;
    ``pictures.bin`` the bytes of `pictures`. A folder that holds them is not overwritten by a later
    export: delete it first.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from condcap_sk.explorer import write_examples
    >>> folder = Path(tempfile.mkdtemp())       # as est.export(folder) makes it
    >>> manifest = {"images": {"shape": [1, 16, 16]}, "latents": {"bank": [[0, 0, 0]]}}
    >>> _ = (folder / "manifest.json").write_text(json.dumps(manifest))
    >>> write_examples(folder, np.zeros((25, 16, 16)))
    >>> sorted(path.name for path in folder.iterdir())
    ['examples.bin', 'examples.json', 'manifest.json']
    """
    folder = Path(folder)
    shape, n_latents = _sizes(folder)
    flat = (*shape[1:], shape[0]) if len(shape) == 3 and np.ndim(X) == 2 else None
    images = check_images(X, image_shape=flat)
    if images.shape[1:] != shape:
        raise ValueError(
            f"X holds rows of shape {images.shape[1:]}, but the model in {str(folder)!r} was "
            f"fitted to {shape}. Pass images as in fit."
        )
    if len(images) > MOST:
        raise ValueError(f"X holds {len(images)} images. Pass {MOST} at most, such as X[:25].")
    if images.dtype != np.uint8:
        images = images.astype("<f4")
    index: dict[str, Any] = {"format": FORMAT, "n": len(images), "shape": shape}
    index |= {"dtype": str(images.dtype), "file": "examples.bin"}
    files = {"examples.bin": images}
    if pictures is not None:
        files["pictures.bin"] = shown = _as_pictures(pictures, len(images))
        index["pictures"] = {"shape": shown.shape[1:], "file": "pictures.bin"}
    index["latents"] = {
        str(name): as_rows([latent], n_latents, f"latents[{name!r}]")[0].tolist()
        for name, latent in (latents or {}).items()
    }
    for name, array in files.items():
        _replace(folder / name, np.ascontiguousarray(array).tobytes())
    # The index comes last: what it names is there.
    _replace(folder / INDEX, json.dumps(index).encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole; where a link stands, the file that it names stays as it is."""
    number, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(number, "wb") as file:
            file.write(content)
        os.chmod(draft, 0o644)  # mkstemp lets only the owner read
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _as_pictures(pictures: ArrayLike, n: int) -> NDArray[np.uint8]:
    array = np.asarray(pictures)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[3:] not in ((), (3,)):
        raise ValueError(
            f"pictures is of shape {array.shape} and {array.dtype}. Pass uint8 of shape "
            "(n, H, W) or (n, H, W, 3)."
        )
    if len(array) != n:
        raise ValueError(f"pictures holds {len(array)}, and X {n} rows. Pass one for each row.")
    return array


def _sizes(folder: Path) -> tuple[tuple[int, ...], int]:
    """Return the shape of an exported model's images, and how many columns its latents have."""
    manifest = read_manifest(folder)
    try:
        return tuple(manifest["images"]["shape"]), len(manifest["latents"]["bank"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise _broken(folder) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an exported model."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{str(folder)!r} holds no exported model: there is no manifest.json in it. Write one "
            "with est.export(folder)."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _broken(folder) from error
    if not isinstance(manifest, dict):
        raise _broken(folder)
    return manifest


def _broken(folder: Path) -> ValueError:
    return ValueError(
        f"The manifest.json in {str(folder)!r} is damaged. Export the model again, with "
        "est.export(folder)."
    )
