"""What processes that share a training step send each other: all that their shards changed."""

import torch


def norms_of(module):
    """Return the layers of a module that keep running statistics."""
    return [m for m in module.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


def exchange(processes, replicas, rngs, terms, sums, n_shards):
    """Bring the states of other processes' shards here; return what they computed.

    Parameters
    ----------
    processes : Processes
    replicas : list of Module
        Those of this process's shards have new statistics, the others get them.
    rngs : list of torch.Generator
        Likewise.
    terms : list of dict of {str: Tensor}
        Scalars, of this process's shards.
    sums : dict of {range: list}
        The sums of this process's gradients, by its shards; None of parameters that have none.
    n_shards : int

    Returns
    -------
    terms : list of dict
        Of all shards.
    sums : dict
        Of all processes.
    """
    ((own, gradients),) = sums.items()
    parts = [range(n_shards)[processes.part(n_shards, rank)] for rank in range(processes.size)]
    states = [pack(replicas[i], rngs[i], of_shard) for i, of_shard in zip(own, terms, strict=True)]
    # All send as much.
    missing = max(map(len, parts)) - len(states)
    state = torch.stack(states + states[-1:] * missing)
    flat = torch.cat([g.reshape(-1) for g in gradients if g is not None])
    received = zip(parts, *processes.exchange(state, flat), strict=True)
    all_terms = []
    for part, packets, values in received:
        if part == own:
            all_terms += terms
            continue
        for i, packet in zip(part, packets, strict=False):
            found = unpack(packet, replicas[i], rngs[i], len(terms[0]))
            all_terms.append(dict(zip(terms[0], found, strict=True)))
        sums[part] = _like(gradients, values)
    return all_terms, sums


def _like(gradients, values):
    """Return what `flat` holds, in the shapes of the gradients: which there are is the same."""
    there = [g for g in gradients if g is not None]
    found = zip(there, values.split([g.numel() for g in there]), strict=True)
    shaped = iter([part.view(g.shape) for g, part in found])
    return [None if g is None else next(shaped) for g in gradients]


def pack(replica, rng, terms):
    """Return the state of a shard, and the terms of its loss, as bytes.

    Parameters
    ----------
    replica : torch.nn.Module
    rng : torch.Generator
    terms : dict of Tensor
        Scalars.

    Returns
    -------
    packet : Tensor of uint8
    """
    losses = list(terms.values())
    # Eight bytes first: each tensor begins at a multiple of its values' size.
    parts = [rng.get_state().to(losses[0].device), *_statistics(replica), *losses]
    parts = [part.reshape(-1).view(torch.uint8) for part in parts]
    filling = parts[0].new_zeros(-sum(map(len, parts)) % 8)  # the next one begins so, too
    return torch.cat([*parts, filling])


def unpack(packet, replica, rng, n_terms):
    """Give the state of a shard to its replica and generator here; return the terms.

    Parameters
    ----------
    packet : Tensor of uint8
        From `pack`.
    replica : torch.nn.Module
    rng : torch.Generator
    n_terms : int

    Returns
    -------
    terms : Tensor of shape (n_terms,)
    """
    place = 0

    def take(like):
        nonlocal place
        start, place = place, place + like.nbytes
        return packet[start:place].view(like.dtype).view(like.shape)

    # A copy: torch reads a state from where its memory begins, whatever of it is given.
    rng.set_state(take(rng.get_state()).cpu().clone())
    for buffer in _statistics(replica):
        buffer.copy_(take(buffer))
    return packet[place:].view(torch.float32)[:n_terms]


def _statistics(module):
    norms = norms_of(module)
    counts = [norm.num_batches_tracked for norm in norms]
    return counts + [t for norm in norms for t in (norm.running_mean, norm.running_var)]
