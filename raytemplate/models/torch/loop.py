"""Trains a torch network on the batches of its context; shared by all families of networks."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from raytemplate.code.load import blamed_on
from raytemplate.models.context import Batch, LoopContext
from raytemplate.models.options import TrainingSpec
from raytemplate.models.torch.family import TorchOptions
from raytemplate.models.torch.inside import Position, load_position, save_position
from raytemplate.models.torch.objective import Objective, objective
from raytemplate.models.torch.optimizer import Adam, smallest_are_zero
from raytemplate.models.torch.predict import NETWORK, build_network, in_unit, shaped
from raytemplate.models.torch.weights import (
    load_optimizer,
    load_weights,
    save_optimizer,
    save_weights,
    take_over,
    weights_sha256,
)

_STEPS_BETWEEN_CLOCK_CHECKS = 64
_ROWS_AT_ONCE = 16_384


def train(context: LoopContext, options: TorchOptions, training: TrainingSpec) -> None:
    """Trains the user's own network."""

    def describe(folder: Path) -> None:
        (folder / NETWORK).write_text(json.dumps(options.model_dump(mode="json"), sort_keys=True))

    with blamed_on(options.build):
        fit(context, lambda: build_network(options, context.layout), training, describe)


def fit(
    context: LoopContext,
    build: Callable[[], nn.Module],
    training: TrainingSpec,
    describe: Callable[[Path], None],
    tables: Mapping[str, str] | None = None,
) -> None:
    """Runs epochs of Adam over shuffled batches until the context says stop.

    Every epoch seeds torch from (seed, epoch), so that a resumed training gives the same weights as an uninterrupted
    one.

    Args:
        build: makes the network once torch is seeded: (dense, codes) -> output, see `models.torch.predict`.
        describe: writes into a checkpoint what is needed, besides weights, to build the network again.
        tables: see `models.torch.weights.take_over`.
    """
    torch.set_num_threads(training.threads)
    with smallest_are_zero():
        _fit(context, build, training, describe, tables)


def _fit(
    context: LoopContext,
    build: Callable[[], nn.Module],
    training: TrainingSpec,
    describe: Callable[[Path], None],
    tables: Mapping[str, str] | None,
) -> None:
    torch.manual_seed(training.seed)
    model = build()
    wrapped = context.wrap(model)
    optimizer = Adam(model.parameters(), weight_decay=training.weight_decay)

    def save(folder: Path) -> None:
        save_weights(folder, model)
        save_optimizer(folder, optimizer)
        describe(folder)

    aim = objective(training, context.layout)
    aim.criterion.to(next(model.parameters()).device)
    done, position = _go_on(context, model, optimizer, tables)
    for epoch in range(done + 1, training.epochs + 1):
        torch.manual_seed(training.seed * 100_003 + epoch)
        loss, loop_s, num_rows = _one_epoch(context, wrapped, optimizer, aim, training, epoch, save, position)
        position = None
        if num_rows < 0:
            break
        validation = context.measure(_predictions(context, model, epoch))
        if context.report(
            epoch=epoch, train_loss=loss, validation=validation, loop_s=loop_s, num_rows=num_rows, save=save
        ):
            break
    context.finish(weights_sha256(model))


def _one_epoch(
    context: LoopContext,
    model: nn.Module,
    optimizer: Adam,
    aim: Objective,
    training: TrainingSpec,
    epoch: int,
    save: Callable[[Path], None],
    position: Position | None,
) -> tuple[float, float, int]:
    """Mean loss in the target's unit, seconds, rows of this rank; rows is -1 if time ran out before the end.

    Args:
        position: position in the epoch from which to resume; None for its beginning.
    """
    device = next(model.parameters()).device
    model.train()
    total = torch.zeros((), dtype=torch.float64, device=device) if position is None else position.loss.to(device)
    rows = rows_all = 0
    started = time.perf_counter() - (position.seconds if position else 0.0)
    for step, batch in enumerate(context.batches("train", epoch=epoch, batch_size=training.batch_size)):
        if position is not None and step < position.steps:
            rows, rows_all = rows + len(batch), rows_all + batch.num_rows_all_ranks
            continue
        if position is not None and step == position.steps:
            position.draw_on(device)
        dense, codes, target = _tensors(batch, device)
        optimizer.zero_grad()
        # Gradients are averaged over ranks: the sum times num_ranks / num_rows_all_ranks gives the mean over the step.
        with _precision(training, device):
            output = model(dense, codes)
        losses = aim.loss(shaped(output, len(batch), context.layout), target)
        (losses * (context.num_ranks / batch.num_rows_all_ranks)).backward()
        if training.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
        optimizer.step(rate(training, context.num_train_rows, epoch, step))
        total += losses.detach()
        rows += len(batch)
        rows_all += batch.num_rows_all_ranks
        if step % _STEPS_BETWEEN_CLOCK_CHECKS == 0:
            if context.out_of_time():
                return 0.0, time.perf_counter() - started, -1
            context.inside(epoch=epoch, steps=step + 1, save=partial(_save_inside, save, step + 1, total, started))
    loss = float(total) * context.num_ranks / max(rows_all, 1)
    return loss * aim.unit, time.perf_counter() - started, rows


def rate(training: TrainingSpec, num_rows: int, epoch: int, step: int) -> float:
    """The learning rate of one step. It depends only on the step, so that resuming changes nothing.

    Args:
        num_rows: rows of the train window, over all ranks.
        epoch: counts from 1.
        step: counts from 0 in each epoch.
    """
    steps = -(-num_rows // training.batch_size)
    done, total = (epoch - 1) * steps + step, training.epochs * steps
    warm = int(total * (training.warmup or 0.0))
    if done < warm:
        return training.lr * (done + 1) / (warm + 1)
    passed = min(1.0, (done - warm) / (total - warm))
    if training.lr_schedule == "cosine":
        return training.lr * 0.5 * (1.0 + math.cos(math.pi * passed))
    return training.lr * (1.0 - passed) if training.lr_schedule == "linear" else training.lr


def _precision(training: TrainingSpec, device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, torch.bfloat16) if training.precision == "bfloat16" else nullcontext()


def _tensors(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    arrays = (torch.from_numpy(batch.dense), torch.from_numpy(batch.codes), torch.from_numpy(batch.target))
    return arrays if device.type == "cpu" else tuple(a.to(device, non_blocking=True) for a in arrays)  # pyright: ignore


def _predictions(
    context: LoopContext, model: nn.Module, epoch: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for batch in context.batches("validation", epoch=epoch, batch_size=_ROWS_AT_ONCE):
            dense, codes, _ = _tensors(batch, device)
            output = shaped(model(dense, codes), len(batch), context.layout)
            yield batch.target, in_unit(output, context.layout).cpu().numpy()


def _save_inside(save: Callable[[Path], None], steps: int, total: torch.Tensor, started: float, folder: Path) -> None:
    save(folder)
    save_position(folder, steps, total, time.perf_counter() - started)


def _go_on(
    context: LoopContext, model: nn.Module, optimizer: Adam, tables: Mapping[str, str] | None
) -> tuple[int, Position | None]:
    """Restores weights and optimizer; returns the number of epochs done and the position in the next one, or (0, None)
    if there is no checkpoint."""
    found = context.checkpoint()
    if found is None:
        context.begin(lambda start: take_over(start, model, tables))
        return 0, None
    folder, epoch = found
    load_weights(folder, model)
    load_optimizer(folder, optimizer)
    return epoch, load_position(folder)
