"""Trains `tabular-mlp` on the batches of its context."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.adam import adam

from raytemplate.models.context import Batch, LoopContext
from raytemplate.models.options import TrainingSpec
from raytemplate.models.tabular_mlp.family import TabularMlpOptions
from raytemplate.models.tabular_mlp.predict import NETWORK, WEIGHTS, TabularMlp

OPTIMIZER = "optimizer.safetensors"
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_STEPS_BETWEEN_CLOCK_CHECKS = 64
_ROWS_AT_ONCE = 16_384


def train(context: LoopContext, options: TabularMlpOptions, training: TrainingSpec) -> None:
    """Epochs of Adam over shuffled batches until the context says stop.

    Every epoch seeds torch anew from (seed, epoch), so that going on from a checkpoint gives the same weights as
    never having stopped.
    """
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    model = TabularMlp(context.layout, options)
    wrapped = context.wrap(model)
    optimizer = Adam(model.parameters(), weight_decay=training.weight_decay)
    first = _go_on(context, model, optimizer) + 1
    for epoch in range(first, training.epochs + 1):
        torch.manual_seed(training.seed * 100_003 + epoch)
        loss, loop_s, num_rows = _one_epoch(context, wrapped, optimizer, training, epoch)
        if num_rows < 0:
            break
        validation = context.measure(_predictions(context, model, epoch))
        if context.report(
            epoch=epoch, train_loss=loss, validation=validation, loop_s=loop_s, num_rows=num_rows,
            save=lambda folder: save(folder, model, optimizer, options),
        ):  # fmt: skip
            break
    context.finish(weights_sha256(model))


def _one_epoch(
    context: LoopContext, model: nn.Module, optimizer: Adam, training: TrainingSpec, epoch: int
) -> tuple[float, float, int]:
    """Mean loss in the target's unit, seconds, rows of this rank; rows is -1 when time ran out in the middle."""
    mean, std = context.layout.target_mean, context.layout.target_std
    device = next(model.parameters()).device
    criterion = _criterion(training)
    model.train()
    total = torch.zeros((), dtype=torch.float64, device=device)
    rows = rows_all = 0
    started = time.perf_counter()
    for step, batch in enumerate(context.batches("train", epoch=epoch, batch_size=training.batch_size)):
        dense, codes, target = _tensors(batch, device)
        optimizer.zero_grad()
        # Ranks average gradients: a sum scaled by ranks over all rows of the step is the mean over the whole step.
        losses = criterion(model(dense, codes), (target - mean) / std)
        (losses * (context.num_ranks / batch.num_rows_all_ranks)).backward()
        optimizer.step(_rate(training, context.num_train_rows, epoch, step))
        total += losses.detach()
        rows += len(batch)
        rows_all += batch.num_rows_all_ranks
        if step % _STEPS_BETWEEN_CLOCK_CHECKS == 0 and context.out_of_time():
            return 0.0, time.perf_counter() - started, -1
    loss = float(total) * context.num_ranks / max(rows_all, 1)
    scale = std if training.loss in ("mae", "quantile") else 1.0
    return loss * scale, time.perf_counter() - started, rows


def _rate(training: TrainingSpec, num_rows: int, epoch: int, step: int) -> float:
    """The learning rate of one step; a function of the step alone, so that going on after a stop changes nothing."""
    if training.lr_schedule == "constant":
        return training.lr
    steps = -(-num_rows // training.batch_size)
    done = (epoch - 1) * steps + step
    return training.lr * max(0.0, 1.0 - done / (training.epochs * steps))


class QuantileLoss(nn.Module):
    """The sum of quantile * e where the target is e above the prediction, and (1 - quantile) * e where it is below.

    Koenker and Bassett 1978, "Regression Quantiles", Econometrica 46(1).
    """

    def __init__(self, quantile: float) -> None:
        super().__init__()
        self.quantile = quantile

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """float32 [rows] twice -> their sum of losses."""
        above = target - prediction
        return torch.maximum(self.quantile * above, (self.quantile - 1) * above).sum()


def _criterion(training: TrainingSpec) -> nn.Module:
    if training.loss == "quantile":
        assert training.quantile is not None
        return QuantileLoss(training.quantile)
    return {"mae": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}[training.loss](reduction="sum")


def _tensors(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    arrays = (torch.from_numpy(batch.dense), torch.from_numpy(batch.codes), torch.from_numpy(batch.target))
    return arrays if device.type == "cpu" else tuple(a.to(device, non_blocking=True) for a in arrays)  # pyright: ignore


def _predictions(
    context: LoopContext, model: TabularMlp, epoch: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    mean, std = context.layout.target_mean, context.layout.target_std
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for batch in context.batches("validation", epoch=epoch, batch_size=_ROWS_AT_ONCE):
            dense, codes, _ = _tensors(batch, device)
            yield batch.target, (model(dense, codes) * std + mean).cpu().numpy()


def save(folder: Path, model: TabularMlp, optimizer: Adam, options: TabularMlpOptions) -> None:
    """Weights, the optimizer's state and the network's options into a folder. No pickles."""
    save_file(_flat(model.state_dict()), folder / WEIGHTS)
    save_file(optimizer.state(), folder / OPTIMIZER)
    (folder / NETWORK).write_text(json.dumps(options.model_dump(mode="json"), sort_keys=True))


def _go_on(context: LoopContext, model: TabularMlp, optimizer: Adam) -> int:
    """The epoch of the checkpoint that weights and optimizer were restored from; 0 when there is none."""
    found = context.checkpoint()
    if found is None:
        return 0
    folder, epoch = found
    model.load_state_dict(load_file(folder / WEIGHTS))
    optimizer.restore(load_file(folder / OPTIMIZER))
    return epoch


def weights_sha256(model: TabularMlp) -> str:
    """Digest of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(_flat(model.state_dict()).items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _flat(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, with an L2 penalty added to the gradients.

    `torch.optim.Adam` does the same steps through the same kernel; constructing it imports torch's compiler, which
    takes two seconds that a short training does not have, and its state would have to be taken apart for safetensors.

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
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """One step along the gradients, at this learning rate."""
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._parameters]
        adam(
            [p.data for p in self._parameters], gradients, self._means, self._squares, [], self._steps, fused=True,
            amsgrad=False, beta1=_BETA1, beta2=_BETA2, lr=lr, weight_decay=self._weight_decay, eps=_EPS,
            maximize=False,
        )  # fmt: skip

    def state(self) -> dict[str, torch.Tensor]:
        """Everything needed to go on, by name."""
        kinds = {"mean": self._means, "square": self._squares, "step": self._steps}
        return {f"{i}.{kind}": t.detach().cpu().clone() for kind, ts in kinds.items() for i, t in enumerate(ts)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave."""
        for kind, tensors in (("mean", self._means), ("square", self._squares), ("step", self._steps)):
            for i, tensor in enumerate(tensors):
                tensor.copy_(state[f"{i}.{kind}"])
