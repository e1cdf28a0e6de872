"""What a fit on images in a file takes of memory and time, beside the same images in memory.

    python benchmarks/memory.py
    python benchmarks/memory.py --sizes 10000 200000 --only memory

Grids of scikit-learn's digits, enlarged to 64×64 bytes, again and again, in a memory-mapped file.
Memory is the peak of a process of its own, less that of one that imports the package and no more.
Times are those of fits in turns, in the memory and from the file, whose images the system has read
before, all of as many epochs; model files are compared to the byte.
"""

import argparse
import hashlib
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from quantities import machine

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits

# All by hand.
N_DISTINCT = 1000
ENLARGED, BYTES = 4, 64 * 64
CODEC_STEPS, IMAGES_A_STEP, VECTORS_A_STEP = 100, 64, 256


def write(folder, n):
    """Write n grids and their labels as .npy files, without holding them."""
    data = load_grid_digits(n_train=N_DISTINCT)
    grids = (data.images * (255 / data.images.max())).astype(np.uint8)
    grids = grids.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    images = np.lib.format.open_memmap(folder / "X.npy", "w+", grids.dtype, (n, *grids.shape[1:]))
    for start in range(0, n, N_DISTINCT):
        images[start : start + N_DISTINCT] = grids[: n - start]
    assert images[0].nbytes == BYTES
    sets = np.array(
        [sorted(labels) + [min(labels)] * (4 - len(labels)) for labels in data.label_sets]
    )
    np.save(folder / "y.npy", np.resize(sets, (n, 4)))


def fit(folder, is_mapped, n_epochs):
    """Fit, save, and return the seconds of the fit."""
    X = np.load(folder / "X.npy", mmap_mode="r" if is_mapped else None)
    n = len(X)
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=CODEC_STEPS,
        image_encoder__max_iter=n_epochs * n // IMAGES_A_STEP,
        gan__max_iter=n_epochs * n // VECTORS_A_STEP,
    )
    start = perf_counter()
    est.fit(X, np.load(folder / "y.npy"))
    seconds = perf_counter() - start
    est.save(folder / "model.safetensors")
    return seconds


def in_process(*args):
    """Return what a process of its own prints: its peak memory in MB, and the seconds of a fit."""
    call = [sys.executable, __file__, "--child", *map(str, args)]
    output = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    return [float(value) for value in output.split()]


def peak_memory():
    """Return the peak of this process in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage gives begins with the peak of the process that started this one.
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # KiB, but on macOS bytes.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def child(args):
    seconds = fit(Path(args[0]), args[1] == "True", int(args[2])) if args else 0.0
    print(peak_memory(), seconds)


def measure_memory(folder, sizes, libraries):
    for n in sizes:
        write(folder, n)
        mapped, _ = in_process(folder, True, 1)
        held, _ = in_process(folder, False, 1)
        print(
            f"{n} grids, {BYTES * n / 1e6:.0f} MB: {mapped - libraries:.0f} MB from the file, "
            f"{held - libraries:.0f} MB in memory",
            flush=True,
        )


def measure_time(folder, n, n_repetitions):
    write(folder, n)
    ratios, seconds, digests = [], [], set()
    for _ in range(n_repetitions):
        _, held = in_process(folder, False, 2)
        digests.add(hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())
        _, mapped = in_process(folder, True, 2)
        digests.add(hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())
        ratios.append(mapped / held)
        seconds.append(mapped)
    print(
        f"{n} grids: from the file ÷ in memory, time {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}); {median(seconds):.0f} s; "
        f"{'equal' if len(digests) == 1 else 'different'} model files",
        flush=True,
    )
    return median(seconds)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 200_000])
    parser.add_argument("--times", type=int, nargs="+", default=[10_000, 80_000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", choices=["memory", "time"])
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        child(args.child)
        return
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.only != "time":
            libraries, _ = in_process()
            print(f"the libraries: {libraries:.0f} MB")
            measure_memory(folder, args.sizes, libraries)
        if args.only != "memory":
            seconds = [measure_time(folder, n, args.repetitions) for n in args.times]
            print(f"{args.times[-1]} ÷ {args.times[0]} grids, time {seconds[-1] / seconds[0]:.1f}")


if __name__ == "__main__":
    main()
