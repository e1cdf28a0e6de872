"""Checkpoints: a folder in which a fit keeps how far its trainings have come."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import torch
from skorch.callbacks import Callback

from .._differences import differences, shortened
from .._persistence import (
    DRAFT,
    Fields,
    digest_of,
    history,
    named_tensors,
    parse,
    replace_file,
    write,
)
from ..exceptions import CheckpointError, ModelFileError, ProcessGroupError
from .state import named, restore, taken, tensors_of

FORMAT = "condcap_sk.checkpoint.1"
ABOUT = "fit.json"  # what the fit is of
# All by hand. Of the time since a fit began, the share that is spent on writing in the middle of
# trainings, and the seconds before the first; and the seconds after which what a killed process was
# writing is cleared away, and not another one's that still runs.
COST, FIRST, ABANDONED = 0.01, 5.0, 3600


class Checkpoints:
    """The folder in which one fit keeps how far it has come.

    It holds ``fit.json``, which says what the fit is of, and a file for each of its trainings, with
    their names. Each file is replaced as a whole, holds no code and has a checksum.

    A training is known by what the fit is of, its data, its initial weights and the results of
    those before it: whatever made them, the file of another training is not taken for it.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there.
    about : dict of {str: object}
        What the fit is of: values that JSON has, by the name under which the user knows each.
        Checksums are dicts.
    seeds : list of int
        Of the fit.
    are_given : bool
        Whether the seeds follow from the estimator's `random_state`. Else those of the fit that
        began in the folder count.
    processes : Processes or None, default=None
        That make the fit together; this one is the first. The others have `FollowedCheckpoints`.

    Attributes
    ----------
    seeds : list of int
        With which the fit goes on.

    Raises
    ------
    CheckpointError
        If the folder is no folder, or another fit began in it.
    """

    def __init__(self, folder, about, seeds, are_given, processes=None):
        self.folder = make_folder(folder)
        with _usable(folder):
            self._clear()
            text = self._begin(about, seeds)
        self.seeds = self._compare(text, about, seeds, are_given)
        self._passed = digest_of(text, {})
        self._budget = Budget()
        self._processes = processes

    def training(self, name, module, rows):
        """Return the `Checkpoint` of a training of `module`, untrained, on `rows`."""
        tensors = named_tensors("module.", module) | {f"rows.{k}": v for k, v in rows.items()}
        tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
        key = digest_of(self._passed, tensors)
        file = self.folder / f"{name}.safetensors"
        return Checkpoint(file, key, self._budget, self._processes)

    def note(self, module):
        """Let the trainings that follow be known by this result, too."""
        tensors = {name: tensor.cpu() for name, tensor in module.state_dict().items()}
        self._passed = digest_of(self._passed, tensors)

    def _clear(self):
        """Delete what a process that was killed was writing."""
        for draft in self.folder.glob(f"{DRAFT}*"):
            if draft.is_file() and time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink(missing_ok=True)

    def _begin(self, about, seeds):
        """Return what the fit is of that began here, or does so now."""
        file = self.folder / ABOUT
        if file.exists():
            return file.read_text(encoding="utf-8")
        text = json.dumps({"format": FORMAT, "about": about, "seeds": seeds}, indent=2)
        replace_file(file, text.encode())
        return text

    def _compare(self, text, about, seeds, are_given):
        """Return the seeds of the fit that began here; raise if it is another one."""
        try:
            kept = json.loads(text)
            before, seeds_before = dict(kept["about"]), list(kept["seeds"])
            if kept["format"] != FORMAT or [type(s) for s in seeds_before] != [int] * len(seeds):
                raise ValueError("it is of another format")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CheckpointError(
                f"{self.folder / ABOUT} is damaged or none of condcap_sk's. Pass another folder as "
                "`checkpoints`, and the fit begins anew."
            ) from error
        differ = differences(before, about, "{name} was {first} and is {second}")
        if are_given and seeds != seeds_before:
            differ.append("random_state gives other seeds (a RandomState moves on: pass an int)")
        if differ:
            raise CheckpointError(
                f"{str(self.folder)!r} holds the checkpoints of another fit: "
                f"{shortened(differ)}. Pass another folder as `checkpoints`, or empty this one to "
                "begin anew."
            )
        return seeds_before


def make_folder(folder):
    """Return the path of the folder of that name, which is made if it is not there.

    Raises
    ------
    CheckpointError
        If it cannot be.
    """
    given = os.fspath(folder) if isinstance(folder, str | os.PathLike) else ""
    if not given or given.startswith("~"):
        remedy = "os.path.expanduser(…)" if given else "the name of a folder"
        raise CheckpointError(
            f"checkpoints={folder!r:.200} cannot be used as a folder. Pass {remedy}."
        )
    with _usable(folder):
        path = Path(os.path.realpath(given))
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def _usable(folder):
    try:
        yield
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoints={folder!r:.200} cannot be used as a folder: {error}. Pass another one."
        ) from error


class Budget:
    """How much of the time since it was made may be spent on writing: see `COST` and `FIRST`."""

    def __init__(self):
        self._began = time.monotonic()
        self._spent = self._last = 0.0

    def allows(self):
        """Return whether there is time for one more, if it takes as long as the last one."""
        passed = time.monotonic() - self._began
        return passed >= FIRST and self._spent + self._last <= COST * passed

    @contextmanager
    def spending(self):
        """Count what is done inside."""
        start = time.monotonic()
        yield
        self._last = time.monotonic() - start
        self._spent += self._last


class Checkpoint(Callback):
    """Writes the state of a training now and then, and brings it back.

    The state is all that the rest of the training depends on: it ends in the same bits as one that
    was not interrupted.

    Parameters
    ----------
    file : Path
    key : str
        By which the training is known.
    budget : Budget
        Of the fit.
    processes : Processes or None, default=None
        That go on from it.
    """

    def __init__(self, file, key, budget, processes=None):
        self.file = file
        self.key = key
        self.budget = budget
        self.processes = processes

    def restore_end(self, net):
        """Give `net`, not initialised yet, what its training gave, and return whether it has ended.

        Callbacks are not called: there is nothing to be trained.
        """
        self.n_batches_ = 0
        with self._reading() as (fields, tensors):
            if fields is None or not fields.values.get("has_ended"):
                return False
            fields.take("has_ended", bool)
            n_epochs, record = fields.size("n_epochs"), history(fields, "history")
            fields.end()
            if n_epochs > net.max_epochs:
                raise ModelFileError("it has another number of epochs")
            net.initialize()
            named(net, "record").history_ = record
            for _ in range(n_epochs):
                net.history.new_epoch()
            net.average_.load_state_dict(taken(tensors, "average."))
        return True

    def write_end(self, net):
        """Write what a training gave that has ended."""
        tensors = named_tensors("average.", net.average_)
        self._write(net, tensors, has_ended=True, n_epochs=len(net.history))

    def restore(self, net):
        """Bring `net`, whose training begins, to where the file is, if there is one."""
        with self._reading() as (fields, tensors):
            if fields is not None:
                self.n_batches_ = restore(net, fields, tensors)

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
        return self.budget.allows()

    def _write_all(self, net, n_epochs):
        record = named(net, "record")
        losses = list(record.batches_[0]) if record.batches_ else []
        tensors = {**tensors_of(net), "order": self.order_}
        # There may be as many batches as steps, and headers are to be small. Old versions of
        # safetensors do not read empty tensors.
        if losses:
            of_batches = [[batch[name] for name in losses] for batch in record.batches_]
            tensors["batches"] = torch.tensor(of_batches, dtype=torch.float64)
        self._write(
            net,
            tensors,
            has_ended=False,
            n_epochs=n_epochs,
            n_batches=self.n_batches_,
            losses=losses,
            latest=record.latest_,
            counts={name: getattr(net, name) for name in net.COUNTS},
        )

    def _write(self, net, tensors, **header):
        header |= {"key": self.key, "history": named(net, "record").history_}
        try:
            with self.budget.spending():
                # What a link points at is not ours.
                if self.file.is_symlink():
                    self.file.unlink()
                write(self.file, header, tensors, FORMAT)
        except OSError as error:
            raise CheckpointError(
                f"{self.file} could not be written: {error.strerror or error}. What was written "
                "before is whole: see that the folder is there and has room, and call `fit` again "
                "with it, or leave out `checkpoints`."
            ) from error

    def _content(self):
        """Return the bytes of the file, None if there is none."""
        is_there = self.file.is_file() and not self.file.is_symlink()
        content = self.file.read_bytes() if is_there else None
        return content if self.processes is None else self.processes.bytes_of_first(content)

    def _is_of(self, key):
        """Whether a file with this key is of the training."""
        return key == self.key

    @contextmanager
    def _reading(self):
        """Yield the fields and tensors of the file, None where there is none; name it in errors."""
        try:
            content = self._content()
            if content is None:
                yield None, None
                return
            header, tensors = parse(content, self.file, FORMAT)
            fields = Fields(header, "header")
            fields.take("version", str)
            if not self._is_of(fields.take("key", str)):
                raise ModelFileError(
                    "its training had other data, other initial weights or another one before it, "
                    "as with another analyzer, other word_vectors or another model to go on from"
                )
            yield fields, tensors
        except ProcessGroupError:
            raise
        # Whatever a damaged or forged file makes of torch.
        except (ModelFileError, OSError, RuntimeError, ValueError, LookupError, TypeError,
                AttributeError, ArithmeticError) as error:  # fmt: skip
            found = " ".join(str(error).split())
            raise CheckpointError(
                f"{self.file} cannot be resumed: {found:.300}. Delete it, and this training begins "
                "anew, or pass another folder as `checkpoints`."
            ) from error


class FollowedCheckpoints:
    """What `Checkpoints` is for the processes that follow the first one: they write nothing.

    Parameters
    ----------
    processes : Processes
    seeds : list of int
    """

    def __init__(self, processes, seeds):
        self.seeds = seeds
        self._processes = processes

    def training(self, name, module, rows):
        """Return the `Checkpoint` of a training, which the first process reads."""
        return FollowedCheckpoint(f"{name}.safetensors of process 0", None, None, self._processes)

    def note(self, module):
        """Know no training: the first process does."""


class FollowedCheckpoint(Checkpoint):
    """Brings the state back that the first process read, which knows of what training it is."""

    def _is_of(self, key):
        return True

    def write_end(self, net):
        pass

    def _content(self):
        return self.processes.bytes_of_first(None)

    def _is_due(self):
        return False
