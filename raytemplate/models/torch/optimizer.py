"""Adam, with a state that can be stored without a pickle."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

import torch
from torch.optim.adam import adam

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


@contextmanager
def smallest_are_zero() -> Generator[None]:
    """Treats numbers below 1e-38 as 0 in this thread.

    Adam's mean for a weight without gradients, such as that of a category not seen for a thousand steps, shrinks until
    it stays just above zero forever; a CPU takes up to a hundred times as long for such numbers.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, with an L2 penalty added to the gradients.

    `torch.optim.Adam` takes the same steps through the same kernel, but constructing it imports torch's compiler, which
    costs two seconds, a lot for a short training, and its state would have to be taken apart for safetensors.

    Args:
        weight_decay: L2 penalty.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], *, weight_decay: float) -> None:
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]
        self._steps = [torch.zeros((), dtype=torch.float32, device=p.device) for p in self._parameters]

    def zero_grad(self) -> None:
        """Drops all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Takes one step along the gradients, at this learning rate."""
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._parameters]
        adam(
            [p.data for p in self._parameters],
            gradients,
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=_BETA1,
            beta2=_BETA2,
            lr=lr,
            weight_decay=self._weight_decay,
            eps=_EPS,
            maximize=False,
        )

    def state(self) -> dict[str, torch.Tensor]:
        """Everything needed to resume, by name."""
        kinds = {"mean": self._means, "square": self._squares, "step": self._steps}
        return {f"{i}.{kind}": t.detach().cpu().clone() for kind, ts in kinds.items() for i, t in enumerate(ts)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restores what `state` returned."""
        for kind, tensors in (("mean", self._means), ("square", self._squares), ("step", self._steps)):
            for i, tensor in enumerate(tensors):
                tensor.copy_(state[f"{i}.{kind}"])
