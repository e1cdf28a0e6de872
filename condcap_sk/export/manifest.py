"""The manifest of an export: what its networks are, and how answers come about with them."""

import json
import math
import re
from dataclasses import dataclass
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from .._fields import Fields
from .._version import __version__
from ..answers.labels import check_answers
from ..answers.tokens import N_SPECIAL
from ..answers.vocabulary import Vocabulary, make_vocabulary
from ..exceptions import ModelFileError
from ..gan.columns import LatentColumns
from ..model.labels import N_LABELS
from ..model.sentences import DIVERSITY, EMPHASIS, LENGTH_EXPONENT, WIDER
from .signatures import Sizes

FORMAT = "condcap_sk.export.1"
NAME = "manifest.json"
LARGEST = 2**26  # bytes of a manifest; a vocabulary of a million words is a quarter of that
IMAGES = "matched", "end-to-end", "ignored"
OBJECTIVES = "relativistic", "paper"
KINDS = "labels", "sentences"  # of answers, by whether they are sentences
# How answers are chosen. The same in all exports of this format: for programs in other languages.
CONSTANTS = {
    "n_labels": N_LABELS,
    "wider": WIDER,
    "emphasis": EMPHASIS,
    "length_exponent": LENGTH_EXPONENT,
    "diversity": DIVERSITY,
}
MOST = 2**20  # of each size of a network, and of the length of captions: by hand


