"""Is a model that goes on, on a tenth more images, as good as a new one, and how long does it take?

    python benchmarks/warm_start.py
    python benchmarks/warm_start.py --data digits --seeds 0

Fits on ten elevenths of the training grids, then on all of them: anew, and with `warm_start`. All
are judged on 1 000 training grids that none was trained on. Times are those of the two fits on all.
"""

import argparse
import copy
from time import perf_counter

from quantities import machine

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits
from condcap_sk.metrics import control_score, coverage, fixed_latent_accuracy

# All by hand.
N_JUDGED, N_LATENTS, N_COVERING = 1000, 100, 32
N_DIGITS = 3000  # grids, of bundled digits


def fitted(est, X, y):
    """Return the estimator, fitted, and the seconds that it took."""
    start = perf_counter()
    return est.fit(X, y), perf_counter() - start


def print_quality(name, est, X, y):
    latents = est.sample_latents(N_LATENTS, random_state=1)
    grid = est.predict_grid(X, latents)
    print(
        f"  {name:12} accuracy {fixed_latent_accuracy(grid, y).mean():.4f}, "
        f"coverage {coverage(grid[:, :N_COVERING], y):.4f}, "
        f"control score {control_score(est, X, y):.3f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["mnist", "digits"], default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    data = fetch_grid_mnist() if args.data == "mnist" else load_grid_digits(n_train=N_DIGITS)
    held_out = data.images[-N_JUDGED:], data.label_sets[-N_JUDGED:]
    X, y = data.images[:-N_JUDGED], data.label_sets[:-N_JUDGED]
    n_first = 10 * len(X) // 11
    for seed in args.seeds:
        est = ConditionalCaptioner(random_state=seed)
        before, _ = fitted(copy.copy(est), X[:n_first], y[:n_first])
        new, of_new = fitted(copy.copy(est), X, y)
        warm, of_warm = fitted(copy.copy(before).set_params(warm_start=True), X, y)
        print(f"seed {seed}: warm ÷ new, time {of_warm / of_new:.2f}; new {of_new:.0f} s")
        for name, model in (("before", before), ("new", new), ("warm start", warm)):
            print_quality(name, model, *held_out)


if __name__ == "__main__":
    main()
