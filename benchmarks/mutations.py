"""Deliberate breaks of the package, one line each, and whether its tests notice them.

Each break is made by itself in a copy of the repository, where the tests of its file, and at most
one further file of tests, are run until one fails. Prints a line for each break, then the share
that was noticed:

    python benchmarks/mutations.py                     # all of them: an hour on two cores
    python benchmarks/mutations.py --only gan/losses   # those whose line holds this text

The tests run in forked processes, which find torch and scikit-learn imported, so that one break
takes seconds: no Windows. They are those that the same tests pass without a break, which is tried
first.
"""

import argparse
import gc
import os
import queue
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
BREAKS = Path(__file__).with_suffix(".txt")
TIMEOUT = 300  # seconds; a break that hangs is noticed
# What tests import besides the package, and what torch.testing does.
IMPORTED = "pytest", "hypothesis", "torch.distributed.tensor"
# No time for what a passing or failing test does not need.
OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "--assert=plain",
           "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One line of a file of the package, made wrong."""

    file: str
    old: str
    new: str
    further: str | None = None

    def __str__(self):
        return f"{self.file}: {self.old.strip()} → {self.new.strip()}"

    @property
    def tests(self):
        """The files of tests that should notice: its twin's first."""
        folder, _, name = self.file.rpartition("/")
        found = [f"{folder}/test_{name.lstrip('_')}".lstrip("/"), self.further]
        return [f"tests/{file}" for file in found if file and (ROOT / "tests" / file).exists()]

    def in_text(self, text):
        """Return the file's text with the break."""
        if (count := text.count(self.old)) != 1:
            sys.exit(f"{self}: the old text is there {count} times.")
        return text.replace(self.old, self.new)

    def apply(self, folder):
        """Make the break in the copy in `folder`."""
        path = folder / "condcap_sk" / self.file
        broken = self.in_text(path.read_text(encoding="utf-8"))
        path.rename(path.with_suffix(".whole"))
        path.write_text(broken, encoding="utf-8")

    def undo(self, folder):
        """Take the break back. The file keeps its time, by which its compiled form is known."""
        path = folder / "condcap_sk" / self.file
        path.with_suffix(".whole").replace(path)


def read_breaks():
    """Read the breaks: lines "- old" and "+ new" under a file's name, maybe "@ further tests"."""
    breaks = []
    file = further = old = None
    for line in BREAKS.read_text(encoding="utf-8").splitlines():
        kind, rest = line[:1], line[2:]
        if kind == "-":
            old = rest
        elif kind == "+":
            breaks.append(Break(file, old, rest, further))
        elif line and not line.startswith("#"):
            file, _, further = line.partition(" @ ")
    return breaks


def check(breaks):
    """Exit unless each break has one place, is Python and has tests."""
    for one in breaks:
        text = (ROOT / "condcap_sk" / one.file).read_text(encoding="utf-8")
        compile(one.in_text(text), one.file, "exec")
        if not one.tests:
            sys.exit(f"{one}: there are no tests of it.")
    if repeated := [one for one, n in Counter(breaks).items() if n > 1]:
        sys.exit(f"Twice: {repeated[0]}")


def import_all():
    """Import what the tests need, so that their processes have it; the package does not stay."""
    for name in (
        *IMPORTED,
        *(f"condcap_sk.{part}" for part in ("captioner", "metrics", "inspection")),
    ):
        import_module(name)
    for name in [name for name in sys.modules if name.startswith("condcap_sk")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def run_tests(folder, tests, quiet=True):
    """Run tests in a copy, in a process of its own that ends with pytest's exit status."""
    os.chdir(folder)
    sys.path[0] = str(folder)
    if quiet:
        # What is compiled of a broken file must not outlive it.
        sys.dont_write_bytecode = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    os._exit(import_module("pytest").main([*OPTIONS, *tests]))


def fails(folder, tests, **options):
    """Return whether tests fail in a copy, or take too long."""
    process = get_context("fork").Process(target=run_tests, args=(folder, tests), kwargs=options)
    process.start()
    process.join(TIMEOUT if options.get("quiet", True) else None)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="breaks whose line holds this text")
    parser.add_argument("--jobs", type=int, default=1, help="breaks at a time")
    parser.add_argument("--trusted", action="store_true", help="skip the tests without a break")
    args = parser.parse_args()
    every = read_breaks()
    check(every)
    breaks = [one for one in every if args.only in str(one)]
    import_all()
    with tempfile.TemporaryDirectory() as place:
        folders = queue.SimpleQueue()
        for i in range(args.jobs):
            folder = Path(place).resolve() / str(i)
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "build"))
            folders.put(folder)
        tests = list(dict.fromkeys(test for one in breaks for test in one.tests))
        if not args.trusted and fails(folder, tests, quiet=False):
            sys.exit("The tests fail without a break.")

        def is_noticed(one):
            folder = folders.get()
            one.apply(folder)
            noticed = fails(folder, one.tests)
            one.undo(folder)
            folders.put(folder)
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {one}", flush=True)
            return noticed

        with ThreadPool(args.jobs) as pool:
            noticed = pool.map(is_noticed, breaks, chunksize=1)
    print(f"{sum(noticed)} of {len(breaks)} breaks noticed: {sum(noticed) / len(breaks):.1%}")


if __name__ == "__main__":
    main()
