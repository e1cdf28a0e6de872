"""Global switches of the program around us: none of them changes what is computed here."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from sklearn import config_context

_LOCK = threading.Lock()
_inside = 0
_restore: list = []


@contextmanager
def own_environment() -> Iterator[None]:
    """Compute inside as in a fresh program, whatever was switched, and leave all as it was.

    Of NumPy its handling of floating-point errors; of scikit-learn `assume_finite`,
    `transform_output` and `array_api_dispatch`; of torch gradients and inference mode, default
    device and dtype, autocast, denormal numbers and the CPU's precision of products.
    """
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        enter(
            config_context(
                assume_finite=False, transform_output="default", array_api_dispatch=False
            )
        )
        enter(torch.inference_mode(False))
        enter(torch.enable_grad())
        # What is not switched is not set: under a device of its own, torch asks at every call.
        if torch.get_default_device().type != "cpu":
            enter(torch.device("cpu"))
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                enter(torch.autocast(kind, enabled=False))
        if not np.float32(1e-40):
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)
        enter(_own_process())
        yield


@contextmanager
def _own_process():
    """Switch what holds for all threads of the program; the last one to leave switches it back."""
    global _inside, _restore
    with _LOCK:
        if not _inside:
            _restore = _switch()
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                for restore in _restore:
                    restore()


def _switch():
    restore = []
    if (dtype := torch.get_default_dtype()) != torch.float32:
        torch.set_default_dtype(torch.float32)
        restore.append(partial(torch.set_default_dtype, dtype))
    for name in ("matmul", "conv"):
        # torch before 2.9 has no such switch.
        part = getattr(torch.backends.mkldnn, name, None)
        if part is not None and part.fp32_precision not in ("none", "ieee"):
            restore.append(partial(setattr, part, "fp32_precision", part.fp32_precision))
            part.fp32_precision = "ieee"
    return restore
