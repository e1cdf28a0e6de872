"""What a fitted estimator holds."""

from typing import Any

from sklearn.base import BaseEstimator

from .core import FittedModel


def attributes_of(
    model: FittedModel,
    shape: tuple[int, ...],
    pixels: tuple[float, float],
    params: dict[str, Any],
    columns: BaseEstimator,
) -> dict[str, Any]:
    """Return what an estimator that holds `model` has; `columns` is one that has checked `X`."""
    attributes: dict[str, Any] = {
        "model_": model,
        "image_shape_": shape,
        "pixel_range_": pixels,
        "fitted_params_": params,
        "latent_bank_": model.bank,
        "codec_": model.codec,
        "image_encoder_": model.sight.encoder,
        "gan_": model.gan,
        "history_": model.history,
    }
    held = {"classes_": model.codec, "n_features_in_": columns, "feature_names_in_": columns}
    for name, holder in held.items():
        if hasattr(holder, name):
            attributes[name] = getattr(holder, name)
    return attributes
