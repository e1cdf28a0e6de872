"""The rows of a training step in a fixed number of shards, computed side by side."""

import copy
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from .._torch.seeding import make_rng
from .._torch.threads import one_thread

# Of a batch, on a CPU; an accelerator is one thread. By hand: as many cores as most machines have.
N_SHARDS = 4
# Rows of a shard, at least. Fewer cost as much as so many: chosen by timing (2 cores, AMD EPYC
# 7003). Batch statistics of fewer than 16 images are mostly noise.
OF_IMAGES, OF_SENTENCES = 16, 24


class Shards:
    """Computes the gradient of a mean over a batch's rows, a shard of them by each thread.

    A shard has a replica of the module, which shares its parameters and has gradients of its own,
    and an own stream of random numbers; its rows are computed by one thread. The gradients are
    added in the shards' order. Into how many shards a batch falls does not depend on the machine,
    so the number of threads changes the time, and no bit of the result.

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
    """

    def __init__(self, module, seed, n_threads, least=None):
        device = next(module.parameters()).device
        n_shards = N_SHARDS if device.type == "cpu" and least is not None else 1
        self.least = least
        self.replicas = [replica_of(module) for _ in range(n_shards)]
        # Asking a module for them takes as long as a layer.
        self.parameters = list(
            zip(*(list(m.parameters()) for m in (module, *self.replicas)), strict=True)
        )
        self.norms = list(zip(*(batch_norms(m) for m in (module, *self.replicas)), strict=True))
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
        rows : dict of Tensor
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
            share = len(next(iter(shard.values()))) / n_rows
            terms = terms_of(replica, rng, **shard)
            (share * sum(terms.values())).backward()
            return {name: share * term.detach() for name, term in terms.items()}

        run = map if self.pool is None else self.pool.map
        found = list(run(compute, *zip(*work, strict=True)))
        self._gather(n_shards)
        return {name: sum(terms[name] for terms in found) for name in found[0]}

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


def batch_norms(module):
    """Return the layers of a module that keep running statistics."""
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
