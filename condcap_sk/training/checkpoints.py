"""Checkpoints: a folder in which a fit keeps how far its trainings have come."""

import hashlib
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import torch
from skorch.callbacks import Callback
from torch.utils.data import RandomSampler

from .._persistence import DRAFT, Fields, history, named_tensors, read, replace_file, write
from ..exceptions import CheckpointError, ModelFileError

FORMAT = "condcap_sk.checkpoint.1"
ABOUT = "fit.json"  # what the fit is of
# Both by hand: the share of a training's time that writing takes, at most about, and seconds of a
# training before the first.
COST, FIRST = 0.01, 1.0


class Checkpoints:
    """The folder in which one fit keeps how far it has come.

    It holds ``fit.json``, which says what the fit is of, and a file for each of its trainings, with
    their names. Each file is replaced as a whole, holds no code and has a checksum.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there.
    about : dict of {str: object}
        All that the fitted model depends on, but for the seeds: values that JSON has, by the name
        under which the user knows each.
    seeds : list of int
        Of the fit.
    are_given : bool
        Whether the seeds follow from the estimator's `random_state`. Else those of the fit that
        began in the folder count.

    Attributes
    ----------
    seeds : list of int
        With which the fit goes on.

    Raises
    ------
    CheckpointError
        If the folder is no folder, or another fit began in it.
    """

    def __init__(self, folder, about, seeds, are_given):
        try:
            if not folder:
                raise ValueError("it has no name")
            self.folder = Path(os.path.realpath(os.fsdecode(folder)))
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoints={folder!r:.200} is no folder, and none can be made there: {error}. "
                "Pass the name of a folder."
            ) from error
        for draft in self.folder.glob(f"{DRAFT}*"):
            # Left by a process that was killed while it wrote.
            draft.unlink(missing_ok=True)
        file = self.folder / ABOUT
        text = json.dumps({"about": about, "seeds": seeds}, indent=2)
        if file.exists():
            text = file.read_text(encoding="utf-8")
            seeds = self._compare(text, about, seeds if are_given else None)
        else:
            replace_file(file, text.encode())
        self.seeds = seeds
        self._fit = hashlib.sha256(text.encode()).hexdigest()

    def training(self, name, is_resumable):
        """Return the `Checkpoint` of a training.

        `is_resumable` is whether it can go on from its middle, and not only after its end.
        """
        return Checkpoint(self.folder / f"{name}.safetensors", self._fit, is_resumable)

    def _compare(self, text, about, seeds):
        """Return the seeds of the fit that began here; raise if it is another one."""
        file = self.folder / ABOUT
        try:
            kept = json.loads(text)
            before, seeds_before = dict(kept["about"]), [int(seed) for seed in kept["seeds"]]
        except (ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{file} is damaged. Empty this folder, or pass another one as `checkpoints`, and "
                "the fit begins anew."
            ) from error
        # As JSON gives them back.
        now = json.loads(json.dumps(about))
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        differ = [
            f"{name} was {before.get(name)!r:.60} and is {now.get(name)!r:.60}" for name in names
        ]
        if seeds not in (None, seeds_before):
            differ.append("random_state is another one")
        if differ:
            raise CheckpointError(
                f"{str(self.folder)!r} holds the checkpoints of another fit: "
                f"{'; '.join(differ[:5])}{'; …' * (len(differ) > 5)}. Pass another folder as "
                "`checkpoints`, or empty this one to begin anew."
            )
        return seeds_before


class Order(RandomSampler):
    """The rows of each epoch in a new order; the first epoch may begin in its middle.

    Parameters
    ----------
    rows : Rows
    rng : torch.Generator
    """

    def __init__(self, rows, rng):
        super().__init__(rows, generator=rng)
        self.n_passed = 0  # rows that the next epoch leaves out

    def __iter__(self):
        # Not by fewer draws: the order is that of an epoch that was not broken off.
        for place, row in enumerate(super().__iter__()):
            if place >= self.n_passed:
                yield row
        self.n_passed = 0


