"""The rows of a training step in a fixed number of shards, computed side by side."""

import copy
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from .._torch.seeding import make_rng
from .._torch.stored import PendingRows
from .._torch.threads import one_thread
from .packets import exchange, norms_of

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
    added in a fixed order. Into how many shards a batch falls does not depend on the machine,
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
    batch_size : int or None, default=None
        Rows of a batch, at most; fewer need fewer replicas, and each is as large as the module.
    """

    def __init__(self, module, seed, n_threads, least=None, processes=None, batch_size=None):
        device = next(module.parameters()).device
        n_shards = 1
        if least is not None:
            n_accelerators = 1 if processes is None else processes.size
            n_shards = N_SHARDS if device.type == "cpu" else n_accelerators
            if batch_size is not None:
                n_shards = max(1, min(n_shards, batch_size // least))
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
        own = range(n_shards)[self.processes.part(n_shards)] if shared else range(n_shards)
        found = list(run(compute, *zip(*work[own.start : own.stop], strict=True)))
        sums = {own: self._gradients(own)}
        if shared:
            found, sums = exchange(self.processes, self.replicas, self.rngs, found, sums, n_shards)
        self._gather(sums, n_shards)
        return {name: sum(terms[name] for terms in found) for name in found[0]}

    def _gradients(self, shards):
        """Return the sums of some shards' gradients, None of parameters that have none."""
        sums: list = []
        for parameter, *replicas in self.parameters:
            gradients = {range(i, i + 1): replicas[i].grad for i in shards}
            for i in shards:
                replicas[i].grad = None
            if all(gradient is None for gradient in gradients.values()):
                sums.append(None)
                continue
            for shard, gradient in gradients.items():
                if gradient is None:
                    gradients[shard] = torch.zeros_like(parameter)
            sums.append(pairwise_sum(gradients, shards))
        return sums

    def _gather(self, sums, n_shards):
        """Let the module have the gradients and statistics of all shards."""
        for k, (parameter, *_) in enumerate(self.parameters):
            parts = {shards: gradients[k] for shards, gradients in sums.items()}
            if not any(part is None for part in parts.values()):
                total = pairwise_sum(parts, range(n_shards))
                if parameter.grad is not None:
                    parameter.grad += total
                elif total.stride() == parameter.stride():
                    parameter.grad = total
                else:
                    # Fused optimizers go through both as they lie in memory.
                    parameter.grad = torch.empty_like(parameter).copy_(total)
        for norm, *replicas in self.norms:
            for name in ("running_mean", "running_var"):
                found = [getattr(replica, name) for replica in replicas[:n_shards]]
                getattr(norm, name).copy_(torch.stack(found).mean(0))


def pairwise_sum(values, shards):
    """Return the sum of the shards' tensors, in place: of their first halves and their second ones.

    So it has the same bits, whatever parts of it were computed before.

    Parameters
    ----------
    values : dict of {range: Tensor}
        Sums that are known, by their shards.
    shards : range
    """
    if shards in values:
        return values[shards]
    middle = (len(shards) + 1) // 2
    return pairwise_sum(values, shards[:middle]).add_(pairwise_sum(values, shards[middle:]))


def replica_of(module):
    """Return a copy of `module` that shares its parameters, and no gradients or buffers."""
    parameters = {id(p): nn.Parameter(p.detach()) for p in module.parameters()}
    return copy.deepcopy(module, parameters)
