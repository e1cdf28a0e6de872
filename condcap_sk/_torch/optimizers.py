"""torch's optimizers, without its compiler."""

import inspect

import torch
from torch.optim import Optimizer


class WithoutCompiler(Optimizer):
    """Base of optimizers that do not import torch's compiler, which no training here uses.

    Around these methods torch tells the compiler to leave them alone, and imports it for that: two
    seconds and 70 MB in every process that fits.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)


class Adam(WithoutCompiler, torch.optim.Adam):
    """See `torch.optim.Adam`."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class AdamW(WithoutCompiler, torch.optim.AdamW):
    """See `torch.optim.AdamW`."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
