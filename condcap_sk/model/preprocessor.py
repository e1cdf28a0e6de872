"""What makes `X` of files of photographs, as a model file knows it."""

from sklearn.pipeline import Pipeline, make_pipeline

from .._persistence import Fields, pack_params, unpack_params
from ..exceptions import ModelFileError
from ..vision import LoadImages, PretrainedFeatures
from ..vision.efficientnet import N_FEATURES, WEIGHTS

# The steps that there can be, in this order, and the parameters on which X depends.
STEPS = {LoadImages: ("size",), PretrainedFeatures: ("model", "n_regions", "preprocess")}
FORM = (
    "Pass the steps before the captioner: LoadImages(size=…), or make_pipeline(LoadImages(size=…), "
    "PretrainedFeatures('efficientnet_lite2', n_regions=…))"
)


def to_fields(preprocessor, shape):
    """Return a preprocessor as JSON has it.

    Parameters
    ----------
    preprocessor : LoadImages or Pipeline
    shape : tuple
        Of an image in `fit`.

    Raises
    ------
    ValueError
        If it has other steps, holds an object, or makes images of another shape.
    """
    steps = [preprocessor]
    if isinstance(preprocessor, Pipeline):
        steps = [step for _, step in preprocessor.steps]
    if [type(step) for step in steps] != list(STEPS)[: len(steps)]:
        raise ValueError(f"preprocessor={preprocessor!r:.200} is not known to model files. {FORM}.")
    fields = []
    for step in steps:
        # Device, batches and bars are a matter of the machine.
        params = {name: getattr(step, name) for name in STEPS[type(step)]}
        plain = type(step)(**params)
        fields.append({"class": type(step).__name__, "params": pack_params(plain)})
    if len(steps) > 1:
        fields[1]["weights"] = WEIGHTS[steps[1].model]
    made = _shape_of(*steps)
    if made != shape:
        raise ValueError(
            f"preprocessor makes images of shape {made}, and those of fit had {shape}. Pass the "
            "one that made X."
        )
    return fields


def from_fields(fields, shape):
    """Take "preprocessor" from the fields of a file, checked; None if it has none."""
    if "preprocessor" not in fields:
        return None
    where = f"{fields.where}.preprocessor"
    found, steps = fields.take("preprocessor", list), []
    if not 1 <= len(found) <= len(STEPS):
        raise ModelFileError(f"{where} is {found!r:.80}, not the steps that make X.")
    for cls, values in zip(STEPS, found, strict=False):
        step = Fields(values, f"{where}.{cls.__name__}")
        if (name := step.take("class", str)) != cls.__name__:
            raise ModelFileError(f"{where} names the class {name!r:.80}, not {cls.__name__}.")
        steps.append(unpack_params(cls, step.inner("params")))
        if len(steps) > 1 and step.take("weights", str) != WEIGHTS.get(steps[-1].model):
            raise ModelFileError(
                f"{where} names other weights of {steps[-1].model!r:.80} than this version of "
                "condcap_sk knows. Install the version that wrote the file."
            )
        step.end()
    if _shape_of(*steps) != shape:
        raise ModelFileError(f"{where} makes no images of shape {shape}.")
    return make_pipeline(*steps)


def _shape_of(load, features=None):
    """Return the shape of what the steps make of a photograph."""
    if features is None:
        return 3, load.size, load.size
    return ((1 + (features.n_regions or 0)) * N_FEATURES,)
