"""The fitted estimator in one file, see `_persistence`."""

import math
import os
from typing import Any

import numpy as np
import torch

from .._persistence import (
    Fields,
    Tensors,
    image_shape,
    pack_params,
    read,
    unpack_params,
    warn_of_version,
    write,
)
from ..exceptions import ModelFileError
from ..gan import LatentGAN
from ..text import CaptionCodec
from ..vision import ImageEncoder
from ..vision.sight import SIGHTS
from . import preprocessor, provenance
from .calibration import Calibrator
from .core import FittedModel
from .kinds import answerer_of

STAGES: dict[str, Any] = {"codec": CaptionCodec, "image_encoder": ImageEncoder, "gan": LatentGAN}


def save(estimator, known_class, path, steps=None):
    """Write a fitted estimator to a file; only a `known_class` can be read again.

    `steps` are what made its images of files; None is what `load` knew of them.
    """
    if (unknown := unknown_part(estimator, known_class)) is not None:
        name, cls = unknown
        raise ValueError(
            f"{name} is a {cls.__name__}, which `load` does not know. Save it with joblib.dump."
        )
    stages = {name: getattr(estimator, f"{name}_") for name in STAGES}
    stages = {name: stage for name, stage in stages.items() if stage is not None}
    fields: dict[str, Any] = {}
    tensors: dict[str, torch.Tensor] = {}
    for name, stage in stages.items():
        fields[name], of_stage = stage._to_state(name)
        tensors |= of_stage
    fields |= {
        "params": pack_params(estimator, estimator.fitted_params_),
        "image_shape": list(estimator.image_shape_),
        "pixel_range": [estimator.pixel_range_],
        "latent_bank": estimator.latent_bank_.tolist(),
        "provenance": provenance.to_fields(estimator.provenance_),
    }
    steps = estimator.preprocessor_ if steps is None else steps
    if steps is not None:
        fields["preprocessor"] = preprocessor.to_fields(steps, estimator.image_shape_)
    if (calibrator := estimator.model_.calibrator) is not None:
        fields["calibration"] = calibrator.to_rows()
    if hasattr(estimator, "n_features_in_"):
        fields["n_columns"] = estimator.n_features_in_
    if hasattr(estimator, "feature_names_in_"):
        fields["columns"] = estimator.feature_names_in_.tolist()
    write(path, fields, tensors)


def unknown_part(estimator, known_class):
    """Return name and class of what only its own program knows, the estimator or a stage; or None.

    Only a `known_class` is known, and the stages of this package; those that were passed and not
    fitted are in the file, too.
    """
    known = known_class, *STAGES.values(), type(None)
    parts = [(known_class.__name__, estimator)]
    for name in STAGES:
        parts += [(name, getattr(estimator, f"{name}_")), (name, estimator.fitted_params_[name])]
    return next(((name, type(part)) for name, part in parts if type(part) not in known), None)


def load(known_class, path):
    """Return an unfitted estimator and its `FittedModel`; of images, shape, range and maker."""
    header, held = read(path)
    warn_of_version(header.pop("version", None), os.fsdecode(path))
    fields, tensors = Fields(header, "header"), Tensors(held)
    estimator = unpack_params(known_class, fields.inner("params"), STAGES.values())
    sight_class = SIGHTS[estimator.images]
    stages = {
        name: STAGES[name]._from_state(name, fields.inner(name), tensors)
        for name in ("codec", *sight_class.STAGES, "gan")
    }
    sight = sight_class(stages.get("image_encoder") or estimator.image_encoder or ImageEncoder())
    shape = image_shape(fields, "image_shape")
    pixel_range = tuple(fields.numbers("pixel_range", 2)[0].tolist())
    bank = _bank(fields, stages["gan"]._prior)
    about = provenance.from_fields(fields.inner("provenance"))
    steps = preprocessor.from_fields(fields, shape)
    calibrator = _take_calibrator(fields)
    _take_columns(fields, estimator, shape)
    fields.end()
    tensors.end()
    codec, gan = stages["codec"], stages["gan"]
    sight.region_shape = gan._region_shape
    answerer = answerer_of(codec, sight, gan, estimator.relevance_weight, estimator.beam_width)
    model = FittedModel(codec, sight, gan, answerer, bank, about, calibrator)
    if (
        gan.objective != estimator.objective
        or estimator.n_latents != gan.n_latents
        or estimator.n_categories != gan.n_categories
        or not model.fits(shape)
        or not sight.has_regions(estimator.n_regions, shape)
    ):
        raise ModelFileError(f"{path} holds parts of different models.")
    return estimator, model, shape, pixel_range, steps


def _bank(fields, prior):
    """Take the latents that are tried where none is given."""
    bank = fields.numbers("latent_bank", prior.n_latents)
    try:
        prior.check(bank, "latent_bank")
    except ValueError as error:
        raise ModelFileError(f"{fields.where}: {error}") from error
    return bank


def _take_calibrator(fields):
    if "calibration" not in fields:
        return None
    try:
        return Calibrator.from_rows(fields.numbers("calibration", 2))
    except ValueError as error:
        raise ModelFileError(f"{fields.where}.calibration: {error}") from error


def _take_columns(fields, estimator, shape):
    """Take what `estimator` knows of the columns of a 2-D `X`, whose images are of `shape`."""
    are_vectors = len(shape) == 1
    if are_vectors or "n_columns" in fields:
        n_columns = estimator.n_features_in_ = fields.size("n_columns")
        if n_columns != math.prod(shape) or are_vectors != (estimator.image_shape is None):
            raise ModelFileError(f"{fields.where}.n_columns is {n_columns}, of images {shape}.")
    if "columns" in fields:
        columns = fields.take("columns", list)
        if len(columns) != math.prod(shape) or not all(isinstance(name, str) for name in columns):
            raise ModelFileError(f"{fields.where}.columns is {columns!r:.80}, no names of columns.")
        estimator.feature_names_in_ = np.array(columns, dtype=object)
