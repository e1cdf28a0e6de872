"""The sizes of images and networks: how many components, and whether they belong together."""

import math

from ..text.modules import N_EMBEDDING, Attention
from .consensus import ConsensusDecoder

SIZES = "n_image", "n_latents", "n_components", "image_network"


def fit_together(generator, others, decoder, consensus, region_shape):
    """Whether networks have the sizes of a generator, where they have them at all.

    Parameters
    ----------
    generator : Generator or SentenceGenerator
    others : list of torch.nn.Module
    decoder : TiedDecoder or None
    consensus : ConsensusDecoder or None
    region_shape : tuple of two int or None
        How many regions an image has, and their components.
    """
    fits = [
        module.config.get(name, generator.config[name]) == generator.config[name]
        for module in (*others, *([] if decoder is None else [decoder]))
        for name in SIZES
    ]
    if getattr(decoder, "attention", None) is not None:
        expected = {
            "class": Attention.__name__,
            "n_outputs": decoder.config["hidden_size"],
            "region_size": region_shape and region_shape[1],
            "n_read": N_EMBEDDING,
        }
        fits.append(decoder.config["attention"] == expected)
    if consensus is not None:
        fits.append(consensus.config == ConsensusDecoder(generator, decoder).config)
    return all(fits)


def without_regions(n_features, region_shape):
    """Return how many of an image vector's components come before the regions."""
    n_of_regions = 0 if region_shape is None else math.prod(region_shape)
    if n_of_regions and n_of_regions >= n_features:
        raise ValueError(
            f"n_regions and region_size make {n_of_regions} of the {n_features} components in X. "
            "Pass image vectors that end in the regions, or None for both."
        )
    return n_features - n_of_regions
