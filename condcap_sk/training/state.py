"""The state of a training: all that its rest depends on."""

import math

import torch
from torch.utils.data import RandomSampler

from .._persistence import history, named_tensors
from ..exceptions import ModelFileError


class Order(RandomSampler):
    """The rows of each epoch in a new order; the first epoch may begin in its middle.

    Parameters
    ----------
    rows : Rows
    rng : torch.Generator
    most : int
        Rows of an epoch, at most; with fewer than there are, a training has one epoch alone.
    """

    def __init__(self, rows, rng, most):
        super().__init__(rows, generator=rng, num_samples=min(most, len(rows)))
        self.n_passed = 0  # rows that the next epoch leaves out

    def __iter__(self):
        # Not by fewer draws: the order is that of an epoch that was not broken off.
        for place, row in enumerate(super().__iter__()):
            if place >= self.n_passed:
                yield row
        self.n_passed = 0


def named(net, name):
    """Return the callback of a net that has this name."""
    return dict(net.callbacks_)[name]


def tensors_of(net):
    """Return the tensors of a training's state, by name."""
    tensors = named_tensors("module.", net.module_) | named_tensors("average.", net.average_)
    for i, optimizer in enumerate(net.optimizers()):
        for k, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"optimizer.{i}.{k}.{name}"] = torch.as_tensor(value)
    for i, (replica, rng) in enumerate(zip(net.shards_.replicas, net.shards_.rngs, strict=True)):
        tensors[f"rng.{i}"] = rng.get_state()
        tensors |= {f"replica.{i}.{name}": buffer for name, buffer in replica.named_buffers()}
    return tensors


def restore(net, fields, tensors):
    """Give `net` the state of a training in its middle; return the batches of the epoch so far."""
    fields.take("has_ended", bool)
    n_epochs, n_batches = fields.take("n_epochs", int), fields.take("n_batches", int)
    if not (0 <= n_epochs < net.max_epochs and 0 <= n_batches < net.batches_per_epoch):
        raise ModelFileError("it has another number of steps")
    for _ in range(n_epochs):
        net.history.new_epoch()
    net.n_averaged_ = named(net, "schedule").step_ = n_epochs * net.batches_per_epoch + n_batches
    record = named(net, "record")
    record.history_ = history(fields, "history")
    losses = fields.take("losses", list)
    batches = tensors.pop("batches").tolist() if losses else []
    if not all(isinstance(name, str) for name in losses):
        raise ModelFileError("losses holds what is no name")
    record.batches_ = [dict(zip(losses, batch, strict=True)) for batch in batches]
    record.latest_ = fields.take("latest", dict)
    if not all(isinstance(value, float) for value in record.latest_.values()):
        raise ModelFileError("latest holds what is no number")
    record.bar_.update(n_epochs)
    counts = fields.inner("counts")
    for name in net.COUNTS:
        value = counts.take(name, object)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ModelFileError(f"{name} is {value!r:.80}, no number")
        setattr(net, name, value)
    fields.end()
    net.average_.load_state_dict(taken(tensors, "average."))
    net.module_.load_state_dict(taken(tensors, "module."))
    for i, optimizer in enumerate(net.optimizers()):
        _restore_optimizer(optimizer, taken(tensors, f"optimizer.{i}."))
    for i, (replica, rng) in enumerate(zip(net.shards_.replicas, net.shards_.rngs, strict=True)):
        rng.set_state(tensors.pop(f"rng.{i}"))
        for name, buffer in replica.named_buffers():
            buffer.copy_(tensors.pop(f"replica.{i}.{name}"))
    net.order.generator.set_state(tensors.pop("order"))
    net.order.n_passed = n_batches * net.batch_size
    return n_batches


def _restore_optimizer(optimizer, tensors):
    state: dict = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, value in tensors.items():
        k, _, what = name.partition(".")
        parameter = parameters[int(k)]
        if value.shape == parameter.shape:
            # In its layout: fused optimizers go through both as they lie in memory.
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(k), {})[what] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def taken(tensors, prefix):
    """Take tensors whose names begin with `prefix` out of `tensors`; return them without it."""
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}
