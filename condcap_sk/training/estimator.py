"""Stage: the base of the estimators that train torch modules."""

import copy
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from .._links import DocumentationLink
from .._persistence import Fields, Tensors, history, named_tensors, pack_params, unpack_params
from .._torch.config import describe
from .._torch.device import Portable
from .._torch.environment import own_environment
from .._torch.seeding import make_rng
from .._torch.threads import with_threads
from .._typing import Function
from .._validation import checks_params
from .checkpoints import Checkpoints
from .net import Rows, StageNet, train

# A training that begins with fitted weights is so many times shorter, and its learning rate so many
# times smaller. Chosen from 2, 4 and 8, and from 1, 2 and 3, by a fit on a tenth more of MNIST's
# training grids.
FEWER, SMALLER_LR = 4, 3

Auto = Literal["auto"]
RandomState = int | np.random.RandomState | None


class Stage(DocumentationLink, Portable, BaseEstimator):
    """Base of the stages: the parameters of their trainings, these trainings, and their state.

    Parameters
    ----------
    lr : float
        Peak learning rate.
    batch_size : int
        Rows in a training step.
    max_iter : int or "auto"
        Training steps, rounded to whole passes over the data if several.
    callbacks : list of skorch callbacks or None
        Added to the training net.
    device : str
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None
        CPU threads of the training, for time alone: the model is the same. None is as many as
        torch has, -1 all.
    random_state : int, RandomState instance or None
        Seed of all that is random.
    verbose : int
        1 shows a progress bar.
    """

    _parameter_constraints: dict = {
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "callbacks": [None, list],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Of the fitted modules, by their attribute's name without "_", the classes that there are.
    _MODULES: ClassVar[dict[str, tuple[type[torch.nn.Module], ...]]] = {}
    # Those that not every fit has.
    _OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    # Classes of modules that are parts of these.
    _PARTS: ClassVar[tuple[type[torch.nn.Module], ...]] = ()

    # Of an estimator whose stage this is, see `reporting`: skorch callbacks, checkpoints, and the
    # fitted stage with whose weights the training begins.
    _reports: tuple = ()
    _checkpoints: Checkpoints | None = None
    _earlier: Self | None = None

    def __init__(
        self,
        *,
        lr: float,
        batch_size: int,
        max_iter: int | Auto,
        callbacks: list[Any] | None,
        device: str,
        n_jobs: int | None,
        random_state: RandomState,
        verbose: int,
    ) -> None:
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _train(
        self,
        net_class: type[StageNet],
        module: torch.nn.Module,
        rows: Rows,
        *,
        stage: str,
        order_seed: int,
        callbacks: Sequence[Any] = (),
        **settings: Any,
    ) -> tuple[Any, dict[str, list[float]]]:
        """Return the fitted net and its history, see `train`."""
        settings = {"batch_size": self.batch_size, "lr": self.lr, **settings}
        if self._earlier is not None:
            settings["lr"] /= SMALLER_LR
        checkpoint = None
        # What the user's callbacks know cannot be kept, nor compared.
        if self._checkpoints is not None and not self.callbacks:
            checkpoint = self._checkpoints.training(stage, module, rows.tensors)
        net, record = train(
            net_class,
            module,
            rows,
            stage=stage,
            order_rng=make_rng(order_seed),
            checkpoint=checkpoint,
            callbacks=[*callbacks, *self._reports],
            verbose=self.verbose,
            **settings,
        )
        if self._checkpoints is not None:
            self._checkpoints.note(net.average_)
        return net, record

    def _fewer(self, n_steps: int) -> int:
        """Return the length of a training by rule, which is smaller if it begins with weights."""
        return n_steps if self._earlier is None else math.ceil(n_steps / FEWER)

    def _go_on(self, module: torch.nn.Module, fitted: torch.nn.Module) -> None:
        """Let an untrained module begin with the weights of a fitted one."""
        try:
            module.load_state_dict(fitted.state_dict())
        except RuntimeError as error:
            raise ValueError(
                f"warm_start=True, but the networks of {type(self).__name__} are others than those "
                "of the fit before. Set the parameters that it had, or warm_start=False."
            ) from error

    def _keep(self, **modules: torch.nn.Module | None) -> None:
        """Hold fitted modules, under their names and "_", for inference."""
        for name, module in modules.items():
            if module is not None:
                # Gradients would be as large as the weights.
                module.eval().requires_grad_(False).zero_grad()
            setattr(self, f"{name}_", module)

    def _own_callbacks(self) -> list[Any]:
        """Return the user's callbacks for one training; the parameters stay as they are."""
        return copy.deepcopy(self.callbacks) or []

    def _to_state(self, prefix: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Return all that was fitted, as fields for JSON and as tensors, named after `prefix`."""
        modules = {name: getattr(self, f"{name}_") for name in self._MODULES}
        modules = {name: module for name, module in modules.items() if module is not None}
        fields = {
            "params": pack_params(self),
            "modules": {name: describe(module) for name, module in modules.items()},
            "history": self.history_,
            "n_iter": self.n_iter_,
        }
        tensors: dict[str, torch.Tensor] = {}
        for name, module in modules.items():
            tensors |= named_tensors(f"{prefix}.{name}.", module)
        return fields, tensors

    @classmethod
    def _from_state(cls, prefix: str, fields: Fields, tensors: Tensors) -> Self:
        """Return the fitted stage that `_to_state` describes; a subclass takes further fields."""
        stage = unpack_params(cls, fields.inner("params"))
        modules = fields.inner("modules")
        for name, classes in cls._MODULES.items():
            module = None
            if name in modules or name not in cls._OPTIONAL:
                module = tensors.module(
                    f"{prefix}.{name}.", modules.inner(name), classes, cls._PARTS
                )
            setattr(stage, f"{name}_", module)
        modules.end()
        stage.history_ = history(fields, "history")
        stage.n_iter_ = fields.size("n_iter")
        stage.device_ = torch.device("cpu")
        return stage


def stage_fit(fit: Function) -> Function:
    """Decorate the `fit` of a stage: parameters are validated, threads and environment its own."""
    return checks_params(with_threads(own_environment()(fit)))
