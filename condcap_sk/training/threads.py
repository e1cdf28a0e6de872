"""How many threads a training computes with."""

import threading
from contextlib import contextmanager
from functools import wraps

import torch
from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

_LOCK = threading.Lock()
_HERE = threading.local()
_inside = 0
_outside = 1


@contextmanager
def limited_threads(n_jobs):
    """Compute inside with `n_jobs` threads, counted as joblib counts, but None is always one.

    Every thread sums its own part of a gradient. The bits of a training would depend on how many
    there are, and so on the machine and on how many processes joblib shares it among.
    """
    global _inside, _outside
    n_threads = 1 if n_jobs is None else effective_n_jobs(n_jobs)
    controller = ThreadpoolController()
    with _LOCK:
        # torch's number for this thread, put in force before it is overridden. A thread that
        # torch meets while another trains is told that one's number.
        before = torch.get_num_threads()
        if not _inside:
            _outside = before
        elif not getattr(_HERE, "depth", 0):
            before = _outside
        _inside += 1
    _HERE.depth = getattr(_HERE, "depth", 0) + 1
    try:
        # OpenMP counts for each thread of the program, so that fits may go on side by side. What
        # torch has told MKL holds for all of them: the last one to leave restores it.
        torch.set_num_threads(n_threads)
        yield
    finally:
        _HERE.depth -= 1
        with _LOCK:
            _inside -= 1
            if not _inside:
                torch.set_num_threads(_outside)
        controller.limit(limits=before, user_api="openmp")


def with_threads(fit):
    """Decorate the `fit` of an estimator that has a parameter `n_jobs`."""

    @wraps(fit)
    def limited(self, *args, **kwargs):
        with limited_threads(self.n_jobs):
            return fit(self, *args, **kwargs)

    return limited
