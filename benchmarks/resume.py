"""Does a fit that is killed go on to the same model, and what do its checkpoints cost?

    python benchmarks/resume.py
    python benchmarks/resume.py --kills 60 --only features

Fits in a process of its own are killed (SIGKILL) at a random moment and called again with the same
folder. Printed are the moment, how much of the fit was left, and whether the model file is the one
of a fit that was not interrupted, to the byte. Of that fit, the seconds that checkpoints take and
the size of the files are printed, too: reading what the fit is of, and writing.

labels: grids of scikit-learn's digits. pixels: captions of drawn scenes. features: captions of
feature vectors with regions, random ones of the sizes of photographs' features.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from quantities import machine

from condcap_sk import ConditionalCaptioner, captioner
from condcap_sk.datasets import load_grid_digits, make_captioned_shapes
from condcap_sk.training.checkpoints import Checkpoint

# All by hand.
N_GRIDS, N_SCENES = 600, 150
N_REGIONS, WIDTH = 4, 320


def data_of(name):
    if name == "labels":
        data = load_grid_digits(n_train=N_GRIDS)
        return data.images, data.label_sets
    scenes = make_captioned_shapes(N_SCENES, random_state=0)
    if name == "pixels":
        return scenes.images, scenes.captions
    rng = np.random.RandomState(0)
    return rng.standard_normal((N_SCENES, (1 + N_REGIONS) * WIDTH)).astype("f4"), scenes.captions


def fit(name, folder, model):
    """Fit, and print the seconds of the fit and of its checkpoints."""
    spent = {"read": 0.0, "write": 0.0}

    def timed(function, what):
        def call(*args, **kwargs):
            start = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[what] += perf_counter() - start

        return call

    captioner.identity_of = timed(captioner.identity_of, "read")
    Checkpoint._write = timed(Checkpoint._write, "write")
    est = ConditionalCaptioner(
        n_regions=N_REGIONS if name == "features" else None, n_jobs=1, random_state=0
    )
    X, y = data_of(name)
    start = perf_counter()
    est.fit(X, y, checkpoints=folder)
    seconds = perf_counter() - start
    est.save(model)
    print(seconds, spent["read"], spent["write"])


def run(name, folder, killed_after=None):
    """Fit in another process; return its seconds, or None if it was killed, and the model's sum."""
    model = Path(folder) / "model"
    command = [sys.executable, "-W", "ignore", __file__, "--fit", name, str(folder), str(model)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if killed_after is not None:
        sleep(killed_after)
        process.kill()
    printed, _ = process.communicate()
    if process.returncode:
        return None, None
    return list(map(float, printed.split())), hashlib.sha256(model.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["labels", "pixels", "features"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--kills", type=int, default=20, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit:
        fit(*args.fit)
        return
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    expected, wholes = {}, {}
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            start = perf_counter()
            (seconds, read, write), expected[name] = run(name, folder)
            wholes[name] = perf_counter() - start
            size = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors"))
        print(
            f"{name}: {seconds:.1f} s, of which checkpoints {(read + write) / seconds:.2%} "
            f"({read:.2f} s to read the data, {write:.2f} s to write); {size / 1e6:.1f} MB",
            flush=True,
        )
    rng = np.random.RandomState(args.seed)
    n_equal = n_killed = 0
    while n_killed < args.kills:
        name = args.only[n_killed % len(args.only)]
        moment = rng.uniform(0, wholes[name])
        with tempfile.TemporaryDirectory() as folder:
            if run(name, folder, moment)[1] is not None:
                continue  # it had ended
            n_killed += 1
            written = sorted(file.stem for file in Path(folder).glob("*.safetensors"))
            found, digest = run(name, folder)
        equal = digest == expected[name]
        n_equal += equal
        print(
            f"{name} killed after {moment:.1f} s, with {', '.join(written) or 'nothing'} written; "
            f"then {found[0] if found else float('nan'):.1f} s: "
            f"{'the same model' if equal else 'ANOTHER MODEL'}",
            flush=True,
        )
    print(f"{n_equal} of {n_killed} end in the same bits")


if __name__ == "__main__":
    main()
