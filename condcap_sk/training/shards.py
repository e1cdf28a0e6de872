"""The rows of a training step in a fixed number of shards, computed side by side."""

import copy
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from .._torch.seeding import make_rng
from .._torch.stored import PendingRows
from .._torch.threads import one_thread
from .packets import norms_of, pack, unpack

# Of a batch, on a CPU; an accelerator is one thread, and each of several is a shard. By hand: as
# many cores as most machines have.
N_SHARDS = 4
# Rows of a shard, at least. Fewer cost as much as so many: chosen by timing (2 cores, AMD EPYC
# 7003). Batch statistics of fewer than 16 images are mostly noise.
OF_IMAGES, OF_SENTENCES = 16, 24


class Shards:
    """Computes the gradient of a mean over a batch's rows, a shard of them by each thread.

    A shard has a replica of the module, which shares its parameters and has gradients of its own,
    and an own stream of random numbers; its rows are computed by one thread. The gradients are
    added in the shards' order. Into how many shards a batch falls does not depend on the machine,
    so the number of threads changes the time, and no bit of the result. Nor does the number of
    processes that share the shards, if there are several: each computes its part and gets the
    others' results. A batch of fewer shards than processes is computed by each of them.

    Batch statistics are those of a shard ("ghost batch normalisation", E. Hoffer et al., "Train
    longer, generalize better", NeurIPS 2017); running ones are the mean over the shards.

    Parameters
    ----------
    module : torch.nn.Module
        In training mode, where its parameters stay; optimizers change them in place.
    seed : int
        Of the shards' streams.
    n_threads : int
    least : int or None, default=None
        Rows of a shard, at least; None: all rows of a batch are one shard.
    processes : Processes or None, default=None
        That share the shards.
    """

    def __init__(self, module, seed, n_threads, least=None, processes=None):
        device = next(module.parameters()).device
        n_shards = 1
        if least is not None:
            n_accelerators = 1 if processes is None else processes.size
            n_shards = N_SHARDS if device.type == "cpu" else n_accelerators
        self.least = least
        self.processes = processes
        self.replicas = [replica_of(module) for _ in range(n_shards)]
        # Asking a module for them takes as long as a layer.
        self.parameters = list(
            zip(*(list(m.parameters()) for m in (module, *self.replicas)), strict=True)
        )
        self.norms = list(zip(*(norms_of(m) for m in (module, *self.replicas)), strict=True))
        self.rngs = [make_rng(seed + i, device) for i in range(n_shards)]
        self.n_threads = min(n_threads, n_shards)
        self.pool = None

    def __enter__(self):
        if self.n_threads > 1:
            self.pool = ThreadPoolExecutor(self.n_threads, initializer=one_thread)
        return self

    def __exit__(self, *_):
        if self.pool is not None:
            # After an error or Ctrl-C, what was not begun is not waited for.
            self.pool.shutdown(cancel_futures=True)
            self.pool = None

    def descend(self, terms_of, **rows):
        """Add to the gradients of the module's parameters those of the sum of `terms_of`.

        Parameters
        ----------
        terms_of : callable
            ``terms_of(replica, rng, **rows) -> dict of Tensor``, means over the rows.
        rows : dict of Tensor or PendingRows
            Aligned.

        Returns
        -------
        terms : dict of Tensor
            Means over the batch.
        """
        n_rows = len(next(iter(rows.values())))
        n_shards = max(1, min(len(self.replicas), n_rows // (self.least or n_rows)))
        shards = zip(*(tensor.tensor_split(n_shards) for tensor in rows.values()), strict=True)
        work = [
            (replica, rng, dict(zip(rows, shard, strict=True)))
            for replica, rng, shard in zip(self.replicas, self.rngs, shards, strict=False)
        ]

        def compute(replica, rng, shard):
            # Stored rows are read here.
            shard = {k: v.read() if isinstance(v, PendingRows) else v for k, v in shard.items()}
            share = len(next(iter(shard.values()))) / n_rows
            terms = terms_of(replica, rng, **shard)
            (share * sum(terms.values())).backward()
            return {name: share * term.detach() for name, term in terms.items()}

        run = map if self.pool is None else self.pool.map
        shared = self.processes is not None and self.processes.size <= n_shards
        own = self.processes.part(n_shards) if shared else slice(None)
        found = list(run(compute, *zip(*work[own], strict=True)))
        if shared:
            found = self._exchange(found, n_shards)
        self._gather(n_shards)
        return {name: sum(terms[name] for terms in found) for name in found[0]}

    def _exchange(self, terms, n_shards):
        """Bring the results of all processes into the replicas; return the terms of all shards."""
        processes = self.processes
        parts = [range(n_shards)[processes.part(n_shards, rank)] for rank in range(processes.size)]
        own = parts[processes.rank]
        packets = [
            pack(self.replicas[i], self.rngs[i], of_shard)
            for i, of_shard in zip(own, terms, strict=True)
        ]
        most = max(map(len, parts))
        sent = torch.stack([*packets, *packets[-1:] * (most - len(packets))])
        # What gradients there are is the same in all shards.
        graded = [p.grad is not None for p in self.replicas[own[0]].parameters()]
        found = []
        for part, received in zip(parts, processes.exchange(sent), strict=True):
            if part is own:
                found += terms
                continue
            for i, packet in zip(part, received, strict=False):
                values = unpack(packet, self.replicas[i], self.rngs[i], graded, len(terms[0]))
                found.append(dict(zip(terms[0], values, strict=True)))
        return found

    def _gather(self, n_shards):
        for parameter, *replicas in self.parameters:
            for replica in replicas[:n_shards]:
                if replica.grad is not None:
                    if parameter.grad is None:
                        parameter.grad = replica.grad
                    else:
                        parameter.grad += replica.grad
                    replica.grad = None
        for norm, *replicas in self.norms:
            for name in ("running_mean", "running_var"):
                found = [getattr(replica, name) for replica in replicas[:n_shards]]
                getattr(norm, name).copy_(torch.stack(found).mean(0))


def replica_of(module):
    """Return a copy of `module` that shares its parameters, and no gradients or buffers."""
    parameters = {id(p): nn.Parameter(p.detach()) for p in module.parameters()}
    return copy.deepcopy(module, parameters)
