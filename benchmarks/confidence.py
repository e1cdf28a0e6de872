"""Can confidence be believed, and what does abstaining gain?

    python benchmarks/confidence.py
    python benchmarks/confidence.py --data mnist
    python benchmarks/confidence.py --data cifar --cifar images.zip
    python benchmarks/confidence.py --data shapes
    python benchmarks/confidence.py --data flickr --folder FOLDER
    python benchmarks/confidence.py --data flickr --folder FOLDER --model model.safetensors

Fits with default parameters, or loads --model, and prints the expected calibration error (15 bins)
of `confidence` on unseen pairs of image and answer, formed as in `ReliabilityDisplay`. Beside it
stand other ways, each calibrated on some of the unseen images and measured on the others: the
relevance as it is, a sigmoid and isotonic regression alone, and both as in `Calibrator`. Of labels,
it then prints the risk of `predict` by coverage. FOLDER is as `load_flickr8k` takes it; models of
photographs are read with the features of --backbone and --n-regions, others fitted on pooled ones.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from compare import read_images
from photographs import add_arguments, features_of
from quantities import machine
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import auc, log_loss

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import (
    fetch_grid_mnist,
    load_flickr8k,
    load_grid_digits,
    make_captioned_shapes,
    make_image_grid,
)
from condcap_sk.inspection.reliability import on_pairs
from condcap_sk.metrics import expected_calibration_error, risk_coverage_curve
from condcap_sk.model.calibration import Calibrator

# All chosen by hand.
N_TEST, N_SCENES = 2000, 3000
N_CALIBRATED = 5, 15, 50, 150, 500  # images that calibrators are fitted on
N_LATENTS = 20
COVERAGES = 1.0, 0.9, 0.8, 0.5
SEED = 400_000  # away from those of fits


def load(args):
    """Return images and right answers, of training and of test."""
    if args.data == "flickr":
        data = load_flickr8k(args.folder)
        if args.model is None:
            X = [data.features[part].astype(np.float32) for part in ("train", "val")]
        else:
            X = [None, features_of(data.files["val"], "val", args)]
        return list(zip(X, (data.captions["train"], data.captions["val"]), strict=True))
    if args.data == "shapes":
        sizes = zip((N_SCENES, N_TEST), (0, SEED), strict=True)
        scenes = [make_captioned_shapes(n, random_state=seed) for n, seed in sizes]
        return [(part.images, part.captions) for part in scenes]
    if args.data == "cifar":
        grids = [
            make_image_grid(*read_images(args.cifar, part), n_samples=n, random_state=seed)
            for seed, (part, n) in enumerate((("train", 10_000), ("test", N_TEST)))
        ]
        return [(part.images, part.label_sets) for part in grids]
    fetch = fetch_grid_mnist if args.data == "mnist" else load_grid_digits
    data = fetch(n_test=N_TEST)
    return [(data.images, data.label_sets), (data.images_test, data.label_sets_test)]


def sigmoid(relevance, right, weights):
    model = LogisticRegression().fit(relevance[:, None], right, weights)
    return lambda new: model.predict_proba(new[:, None])[:, 1]


def isotonic(relevance, right, weights):
    return IsotonicRegression(out_of_bounds="clip").fit(relevance, right, weights).predict


WAYS = {
    "relevance": lambda *pairs: expit,
    "sigmoid": sigmoid,
    "isotonic": isotonic,
    "both": Calibrator.fit,
}


def print_errors(name, ways, pairs):
    """Print the expected calibration error of each way on pairs, and its cross-entropy."""
    relevance, right, weights = pairs
    cells = []
    for way in ways:
        p = way(relevance)
        error = expected_calibration_error(right, p, sample_weight=weights)
        # Of what was certain and wrong, it would be infinite.
        entropy = log_loss(right, np.clip(p, 1e-6, 1 - 1e-6), sample_weight=weights)
        cells.append(f"{error:.4f} {entropy:.3f}")
    print(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def print_calibration(est, X, y):
    """Print calibration errors on the second half of the images."""
    classes = getattr(est, "classes_", None)
    half = len(X) // 2

    def pairs(rows):
        some = [y[row] for row in rows]
        rng = np.random.RandomState(SEED)
        right, relevance, weights = on_pairs(est.score_samples, X[rows], some, classes, rng)
        return relevance.astype(np.float64), right, weights

    unseen = pairs(np.arange(half, len(X)))
    print(f"{len(unseen[1])} unseen pairs, share that is right {unseen[1].mean():.3f}")
    print(f"{'error, cross-entropy':24}" + "".join(f"{name:>16}" for name in WAYS))
    for n in N_CALIBRATED:
        if n <= half:
            given = pairs(np.arange(n))
            ways = [way(*given) for way in WAYS.values()]
            if None not in ways:  # too few to calibrate on
                print_errors(f"calibrated on {n} images", ways, unseen)
    if est.model_.calibrator is not None:
        print_errors("confidence", [est.model_.calibrator], unseen)


def print_risk(est, X, y):
    """Print the risk of labels by coverage: of `predict`, and under latents."""
    latents = est.sample_latents(N_LATENTS, random_state=SEED)
    columns = {"no latent": est.predict(X)[:, None], "latents": est.predict_grid(X, latents)}
    print(f"{'risk at coverage':24}" + "".join(f"{share:>16}" for share in COVERAGES) + "    area")
    for name, grid in columns.items():
        found = []
        for answers in grid.T:
            correct = [a in right for a, right in zip(answers.tolist(), y, strict=True)]
            coverage, risk, _ = risk_coverage_curve(correct, est.confidence(X, answers))
            at = np.searchsorted(coverage, COVERAGES)
            found.append([*risk[at], auc(coverage, risk)])
        *risks, area = np.mean(found, axis=0)
        print(f"{name:24}" + "".join(f"{risk:16.4f}" for risk in risks) + f"{area:8.4f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["digits", "mnist", "cifar", "shapes", "flickr"]
    parser.add_argument("--data", choices=kinds, default="digits")
    parser.add_argument("--cifar", metavar="ZIP", help="images as train/class/*.jpg, test/class/…")
    parser.add_argument("--folder", help="Flickr8k")
    parser.add_argument("--model", type=Path, help="a model file, instead of a fit")
    parser.add_argument("--keep", type=Path, help="where to save what was fitted")
    parser.add_argument("--seed", type=int, default=0)
    add_arguments(parser)
    args = parser.parse_args()
    if (args.data == "cifar" and not args.cifar) or (args.data == "flickr" and not args.folder):
        parser.error("--data cifar needs --cifar ZIP, --data flickr needs --folder FOLDER")
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    train, test = load(args)
    if args.model is None:
        start = perf_counter()
        est = ConditionalCaptioner(random_state=args.seed).fit(*train)
        print(f"{args.data}, seed {args.seed}: fitted in {perf_counter() - start:.0f} s")
        if args.keep is not None:
            args.keep.parent.mkdir(parents=True, exist_ok=True)
            est.save(args.keep)
    else:
        est = ConditionalCaptioner.load(args.model)
    print_calibration(est, *test)
    if hasattr(est, "classes_"):
        print_risk(est, *test)


if __name__ == "__main__":
    main()
