"""A fitted captioner as a folder of ONNX networks."""

import copy
import hashlib
import importlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from ..gan.modules import ImageVector
from ..model.file import unknown_part
from ..vision.modules import NETWORKS
from . import modules
from .exported_captioner import ExportedCaptioner
from .manifest import NAME, Manifest
from .onnx_files import onnx_files
from .signatures import Sizes, signatures_of

DRAFT = ".condcap_sk-export-"  # how names of folders begin that are being written
NEEDED = "onnx", "onnxscript", "onnxruntime"


def export(estimator, known_class, folder, overwrite):
    """Write a fitted estimator to a folder; what was there stays whole until all is written."""
    check_extra()
    folder = _check_folder(folder, overwrite)
    _check_known(estimator, known_class)
    model = estimator.model_
    manifest = manifest_of(model, estimator)
    networks = networks_of(model, manifest.kind)
    try:
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.parent))
    except OSError as error:
        raise OSError(f"folder={str(folder)!r} cannot be written: {error}.") from error
    try:
        _write(draft, manifest, networks)
        ExportedCaptioner(draft, n_jobs=1)
        umask = os.umask(0)
        os.umask(umask)
        draft.chmod(0o777 & ~umask)  # mkdtemp lets only the owner in
        _check_folder(folder, overwrite)  # it may have come to be, or to hold more, meanwhile
        _take_place(draft, folder)
    except FileExistsError:
        raise
    except OSError as error:
        raise OSError(
            f"folder={str(folder)!r} cannot be written: {error}. Nothing was exported; make room, "
            "or pass a folder elsewhere."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def manifest_of(model, estimator):
    """Return the `Manifest` of a model; `estimator` knows what its images are."""
    codec, gan, answerer = model.codec, model.gan, model.answerer
    decoder = gan.decoder_ or codec.decoder_
    circles = {"decoder": _circles(decoder)}
    if gan.consensus_ is not None:
        circles["consensus"] = _circles(gan.consensus_.decoder)
    matcher = model.sight.encoder and model.sight.encoder.matcher_
    params = estimator.fitted_params_
    return Manifest(
        objective=gan.objective,
        images=params["images"],
        shape=tuple(map(int, estimator.image_shape_)),
        image_shape=params["image_shape"] and tuple(map(int, params["image_shape"])),
        n_regions=params["n_regions"] and int(params["n_regions"]),
        pixel_range=estimator.pixel_range_,
        columns=model.prior,
        bank=model.bank,
        analyzer=codec.analyzer_,
        tokens=codec.vocabulary_.tokens_,
        max_length=int(codec.vocabulary_.max_length_),
        relevance_reads="ids" if getattr(matcher, "READS", "") == "ids" else "sentence_vectors",
        relevance_weight=float(answerer.relevance_weight),
        beam_width=int(answerer.beam_width),
        circles=circles,
        has_consensus=gan.consensus_ is not None,
        sizes=_sizes(model, decoder),
    )


def _sizes(model, decoder):
    gan, codec = model.gan, model.codec
    n_regions, size = gan._region_shape or (0, 0)
    attention = decoder.attention
    memory = 0 if attention is None else n_regions * attention.keys_and_values.out_features
    are_sentences = int(model.are_sentences)
    return Sizes(
        vector=getattr(gan.generator_.image_network, "n_image", 0),  # images have no vector
        regions=n_regions * size if memory else 0,
        memory=memory,
        n_regions=n_regions if memory else 0,
        sentence=codec._n_features_out,
        latent=model.prior.n_latents,
        n_tokens=len(codec.vocabulary_),
        state=are_sentences * decoder.recurrence.hidden_size,
        encoder_state=are_sentences * codec.encoder_.recurrence.hidden_size,
    )


def networks_of(model, kind):
    """Return the modules that are exported, by name; `kind` is that of the answers."""
    gan, codec, sight = model.gan, model.codec, model.sight
    prior = model.prior
    found: dict[str, torch.nn.Module] = {}
    relevance: torch.nn.Module = modules.Discrimination(gan.discriminator_)
    if sight.encoder is not None:
        matcher = sight.encoder.matcher_
        found["image"] = modules.Image(matcher, sight.region_shape is not None)
        bag = matcher.READS == "ids"
        relevance = (modules.BagRelevance if bag else modules.Relevance)(matcher)
    found["generator"] = gan.generator_
    found["recogniser"] = modules.Recogniser(
        gan.recogniser_, prior.n_categories, prior.n_gaussian, gan.calibration_
    )
    found["relevance"] = relevance
    found |= ANSWERS[kind](gan, codec)
    # On a copy: those of a model on an accelerator stay there.
    return {name: copy.deepcopy(module).cpu().eval() for name, module in found.items()}


def _labels(gan, codec):
    ids = codec.vocabulary_.encode(codec.vocabulary_.tokens_)
    vectors = torch.from_numpy(codec.encode_tokens(ids))
    return {
        "encoder": modules.LabelVectors(vectors),
        "decoder": modules.LabelDecoder(codec.decoder_),
    }


def _sentences(gan, codec):
    decoder = gan.decoder_ or codec.decoder_
    found = {"start": modules.Start(decoder), "step": modules.Step(decoder)}
    if decoder.attention is not None:
        found["memory"] = modules.Memory(decoder.attention)
    if gan.consensus_ is not None:
        found["consensus"] = modules.Consensus(gan.consensus_)
        found["consensus_start"] = modules.Start(gan.consensus_.decoder)
        found["consensus_step"] = modules.Step(gan.consensus_.decoder)
    found["encoder_step"] = modules.EncoderStep(codec.encoder_)
    found["encoder_end"] = modules.EncoderEnd(codec.encoder_)
    return found


ANSWERS = {"labels": _labels, "sentences": _sentences}


def _circles(decoder):
    repeats, recurs, returns = decoder.repeats, decoder.recurs, decoder.returns
    return {
        "repeats": None if repeats is None else repeats.int().tolist(),
        "recurs": None if recurs is None else bool(recurs),
        "returns": None if returns is None else returns.int().tolist(),
    }


def _write(folder, manifest, networks):
    entries = {}
    for name, content in onnx_files(networks, signatures_of(manifest), manifest.pixel_range):
        file = f"{name}.onnx"
        (folder / file).write_bytes(content)
        entries[name] = {
            "file": file,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    (folder / NAME).write_text(manifest.to_json(entries), encoding="utf-8")


def _take_place(draft, folder):
    """Let a folder be where another one may be, which is deleted then."""
    if not folder.exists():
        draft.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.parent))
    folder.rename(aside / "before")
    try:
        draft.rename(folder)
    except BaseException:
        (aside / "before").rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_extra():
    """Raise ImportError if a package that `export` needs is not installed."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"export needs {name}, which is not installed. "
                "Run: pip install 'condcap_sk[export]'"
            ) from error


def _check_folder(folder, overwrite):
    given = os.fsdecode(folder)
    path = Path(given)
    if not given or (path.exists() and not path.is_dir()):
        raise ValueError(f"folder={given!r} is no folder. Pass the name of one to be made.")
    path = path.resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"folder={given!r}: there is no folder {str(path.parent)!r}. Make it first, with "
            "os.makedirs."
        )
    if path.exists() and any(path.iterdir()):
        if not overwrite:
            raise FileExistsError(
                f"folder={given!r} is there already. Pass overwrite=True if it is an earlier "
                "export, or another name."
            )
        if not _is_export(path):
            raise FileExistsError(
                f"folder={given!r} holds other things than an export, which are not overwritten. "
                "Pass another name."
            )
    return path


def _is_export(folder):
    """Whether a folder holds a manifest, files that it names, and nothing else."""
    try:
        manifest = json.loads((folder / NAME).read_text(encoding="utf-8"))
        known = {NAME, *(entry["file"] for entry in manifest["networks"].values())}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return all(
        file.name in known and file.is_file() and not file.is_symlink() for file in folder.iterdir()
    )


def _check_known(estimator, known_class):
    if (unknown := unknown_part(estimator, known_class)) is not None:
        name, cls = unknown
        raise ValueError(
            f"{name} is a {cls.__name__}, which may answer otherwise than an export does. Export "
            "a ConditionalCaptioner of this package's own parts."
        )
    if type(estimator.gan_.generator_.image_network) not in (*NETWORKS, ImageVector):
        raise ValueError(
            "LatentGAN.image_network is a network of your own, which is not exported. Pass "
            "image_network=None."
        )
    labels = getattr(estimator, "classes_", np.zeros(1))
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(
            "Labels of the model are infinite, and the manifest is JSON, which has no such "
            "number. Fit with finite labels, or with labels as str."
        )
    if estimator.codec_.analyzer_ not in ("label", "word", "char"):
        raise ValueError(
            f"analyzer={estimator.codec_.analyzer_!r:.80} is a function, and an export holds none. "
            "Fit with analyzer='word' or 'char'."
        )
