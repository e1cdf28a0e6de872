"""A search on a Dask cluster: its time, and whether it finds what a search in one process finds.

    python benchmarks/cluster.py
    python benchmarks/cluster.py --repetitions 5 --kills 6

Two processes of this machine are the cluster, joblib's own two (loky) what it is compared with. The
ratio of times is the median over repetitions, in which both searches are done in turns; the range
is that of the single ones. Starting the processes is left out. Results are every quantity of
`control_report` on each split. A process of the cluster is killed (SIGKILL) at work, at the
beginning of a search and in the middle, with one copy of the data in the cluster, as joblib leaves
it, and with one in each process (``scatter``).
"""

import argparse
import importlib
import logging
import os
import signal
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from time import sleep

import dask
import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from quantities import machine
from sklearn.model_selection import GridSearchCV
from speed import seconds

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.metrics import control_report

# All by hand.
N_GRIDS, N_STEPS = 200, 50
SMALL = {"image_encoder__n_filters": 4, "image_encoder__batch_size": 32, "gan__batch_size": 64}
GRID = {"n_latents": [2, 3], "mi_weight": [0.03, 0.3]}
SOON = 0.15  # seconds
HANGS = 5  # times the usual: no search takes as long that goes on
STAGES = ("codec", "image_encoder", "gan")
# Processes of Dask give memory back to the system again and again, which costs a fit a tenth of its
# time and more; None leaves that to the system, as everywhere else.
TRIMMING = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"


def report(est, X, y):
    """Return what `control_report` measures; as a scorer."""
    rows = control_report(est, X, y, output_dict=True)
    return {name: row["value"] for name, row in rows.items() if row["value"] is not None}


def make_search(n_jobs=None):
    est = ConditionalCaptioner(random_state=0, validation_fraction=0)
    est.set_params(**SMALL, **{f"{stage}__max_iter": N_STEPS for stage in STAGES})
    return GridSearchCV(
        est, GRID, scoring=report, cv=2, refit=False, n_jobs=n_jobs, error_score="raise"
    )


def search_here(X, y, n_jobs=None):
    return make_search(n_jobs).fit(X, y).cv_results_


def search_there(X, y, client, copies):
    """Search on the cluster, with the data in one of its processes or in each.

    In each only once for each client: given the same data again, distributed can hang or lose them.
    """
    scatter = [X, y] if copies else None
    with joblib.parallel_config(backend="dask", client=client, scatter=scatter):
        return make_search().fit(X, y).cv_results_


def equal(one, other):
    """Are two searches' results the same to the bit, but for times?"""
    keys = [{key for key in results if "time" not in key} for results in (one, other)]
    return keys[0] == keys[1] and all(
        np.asarray(one[key]).tobytes() == np.asarray(other[key]).tobytes()
        if np.asarray(one[key]).dtype.kind in "fi"
        else np.array_equal(one[key], other[key])
        for key in keys[0]
    )


@contextmanager
def two_processes():
    # No dashboard: it would open a port.
    processes = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({TRIMMING: None}),
        LocalCluster(processes=True, silence_logs=logging.CRITICAL, **processes) as cluster,
        Client(cluster) as client,
    ):
        yield client, cluster


def load():
    """Import in a process what its first fit imports, so that a kill comes while it fits."""
    importlib.import_module("condcap_sk")


def compare(here, there, repetitions):
    """Print the time on the cluster as a share of that with loky, and return the former."""
    here(), there()  # the first call pays for the start of processes, and for imports
    times = np.array([[seconds(there), seconds(here)] for _ in range(repetitions)])
    ratios = times[:, 0] / times[:, 1]
    print(
        f"Dask ÷ loky, two processes each: {np.median(ratios):.2f} "
        f"({ratios.min():.2f} to {ratios.max():.2f}); Dask {np.median(times[:, 0]):.1f} s",
        flush=True,
    )
    return np.median(times[:, 0])


def kill_during(search, cluster, which, after, patience):
    """Kill a process in a search; return its results or its error's name, and was it at work?"""
    found = ["no end"]

    def run():
        try:
            found[0] = search()
        except BaseException as error:  # whatever became of it is what is printed
            found[0] = type(error).__name__

    # A search that hangs must not keep the program from its end.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    sleep(after)
    nanny = cluster.workers[which]
    at_work = bool(cluster.scheduler.workers[nanny.worker_address].processing)
    os.kill(nanny.pid, signal.SIGKILL)
    thread.join(patience)
    return found[0], at_work


def kill_many(X, y, expected, usual, kills, copies):
    """Print what becomes of searches of which one process is killed, each on a new cluster."""
    rng = np.random.RandomState(0)
    n_equal = n_killed = 0
    while n_killed < kills:
        # Each process once before the other has had the data, then at random moments.
        after, which = SOON if n_killed < 2 else rng.uniform(0.1, 0.8) * usual, n_killed % 2
        with two_processes() as (client, cluster):
            client.run(load)
            before = {nanny.pid for nanny in cluster.workers.values()}
            search = partial(search_there, X, y, client, copies)
            found, at_work = kill_during(search, cluster, which, after, HANGS * usual)
            n_new = len({nanny.pid for nanny in cluster.workers.values()} - before)
        if not at_work:
            continue  # nothing was interrupted
        n_killed += 1
        outcome = found
        if not isinstance(found, str):
            same = equal(found, expected)
            n_equal += same
            outcome = "the same results" if same else "OTHER RESULTS"
        print(
            f"process {which} killed after {after:.2f} s, at work: {outcome}, "
            f"new processes: {n_new}",
            flush=True,
        )
    where = "in each process" if copies else "in one process"
    print(f"data {where}: {n_equal} of {kills} killed searches end in the same bits", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--kills", type=int, default=4, help="with each way to share the data")
    args = parser.parse_args()
    # So short fits do not converge; loky's processes read the variable.
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    digits = load_grid_digits(n_train=N_GRIDS)
    X, y = digits.images, digits.label_sets
    expected = search_here(X, y)
    print(f"loky equal to sequential: {equal(search_here(X, y, 2), expected)}", flush=True)
    with two_processes() as (client, _):
        usual = compare(
            partial(search_here, X, y, 2),
            partial(search_there, X, y, client, False),
            args.repetitions,
        )
        for copies, where in ((False, "in one process"), (True, "in each process")):
            same = equal(search_there(X, y, client, copies), expected)
            print(f"Dask, data {where}, equal to sequential: {same}", flush=True)
    for copies in (False, True):
        kill_many(X, y, expected, usual, args.kills, copies)


if __name__ == "__main__":
    main()
