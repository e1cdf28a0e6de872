"""skorch, set up the way every stage here needs it."""

import copy
import math
import signal
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import ClassVar

import torch
from skorch import NeuralNet
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from .._persistence import digest_of, named_tensors
from .._processes import sharing, sharing_work
from .._torch.stored import StoredTensor
from .._torch.threads import limited_threads
from .checkpoints import Checkpoint
from .progress import Record, Schedule
from .shards import Shards
from .state import Order

# Of few rows: of a batch, and steps of an epoch. See `size_of_batch`.
SMALLEST_BATCH, STEPS_OF_FEW = 32, 16
SHARE_OF_ROWS = 0.25  # of a GPU's free memory, at most; by hand
AVERAGED = 10  # modules are averaged over about the last tenth of the steps; by hand


class Rows(Dataset):
    """Aligned tensors, fetched a batch at a time (row by row costs more than the training).

    Parameters
    ----------
    tensors : Tensor or StoredTensor
    """

    def __init__(self, **tensors):
        self.tensors = tensors

    def __len__(self):
        return len(next(iter(self.tensors.values())))

    def __getitems__(self, rows):
        rows = torch.as_tensor(rows)
        return {
            name: tensor.later(rows) if isinstance(tensor, StoredTensor) else tensor[rows]
            for name, tensor in self.tensors.items()
        }, rows

    def __getitem__(self, row):
        return self.__getitems__([row])

    def near(self, device):
        """Return the rows where they are trained on, if there is room for them.

        Stored ones stay where they are.
        """
        if device.type != "cuda" or not all(map(torch.is_tensor, self.tensors.values())):
            return self
        size = sum(tensor.nbytes for tensor in self.tensors.values())
        if size >= SHARE_OF_ROWS * torch.cuda.mem_get_info(device)[0]:
            return self
        return Rows(**{name: tensor.to(device) for name, tensor in self.tensors.items()})


def _as_is(batch):
    return batch


class StageNet(NeuralNet):
    """A skorch net whose `train_step` returns ``{"loss": tensor, "losses": {name: tensor}}``.

    skorch's defaults that would surprise are off: no rows are split away, nothing is printed, and
    a keyboard interrupt is not mistaken for the end of training. What is fitted is
    ``average_``, an exponential average of the module over the last steps.

    Parameters
    ----------
    ema_decay : float
        Of the average.
    seed : int
        Of the shards' random numbers.
    n_threads : int, default=1
        That compute shards of a step.
    shard_size : int or None, default=None
        Rows of a shard, at least; None: a step is one shard.
    order : Order
        The rows of each epoch.
    batches_per_epoch : int
    checkpoint : Checkpoint or None, default=None
        From which the training goes on, and to which it writes.
    processes : Processes or None, default=None
        That share the shards.
    """

    # Numbers that the steps change, and that later steps depend on.
    COUNTS: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        module,
        *,
        ema_decay,
        seed,
        order,
        batches_per_epoch,
        n_threads=1,
        shard_size=None,
        checkpoint=None,
        processes=None,
        **net_params,
    ):
        self.ema_decay = ema_decay
        self.seed = seed
        self.order = order
        self.batches_per_epoch = batches_per_epoch
        self.n_threads = n_threads
        self.shard_size = shard_size
        self.checkpoint = checkpoint
        self.processes = processes
        super().__init__(module, **net_params)

    def optimizers(self):
        """Every optimizer of the net."""
        return [getattr(self, name + "_") for name in self._optimizers]

    def initialize_module(self):
        super().initialize_module()
        self.average_ = copy.deepcopy(self.module_)
        self.n_averaged_ = 0
        # Asking modules for them takes as long as averaging them.
        self.averaged_ = [
            [t for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()]
            for m in (self.average_, self.module_)
        ]
        self.update_average_ = get_ema_multi_avg_fn(self.ema_decay)
        return self

    def on_batch_end(self, net, *args, **kwargs):
        super().on_batch_end(net, *args, **kwargs)
        if self.n_averaged_:
            self.update_average_(*self.averaged_, None)
        else:
            self.average_.load_state_dict(self.module_.state_dict())
        self.n_averaged_ += 1

    def fit_loop(self, *args, **kwargs):
        self.interrupted_ = True
        shards = Shards(
            self.module_.train(), self.seed, self.n_threads, self.shard_size, self.processes,
            self.batch_size,
        )  # fmt: skip
        with noticing_ctrl_c() as self.ctrl_c_, shards as self.shards_:
            if self.checkpoint is not None:
                self.checkpoint.restore(self)
                kwargs["epochs"] = self.max_epochs - len(self.history)
            super().fit_loop(*args, **kwargs)
        self.interrupted_ = False
        return self

    def notify(self, method_name, **cb_kwargs):
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            # skorch's callbacks raise it, too, to end the training (EarlyStopping).
            if method_name == "on_epoch_end" and not self.ctrl_c_.pressed:
                self.interrupted_ = False
            raise


@contextmanager
def noticing_ctrl_c():
    """Yield what is `pressed` once the user presses Ctrl-C inside, which acts as it did."""
    ctrl_c = SimpleNamespace(pressed=False)
    before = signal.getsignal(signal.SIGINT)
    # Other threads get no signals, and may not set what handles them.
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield ctrl_c
        return

    def handle(number, frame):
        ctrl_c.pressed = True
        return before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield ctrl_c
    finally:
        signal.signal(signal.SIGINT, before)


