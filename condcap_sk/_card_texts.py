"""The sections of a model card that need no images: what a fitted estimator knows of itself."""

import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from ._links import PACKAGE, documentation, public_path
from ._markdown import bullets, code, several, table
from .model import file as model_file

FILE = "model.safetensors"  # what the page calls the model's file
LEFT_OPEN = "[More Information Needed]"  # as templates of model cards have it
LICENCE = f"Of the model: {LEFT_OPEN}. condcap_sk itself is BSD-3-Clause."

# Parameters that stand elsewhere in the card, or count for time and display alone.
LEFT_OUT = ("n_jobs", "verbose", "device", "random_state", "callbacks")


class Kind(NamedTuple):
    """What a card says of labels, or of captions."""

    answers: str
    tag: str
    describe: Callable[[Any], str]
    limits: tuple[str, ...]
    terms: Callable[[Any], dict[str, float]]  # of the objective, and their weights, of a LatentGAN


def front_matter(kind: Kind) -> str:
    """Return what the usual hosting services of models read: YAML before the page."""
    return (
        f"---\nlibrary_name: {PACKAGE}\ntags:\n- {kind.tag}\n- latent-variables\n"
        "# license: yours to choose\n---"
    )


def of_model(est: Any, kind: Kind) -> str:
    """Return what the model is."""
    params = est.fitted_params_
    objective = OBJECTIVES[est.gan_.objective]
    return bullets([
        f"{_class(est)} of condcap_sk: it gives {kind.answers} for an image. Several are "
        "right, and a latent variable c, learned without annotation, chooses among them.",
        f"**Answers:** {kind.describe(est)}.",
        f"**Latent:** {_latent(est.gan_)}.",
        f"**Image:** {SIGHTS[params['images']]}.",
        f"**Objective:** {objective(est.gan_, params['images'] != 'ignored', kind)}.",
        f"**Meant for:** {LEFT_OPEN}.",
    ])  # fmt: skip


def of_data(est: Any, kind: Kind) -> str:
    """Return what it was trained on, in numbers."""
    known = est.provenance_
    items = [
        f"**Images:** {known['n_images']:,}; held out of the training: {known['n_held_out']:,}.",
        f"**Form of an image:** {_form(est)}.",
        f"**Right answers:** {known['n_answers']:,}, of which {known['n_distinct']:,} are "
        f"different. For an image {_spread(known['answers_per_image'])}.",
    ]
    if known["tokens_per_answer"][2] > 1:
        items.append(f"**Tokens of an answer:** {_spread(known['tokens_per_answer'])}.")
    if hasattr(est, "feature_names_in_"):
        items.append(f"**Columns:** {several(est.feature_names_in_.tolist())}.")
    if est.fitted_params_["warm_start"]:
        items.append("These are the data of the last fit, which may have gone on from earlier ones "
                     "(`warm_start=True`).")  # fmt: skip
    return bullets([*items, f"**Where they are from, and how they were made:** {LEFT_OPEN}."])


def of_parameters(est: Any) -> str:
    """Return the parameters that are not the default ones."""
    changed = [code(f"{name}={value}") for name, value in _changed(est)]
    if not changed:
        text = "All parameters have their default values."
    else:
        text = f"These parameters differ from their default values:\n\n{bullets(changed)}"
    not_kept = ", ".join(map(code, est.provenance_["not_kept"]))
    return f"{text}\n\nPassed, and not kept: {not_kept}." if not_kept else text


def of_training(est: Any) -> str:
    """Return the stages of the training, the seed, the device and the versions."""
    names = {"codec_": "captions", "image_encoder_": "images", "gan_": "latents"}
    rows = []
    for attribute, name in names.items():
        stage = getattr(est, attribute)
        if stage is not None:
            n_weights = sum(
                weight.numel()
                for module in (getattr(stage, f"{name}_") for name in stage._MODULES)
                if module is not None
                for weight in module.parameters()
            )
            rows.append((name, _linked(type(stage)), f"{stage.n_iter_:,}", f"{n_weights:,}"))
    header = ["stage", "class", "steps", "weights"]
    items = []
    if est.gan_.consensus_ is not None:
        items.append("The decoder was then fine-tuned by reward (self-critical training), as a "
                     "copy that answers where no latent is given.")  # fmt: skip
    known = est.provenance_
    seed = est.fitted_params_["random_state"]
    items.append(
        f"**Seed:** `random_state={int(seed)}`."
        if isinstance(seed, Integral)
        else "**Seed:** none that is known, so that this fit cannot be repeated to the bit."
    )
    versions = ", ".join(f"{name} {code(value)}" for name, value in known["versions"].items())
    if est.fitted_params_["warm_start"]:
        items.append("Steps are those of the last fit, which may have gone on from earlier ones.")
    items += [f"**Device:** {code(known['device'])}.", f"**Versions:** {versions}."]
    return f"{table(header, rows)}\n\n{bullets(items)}"


