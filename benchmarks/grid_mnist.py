"""The GridMNIST experiment: control, accuracy and cost of ``ConditionalCaptioner``, seed by seed.

    python benchmarks/grid_mnist.py --seeds 0 1 2 3 4
    python benchmarks/grid_mnist.py --digits
    python benchmarks/grid_mnist.py --peer --peer-seconds 1800

The first form fits with default parameters and reports on the test rows; the second does so on
grids of scikit-learn's bundled digits, which need no MNIST. The third times the fit against the
paper's loop written by hand (paper_loop.py), both on the same data and threads; it judges them on
held-out grids made of training digits, and looks at the test rows only at the end.
"""

import argparse
import json
import os
import subprocess
import sys
from time import perf_counter

from quantities import machine, print_table

# The parent imports neither numpy nor torch: on Linux a child's ru_maxrss starts at the size of the
# process that started it, so a large parent would be counted in every row.

DATA_SEED, VALIDATION_SEED = 0, 1
N_LATENTS_TESTED = 100
TARGET = 0.98  # by hand; the paper has .987 and .980 for two latents


def load_train_and_test(digits=False):
    from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits

    data = load_grid_digits() if digits else fetch_grid_mnist(random_state=DATA_SEED)
    return (data.images, data.label_sets), (data.images_test, data.label_sets_test)


def load_validation(n_rows=1000):
    from condcap_sk.datasets import fetch_grid_mnist

    data = fetch_grid_mnist(random_state=VALIDATION_SEED)
    return data.images[:n_rows], data.label_sets[:n_rows]


def fit(images, label_sets, seed):
    from condcap_sk import ConditionalCaptioner

    est = ConditionalCaptioner(n_jobs=int(os.environ["OMP_NUM_THREADS"]), random_state=seed)
    start = perf_counter()
    est.fit(images, label_sets)
    return est, perf_counter() - start


def test_latents(est, seed):
    # Away from the fit's own seed, whose first normal draws G may have trained on.
    return est.sample_latents(N_LATENTS_TESTED, random_state=100_000 + seed)


def evaluate_seed(seed, digits):
    """Fit with default parameters and judge on the test rows."""
    from quantities import measure

    train, test = load_train_and_test(digits)
    est, fit_seconds = fit(*train, seed)
    values, bounds = measure(est, *test, seed)
    values |= {"fit_seconds": fit_seconds, "peak_mb": peak_mb()}
    return {"seed": seed, "values": values, "bounds": bounds}


def compare_with_peer(seed, peer_seconds):
    """Seconds until the mean fixed-latent accuracy on the validation rows is at the target.

    The captioner answers only when its fit is over, so its time is that of the whole fit. It runs
    first: costs that a process has once (thread pools, allocator) fall on it, not on the peer.
    """
    import numpy as np
    from paper_loop import LATENT_DIM, run_paper_loop

    from condcap_sk.metrics import fixed_latent_accuracy

    train, test = load_train_and_test()
    validation = load_validation()

    def accuracies(model, latents):
        rows = {"accuracy_validation": validation, "accuracy_test": test}
        return {
            name: float(fixed_latent_accuracy(model.predict_grid(X, latents), label_sets).mean())
            for name, (X, label_sets) in rows.items()
        }

    est, fit_seconds = fit(*train, seed)
    ours = {"seconds": fit_seconds, **accuracies(est, test_latents(est, seed))}
    ours["reached"] = ours["accuracy_validation"] >= TARGET
    print(f"seed {seed}, ours: {ours}", file=sys.stderr, flush=True)

    peer = run_paper_loop(*train, *validation, seed=seed, max_seconds=peer_seconds, target=TARGET)
    bank = np.random.default_rng(seed).standard_normal((N_LATENTS_TESTED, LATENT_DIM))
    # Whether the target was reached was judged on 20 latents; the accuracy is that of these 100.
    peer.update(accuracies(peer.pop("model"), bank))
    # None if our fit missed the target: then it has no time to compare.
    ratio = peer["seconds"] / fit_seconds if ours["reached"] else None
    return {"seed": seed, "ours": ours, "peer": peer, "ratio": ratio}


def peak_mb():
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_subprocess(job, n_threads):
    """Run this file again for one job; its result is the last line it prints."""
    threads = {"OMP_NUM_THREADS": str(n_threads), "MKL_NUM_THREADS": str(n_threads)}
    command = [sys.executable, os.path.abspath(__file__), "--job", json.dumps(job)]
    done = subprocess.run(
        command, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_job(job):
    # OMP_NUM_THREADS alone does not bind a torch built without OpenMP.
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if job["peer_seconds"] is None:
        return evaluate_seed(job["seed"], job["digits"])
    return compare_with_peer(job["seed"], job["peer_seconds"])


def print_comparison(result):
    ours, peer = result["ours"], result["peer"]
    print(f"seed {result['seed']}, target: mean fixed-latent accuracy {TARGET} on validation rows")
    for name, side in [("ours", ours), ("peer", peer)]:
        print(
            f"  {name}: {side['seconds']:.1f} s, "
            f"{'reached' if side['reached'] else 'NOT reached'}; accuracy on validation rows "
            f"{side['accuracy_validation']:.4f}, on test rows {side['accuracy_test']:.4f}"
        )
    steps = "  ".join(f"{s:.0f}s {a:.3f}" for s, a in peer["trajectory"])
    print(f"  peer, {peer['epochs']:.1f} epochs: {steps}")
    if result["ratio"] is None:
        print("  ratio: none, our fit missed the target")
    else:
        print(f"  ratio: {'' if peer['reached'] else '≥ '}{result['ratio']:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="default: 0 1 2 3 4, or 0 alone with --peer"
    )
    parser.add_argument("--n-threads", type=int, default=1)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--digits", action="store_true", help="bundled digits instead of MNIST")
    form.add_argument("--peer", action="store_true", help="time the fit against paper_loop.py")
    parser.add_argument("--peer-seconds", type=float, default=1800, help="cap on the peer's time")
    parser.add_argument("--json", metavar="FILE", help="write the results there as well")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        print(json.dumps(run_job(args.job)))
        return

    context = {**machine(), "threads": args.n_threads}
    print(", ".join(f"{key} {value}" for key, value in context.items()), flush=True)
    results = []
    for seed in args.seeds or ([0] if args.peer else [0, 1, 2, 3, 4]):
        peer_seconds = args.peer_seconds if args.peer else None
        job = {"seed": seed, "digits": args.digits, "peer_seconds": peer_seconds}
        results.append(in_subprocess(job, args.n_threads))
        if args.peer:
            print_comparison(results[-1])
        else:
            values = results[-1]["values"]
            done = f"fitted in {values['fit_seconds']:.0f} s, accuracy {values['accuracy']:.4f}"
            print(f"seed {seed}: {done}", file=sys.stderr, flush=True)
        if args.json:  # after every seed: a run cut short keeps what it has measured
            with open(args.json, "w") as file:
                json.dump({"machine": context, "results": results}, file, indent=2)
    if not args.peer:
        columns = {f"seed {result['seed']}": result["values"] for result in results}
        print_table(columns, results[0]["bounds"], worst=True)


if __name__ == "__main__":
    main()
