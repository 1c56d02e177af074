"""Our Adam takes the same steps as torch's, and can be stopped and resumed."""

import pytest
import torch

from raytemplate.models.torch.optimizer import Adam


def network():
    torch.manual_seed(7)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def batch(step):
    return torch.randn(16, 5, generator=torch.Generator().manual_seed(step))


def backward(model, step):
    model(batch(step)).square().mean().backward()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_twenty_steps_equal_those_of_torch(weight_decay):
    ours, theirs = network(), network()
    adam = Adam(ours.parameters(), weight_decay=weight_decay)
    reference = torch.optim.Adam(theirs.parameters(), lr=1e-2, weight_decay=weight_decay)
    for step in range(20):
        for model, optimizer in ((ours, adam), (theirs, reference)):
            optimizer.zero_grad()
            backward(model, step)
        adam.step(1e-2)
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-8)


def test_going_on_from_the_state_equals_never_having_stopped():
    whole, stopped = network(), network()
    adam = Adam(whole.parameters(), weight_decay=0.0)
    half = Adam(stopped.parameters(), weight_decay=0.0)
    for step in range(10):
        for model, optimizer in ((whole, adam), (stopped, half)):
            optimizer.zero_grad()
            backward(model, step)
            optimizer.step(1e-2)
        if step == 4:
            state = half.state()
            half = Adam(stopped.parameters(), weight_decay=0.0)
            half.restore(state)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), stopped.parameters(), strict=True))


def test_the_state_is_a_copy():
    model = network()
    adam = Adam(model.parameters(), weight_decay=0.0)
    state = adam.state()
    backward(model, 0)
    adam.step(1e-2)
    assert all(not value.any() for value in state.values())
