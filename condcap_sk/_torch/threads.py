"""How many threads torch computes with."""

import threading
from contextlib import contextmanager
from functools import wraps
from typing import cast

import torch
from joblib import effective_n_jobs

from .._typing import Function

_LOCK = threading.Lock()
_HERE = threading.local()
_inside = 0
_outside = 1


@contextmanager
def limited_threads(n_jobs):
    """Compute inside with `n_jobs` threads, counted as joblib counts.

    None is as many as torch has: all cores, or the share of them that joblib leaves to each of its
    processes. In a thread that is not the program's first, it is one: others run beside it.
    """
    global _inside, _outside
    n_threads = None if n_jobs is None else effective_n_jobs(n_jobs)
    with _LOCK:
        # torch's number for this thread, put in force before it is overridden. A thread that torch
        # first meets while others are inside begins with their number, which is not its own.
        before = torch.get_num_threads()
        if not _inside:
            _outside = before
        elif not getattr(_HERE, "depth", 0):
            before = _outside
        _inside += 1
    if n_threads is None:
        n_threads = before if threading.current_thread() is threading.main_thread() else 1
    _HERE.depth = getattr(_HERE, "depth", 0) + 1
    try:
        # It holds for this thread of the program, and for threads that torch meets from now on.
        torch.set_num_threads(n_threads)
        yield
    finally:
        _HERE.depth -= 1
        with _LOCK:
            _inside -= 1
            torch.set_num_threads(before)


def one_thread():
    """Let torch compute with one thread in the thread of the program that calls this."""
    # Asking puts in force what torch gives to new threads, which else it would do later.
    torch.get_num_threads()
    torch.set_num_threads(1)


def with_threads(fit: Function) -> Function:
    """Decorate the `fit` of an estimator that has a parameter `n_jobs`."""

    @wraps(fit)
    def limited(self, *args, **kwargs):
        with limited_threads(self.n_jobs):
            return fit(self, *args, **kwargs)

    return cast(Function, limited)
