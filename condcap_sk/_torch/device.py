"""Where tensors live."""

import copy
import os
from typing import Self

import torch

from .._persistence import warn_of_version
from .._version import __version__
from .environment import own_environment

PREFERENCE = ("cuda", "mps", "cpu")


def resolve_device(device):
    """Turn the `device` parameter into a `torch.device` that exists here."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = os.environ.get("CONDCAP_DEVICE", "auto")
    if device == "auto":
        return torch.device(next(name for name in PREFERENCE if available[name]))
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not a device. Use 'auto', 'cpu', 'cuda', 'cuda:0' or 'mps'."
        ) from error
    if not available.get(resolved.type, False) or (
        resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count()
    ):
        raise ValueError(
            f"device={device!r} is not available on this machine. Use device='auto' or 'cpu'."
        )
    return resolved


class Portable:
    """Fitted networks that move between devices, and are pickled on the CPU with the version."""

    device_: torch.device

    @own_environment()
    def to(self, device: str) -> Self:
        """Move the fitted networks.

        Parameters
        ----------
        device : str
            "auto", "cpu", "cuda", "cuda:0" or "mps".

        Returns
        -------
        self : object
            The same estimator.
        """
        wanted = resolve_device(device)
        for name, value in vars(self).items():
            if name.endswith("_") and isinstance(value, torch.nn.Module | Portable):
                value.to(wanted)
        if hasattr(self, "device_"):
            self.device_ = wanted
        return self

    def __getstate__(self) -> dict:
        state: dict = {**super().__getstate__()}  # type: ignore[dict-item]
        for name, value in state.items():
            if isinstance(value, torch.nn.Module) and self.device_.type != "cpu":
                state[name] = copy.deepcopy(value).to("cpu")
        if "device_" in state:
            state["device_"] = torch.device("cpu")
        state["_version"] = __version__
        return state

    def __setstate__(self, state):
        warn_of_version(state.pop("_version", None), "This estimator")
        vars(self).update(state)
