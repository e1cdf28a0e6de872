"""``ConditionalCaptioner``, its ancestors and its peers, on the same image vectors.

    python benchmarks/compare.py
    python benchmarks/compare.py --data digits
    python benchmarks/compare.py --data cifar --cifar images.zip

Fits on the training rows, reports on the test rows. The ancestors are settings of the same
estimator; the peers are in peers.py. All get the image vectors of the default's first stage, and
each one's time is that of this stage and its own.
"""

import argparse
import copy
import io
import sys
import warnings
import zipfile
from pathlib import PurePath
from time import perf_counter

import numpy as np
from peers import ClassifierWithRandomPick, ConditionalVAE, ImplicitMLE
from quantities import machine, measure, print_table

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits, make_image_grid
from condcap_sk.exceptions import CollapseWarning
from condcap_sk.gan import LatentGAN
from condcap_sk.metrics import coverage, fixed_latent_accuracy
from condcap_sk.model.core import FittedModel
from condcap_sk.model.kinds import answerer_of
from condcap_sk.vision.sight import SIGHTS

SETTINGS = {  # name: (parameters of the game, whether it sees the image)
    "default": ({}, True),
    "paper": ({"objective": "paper", "mi_weight": 1.0}, True),
    "cond. GAN": ({"objective": "paper", "mi_weight": 0.0}, True),
    "InfoGAN": ({"objective": "paper", "mi_weight": 1.0}, False),
    "LaTextGAN": ({"objective": "paper", "mi_weight": 0.0}, False),
}
N_JOBS = 2
PEERS = {"classifier": ClassifierWithRandomPick, "CVAE": ConditionalVAE, "IMLE": ImplicitMLE}


def load(name, cifar):
    """Return training and test images, each with their label sets."""
    if name == "cifar":
        train, test = (
            make_image_grid(*read_images(cifar, part), n_samples=n, random_state=seed)
            for seed, (part, n) in enumerate((("train", 10_000), ("test", 1_000)))
        )
        return (train.images, train.label_sets), (test.images, test.label_sets)
    data = fetch_grid_mnist() if name == "mnist" else load_grid_digits()
    return (data.images, data.label_sets), (data.images_test, data.label_sets_test)


def read_images(path, part):
    """Read the images of a zip file of `part`/class/*.jpg; return them and their classes."""
    from PIL import Image

    images, labels = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            parts = PurePath(name).parts
            if parts[0] == part and name.endswith(".jpg"):
                images.append(np.asarray(Image.open(io.BytesIO(archive.read(name)))))
                labels.append(parts[1])
    return np.stack(images), np.array(labels)


def fit_each(est, X, label_sets, seed):
    """Fit each second stage; yield its name, the fitted model and the seconds it took."""
    vectors = est.image_encoder_.transform(X)
    sentence_vectors = [est.codec_.transform(sorted(answers)) for answers in label_sets]
    for name, (params, sees_image) in SETTINGS.items():
        start = perf_counter()
        settings = {"noise": est.codec_.noise_, "n_jobs": N_JOBS, "random_state": seed}
        gan = LatentGAN(**settings, **params)
        gan.fit(vectors if sees_image else np.zeros_like(vectors[:, :1]), sentence_vectors)
        seconds = perf_counter() - start
        parts = est.codec_, SIGHTS["matched" if sees_image else "ignored"](est.image_encoder_), gan
        answerer = answerer_of(*parts, est.relevance_weight, est.beam_width)
        model = copy.copy(est)
        model.model_ = FittedModel(*parts, answerer, est.latent_bank_)
        yield name, model, seconds
    for name, kind in PEERS.items():
        start = perf_counter()
        peer = kind(est.image_encoder_, seed).fit(vectors, label_sets)
        yield name, peer, perf_counter() - start


def at_coverage(classifier, X, label_sets, wanted):
    """Return the classifier's accuracy at the threshold that gives the wanted coverage, as text."""
    latents = classifier.sample_latents(100, np.random.RandomState(0))
    points = []
    for threshold in np.linspace(0.02, 0.98, 49):
        classifier.threshold = threshold
        answers = classifier.predict_grid(X, latents)
        accuracy = fixed_latent_accuracy(answers, label_sets).mean()
        points.append((coverage(answers[:, :32], label_sets), accuracy, threshold))
    reached = [point for point in points if point[0] >= wanted] or [max(points)]
    best = max(reached, key=lambda point: point[1])
    return "The classifier with coverage {:.3f}: accuracy {:.3f} (threshold {:.2f}).".format(*best)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["mnist", "digits", "cifar"], default="mnist")
    parser.add_argument("--cifar", metavar="ZIP", help="images as train/class/*.jpg, test/class/…")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.data == "cifar" and args.cifar is None:
        parser.error("--data cifar needs --cifar ZIP, a file of images")
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    train, test = load(args.data, args.cifar)
    start = perf_counter()
    # Only the first stage is needed, so that one step of the game is enough.
    warnings.simplefilter("ignore", CollapseWarning)
    est = ConditionalCaptioner(
        gan=LatentGAN(max_iter=1), n_jobs=N_JOBS, random_state=args.seed
    ).fit(*train)
    shared = perf_counter() - start
    columns, bounds = {}, {}
    for name, model, seconds in fit_each(est, *train, args.seed):
        values, bounds_here = measure(model, *test, args.seed)
        columns[name] = values | {"fit_seconds": shared + seconds}
        if name == "classifier":
            trade_off = at_coverage(model, *test, columns["default"]["coverage"])
        bounds = bounds_here | bounds
        done = f"{seconds:.0f} s after {shared:.0f} s, accuracy {values['accuracy']:.3f}"
        print(f"{name}: {done}", file=sys.stderr, flush=True)
    print_table(columns, bounds)
    print(trade_off)


if __name__ == "__main__":
    main()
