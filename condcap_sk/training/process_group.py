"""process_group: one fit by several processes."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import wraps
from numbers import Integral, Real
from typing import cast

import numpy as np
import sklearn
import torch
from sklearn.utils._param_validation import Interval
from torch import distributed

from .._processes import Processes, joined, joining, sharing_work
from .._stored import Source, StoredImages
from .._torch.device import resolve_device
from .._typing import Function
from .._validation import as_array, checks_arguments
from .._version import __version__
from ..exceptions import ProcessGroupError
from .shards import N_SHARDS

LONGEST = 365 * 24 * 3600  # seconds, by hand: of more, torch makes errors that tell nothing
_n_entered = 0


@contextmanager
@checks_arguments({"timeout": [Interval(Real, 0, LONGEST, closed="right")]})
def process_group(timeout: float = 300.0) -> Iterator[int]:
    """Let the processes that torchrun started make each `fit` inside together.

    All of them run the same program, with the same data: `ConditionalCaptioner.fit` inside is one
    fit. Each process computes its part of every training step and reads that part of `X`; all end
    with the same model, on CPUs in the same bits as one process alone. Outside of torchrun, nothing
    changes: the program runs as one process.

    .. code-block:: python

        with process_group() as rank:
            est.fit(X, y)
        if rank == 0:
            est.save("model.safetensors")

    ``torchrun --nproc-per-node 2 program.py`` starts two on this machine.

    Parameters
    ----------
    timeout : float, default=300.0
        Seconds after which a process that waits for another one gives up. Longer than it takes one
        of them to load its data and, with checkpoints, the first one to read `X` once.

    Yields
    ------
    rank : int
        The number of this process; 0 if it is alone.

    Raises
    ------
    ProcessGroupError
        If the processes do not find each other, here; in `fit`, if one of them stopped, or they
        have other data, parameters or versions.

    See Also
    --------
    condcap_sk.ConditionalCaptioner.fit : Its `checkpoints` survive the end of a process.

    Notes
    -----
    A training step falls into four shards of rows, whatever computes them; so of CPUs, at most four
    take part. On GPUs each process is a shard, and its device the one of its local rank; the model
    is then that of so many GPUs. A step of labels' latents is too small to be shared: all
    processes compute it.

    Gradients are exchanged by `torch.distributed` (gloo between CPUs, NCCL between GPUs), neither
    encrypted nor with a password: use it in a network whose members trust each other. A process
    group that the program has initialised itself is used, and stays.

    Only threads that entered see the group: what joblib runs elsewhere is done by each process
    alone. Callbacks must be the same in all processes, and do the same to the training. After a fit
    that failed, leave the block and enter a new one.

    Examples
    --------
    Not started by torchrun, it is one process.

    >>> from condcap_sk.training import process_group
    >>> with process_group() as rank:
    ...     rank
    0
    """
    if not _is_started():
        yield 0
        return
    if joined() is not None:
        raise ProcessGroupError("process_group() is inside of another one. Leave out one of them.")
    with ExitStack() as stack:
        group = None
        if distributed.is_initialized():
            group = distributed.new_group(timeout=timedelta(seconds=timeout))
        else:
            _initialise(timeout)
        processes = Processes(timeout, group)
        stack.callback(processes.close)
        # One that is ready would otherwise be gone before others find it.
        processes.exchange_values("here")
        place = int(os.environ.get("LOCAL_RANK", 0))
        if place < torch.cuda.device_count():
            stack.callback(torch.cuda.set_device, torch.cuda.current_device())
            torch.cuda.set_device(place)
        with joining(processes if processes.size > 1 else None):
            yield processes.rank


def by_all_processes(fit: Function) -> Function:
    """Decorate a `fit` that the processes of a `process_group` make together."""

    @wraps(fit)
    def shared(self, X, y, **options):
        processes = joined()
        if processes is None:
            return fit(self, X, y, **options)
        if processes.is_closed:
            raise ProcessGroupError(
                "An earlier fit in this process_group failed, and not all processes need be where "
                "this one is. Leave the block, and enter a new one."
            )
        try:
            _check_alike(self, X, processes)
            with sharing_work(processes):
                return fit(self, X, y, **options)
        except BaseException:
            # Of the others, none is to take messages of the next fit for those of this one.
            processes.close()
            raise

    return cast(Function, shared)


def _check_alike(estimator, X, processes: Processes) -> None:
    """Raise if what must be the same for a fit to be the same work is not."""
    if not isinstance(estimator.random_state, Integral):
        raise ProcessGroupError(
            f"random_state={estimator.random_state!r:.80} gives each process other numbers. Set an "
            "int, the same one in all of them."
        )
    if processes.size > N_SHARDS and resolve_device(estimator.device).type == "cpu":
        raise ProcessGroupError(
            f"A training step has {N_SHARDS} shards, but there are {processes.size} processes. "
            f"Start {N_SHARDS} at most, and give each of them several cores, with n_jobs."
        )
    source = as_array(X)
    is_stored = isinstance(source, Source | StoredImages)
    versions = {f"the version of {m.__name__}": m.__version__ for m in (np, torch, sklearn)}
    capability = torch.backends.cpu.get_cpu_capability()
    processes.compare({
        **versions,
        "the version of condcap_sk": __version__,
        "the CPU's capability (the environment variable ATEN_CPU_CAPABILITY lowers it)": capability,
        "X": f"{source.dtype} {source.shape}" if is_stored else "in memory",
    })  # fmt: skip


def _is_started() -> bool:
    """Whether this is one of several processes."""
    if not distributed.is_available():
        return False
    return distributed.is_initialized() or "WORLD_SIZE" in os.environ


def _initialise(timeout: float) -> None:
    global _n_entered
    _n_entered += 1
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    longest = timedelta(seconds=timeout)
    try:
        store, rank, size = next(distributed.rendezvous("env://", timeout=longest))
        # torchrun's store outlives a group: what the one before left is not for this one.
        store = distributed.PrefixStore(f"condcap_sk/{_n_entered}", store)
        distributed.init_process_group(
            backend, timeout=longest, rank=rank, world_size=size, store=store
        )
    except (RuntimeError, ValueError) as error:
        found = " ".join(str(error).split())
        raise ProcessGroupError(
            f"The processes did not find each other within {timeout:g} seconds: {found:.300}. "
            "Start all of them with torchrun; if the port is in use, pass it another one, with "
            "--master-port."
        ) from error