def of_use(est: Any, kind: Kind) -> str:
    """Return how the model is loaded and asked."""
    shape = ", ".join(map(str, _shape(est)))
    loading = f'ConditionalCaptioner.load("{FILE}")  # what est.save wrote; holds no code'
    imports = "from condcap_sk import ConditionalCaptioner"
    is_unknown = model_file.unknown_part(est, _ours(type(est))) is not None
    if is_unknown or not _is_plain(est.fitted_params_["analyzer"]):
        # A function is no number and no text. `save` refuses both.
        loading = 'joblib.load("model.joblib")  # it runs code: only from those whom you trust'
        imports = "import joblib"
    from_files, before = [], ""
    if est.preprocessor_ is not None:
        from_files = ['X = est.preprocessor_.transform(["photograph.jpg"])']
        steps = " and ".join(code(_as_call(step), None) for _, step in est.preprocessor_.steps)
        before = f"\n\n`X` is made of files of photographs by {steps}, as the model's file says."
    elif len(est.image_shape_) == 1:
        before = (
            "\n\n`X` are feature vectors. How they were made of images, which must be done in the "
            f"same way: {LEFT_OPEN}."
        )
    lines = [
        imports,
        "",
        f"est = {loading}",
        *from_files,
        f"est.predict(X)  # X of shape (n, {shape}): the best answer for each image",
        "c = est.sample_latents(random_state=0)[0]",
        "est.predict(X, c)  # one latent for all images",
        f"est.sample(X, 5)  # several {kind.answers}, all different",
        "est.infer_latent(X, answers)  # the latent that would have given these answers",
    ]
    code_block = "\n".join(lines)
    return f"```python\n{code_block}\n```{before}"


def of_limits(est: Any, kind: Kind) -> str:
    """Return what such a model cannot do."""
    site = documentation()
    more = [f"[All limits]({site}/guide/limits.html)."] if site else []
    confidence = UNCALIBRATED if est.model_.calibrator is None else CALIBRATED
    return bullets([*LIMITS, confidence, *kind.limits, *more])


def _labels(est: Any) -> str:
    classes = est.classes_.tolist()
    return f"{len(classes):,} labels ({several([repr(label) for label in classes])})"


def _captions(est: Any) -> str:
    vocabulary = est.codec_.vocabulary_
    unit = TOKENS.get(vocabulary.analyzer) if _is_plain(vocabulary.analyzer) else None
    if unit is None:
        unit = f"tokens by the function {code(_name(vocabulary.analyzer))}"
    n_known = len(vocabulary.tokens_)
    return f"captions of at most {vocabulary.max_length_:,} tokens out of {n_known:,} {unit}"


def _class(est: Any) -> str:
    ours = _ours(type(est))
    if ours is type(est):
        return f"A {_linked(ours)}"
    return f"A {code(type(est).__name__)}, which is a {_linked(ours)}"


def _ours(cls: type) -> type:
    """Return the class of this package that a class is, or is made from."""
    return next(base for base in cls.__mro__ if base.__module__.partition(".")[0] == PACKAGE)


def _relativistic(gan: Any, sees: bool, kind: Kind) -> str:
    """Return the objective's terms whose weights are not 0; the GAN may see images."""
    weights = {"mismatched pairs": gan.mismatch_weight * sees, **kind.terms(gan),
               RECOVERY: gan.mi_weight}  # fmt: skip
    there = ", ".join(term for term, weight in weights.items() if weight)
    return "relativistic GAN" + f" with {there}" * bool(there)


def _of_the_paper(gan: Any, sees: bool, kind: Kind) -> str:
    name, rest = ("InfoGAN", "") if gan.mi_weight else ("GAN", f" without {RECOVERY}")
    return f"{'conditional ' * sees}{name}, equations (4) to (6) of the paper{rest}"


def _latent(gan: Any) -> str:
    prior = gan._prior
    parts = [f"a category out of {k}, all equally likely" for k in prior.n_categories]
    if prior.n_gaussian:
        parts.append(f"{prior.n_gaussian} Gaussian numbers, N(0, I)")
    return "; ".join(parts)


