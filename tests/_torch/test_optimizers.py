import runpy

import pytest
import torch

from condcap_sk._torch import optimizers

SETTINGS = {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1}


def trained(optimizer_class, n_steps, state=None, **settings):
    """Return the weights after some steps, and the optimizer."""
    weights = [torch.nn.Parameter(torch.arange(6.0).view(2, 3)), torch.nn.Parameter(torch.ones(2))]
    groups = [{"params": weights[:1]}, {"params": weights[1:], "weight_decay": 0.0}]
    optimizer = optimizer_class(groups, **SETTINGS, **settings)
    if state is not None:
        optimizer.load_state_dict(state)
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = (weights[0].sin() @ torch.ones(3) * weights[1]).sum()
        loss.backward()
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in weights]), optimizer


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test__steps__are_those_of_torch(name, fused):
    ours, optimizer = trained(getattr(optimizers, name), 5, fused=fused)
    theirs, expected = trained(getattr(torch.optim, name), 5, fused=fused)
    assert torch.equal(ours, theirs)
    assert optimizer.state_dict().keys() == expected.state_dict().keys()
    # The state goes from one to the other.
    further, _ = trained(getattr(optimizers, name), 3, expected.state_dict(), fused=fused)
    expected, _ = trained(getattr(torch.optim, name), 3, optimizer.state_dict(), fused=fused)
    assert torch.equal(further, expected)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test__state__is_no_part_of_a_graph(name):
    _, optimizer = trained(getattr(optimizers, name), 1)
    tensors = [tensor for state in optimizer.state.values() for tensor in state.values()]
    assert tensors
    assert not any(tensor.requires_grad for tensor in tensors)


def test__defined_after_torch_s_were_used__same_steps():
    expected, _ = trained(torch.optim.AdamW, 3)  # this wraps the step of torch's class
    late = runpy.run_path(optimizers.__file__)["AdamW"]
    assert torch.equal(trained(late, 3)[0], expected)
