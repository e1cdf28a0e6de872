"""How many threads a training computes with."""

import threading
from contextlib import contextmanager
from functools import wraps

import torch
from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

_LOCK = threading.Lock()
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
    before = torch.get_num_threads()  # torch's own default, put in force before it is overridden
    # OpenMP counts for each thread of the program, so that fits may go on side by side. What
    # torch has told MKL holds for all of them: the last one to leave restores it.
    with ThreadpoolController().limit(limits=n_threads, user_api="openmp"):
        with _LOCK:
            _outside = _outside if _inside else before
            _inside += 1
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            with _LOCK:
                _inside -= 1
                if not _inside:
                    torch.set_num_threads(_outside)


def with_threads(fit):
    """Decorate the `fit` of an estimator that has a parameter `n_jobs`."""

    @wraps(fit)
    def limited(self, *args, **kwargs):
        with limited_threads(self.n_jobs):
            return fit(self, *args, **kwargs)

    return limited
