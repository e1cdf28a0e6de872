"""Feature vectors of Flickr8k's photographs, computed once and kept in a folder."""

from pathlib import Path

import numpy as np

from condcap_sk.vision import LoadImages, PretrainedFeatures

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite2": 260}  # that they were trained on
AT_ONCE = 500  # photographs that are read at a time


def add_arguments(parser):
    """Let a benchmark's user choose the features."""
    parser.add_argument("--backbone", choices=list(SIZES), default="efficientnet_lite2")
    parser.add_argument("--n-regions", type=int, default=16, help="0: image vectors alone")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="where features are kept")


def features_of(files, part, args):
    """Return the features of files, from the cache where they are there."""
    kept = args.cache / f"{args.backbone}_{args.n_regions}_{part}_{len(files)}.npy"
    if not kept.exists():
        load = LoadImages(SIZES[args.backbone])
        extract = PretrainedFeatures(args.backbone, n_regions=args.n_regions or None)
        parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
        found = np.concatenate([extract.transform(load.transform(some)) for some in parts])
        args.cache.mkdir(parents=True, exist_ok=True)
        np.save(kept, found)
    return np.load(kept)
