"""ExportedCaptioner: an exported model that answers with NumPy and onnxruntime alone."""

import hashlib
import os
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..exceptions import ModelFileError
from .checks import as_ids, as_images, as_latents, as_latents_of_each
from .manifest import LARGEST, NAME, parse
from .parts import model_of
from .sessions import Network
from .signatures import signatures_of

REMEDY = "Export the model again, or copy the folder again."


class ExportedCaptioner:
    """A model that `ConditionalCaptioner.export` wrote, without torch and without scikit-learn.

    Its methods are those of the estimator, with the same arguments and the same answers. It needs
    NumPy and onnxruntime.

    Parameters
    ----------
    folder : str or path-like
        What `ConditionalCaptioner.export` wrote. Nothing in it is run but the networks, of whose
        operators none loops, and none names a file: a folder from a stranger can give wrong
        answers, and take time and memory, no more.
    batch_size : int, default=1024
        Images that are answered at a time; bounds the memory.
    n_jobs : int or None, default=None
        CPU threads of each network. None is as many as onnxruntime takes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The distinct labels, sorted. Only where answers are labels.
    image_shape_ : tuple of int
        Shape of an image, (C, H, W), or of a feature vector, (d,).
    latent_bank_ : ndarray of shape (k, n_latents)
        The latents that are tried where none is given.
    manifest_ : Manifest
        What the export holds beside its networks.

    Raises
    ------
    ModelFileError
        If the folder is no such export, of another version, or damaged.
    FileNotFoundError
        If there is none.
    ImportError
        If onnxruntime is not installed.

    See Also
    --------
    condcap_sk.ConditionalCaptioner.export : Writes the folder.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from condcap_sk import ConditionalCaptioner
    >>> from condcap_sk.export import ExportedCaptioner
    >>> X = np.random.RandomState(0).random((20, 5))
    >>> est = ConditionalCaptioner(random_state=0).fit(X, [["a", "b"], ["c"]] * 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     est.export(f"{folder}/model")
    ...     exported = ExportedCaptioner(f"{folder}/model")
    >>> bool((exported.predict(X) == est.predict(X)).all())
    True
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        batch_size: int = 1024,
        n_jobs: int | None = None,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("n_jobs", n_jobs)):
            if value is not None and (not isinstance(value, int | np.integer) or value < 1):
                raise ValueError(f"{name}={value!r} is no number. Pass 1 or more.")
        self.batch_size = int(batch_size)
        self.n_jobs = n_jobs
        path = Path(os.fsdecode(folder))
        if not path.exists():
            raise FileNotFoundError(
                f"folder={os.fsdecode(folder)!r} is not there. Pass one that "
                "ConditionalCaptioner.export wrote."
            )
        try:
            content = _read(path / NAME, LARGEST)
            self.manifest_, entries = parse(content)
            signatures = signatures_of(self.manifest_)
            if entries.keys() != signatures.keys():
                differ = ", ".join(sorted(entries.keys() ^ signatures.keys()))
                raise ModelFileError(f"{NAME}.networks lacks, or has too many: {differ:.200}.")
            networks = {
                name: Network(_whole(path, entries[name]), name, signature, n_jobs)
                for name, signature in signatures.items()
            }
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {str(error).rstrip('.')}. {REMEDY}") from error
        self._model = model_of(self.manifest_, networks)
        vars(self).update(self._model.codec.vocabulary_.attributes())
        self.image_shape_ = self.manifest_.shape
        self.latent_bank_ = self.manifest_.bank

    def predict(self, X: ArrayLike, c: ArrayLike | None = None) -> NDArray[Any]:
        """Answer for each image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        c : array-like of shape (n_latents,) or (n, n_latents), default=None
            One latent for all images, or one each. None: the answer that the model holds most
            relevant, as `ConditionalCaptioner.predict` has it.

        Returns
        -------
        answers : ndarray of shape (n,)
            In the labels' dtype; str objects for captions.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`, or `c` no latents.
        """
        images, model = as_images(X, self.manifest_), self._model
        if c is None:
            return model.decode(model.best(images, self.batch_size))
        latents = as_latents_of_each(c, len(images), self.manifest_.columns)
        return model.decode(model.answer(images, latents, self.batch_size))

    def predict_grid(self, X: ArrayLike, latents: ArrayLike) -> NDArray[Any]:
        """Answer for every image under every latent; each image is encoded once.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        latents : array-like of shape (k, n_latents)
            Latents, for example from `sample_latents`.

        Returns
        -------
        answers : ndarray of shape (n, k)
            In the labels' dtype; str objects for captions.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`, or a row of `latents`
            is none.
        """
        images = as_images(X, self.manifest_)
        bank = as_latents(latents, self.manifest_.columns, "latents")
        return self._model.decode(self._model.answer_each(images, bank, self.batch_size))

    def sample(self, X: ArrayLike, n_samples: int = 5) -> list[list[Any]]:
        """Give several distinct answers for each image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        n_samples : int, default=5
            Most answers for one image. Fewer are given where the model has fewer.

        Returns
        -------
        answers : list of n lists
            Distinct answers, as `ConditionalCaptioner.sample` orders them.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`, or `n_samples` is
            below 1.
        """
        images = as_images(X, self.manifest_)
        if not isinstance(n_samples, int | np.integer) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} is no number of answers. Pass 1 or more.")
        found = self._model.sample(images, n_samples, self.batch_size)
        return [self._model.decode(ids).tolist() for ids in found]

    def sample_latents(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.float32]:
        """Draw latents from the prior: N(0, I), and categories that are equally likely.

        Parameters
        ----------
        n_samples : int, default=1
            Number of latents.
        random_state : int, RandomState instance or None, default=None
            Seed; None draws others each time.

        Returns
        -------
        c : ndarray of shape (n_samples, n_latents), float32
            The latents, the same ones as the estimator draws with this seed.
        """
        return self.manifest_.columns.draw(n_samples, random_state)

    @overload
    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: Literal[False] = False
    ) -> NDArray[np.float32]: ...

    @overload
    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: Literal[True]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

    def infer_latent(
        self, X: ArrayLike, labels: ArrayLike, return_std: bool = False
    ) -> NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read back the latent that would have given this answer to this image.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        labels : array-like of shape (n,)
            One answer for each image.
        return_std : bool, default=False
            Return the standard deviations of the estimate, too: many latents give the same answer.

        Returns
        -------
        c : ndarray of shape (n, n_latents), float32
            The recogniser's estimate, as of `ConditionalCaptioner.infer_latent`.
        std : ndarray of shape (n, n_latents), float32
            Its standard deviation in each dimension, and in the columns of categories the
            probability of each. Only with `return_std`.

        Raises
        ------
        ValueError
            If `X` holds no images or feature vectors of the shape in `fit`, or one of `labels` was
            no answer in `fit` (of captions: has no token).
        """
        images = as_images(X, self.manifest_)
        ids = self._ids(labels, len(images), "labels")
        mean, std = self._model.infer(images, ids, self.batch_size)
        return (mean, std) if return_std else mean

    def attention_weights(self, X: ArrayLike, captions: ArrayLike) -> list[NDArray[np.float32]]:
        """Return how far the decoder attends to each region of an image, word by word.

        Parameters
        ----------
        X : array-like
            Images or feature vectors, as in `fit`.
        captions : array-like of shape (n,)
            One caption for each image, given by `predict` or any other.

        Returns
        -------
        weights : list of n ndarrays of shape (n_tokens, n_regions), float32
            For each token of a caption, the weights of `ConditionalCaptioner.attention_weights`.

        Raises
        ------
        ValueError
            If the model has no attention to regions, `X` holds no images or feature vectors of the
            shape in `fit`, or one of `captions` has no token.
        """
        if not self.manifest_.sizes.memory:
            raise ValueError(
                "The model has no regions of images to attend to. Export one that was fitted on "
                "captions, with objective='relativistic' and images='matched'."
            )
        images = as_images(X, self.manifest_)
        ids = self._ids(captions, len(images), "captions")
        return self._model.attention_weights(images, ids, self.batch_size)

    def _ids(self, labels: ArrayLike, n_images: int, name: str) -> NDArray[np.int64]:
        return as_ids(labels, n_images, self._model.codec.vocabulary_, name)


def _read(path: Path, most: int) -> bytes:
    """Return the bytes of a file, of which there are no more than `most`."""
    try:
        if not path.is_file():
            raise ModelFileError(f"{path.name} is not there, or no ordinary file.")
        if (size := path.stat().st_size) > most:
            raise ModelFileError(f"{path.name} has {size} bytes, more than the {most} it may have.")
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read: {error}.") from error


def _whole(folder: Path, entry: dict[str, Any]) -> bytes:
    content = _read(folder / entry["file"], entry["bytes"])
    if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ModelFileError(f"{entry['file']} is not what was exported: its checksum differs.")
    return content
