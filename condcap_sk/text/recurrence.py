"""A GRU over captions of different lengths, made for training on a CPU.

torch's own differentiates each step by itself, with a matrix product for the weights' gradient
every time; here there is one for all steps. What the inputs add to the gates comes from outside, so
that a part which is the same at every step is computed once.
"""

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class Layout:
    """Where the tokens of captions are, one step of all captions after the other.

    Parameters
    ----------
    mask : Tensor of shape (n, length), bool
        Which are tokens: the first ones of each row. The very first is one in any case.
    """

    def __init__(self, mask):
        lengths = mask.sum(1).clamp(min=1)
        # In each step, those that go on are the first.
        self.order = lengths.argsort(descending=True, stable=True)
        goes_on = lengths[self.order] > torch.arange(mask.shape[1], device=mask.device)[:, None]
        self.columns, ranks = goes_on.nonzero(as_tuple=True)
        self.rows = self.order[ranks]
        self.sizes = goes_on.sum(1).tolist()

    def of(self, padded):
        """Return the tokens (m, …) of ``padded`` (n, length, …)."""
        return padded[self.rows, self.columns]

    def padded(self, tokens, length):
        """Return what `of` undoes; 0 where no token is."""
        shape = len(self.order), length, *tokens.shape[1:]
        return tokens.new_zeros(shape).index_put((self.rows, self.columns), tokens)


def states_of(recurrence, gates, layout, initial=None):
    """Return the states (m, hidden_size) of a GRU at all tokens.

    Parameters
    ----------
    recurrence : torch.nn.GRU
        Of one layer; its weights for the state count.
    gates : Tensor of shape (m, 3 * hidden_size)
        What the inputs add to the gates, see `gates_of`.
    layout : Layout
        Of the m tokens.
    initial : Tensor of shape (n, hidden_size) or None, default=None
        States before the first token, in the captions' order. None: 0.
    """
    if initial is None:
        initial = gates.new_zeros(len(layout.order), recurrence.hidden_size)
    return _States.apply(
        gates,
        initial[layout.order],
        recurrence.weight_hh_l0,
        recurrence.bias_hh_l0,
        layout.sizes,
    )


def gates_of(recurrence, inputs, first=0):
    """Return what `inputs` (m, k) add to the gates, as the columns from `first` on of all inputs.

    The bias comes with the first ones.
    """
    weight = recurrence.weight_ih_l0[:, first : first + inputs.shape[1]]
    return F.linear(inputs, weight, None if first else recurrence.bias_ih_l0)


def next_states(recurrence, gates, states):
    """Return the states (n, hidden_size) that follow `states`, with gates as in `states_of`."""
    n_both = 2 * recurrence.hidden_size
    products = F.linear(states, recurrence.weight_hh_l0, recurrence.bias_hh_l0)
    both = (gates[:, :n_both] + products[:, :n_both]).sigmoid_()
    reset, update = both.chunk(2, dim=1)
    new = (gates[:, n_both:] + reset * products[:, n_both:]).tanh_()
    return torch.lerp(new, states, update)


def gates_of_words(recurrence, embedding, ids):
    """Return what embedded tokens (m,) add to the gates, computed once for equal tokens."""
    distinct, which = ids.unique(return_inverse=True)
    return F.embedding(which, gates_of(recurrence, embedding(distinct)))


class _States(torch.autograd.Function):
    """The equations of `torch.nn.GRU`: reset and update gates, then the new state."""

    @staticmethod
    def forward(ctx, gates, initial, weight, bias, sizes):
        hidden_size = initial.shape[1]
        # Of all tokens, the states before and after; the gates; what the reset gate lets through.
        before, after = gates.new_empty(2, len(gates), hidden_size)
        both, new = gates.split([2 * hidden_size, hidden_size], dim=1)
        both, new, passed = both.clone(), new.clone(), torch.empty_like(new)
        state, first = initial, 0
        for size in sizes:
            step = slice(first, first + size)
            before[step] = state[:size]
            products = torch.addmm(bias, before[step], weight.T)
            reset, update = both[step].add_(products[:, : 2 * hidden_size]).sigmoid_().chunk(2, 1)
            passed[step] = products[:, 2 * hidden_size :]
            new[step].addcmul_(reset, passed[step]).tanh_()
            state = torch.lerp(new[step], before[step], update, out=after[step])
            first += size
        ctx.sizes = sizes
        ctx.save_for_backward(weight, before, both, new, passed)
        return after

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        weight, before, both, new, passed = ctx.saved_tensors
        hidden_size = before.shape[1]
        reset, update = both.chunk(2, dim=1)
        # By how much a token's gates change its state; all tokens in one go.
        of_new = (1 - update) * (1 - new.square())
        of_update = (before - new) * update * (1 - update)
        of_reset = of_new * passed * reset * (1 - reset)
        of_passed = of_new * reset
        slopes = torch.cat([of_reset, of_update, of_passed], dim=1).view(len(before), 3, -1)
        carried = before.new_zeros(ctx.sizes[0], hidden_size)
        grad_states = torch.empty_like(grad)
        last = len(grad)
        for size in reversed(ctx.sizes):
            step = slice(last - size, last)
            grad_state = torch.add(grad[step], carried[:size], out=grad_states[step])
            grad_products = (slopes[step] * grad_state[:, None]).flatten(1)
            torch.addmm(grad_state * update[step], grad_products, weight, out=carried[:size])
            last -= size
        grad_products = slopes.mul_(grad_states[:, None]).flatten(1)
        grad_gates = torch.cat(
            [grad_products[:, : 2 * hidden_size], of_new.mul_(grad_states)], dim=1
        )
        return grad_gates, carried, grad_products.T @ before, grad_products.sum(0), None