class Checkpoint(Callback):
    """Writes the state of a training now and then, and brings it back.

    The state is all that the rest of the training depends on: it ends in the same bits as one that
    was not interrupted.

    Parameters
    ----------
    file : Path
    fit : str
        Which fit the training belongs to.
    is_resumable : bool
        See `Checkpoints.training`.
    """

    def __init__(self, file, fit, is_resumable):
        self.file = file
        self.fit = fit
        self.is_resumable = is_resumable

    def restore_end(self, net):
        """Give `net`, not initialised yet, what its training gave, and return whether it has ended.

        Callbacks are not called: there is nothing to be trained.
        """
        self.n_batches_ = 0
        with self._reading() as (fields, tensors):
            if fields is None or not fields.values.get("has_ended"):
                return False
            net.initialize()
            _named(net, "record").history_ = history(fields, "history")
            for _ in range(fields.size("n_epochs")):
                net.history.new_epoch()
            net.average_.load_state_dict(_taken(tensors, "average."))
        return True

    def write_end(self, net):
        """Write what a training gave that has ended."""
        tensors = named_tensors("average.", net.average_)
        self._write(net, tensors, has_ended=True, n_epochs=len(net.history))

    def restore(self, net):
        """Bring `net`, whose training begins, to where the file is, if there is one."""
        self.due_ = time.monotonic() + FIRST
        with self._reading() as (fields, tensors):
            if fields is not None:
                self.n_batches_ = _restore(net, fields, tensors)

    def on_epoch_begin(self, net, **kwargs):
        self.order_ = net.order.generator.get_state()

    def on_batch_end(self, net, **kwargs):
        self.n_batches_ += 1
        # After the last batch, the epoch is not over yet.
        if self.n_batches_ < net.batches_per_epoch and self._is_due():
            self._write_all(net, len(net.history) - 1)

    def on_epoch_end(self, net, **kwargs):
        self.n_batches_, self.order_ = 0, net.order.generator.get_state()
        if len(net.history) < net.max_epochs and self._is_due():
            self._write_all(net, len(net.history))

    def _is_due(self):
        return self.is_resumable and time.monotonic() >= self.due_

    def _write_all(self, net, n_epochs):
        began = time.monotonic()
        record = _named(net, "record")
        self._write(
            net,
            _tensors_of(net) | {"order": self.order_},
            has_ended=False,
            n_epochs=n_epochs,
            n_batches=self.n_batches_,
            batches=record.batches_,
            latest=record.latest_,
            counts={name: getattr(net, name) for name in net.COUNTS},
        )
        now = time.monotonic()
        self.due_ = now + (now - began) / COST

    def _write(self, net, tensors, **header):
        header |= {"fit": self.fit, "history": _named(net, "record").history_}
        try:
            write(self.file, header, tensors, FORMAT)
        except OSError as error:
            raise CheckpointError(
                f"{self.file} could not be written: {error.strerror or error}. What was written "
                "before is whole: make room and call `fit` again with the same folder, or leave "
                "out `checkpoints`."
            ) from error

    @contextmanager
    def _reading(self):
        """Yield the fields and tensors of the file, None where there is none; name it in errors."""
        if not self.file.exists():
            yield None, None
            return
        try:
            header, tensors = read(self.file, FORMAT)
            fields = Fields(header, "header")
            fields.take("version", str)
            if fields.take("fit", str) != self.fit:
                raise ModelFileError("it is of another fit than fit.json")
            yield fields, tensors
        # Whatever a damaged or forged file makes of torch.
        except (ModelFileError, RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            found = " ".join(str(error).split())
            raise CheckpointError(
                f"{self.file} cannot be gone on from: {found:.300}. Delete it, and this part of "
                "the fit begins anew."
            ) from error


def _named(net, name):
    return dict(net.callbacks_)[name]


def _tensors_of(net):
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


def _restore(net, fields, tensors):
    """Give `net` the state of a training in its middle; return the batches of the epoch so far."""
    fields.take("has_ended", bool)
    n_epochs, n_batches = fields.take("n_epochs", int), fields.take("n_batches", int)
    if not (0 <= n_epochs < net.max_epochs and 0 <= n_batches < net.batches_per_epoch):
        raise ModelFileError("it has another number of steps")
    for _ in range(n_epochs):
        net.history.new_epoch()
    net.n_averaged_ = _named(net, "schedule").step_ = n_epochs * net.batches_per_epoch + n_batches
    record = _named(net, "record")
    record.history_ = history(fields, "history")
    record.batches_ = fields.take("batches", list)
    record.latest_ = fields.take("latest", dict)
    record.bar_.update(n_epochs)
    counts = fields.inner("counts")
    for name in net.COUNTS:
        value = counts.take(name, object)
        if not isinstance(value, int | float):
            raise ModelFileError(f"{name} is {value!r:.80}, no number")
        setattr(net, name, value)
    fields.end()
    net.average_.load_state_dict(_taken(tensors, "average."))
    net.module_.load_state_dict(_taken(tensors, "module."))
    for i, optimizer in enumerate(net.optimizers()):
        _restore_optimizer(optimizer, _taken(tensors, f"optimizer.{i}."))
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


def _taken(tensors, prefix):
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}
