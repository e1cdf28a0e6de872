"""Where tensors live."""

import torch

PREFERENCE = ("cuda", "mps", "cpu")


def resolve_device(device):
    """Turn the `device` parameter into a `torch.device` that exists here."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
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
