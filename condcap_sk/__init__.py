"""Many right answers for one image: learn the latent that makes them differ, without annotation."""

from typing import TYPE_CHECKING

from ._lazy import lazy
from ._version import __version__

if TYPE_CHECKING:
    from .captioner import ConditionalCaptioner

__all__ = ["ConditionalCaptioner", "__version__"]

_MODULES = ("answers", "captioner", "datasets", "exceptions", "export", "gan", "inspection",
            "metrics", "text", "training", "vision")  # fmt: skip
__getattr__, __dir__ = lazy(__name__, {"ConditionalCaptioner": "captioner"}, _MODULES)
