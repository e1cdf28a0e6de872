"""Fitted captioners as ONNX networks, which answer with NumPy and onnxruntime alone."""

from .exported_captioner import ExportedCaptioner

__all__ = ["ExportedCaptioner"]
