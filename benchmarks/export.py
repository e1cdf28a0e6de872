"""Do exported models give the estimator's answers, as fast and in small files?

    python benchmarks/export.py
    python benchmarks/export.py --only grids --repetitions 9

Small models are fitted, exported, and asked for 1 000 answers without a latent and 1 000 under a
latent of their own each. "equal" is the share of answers that are the same; "time" is that of
`ExportedCaptioner.predict` over that of the estimator's, the median over repetitions in which both
answer in turns, with one thread each; "MB" is the size of the folder. Of latents that are read
back, it is printed by how much they differ at most.
"""

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from quantities import machine

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.export import ExportedCaptioner

N = 1000
N_REGIONS, N_FEATURES = 16, 64  # of random vectors; by hand


def grids():
    """Grids of digits at the default sizes: labels."""
    digits = load_grid_digits(n_test=N)
    est = ConditionalCaptioner(random_state=0).fit(digits.images, digits.label_sets)
    return est, digits.images_test


def large_grids():
    """Grids at MNIST's 64×64 pixels, of random labels: sizes and times count."""
    digits = load_grid_digits(n_test=N)
    scale = 64 // digits.images.shape[1]
    images, test = (np.kron(X, np.ones((1, scale, scale), dtype=X.dtype))
                    for X in (digits.images[:200], digits.images_test))  # fmt: skip
    est = ConditionalCaptioner(random_state=0).set_params(image_encoder__max_iter=100)
    return est.fit(images, digits.label_sets[:200]), test


def scenes():
    """Drawn scenes: sentences, with attention to regions of pixels."""
    train = make_captioned_shapes(1500, random_state=0)
    test = make_captioned_shapes(N, random_state=1)
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=300, image_encoder__max_iter=1500, gan__max_iter=400
    )
    return est.fit(train.images, train.captions), test.images


def regions():
    """Feature vectors of scenes and of their regions: sentences matched by their words."""
    train = make_captioned_shapes(1500, size=16, random_state=0)
    test = make_captioned_shapes(N, size=16, random_state=1)
    project = np.random.RandomState(0).standard_normal((48, N_FEATURES)) / 7

    def features(images):
        # The cells of a grid, four by four, and their mean as the image's own vector.
        n = len(images)
        cells = images.reshape(n, 4, 4, 4, 4, 3).swapaxes(2, 3).reshape(n, N_REGIONS, 48)
        vectors = np.tanh(cells / 255 @ project)
        every = np.concatenate([vectors.mean(axis=1, keepdims=True), vectors], axis=1)
        return every.reshape(n, -1).astype(np.float32)

    est = ConditionalCaptioner(n_regions=N_REGIONS, random_state=0).set_params(
        codec__max_iter=300, gan__max_iter=400
    )
    return est.fit(features(train.images), train.captions), features(test.images)


MODELS = {f.__name__: f for f in (grids, large_grids, scenes, regions)}


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def ratio(one, other, repetitions):
    """Return the median ratio of the times of two functions that are called in turns."""
    return statistics.median(seconds(one) / seconds(other) for _ in range(repetitions))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=list(MODELS), nargs="+", default=list(MODELS))
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    print(f"{'':14}{'equal':>10}{'under c':>10}{'time':>8}{'under c':>10}{'latents':>10}{'MB':>8}")
    for name in args.only:
        est, X = MODELS[name]()
        c = est.sample_latents(len(X), random_state=1)
        with tempfile.TemporaryDirectory() as folder:
            est.export(folder)
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            exported = ExportedCaptioner(folder, n_jobs=1)
        equal, times = [], []
        for given in ((X,), (X, c)):
            ours, theirs = (partial(model.predict, *given) for model in (est, exported))
            equal.append((ours() == theirs()).mean())
            times.append(ratio(theirs, ours, args.repetitions))
        answers = est.predict(X[:200], c[:200])
        inferred = [model.infer_latent(X[:200], answers) for model in (est, exported)]
        differ = np.abs(inferred[0] - inferred[1]).max()
        print(
            f"{name:14}{equal[0]:10.4f}{equal[1]:10.4f}{times[0]:8.2f}{times[1]:10.2f}"
            f"{differ:10.1e}{size / 1e6:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
