"""Many right answers for one image: learn the latent that tells them apart, without annotation."""

from .captioner import ConditionalCaptioner

__all__ = ["ConditionalCaptioner", "__version__"]
__version__ = "0.1.0"