def _form(est: Any) -> str:
    shape, params = est.image_shape_, est.fitted_params_
    if len(shape) == 3:
        channels, height, width = shape
        low, high = est.pixel_range_
        flat = ", flattened" if params["image_shape"] is not None else ""
        return (
            f"{height} × {width} pixels of {channels} channel{'s' * (channels > 1)}{flat}, values "
            f"from {low:g} to {high:g}"
        )
    if params["n_regions"] is not None:
        n_vectors = 1 + params["n_regions"]
        return (
            f"{n_vectors} vectors of {shape[0] // n_vectors} numbers, flattened: the image's own "
            f"and those of its {params['n_regions']} regions"
        )
    return f"a feature vector of {shape[0]:,} numbers"


def _shape(est: Any) -> tuple[int, ...]:
    """Return the shape of an image as it is passed."""
    shape = est.image_shape_
    if len(shape) == 1:
        return shape
    if est.fitted_params_["image_shape"] is not None:
        return (math.prod(shape),)
    return shape[1:] if shape[0] == 1 else (*shape[1:], shape[0])


def _spread(values: tuple[float, float, float]) -> str:
    least, mean, most = values
    if least == most:
        return f"{mean:,g}"
    return f"{least:,.0f} to {most:,.0f}, on average {mean:,.1f}"


def _changed(est: Any) -> list[tuple[str, str]]:
    """Return names and values of the parameters of a fit that are not the default ones."""
    params: Mapping[str, Any] = est.fitted_params_
    defaults = _defaults(type(est))
    for stage in model_file.STAGES:
        # None, or an object whose parameters are beside it.
        if params[stage] is not None:
            of_stage = _defaults(type(params[stage]))
            defaults |= {f"{stage}__{name}": value for name, value in of_stage.items()}
    changed = []
    for name, value in params.items():
        is_left_out = name.rpartition("__")[2] in LEFT_OUT or name in (
            *OVERRIDDEN,
            *model_file.STAGES,
        )
        text = _as_text(value)
        if not is_left_out and (name not in defaults or text != _as_text(defaults[name])):
            changed.append((name, text))
    return sorted(changed)


def _defaults(cls: type) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def _as_text(value: Any) -> str:
    """Return a parameter in a form that is the same before and after it is saved."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_as_text, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float):
        return f"{value:g}"
    return repr(value) if _is_plain(value) else _name(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _as_call(step: Any) -> str:
    """Return a step of a pipeline with the parameters that are not the default ones."""
    defaults = _defaults(type(step))
    changed = [
        f"{name}={value!r}" for name, value in step.get_params().items() if value != defaults[name]
    ]
    return f"{type(step).__name__}({', '.join(changed)})"


def _name(value: Any) -> str:
    return getattr(value, "__qualname__", type(value).__name__)


def _linked(cls: type) -> str:
    """Return the name of a class, as a link to its page where it is one of ours."""
    site = documentation()
    if not site or cls.__module__.partition(".")[0] != PACKAGE:
        return f"{code(cls.__name__)}"
    return f"[`{cls.__name__}`]({site}/generated/{public_path(cls)}.html)"


SIGHTS = {
    "matched": "seen through the vectors of one image encoder, which was fitted first by matching "
    "images with answers",
    "end-to-end": "seen by generator, discriminator and recogniser, each through a network of its "
    "own",
    "ignored": "not looked at",
}
RECOVERY = "recovery of the latent"
OBJECTIVES = {"relativistic": _relativistic, "paper": _of_the_paper}
TOKENS = {"word": "words", "char": "characters"}
# Nested parameters that the estimator sets itself.
OF_GAN = (
    "n_latents",
    "n_categories",
    "objective",
    "mi_weight",
    "noise",
    "n_regions",
    "region_size",
)
OVERRIDDEN = ("codec__analyzer", "image_encoder__n_regions", *(f"gan__{name}" for name in OF_GAN))
LIMITS = (
    "It knows what its data say, and nothing else of the world.",
    "It answers every image, also one of another kind than those that it was trained on.",
    "What a latent prefers has no name, is no axis of the latent space, and differs from fit to "
    "fit.",
    "What all right answers of an image share, no latent decides.",
    "Biases of the data are those of the answers. None were looked for here.",
)
CALIBRATED = "Its confidence is calibrated on images like those of the fit, and on no others."
UNCALIBRATED = (
    "It has no confidence: the fit held out too few right or wrong pairs of image and answer to "
    "calibrate it on."
)
KINDS = {
    False: Kind("labels", "image-classification", _labels, (
        "It gives no label that was not in the fit.",
    ), lambda gan: {"posterior path": gan.posterior_weight}),
    True: Kind("captions", "image-to-text", _captions, (
        "A caption may name what is not in the image. No figure above knows whether captions are "
        "true.",
        "It can repeat captions that it was trained on.",
    ), lambda gan: {
        # Of sentences, the weight is that of a part of the path.
        "posterior path": 1.0, "closeness to an image's captions": gan.truth_weight,
    }),
}  # fmt: skip
