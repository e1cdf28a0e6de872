"""The learning-rate schedule, the history and the progress bar of one stage."""

import math

import numpy as np
import torch
from skorch.callbacks import Callback

from .._bars import tqdm
from ..exceptions import TrainingDivergedError

# By hand.
WARM_UP = 0.1  # share of the steps
N_RECORDS = 20  # of a history
# What the learning rate of a stage is called by an estimator that has several.
LR = {
    "captions": " (codec__lr)",
    "images": " (image_encoder__lr)",
    "latents": " (gan__lr)",
    "consensus": " (gan__lr)",
}
LARGEST_NORM = 1e6  # of all weights; a training with a larger one has diverged


class Schedule(Callback):
    """Linear warm-up, then cosine decay to zero, for every optimizer of the net."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        self.step_ = 0

    def on_batch_begin(self, net, training=False, **kwargs):
        done = (self.step_ + 1) / (self.n_steps + 1)
        if done < WARM_UP:
            factor = done / WARM_UP
        else:
            factor = 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
        for optimizer in net.optimizers():
            for group in optimizer.param_groups:
                group["lr"] = net.lr * factor
        self.step_ += 1


class Record(Callback):
    """Keep losses and a held-out measure as a dict of lists, and show them on a bar.

    The latest are in the net's own history, too, for callbacks such as ``EarlyStopping``.

    Parameters
    ----------
    stage : str
        Name on the bar.
    measure : callable or None
        ``measure(net) -> dict of float``, called after about `N_RECORDS` of the epochs.
    verbose : int
        0 shows nothing.
    """

    def __init__(self, stage, measure, verbose):
        self.stage = stage
        self.measure = measure
        self.verbose = verbose

    def on_train_begin(self, net, **kwargs):
        self.history_: dict[str, list] = {"epoch": []}
        self.batches_ = []
        self.latest_: dict[str, float] = {}
        self.bar_ = tqdm(
            total=net.max_epochs,
            desc=self.stage,
            unit="epoch",
            disable=self.verbose <= 0,
            dynamic_ncols=True,
        )

    def on_batch_end(self, net, training=False, losses=None, **kwargs):
        # All at once: a GPU is waited for every time.
        values = torch.stack(list(losses.values())).tolist()
        self.batches_.append(dict(zip(losses, values, strict=True)))
        if not all(math.isfinite(value) for value in self.batches_[-1].values()):
            raise self._diverged(net, "loss", self.batches_[-1])

    def on_epoch_end(self, net, **kwargs):
        epoch = len(net.history)
        # First: callbacks that come after this one may end the training, or look at the weights.
        self._check_weights(net)
        if epoch % math.ceil(net.max_epochs / N_RECORDS) == 0 or epoch == net.max_epochs:
            # Measures come first: they are what a narrow terminal has room for.
            record = {} if self.measure is None else self.measure(net)
            record |= {
                name: float(np.mean([batch[name] for batch in self.batches_]))
                for name in self.batches_[0]
            }
            self.batches_ = []
            self.history_["epoch"].append(epoch)
            for name, value in record.items():
                self.history_.setdefault(name, []).append(value)
            self.bar_.set_postfix({k: f"{v:.3g}" for k, v in record.items()}, refresh=False)
            self.latest_ = record
        for name, value in self.latest_.items():
            net.history.record(name, value)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()

    def _check_weights(self, net):
        """Raise TrainingDivergedError if a weight is no number, or their norm too large.

        No loss follows the last step, and layers that multiply such weights overflow.
        """
        # Compared once: of small networks, asking each of them takes as long as a step.
        norms = [torch.linalg.vector_norm(w.detach()) for w in net.average_.parameters()]
        if not torch.linalg.vector_norm(torch.stack(norms)) < LARGEST_NORM:  # nor is NaN
            raise self._diverged(
                net, "weights", f"infinite, NaN or of a norm above {LARGEST_NORM:g}"
            )

    def _diverged(self, net, what, value):
        return TrainingDivergedError(
            f"The {what} of the {self.stage} stage became {value}. Lower its `lr`"
            f"{LR.get(self.stage, '')}, or scale X to a smaller range."
        )
