"""Captions by the command line against captions by the pipeline in Python: photographs a second.

    python benchmarks/command_line.py FOLDER
    python benchmarks/command_line.py FOLDER --model model.safetensors --repetitions 5

FOLDER is as `load_flickr8k` takes it. Without a model, one is fitted by the command line on the
photographs that are then captioned. Each ratio is the median over repetitions, in which both sides
are done one after the other, in one process; the range is that of the single repetitions. Both
begin with the model's file and the names of the photographs. Processor seconds are counted, too,
which what else runs on the machine changes little. What a process takes to begin, which
counts once whatever the number of photographs, is printed by itself.
"""

import argparse
import contextlib
import csv
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from quantities import machine
from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk._command_line.main import main as program
from condcap_sk.datasets import load_flickr8k


def write_photographs(data, n, folder):
    """Write photographs and a table of their captions; return the files."""
    files = []
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        for photo, captions in zip(data.files["train"][:n], data.captions["train"], strict=False):
            name = Path(str(photo)).name
            with photo.open("rb") as source, (folder / name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
            rows.writerows([name, caption] for caption in captions)
            files.append(str(folder / name))
    return files


class Timed(io.StringIO):
    """Standard output that knows when it was first written to."""

    first = None

    def write(self, text):
        self.first = self.first or perf_counter()
        return super().write(text)


def by_program(model, files):
    """Return seconds, processor seconds, seconds to the first caption, and the captions."""
    start, before = perf_counter(), process_time()
    with contextlib.redirect_stdout(Timed()) as out:
        assert program(["caption", model, *files]) == 0
    end, after = perf_counter(), process_time()
    captions = [line.split("\t")[1] for line in out.getvalue().splitlines()]
    return end - start, after - before, out.first - start, captions


def by_pipeline(model, files):
    """Return seconds, processor seconds, and the captions."""
    start, before = perf_counter(), process_time()
    est = ConditionalCaptioner.load(model)
    captions = make_pipeline(est.preprocessor_, est).predict(files)
    return perf_counter() - start, process_time() - before, captions.tolist()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--n", type=int, default=160, help="photographs (default: 160)")
    parser.add_argument("--model")
    parser.add_argument("--repetitions", type=int, default=3)
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        files = write_photographs(load_flickr8k(args.folder), args.n, Path(folder))
        model = args.model or f"{folder}/model.safetensors"
        if args.model is None:
            assert program(["fit", folder, f"{folder}/captions.csv", "-o", model]) == 0
        by_pipeline(model, files[:2])  # what is read once is there for both
        ratios, of_processor, firsts, rates = [], [], [], []
        for _ in range(args.repetitions):
            seconds, processor, expected = by_pipeline(model, files)
            ours, our_processor, first, captions = by_program(model, files)
            assert captions == expected
            ratios.append(seconds / ours)
            of_processor.append(processor / our_processor)
            firsts.append(first)
            rates.append(len(files) / ours)
        print(
            f"photographs a second, by the program ÷ by the pipeline: {np.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f}); by the program {np.median(rates):.1f}"
        )
        print(f"the same in processor seconds: {np.median(of_processor):.3f}")
        print(f"to the first caption: {np.median(firsts):.1f} s of {len(files) / rates[-1]:.1f} s")
        for arguments in (["--help"], ["caption", model, files[0]]):
            start = perf_counter()
            command = [sys.executable, "-m", "condcap_sk", *arguments]
            subprocess.run(command, check=True, capture_output=True)
            print(f"a process of {arguments[0]}: {perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
