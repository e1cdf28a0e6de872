"""One fit by several processes: its time beside that of one, and whether the bits are equal.

    python benchmarks/processes.py
    python benchmarks/processes.py --data scenes --repetitions 3
    python benchmarks/processes.py --data flickr --folder FOLDER

Each fit is a program of its own, of one thread for each process; started in turns, alone and by
torchrun. The ratio is that of the times of `fit`, the median of the repetitions; the range is that
of single ones. The fits are the default ones, cut short: ratios of the trainings' steps stay, those
of what comes before and after them count for more than in a whole fit.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import photographs
from quantities import machine

# All by hand.
STEPS = {"grids": 300, "scenes": 60, "flickr": 100}
N_GRIDS, N_SCENES = 4000, 2000


def load(args):
    """Return images or vectors, their answers, and the estimator's parameters for them."""
    from condcap_sk.datasets import load_grid_digits, make_captioned_shapes

    if args.data == "grids":
        digits = load_grid_digits(n_train=N_GRIDS)
        return digits.images, digits.label_sets, {}
    if args.data == "scenes":
        scenes = make_captioned_shapes(N_SCENES, random_state=0)
        return scenes.images, scenes.captions, {}
    from flickr8k import MAX_LENGTH, MIN_DF

    from condcap_sk.datasets import load_flickr8k

    photos = load_flickr8k(args.folder)
    X = photographs.features_of(photos.files["train"], "train", args)
    params = {"n_latents": 16, "n_regions": args.n_regions or None}
    params |= {"codec__min_df": MIN_DF, "codec__max_length": MAX_LENGTH}
    return X, photos.captions["train"], params


def fit(args):
    """Fit once, as one of the processes; the first one writes the model and the seconds."""
    from condcap_sk import ConditionalCaptioner
    from condcap_sk.training import process_group

    X, y, params = load(args)
    params |= {
        f"{stage}__max_iter": STEPS[args.data] for stage in ("codec", "image_encoder", "gan")
    }
    est = ConditionalCaptioner(random_state=0, n_jobs=1).set_params(**params)
    with process_group() as rank:
        start = time.perf_counter()
        est.fit(X, y)
        seconds = time.perf_counter() - start
    if rank == 0:
        est.save(args.out / "model.safetensors")
        (args.out / "seconds").write_text(str(seconds))
        networks = est.gan_.generator_, est.gan_.recogniser_, est.gan_.decoder_
        weights = [weight for network in networks if network for weight in network.parameters()]
        megabytes = sum(weight.nbytes for weight in weights) / 1e6
        (args.out / "weights").write_text(f"{megabytes:.0f} MB")


def run(args, size, folder):
    """Return the seconds of a fit by `size` processes, and its model file."""
    start = [] if size == 1 else ["-m", "torch.distributed.run", "--standalone",
                                  f"--nproc-per-node={size}"]  # fmt: skip
    subprocess.run(
        [sys.executable, *start, __file__, *sys.argv[1:], "--out", str(folder)],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return float((folder / "seconds").read_text()), (folder / "model.safetensors").read_bytes()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=STEPS, default="scenes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="of Flickr8k")
    photographs.add_arguments(parser)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.out is not None:
        fit(args)
        return
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    times, models = {size: [] for size in (1, *args.sizes)}, set()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.repetitions):
            for size, found in times.items():
                seconds, model = run(args, size, Path(folder))
                found.append(seconds)
                models.add(model)
        weights = (Path(folder) / "weights").read_text()
    print(f"{args.data}: one process, {statistics.median(times[1]):.0f} s")
    for size in args.sizes:
        ratios = [one / other for one, other in zip(times[1], times[size], strict=True)]
        print(
            f"{size} processes: {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    print(f"model files: {'equal' if len(models) == 1 else 'different'}")
    print(f"gradients of G, Q and the decoder, sent to each other process in a step: {weights}")


if __name__ == "__main__":
    main()
