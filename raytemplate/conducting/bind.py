"""Starts Ray and the promoter at the same time, binds them to the ports of one execution, and ends them together."""

from __future__ import annotations

import getpass
import importlib
import signal
import sys
import threading
from types import TracebackType

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.conducting.promoter import NoPromoter, PromoterProcess
from raytemplate.conducting.work import Work
from raytemplate.engines.mlflow.flavor import package
from raytemplate.engines.ray.clusters.attached import AttachedRay
from raytemplate.engines.ray.clusters.cluster import LocalRay
from raytemplate.engines.ray.clusters.running import RunningRay
from raytemplate.engines.ray.clusters.sessions import sweep_sessions
from raytemplate.engines.ray.engine import RayEngine
from raytemplate.errors import BudgetSpent, Interrupted
from raytemplate.execution.execute import Execution
from raytemplate.execution.in_turn import turn_of
from raytemplate.models.options import Family
from raytemplate.planning.look import champion_of, this_machine
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunStart
from raytemplate.records.swept import SweepResult
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace
from raytemplate.units import show_bytes

_LEAST_STORE_BYTES = 200_000_000
_STREAM_STORE_BYTES = 2_000_000_000
_MOST_STORE_SHARE = 0.3
_WORTH_TELLING_BYTES = 1_000_000_000
_IMPORT_LIMIT_S = 60.0
_OF_SWEEPS = ("raytemplate.execution.sweeping", "raytemplate.engines.ray.trials.tuner")
"""What runs trials."""


class Bound:
    """Everything a run uses besides its own process, as a context manager that leaves none of it running.

    A Ray that already runs is left running. In a process that is not the run's own, such as a notebook's, training of a
    project's own code happens in a separate process.
    """

    def __init__(self, work: Work) -> None:
        plan, journal, workspace = work.plan, work.journal, work.workspace
        self._plan, self._journal, self._workspace, self._listener = plan, journal, workspace, work.listener
        self._judged, self._against = work.judged, work.against
        address = journal.need(RunStart).address
        self._cluster: RunningRay = AttachedRay(address) if address else _own_ray(plan, workspace)
        apart = not work.own_process and _has_own_code(plan)
        self._engine = RayEngine(self._cluster, plan, journal.folder, apart=apart)
        self._promoter: PromoterProcess | None = None

    def __enter__(self) -> Bound:
        self._listener.started(self._plan, self._journal.run_id)
        self._cluster.start()
        try:
            self._begin()
        except BaseException:  # Python does not call `__exit__` if `__enter__` raises
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _begin(self) -> None:
        if self._judged:
            self._promoter = PromoterProcess(
                self._workspace,
                self._plan.promote.tracking_uri,
                self._journal.log,
                getpass.getuser(),
                searched=self._plan.sweep is not None,
            )
        threading.Thread(target=self._import_ahead, name="import", daemon=True).start()
        number, size = sweep_sessions(note=self._journal.note)
        if size > _WORTH_TELLING_BYTES:
            self._listener.note(f"removed {number} temporary folders of earlier runs: {show_bytes(size)}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._promoter is not None:
            self._promoter.leave()
        self._cluster.stop(
            in_haste=kind is not None and issubclass(kind, KeyboardInterrupt | Interrupted | BudgetSpent)
        )
        self._engine.close()
        _hear_signals_again()
        if self._promoter is not None:
            self._promoter.close()

    def execution(self, meter: Meter) -> Execution:
        """The execution of the run, with everything it needs."""
        name, workspace = self._plan.name, self._workspace
        models = workspace.models if self._judged else self._journal.folder / "models"
        return Execution(
            plan=self._plan,
            journal=self._journal,
            engine=self._engine,
            promoter=self._promoter or NoPromoter(),
            store=ContentStore(models),
            meter=meter,
            listener=self._listener,
            champion_now=lambda: champion_of(name, workspace) if self._judged else self._against,
            package=package,
            turn=turn_of(workspace, name),
        )

    def abandon(self) -> None:
        """End the promoter at once: after Ctrl-C, the user no longer wants a promotion."""
        if self._promoter is not None:
            self._promoter.kill()
        self._listener.note("stopping")

    def _import_ahead(self) -> None:
        """Import the family's libraries and its trainer while Ray starts and reads.

        If trials come first, import what runs them, and the libraries only when the first trial imports them too. They
        take seconds, and this process's threads share one interpreter, so the first trial would begin later.
        """
        if self._plan.sweep is not None and self._journal.read(SweepResult) is None:
            self._engine.has_imported.wait(_IMPORT_LIMIT_S)
            for name in _OF_SWEEPS:
                importlib.import_module(name)
            self._engine.has_begun_trials.wait(_IMPORT_LIMIT_S)
        family: Family = plugins.load(plugins.FAMILIES, self._plan.fit.family)
        for target in (family.loop, family.predictor):
            importlib.import_module(target.partition(":")[0])
        self._cluster.wait_quietly()
        self._engine.has_imported.wait(_IMPORT_LIMIT_S)
        from raytemplate.engines.ray.training.train import trainer_class

        trainer_class(family.trainer)


def _has_own_code(plan: RunPlan) -> bool:
    """Whether training runs code of the project or a plug-in. Only our own loops are sure to check the time."""
    loops = [stage.loop for stage in (plan.fit, *(plan.sweep.arms if plan.sweep else ()))]
    return bool(plan.code.modules) or not all(loop.startswith("raytemplate.") for loop in loops)


def _hear_signals_again() -> None:
    """Restore the SIGTERM handler, which Ray resets when it ends: otherwise SIGTERM would end the process silently."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def _own_ray(plan: RunPlan, workspace: Workspace) -> LocalRay:
    machine = this_machine()
    return LocalRay(
        num_cpus=machine.cpus,
        num_gpus=machine.gpus,
        object_store_bytes=object_store_bytes(plan, machine.memory_bytes),
        runtime_envs=plan.fit.workers > 0,
        turn=workspace.locks / "ray",
    )


def object_store_bytes(plan: RunPlan, machine_bytes: int) -> int:
    """Size of the object store: room for raw and encoded rows in memory mode, or for the blocks of a stream."""
    wanted = plan.ingest.memory_bytes * 3 if plan.ingest.mode == "memory" else _STREAM_STORE_BYTES
    return int(min(max(wanted, _LEAST_STORE_BYTES), machine_bytes * _MOST_STORE_SHARE))
