"""What processes that share a training step send each other: all that a shard's step changed."""

import torch


def norms_of(module):
    """Return the layers of a module that keep running statistics."""
    return [m for m in module.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


def pack(replica, rng, terms):
    """Return a shard's results as bytes.

    Parameters
    ----------
    replica : torch.nn.Module
        Its gradients and running statistics.
    rng : torch.Generator
    terms : dict of Tensor
        Scalars.

    Returns
    -------
    packet : Tensor of uint8
    """
    gradients = [p.grad for p in replica.parameters() if p.grad is not None]
    device = gradients[0].device
    # Eight bytes first: each tensor begins at a multiple of its values' size.
    whole = [rng.get_state().to(device), *_counts(replica)]
    parts = [*whole, *_statistics(replica), *gradients, *terms.values()]
    parts = [part.reshape(-1).view(torch.uint8) for part in parts]
    filling = parts[0].new_zeros(-sum(map(len, parts)) % 8)  # the next one begins so, too
    return torch.cat([*parts, filling])


def unpack(packet, replica, rng, graded, n_terms):
    """Give another process's results to the shard's replica here; return the terms.

    Parameters
    ----------
    packet : Tensor of uint8
        From `pack`.
    replica : torch.nn.Module
    rng : torch.Generator
    graded : list of bool
        Which parameters got a gradient.
    n_terms : int

    Returns
    -------
    terms : list of Tensor
    """
    place = 0

    def take(like):
        nonlocal place
        start, place = place, place + like.nbytes
        return packet[start:place].view(like.dtype).view(like.shape)

    # A copy: torch reads a state from where its memory begins, whatever of it is given.
    rng.set_state(take(rng.get_state()).cpu().clone())
    for buffer in [*_counts(replica), *_statistics(replica)]:
        buffer.copy_(take(buffer))
    for parameter, has_gradient in zip(replica.parameters(), graded, strict=True):
        if has_gradient:
            # Laid out as the parameter: fused optimizers go through both as they lie in memory.
            parameter.grad = torch.empty_like(parameter).copy_(take(parameter))
    return [term.clone() for term in packet[place:].view(torch.float32)[:n_terms]]


def _counts(module):
    return [norm.num_batches_tracked for norm in norms_of(module)]


def _statistics(module):
    return [t for norm in norms_of(module) for t in (norm.running_mean, norm.running_var)]