class SupervisedNet(StageNet):
    """One module, one optimizer; the loss is the sum of ``module.loss(**batch, rng=rng)``, a dict.

    Parameters
    ----------
    shared : callable or None, default=None
        ``shared(**batch)`` returns further arguments of the loss, the same for all shards: what a
        row's terms need of the other rows, or of all data.
    """

    def __init__(self, module, *, shared=None, **net_params):
        self.shared = shared
        super().__init__(module, **net_params)

    def get_params_for_optimizer(self, prefix, named_parameters):
        named_parameters = list(named_parameters)
        _, settings = super().get_params_for_optimizer(prefix, named_parameters)
        return (decay_groups(parameter for _, parameter in named_parameters),), settings

    def train_step_single(self, batch, **fit_params):
        inputs = {name: tensor.to(self.device) for name, tensor in batch[0].items()}
        shared = {} if self.shared is None else self.shared(**inputs)

        def loss(replica, rng, **rows):
            return replica.loss(**rows, **shared, rng=rng)

        losses = self.shards_.descend(loss, **inputs)
        return {"loss": sum(losses.values()), "losses": losses}


def decay_groups(parameters):
    """Return parameter groups in which only matrices decay.

    Gains and biases at 0 would switch units off.
    """
    groups: dict[bool, list] = {True: [], False: []}
    for parameter in parameters:
        groups[parameter.ndim > 1].append(parameter)
    return [{"params": groups[True]}, {"params": groups[False], "weight_decay": 0.0}]


def n_training_steps(n_rows, batch_size, *, steps, epochs):
    """Length of a training by rule.

    So many steps as make the second of `epochs` passes, within the range `steps`; but never fewer
    passes than the first of `epochs`, however many rows there are.
    """
    least, most = (number * n_rows / batch_size for number in epochs)
    return math.ceil(max(least, min(max(most, steps[0]), steps[1])))


def size_of_batch(n_rows, most):
    """Return the rows of a step: at most `most`, and fewer of few, so that an epoch has many steps.

    Chosen on 160 of Flickr8k's training photographs, judged on 200 others.
    """
    return min(most, max(SMALLEST_BATCH, n_rows // STEPS_OF_FEW))


def train(
    net_class,
    module,
    rows,
    *,
    stage,
    n_steps,
    batch_size,
    order_rng,
    device,
    callbacks=(),
    measure=None,
    checkpoint: Checkpoint | None = None,
    verbose=0,
    **net_params,
):
    """Train `module` on `rows` and return the fitted net and its history, a dict of lists.

    With a `Checkpoint`, the training goes on from there, and writes there how far it has come.
    """
    # NumPy's integers of few bits would overflow.
    n_steps, batch_size = int(n_steps), min(int(batch_size), len(rows))
    batches_per_epoch = min(len(rows) // batch_size, n_steps)
    max_epochs = max(1, round(n_steps / batches_per_epoch))
    processes = sharing()
    if processes is not None:
        # Of what is not compared by its name, such as word vectors and analyzers, these tell.
        weights = {name: tensor.cpu() for name, tensor in named_tensors("", module).items()}
        what = f"the rows and initial weights of the training on {stage}"
        processes.compare({what: {"sha256": digest_of(f"{len(rows)} {n_steps}", weights)}})
    record = Record(stage, measure, 0 if processes and processes.rank else verbose)
    order = Order(rows, order_rng, n_steps * batch_size)
    net = net_class(
        module.to(device),
        criterion=torch.nn.Identity,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=DataLoader,
        iterator_train__sampler=order,
        # A short last batch (it might be of one row) would upset batch normalisation.
        iterator_train__drop_last=True,
        iterator_train__collate_fn=_as_is,
        iterator_train__generator=order_rng,
        train_split=None,
        callbacks=[
            ("schedule", Schedule(max_epochs * batches_per_epoch)),
            # Before the user's, which may want to look at what it measured.
            ("record", record),
            *callbacks,
            # Last: what it writes is after all others.
            *([] if checkpoint is None else [("checkpoint", checkpoint)]),
        ],
        callbacks__print_log=None,
        verbose=0,
        device=device,
        ema_decay=1 - min(AVERAGED / (max_epochs * batches_per_epoch), 1),
        n_threads=torch.get_num_threads(),
        order=order,
        batches_per_epoch=batches_per_epoch,
        checkpoint=checkpoint,
        processes=processes,
        **net_params,
    )
    if checkpoint is None or not checkpoint.restore_end(net):
        try:
            # One for each shard, and no more. What callbacks compute is not shared.
            with limited_threads(1), sharing_work(None):
                net.fit(rows.near(device))
        finally:
            record.on_train_end(net)
        if net.interrupted_:
            raise KeyboardInterrupt
        if checkpoint is not None:
            checkpoint.write_end(net)
    if processes is not None:
        # Processors of different kinds may round differently.
        for tensor in net.average_.state_dict().values():
            processes.send_first(tensor)
    net.n_iter_ = len(net.history) * batches_per_epoch
    return net, record.history_
