"""The latent explorer: a page about an exported model, served to this machine alone."""

from .examples import write_examples
from .server import serve

__all__ = ["serve", "write_examples"]
