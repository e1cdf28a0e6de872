"""Categories in place of Gaussian latents: does each one have its own labels?

    python benchmarks/categories.py
    python benchmarks/categories.py --data mnist --seeds 0 1 2

An estimator with one categorical latent alone is fitted on grids of digits with four labels each.
Printed are, on test grids: how many categories are in use, which share of the right pairs of image
and label the rarest of them is inferred from, the accuracy of labels under each category, and the
share of an image's right labels that one of the categories answers.
"""

import argparse
from time import perf_counter

import numpy as np
from quantities import machine

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits
from condcap_sk.metrics import coverage, fixed_latent_accuracy

USED = 0.01  # of the right pairs, from which a category that is in use is inferred; by hand


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--n-categories", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    data = (load_grid_digits if args.data == "digits" else fetch_grid_mnist)()
    X, sets = data.images_test, data.label_sets_test
    pairs = [(i, label) for i, labels in enumerate(sets) for label in sorted(set(labels))]
    images, labels = map(np.array, zip(*pairs, strict=True))
    for seed in args.seeds:
        start = perf_counter()
        est = ConditionalCaptioner(
            n_latents=0, n_categories=args.n_categories, random_state=seed
        ).fit(data.images, data.label_sets)
        seconds = perf_counter() - start
        grid = est.predict_grid(X, est.join_latents(np.arange(args.n_categories)))
        accuracy = fixed_latent_accuracy(grid, sets)
        inferred = est.split_latents(est.infer_latent(X[images], labels))[0][:, 0]
        shares = np.bincount(inferred, minlength=args.n_categories) / len(inferred)
        print(
            f"{args.data}, seed {seed}: fitted in {seconds:.0f} s; categories in use "
            f"{(shares >= USED).sum()}, rarest {shares.min():.3f}; accuracy "
            f"{accuracy.mean():.4f}, worst {accuracy.min():.4f}; "
            f"coverage {coverage(grid, sets):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