@dataclass(frozen=True, eq=False)
class Manifest:
    """All that an export holds beside its networks.

    Parameters
    ----------
    objective, images : str
        Parameters of the estimator.
    shape : tuple of int
        Of an image, (C, H, W), or of a feature vector, (d,).
    image_shape : tuple of int or None
        The estimator's parameter: the rows of a 2-D `X` are flattened images of this shape.
    n_regions : int or None
        The estimator's parameter.
    pixel_range : tuple of two float
        Of the images of the fit.
    columns : LatentColumns
    bank : ndarray of shape (k, n_latents), float32
        The latents that are tried where none is given.
    analyzer : {"label", "word", "char"}
    tokens : ndarray
        Labels in their dtype or, of sentences, str objects; the first one has the id 2.
    max_length : int
        Tokens of an answer at most.
    relevance_reads : {"sentence_vectors", "ids"}
        What of captions the network "relevance" takes.
    relevance_weight : float
        0 where relevance does not count.
    beam_width : int
    circles : dict
        "repeats", "recurs" and "returns" of the `Circles` of each decoder, by its name.
    has_consensus : bool
        Whether there is a consensus decoder.
    sizes : Sizes
    """

    objective: str
    images: str
    shape: tuple[int, ...]
    image_shape: tuple[int, ...] | None
    n_regions: int | None
    pixel_range: tuple[float, float]
    columns: LatentColumns
    bank: np.ndarray
    analyzer: str
    tokens: np.ndarray
    max_length: int
    relevance_reads: str
    relevance_weight: float
    beam_width: int
    circles: dict[str, dict[str, Any]]
    has_consensus: bool
    sizes: Sizes

    @property
    def kind(self) -> str:
        """What answers are, one of `KINDS`."""
        return KINDS[make_vocabulary(self.analyzer).are_sentences]

    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary of the answers."""
        return make_vocabulary(self.analyzer).know(self.tokens, self.max_length)

    def to_json(self, networks: dict[str, dict[str, Any]]) -> str:
        """Return the text of the file; `networks` are "file", "bytes" and "sha256" of each."""
        fields = {
            "format": FORMAT,
            "version": __version__,
            "kind": self.kind,
            "objective": self.objective,
            "images": {
                "seen": self.images,
                "shape": list(self.shape),
                "image_shape": self.image_shape and list(self.image_shape),
                "n_regions": self.n_regions,
                "pixel_range": [list(self.pixel_range)],
            },
            "latents": {
                "n_gaussian": self.columns.n_gaussian,
                "n_categories": list(self.columns.n_categories),
                "bank": self.bank.tolist(),
            },
            "answers": {
                "analyzer": self.analyzer,
                "glue": "" if self.analyzer == "char" else " ",
                "first_id": N_SPECIAL,
                "tokens": self.tokens.tolist(),
                "dtype": self.tokens.dtype.str,
                "max_length": self.max_length,
            },
            "answering": {
                "relevance_reads": self.relevance_reads,
                "relevance_weight": self.relevance_weight,
                "beam_width": self.beam_width,
                "circles": self.circles,
                **CONSTANTS,
            },
            "has_consensus": self.has_consensus,
            "sizes": self.sizes._asdict(),
            "networks": networks,
        }
        return json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False)


def parse(content: bytes) -> tuple[Manifest, dict[str, dict[str, Any]]]:
    """Return the manifest in the bytes of a file, checked, and its entries of networks.

    Raises
    ------
    ModelFileError
        If it is none of this format; names the field.
    """
    if len(content) > LARGEST:
        raise ModelFileError(f"{NAME} has {len(content)} bytes, more than any vocabulary needs.")
    try:
        fields = Fields(json.loads(content.decode("utf-8"), parse_constant=_refuse), NAME)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{NAME} is no JSON: {error!s:.200}.") from error
    if (found := fields.take("format", str)) != FORMAT:
        raise ModelFileError(
            f"{NAME}.format is {found!r:.80}, not {FORMAT!r}: it is of another version of "
            "condcap_sk."
        )
    fields.take("version", str)
    manifest = _manifest(fields)
    networks = _networks(fields.inner("networks"))
    fields.end()
    return manifest, networks


def _refuse(constant: str) -> NoReturn:
    # Python reads it, and browsers do not.
    raise ValueError(f"{constant} is no number of JSON")


def _manifest(fields: Fields) -> Manifest:
    kind = _one_of(fields, "kind", KINDS)
    objective = _one_of(fields, "objective", OBJECTIVES)
    images, latents = fields.inner("images"), fields.inner("latents")
    answers, answering = fields.inner("answers"), fields.inner("answering")
    has_consensus = fields.take("has_consensus", bool)
    sizes = _sizes(fields.inner("sizes"))
    columns = _columns(latents)
    bank = latents.numbers("bank", columns.n_latents)
    try:
        columns.check(bank, f"{latents.where}.bank")
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    latents.end()
    analyzer, tokens, max_length = _answers(answers)
    manifest = Manifest(
        objective=objective,
        images=_one_of(images, "seen", IMAGES),
        shape=_shape(images, "shape", (1, 3)),
        image_shape=_optional(images, "image_shape", lambda: _shape(images, "image_shape", (2, 3))),
        n_regions=_optional(images, "n_regions", lambda: images.size("n_regions")),
        pixel_range=tuple(images.numbers("pixel_range", 2)[0].tolist()),
        columns=columns,
        bank=bank,
        analyzer=analyzer,
        tokens=tokens,
        max_length=max_length,
        relevance_reads=_one_of(answering, "relevance_reads", ("sentence_vectors", "ids")),
        relevance_weight=_number(answering, "relevance_weight"),
        beam_width=_size(answering, "beam_width"),
        circles=_circles(answering, has_consensus, len(tokens) + N_SPECIAL, max_length),
        has_consensus=has_consensus,
        sizes=sizes,
    )
    for name, value in CONSTANTS.items():
        if (found := _number(answering, name)) != value:
            raise ModelFileError(f"{answering.where}.{name} is {found}, not {value}.")
    images.end()
    answering.end()
    _check_together(manifest, kind, fields.where)
    return manifest


def _check_together(manifest: Manifest, kind: str, where: str) -> None:
    """Raise if fields, each possible by itself, contradict each other."""
    sizes, d = manifest.sizes, len(manifest.shape)
    low, high = manifest.pixel_range
    has_memory = sizes.memory > 0
    flat = manifest.image_shape
    contradictions = {
        "kind": manifest.kind != kind,
        "sizes.latent": sizes.latent != manifest.columns.n_latents,
        "sizes.n_tokens": sizes.n_tokens != len(manifest.tokens) + N_SPECIAL,
        "sizes.memory": len({has_memory, sizes.regions > 0, sizes.n_regions > 0}) > 1,
        "sizes.state": (sizes.state > 0) != (kind == "sentences"),
        "sizes.encoder_state": (sizes.encoder_state > 0) != (kind == "sentences"),
        "sizes.regions": has_memory and (manifest.images != "matched" or kind == "labels"),
        "sizes.vector": (sizes.vector > 0) == (manifest.images == "end-to-end")
        or (manifest.images == "ignored" and sizes.vector != 1),
        "images.pixel_range": low > high,
        "images.image_shape": flat is not None
        and (d == 1 or math.prod(flat) != math.prod(manifest.shape)),
        "images.n_regions": manifest.n_regions is not None
        and (d != 1 or manifest.shape[0] % (1 + manifest.n_regions) > 0),
        "has_consensus": manifest.has_consensus
        and (kind == "labels" or manifest.objective == "paper"),
        "answers.max_length": kind == "labels" and manifest.max_length != 1,
    }  # fmt: skip
    for name, contradicts in contradictions.items():
        if contradicts:
            raise ModelFileError(f"{where}.{name} does not fit what else is in the file.")


def _sizes(fields: Fields) -> Sizes:
    found = Sizes(**{name: fields.take(name, int) for name in Sizes._fields})
    fields.end()
    for name, value in found._asdict().items():
        least = 1 if name in ("sentence", "latent", "n_tokens") else 0
        if not least <= value <= 2**31:
            raise ModelFileError(f"{fields.where}.{name} is {value!r:.80}, not a possible size.")
    return found


def _columns(fields: Fields) -> LatentColumns:
    n_gaussian = fields.take("n_gaussian", int)
    n_categories = fields.take("n_categories", list)
    are_sizes = all(type(k) is int and 2 <= k <= MOST for k in n_categories)
    if not (0 <= n_gaussian <= MOST and are_sizes and (n_gaussian or n_categories)):
        raise ModelFileError(
            f"{fields.where} has n_gaussian={n_gaussian!r:.40} and n_categories="
            f"{n_categories!r:.80}, which are no latents."
        )
    return LatentColumns(n_gaussian, tuple(n_categories))


def _answers(fields: Fields) -> tuple[str, np.ndarray, int]:
    analyzer = _one_of(fields, "analyzer", ("label", "word", "char"))
    tokens, dtype = fields.take("tokens", list), fields.take("dtype", str)
    max_length = _size(fields, "max_length")
    _same(fields, "glue", "" if analyzer == "char" else " ")
    _same(fields, "first_id", N_SPECIAL)
    fields.end()
    try:
        known = make_vocabulary(analyzer).in_own_dtype(check_answers(tokens, "tokens"), dtype)
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"{fields.where}: {error!s:.200}") from error
    are_text = analyzer == "label" or all(isinstance(token, str) for token in tokens)
    if not (are_text and known.dtype.str == dtype and np.array_equal(np.unique(known), known)):
        raise ModelFileError(f"{fields.where}.tokens are no vocabulary of analyzer={analyzer!r}.")
    return analyzer, known, max_length


def _circles(
    answering: Fields, has_consensus: bool, n_tokens: int, max_length: int
) -> dict[str, dict[str, Any]]:
    fields = answering.inner("circles")
    found = {}
    for name in ("decoder", *(["consensus"] if has_consensus else [])):
        part = fields.inner(name)
        found[name] = {
            "repeats": _optional(part, "repeats", lambda p=part: _counts(p, "repeats")),
            "recurs": _optional(part, "recurs", lambda p=part: p.take("recurs", bool)),
            "returns": _optional(part, "returns", lambda p=part: _counts(p, "returns")),
        }
        part.end()
        for key, length in (("repeats", max_length // 2), ("returns", n_tokens)):
            if found[name][key] is not None and len(found[name][key]) != length:
                raise ModelFileError(f"{part.where}.{key} has not {length} numbers.")
    fields.end()
    return found


def _networks(fields: Fields) -> dict[str, dict[str, Any]]:
    networks = {}
    for name in list(fields.values):
        entry = fields.inner(name)
        file, digest = entry.take("file", str), entry.take("sha256", str)
        if not re.fullmatch(r"[a-z_]{1,40}\.onnx", file):
            raise ModelFileError(f"{entry.where}.file is {file!r:.80}, no name of a network.")
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ModelFileError(f"{entry.where}.sha256 is {digest!r:.80}, no checksum.")
        networks[name] = {"file": file, "bytes": entry.size("bytes"), "sha256": digest}
        entry.end()
    return networks


def _one_of(fields: Fields, name: str, possible: tuple[str, ...]) -> str:
    if (value := fields.take(name, str)) not in possible:
        raise ModelFileError(f"{fields.where}.{name} is {value!r:.80}, none of {possible}.")
    return value


def _same(fields: Fields, name: str, expected: Any) -> None:
    if (value := fields.take(name, type(expected))) != expected:
        raise ModelFileError(f"{fields.where}.{name} is {value!r:.80}, not {expected!r}.")


def _size(fields: Fields, name: str) -> int:
    if (value := fields.size(name)) > MOST:
        raise ModelFileError(f"{fields.where}.{name} is {value}, not a possible size.")
    return value


def _shape(fields: Fields, name: str, lengths: tuple[int, ...]) -> tuple[int, ...]:
    shape = fields.take(name, list)
    are_sizes = all(type(size) is int and 1 <= size < 2**31 for size in shape)
    if len(shape) not in lengths or not are_sizes:
        raise ModelFileError(f"{fields.where}.{name} is {shape!r:.80}, no shape of images.")
    return tuple(shape)


def _number(fields: Fields, name: str) -> float:
    value = fields.take(name, Real)
    if isinstance(value, bool) or not 0 <= value < 1e6:
        raise ModelFileError(f"{fields.where}.{name} is {value!r:.80}, no possible number.")
    return value


def _counts(fields: Fields, name: str) -> list[int]:
    counts = fields.take(name, list)
    if not all(type(count) is int and 0 <= count < 2**31 for count in counts):
        raise ModelFileError(f"{fields.where}.{name} is {counts!r:.80}, no list of counts.")
    return counts


def _optional(fields: Fields, name: str, take: Any) -> Any:
    """Return what `take` takes from `fields`, or None where the field is null."""
    if fields.values.get(name, 0) is None:
        del fields.values[name]
        return None
    return take()
