"""What goes into each exported network and comes out of it."""

from collections.abc import Mapping
from typing import NamedTuple

INTEGERS = {"ids"}  # inputs that are int32; all else is float32

Shape = tuple[int | str, ...]  # "n" and "k" are any numbers of rows


class Signature(NamedTuple):
    """Names and shapes of the inputs and outputs of a network, in their order."""

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


class Sizes(NamedTuple):
    """Numbers of components; 0 is none.

    Parameters
    ----------
    vector : int
        Of an image vector.
    regions : int
        Of all regions of an image together.
    memory : int
        Of their keys and values.
    n_regions : int
        How many regions there are.
    sentence : int
        Of a sentence vector.
    latent : int
    n_tokens : int
        How many token ids there are.
    state, encoder_state : int
        Of the recurrent decoder's state, and of that of the encoder.
    """

    vector: int
    regions: int
    memory: int
    n_regions: int
    sentence: int
    latent: int
    n_tokens: int
    state: int
    encoder_state: int


def signatures_of(manifest):
    """Return the `Signature` of each network that belongs to a `Manifest`, by its name."""
    sizes = manifest.sizes
    sight, image = IMAGES[manifest.images](manifest)
    latents, sentence = ("n", sizes.latent), ("n", sizes.sentence)
    captions = {"sentence_vectors": ("n", "k", sizes.sentence)}
    if manifest.relevance_reads == "ids":
        captions = {"ids": ("n", "k", manifest.max_length)}
    return {
        **sight,
        "generator": Signature({**image, "latents": latents}, {"sentence_vectors": sentence}),
        "recogniser": Signature(
            {**image, "sentence_vectors": sentence}, {"latents": latents, "spreads": latents}
        ),
        "relevance": Signature({**image, **captions}, {"log_odds": ("n", "k")}),
        **ANSWERS[manifest.kind](manifest, image),
    }


def _vectors(manifest):
    """Return the networks before G, D and Q, and what these get of images."""
    images, vectors = {"images": ("n", *manifest.shape)}, _nothing(manifest)[1]
    return {"image": Signature(images, {**vectors, **_regions(manifest.sizes)})}, vectors


def _pixels(manifest):
    return {}, {"images": ("n", *manifest.shape)}


def _nothing(manifest):
    return {}, {"vectors": ("n", manifest.sizes.vector)}


IMAGES = {"matched": _vectors, "end-to-end": _pixels, "ignored": _nothing}


def _labels(manifest, image):
    sentence = {"sentence_vectors": ("n", manifest.sizes.sentence)}
    n_labels = ("n", len(manifest.tokens))
    return {
        "encoder": Signature({"ids": ("n",)}, sentence),
        "decoder": Signature(sentence, {"log_probabilities": n_labels}),
    }


def _sentences(manifest, image):
    sizes = manifest.sizes
    sentence, state = {"sentence_vectors": ("n", sizes.sentence)}, ("n", sizes.encoder_state)
    memory, regions = _memory(sizes), _regions(sizes)
    found = _decoder("", sizes, memory)
    if memory:
        found["memory"] = Signature(regions, memory)
    if manifest.has_consensus:
        found["consensus"] = Signature({**image, **regions}, {**sentence, **memory})
        found |= _decoder("consensus_", sizes, memory)
    found["encoder_step"] = Signature({"ids": ("n",), "states": state}, {"next_states": state})
    found["encoder_end"] = Signature({"means": state}, sentence)
    return found


ANSWERS = {"labels": _labels, "sentences": _sentences}


def _regions(sizes) -> dict[str, Shape]:
    return {"regions": ("n", sizes.regions)} if sizes.regions else {}


def _memory(sizes) -> dict[str, Shape]:
    return {"memory": ("n", sizes.memory)} if sizes.memory else {}


def _decoder(prefix, sizes, memory):
    start = {"gates": ("n", 3 * sizes.state), "states": ("n", sizes.state)}
    states = ("n", "k", sizes.state)
    weights = {"weights": ("n", "k", sizes.n_regions)} if memory else {}
    step = Signature(
        {"ids": ("n", "k"), "states": states, "gates": start["gates"], **memory},
        {
            "log_probabilities": ("n", "k", sizes.n_tokens),
            "next_states": states,
            **weights,
        },
    )
    sentence = {"sentence_vectors": ("n", sizes.sentence)}
    return {f"{prefix}start": Signature(sentence, start), f"{prefix}step": step}
