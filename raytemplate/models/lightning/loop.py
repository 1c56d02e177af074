"""Trains `lightning` on the batches of its context: Lightning's Trainer runs the steps, the context everything else."""

import json
import logging
import signal
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from raytemplate.code.load import blamed_on
from raytemplate.models.context import LoopContext
from raytemplate.models.lightning.batches import CountedBatches, EpochBatches
from raytemplate.models.lightning.family import LightningOptions
from raytemplate.models.lightning.predict import build_module
from raytemplate.models.options import TrainingSpec
from raytemplate.models.torch.optimizer import smallest_are_zero
from raytemplate.models.torch.plain import load_state, save_state
from raytemplate.models.torch.predict import NETWORK, in_unit, shaped
from raytemplate.models.torch.weights import load_weights, save_weights, take_over, weights_sha256

_STEPS_BETWEEN_CLOCK_CHECKS = 64
_ROWS_AT_ONCE = 16_384
_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def train(context: LoopContext, options: LightningOptions, training: TrainingSpec) -> None:
    """Trains the user's own module, epoch by epoch, until the context says stop."""
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    with _quietly(), smallest_are_zero(), blamed_on(options.module):
        module = build_module(options, context.layout)
        trainer = _trainer(context, training, _Epochs(context, options, training))
        kind = CountedBatches if context.num_ranks == 1 else EpochBatches
        batches = kind(context, training.batch_size, lambda: trainer.current_epoch + 1)
        with _interruptible():
            trainer.fit(module, train_dataloaders=batches)
    context.finish(weights_sha256(module))


def _trainer(context: LoopContext, training: TrainingSpec, callback: Callback) -> Trainer:
    device, ranks = torch.device(context.device()), _Ranks(context)
    one = context.num_ranks == 1
    return Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.index else 1,
        num_nodes=context.num_ranks,
        strategy="auto" if one else DDPStrategy(cluster_environment=ranks),
        plugins=[ranks] if one else None,
        precision=_PRECISION[training.precision],  # pyright: ignore[reportArgumentType]
        gradient_clip_val=training.clip_norm,
        max_epochs=training.epochs,
        min_epochs=0,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
    )


class _Ranks(ClusterEnvironment):
    """Ranks that the engine has started and connected; for Lightning, each is a node with one device."""

    def __init__(self, context: LoopContext) -> None:
        super().__init__()
        self._context = context

    @property
    def creates_processes_externally(self) -> bool:
        """Always true."""
        return True

    @property
    def main_address(self) -> str:
        """Unused: the ranks are already connected."""
        return ""

    @property
    def main_port(self) -> int:
        """Unused, too."""
        return 0

    @staticmethod
    def detect() -> bool:
        """Never detected automatically."""
        return False

    def world_size(self) -> int:
        """The number of ranks."""
        return self._context.num_ranks

    def global_rank(self) -> int:
        """The number of this rank."""
        return self._context.rank

    def node_rank(self) -> int:
        """The number of its node, which is that of the rank."""
        return self._context.rank

    def local_rank(self) -> int:
        """Always 0: the only rank of its node."""
        return 0

    def set_world_size(self, size: int) -> None:
        """Does nothing: the number of ranks is fixed."""

    def set_global_rank(self, rank: int) -> None:
        """Does nothing: the rank is fixed."""


class _Epochs(Callback):
    """Called by Lightning: seeds, measures, reports and resumes as the loop of every other network does."""

    def __init__(self, context: LoopContext, options: LightningOptions, training: TrainingSpec) -> None:
        self._context, self._options, self._seed = context, options, training.seed
        self._total, self._rows, self._cut = 0.0, 0, False
        self._started = time.perf_counter()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores weights, optimizers, schedules and counters from the newest checkpoint."""
        self._report_after_each_epoch(trainer, pl_module)
        found = self._context.checkpoint()
        if found is None:
            self._context.begin(lambda start: take_over(start, pl_module))
            return
        folder, _ = found
        load_weights(folder, pl_module)
        state = load_state(folder)
        for optimizer, its in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its)
        for config, its in zip(trainer.lr_scheduler_configs, state["schedules"], strict=True):
            config.scheduler.load_state_dict(its)
        trainer.fit_loop.load_state_dict(state["counters"])
        # Otherwise Lightning would look for a batch to resume from, but our checkpoints are between epochs.
        trainer.fit_loop.restarting = False
        trainer.fit_loop.on_iteration_done()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds the epoch, so that its random numbers depend only on (seed, epoch)."""
        torch.manual_seed(self._seed * 100_003 + trainer.current_epoch + 1)
        self._total, self._rows, self._started = 0.0, 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Adds up the loss, and checks the clock every 64 steps."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        num_rows = len(batch[2])
        self._total += float(loss) * num_rows if loss is not None else 0.0
        self._rows += num_rows
        if batch_idx % _STEPS_BETWEEN_CLOCK_CHECKS == 0 and self._context.out_of_time():
            self._cut = trainer.should_stop = True

    def _report_after_each_epoch(self, trainer: Trainer, module: LightningModule) -> None:
        """Reports after each epoch. Lightning's last hook of an epoch runs before its counters are complete, so this
        wraps a method."""
        whole = trainer.fit_loop.on_advance_end

        def on_advance_end() -> None:
            whole()
            if not self._cut and self._report(trainer, module):
                trainer.should_stop = True

        trainer.fit_loop.on_advance_end = on_advance_end

    def _report(self, trainer: Trainer, module: LightningModule) -> bool:
        loop_s, epoch = time.perf_counter() - self._started, trainer.current_epoch
        return self._context.report(
            epoch=epoch,
            train_loss=self._total / max(1, self._rows),
            validation=self._context.measure(self._predictions(module, epoch)),
            loop_s=loop_s,
            num_rows=self._rows,
            save=lambda folder: self._save(folder, trainer, module),
        )

    def _predictions(
        self, module: LightningModule, epoch: int
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        layout, device = self._context.layout, module.device
        with _evaluating(module), torch.inference_mode():
            for batch in self._context.batches("validation", epoch=epoch, batch_size=_ROWS_AT_ONCE):
                dense, codes = torch.from_numpy(batch.dense).to(device), torch.from_numpy(batch.codes).to(device)
                output = shaped(module(dense, codes), len(batch), layout)
                yield batch.target, in_unit(output, layout).cpu().numpy()

    def _save(self, folder: Path, trainer: Trainer, module: LightningModule) -> None:
        save_weights(folder, module)
        save_state(
            folder,
            {
                "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
                "schedules": [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs],
                "counters": trainer.fit_loop.state_dict(),
            },
        )
        (folder / NETWORK).write_text(json.dumps(self._options.model_dump(mode="json"), sort_keys=True))


@contextmanager
def _evaluating(module: LightningModule) -> Generator[None]:
    """Sets evaluation mode, and restores the mode of every part afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def _interruptible() -> Generator[None]:
    """Keeps Ctrl-C working: Lightning turns it into `SystemExit`, and makes the process ignore the next one."""
    handler, own = signal.getsignal(signal.SIGINT), threading.current_thread() is threading.main_thread()
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from ended
        raise
    finally:
        if own:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _quietly() -> Generator[None]:
    """Silences Lightning's remarks about devices, loaders and loggers, which do not concern the user of a template."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
        yield
