"""Many right answers for one image: learn the latent that tells them apart, without annotation."""

from ._version import __version__
from .captioner import ConditionalCaptioner

__all__ = ["ConditionalCaptioner", "__version__"]
