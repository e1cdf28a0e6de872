"""Many right answers for one image: learn the latent that makes them differ, without annotation."""

from ._version import __version__
from .captioner import ConditionalCaptioner

__all__ = ["ConditionalCaptioner", "__version__"]
