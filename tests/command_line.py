"""Runs `raytemplate` commands as a user would: in separate processes, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import warm
from warm import Forked

HARD_S, SHELL_S, WAITS_FOR_A_CPU_S = 2.0, 1.0, 10.0
PLAIN_RAY = "RAYTEMPLATE_PLAIN_RAY"
COMMAND = str(Path(sys.executable).with_name("raytemplate"))


def environment(**more: str) -> dict[str, str]:
    """This process's environment without variables that change a run, except that of `make test-plain-ray`."""
    other = ("RAYTEMPLATE_", "RAY_", "PYTEST_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(other) or k == PLAIN_RAY}
    kept.pop("PYTHONPATH", None)
    return {**kept, "TMPDIR": "/tmp", **more}


def raytemplate(
    *arguments: str, cwd: Path, timeout_s: float = 180, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    around = env or environment()
    if more or not _may_be_forked(around):
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=cwd,
            env=around,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            **more,
        )
    process = warm.command(list(map(str, arguments)), cwd=cwd, env=around)
    try:
        out, err = process.communicate(timeout_s)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.wait(), out, err)


def _may_be_forked(env: dict[str, str]) -> bool:
    """Whether what is imported in advance is what this process would import: see `warm`."""
    return env.get("HOME") == os.environ.get("HOME") and not any(
        name.startswith("RAY_") or name in ("PYTHONPATH", PLAIN_RAY) for name in env
    )


def here(*arguments: Any, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process, which is many times faster than a new process.

    A run needs the fixture `one_ray`. Use a real process for whatever is killed, receives a signal, checks the time
    as a shell sees it, or checks its imports.
    """
    from raytemplate.cli import main, progress

    said, told = io.StringIO(), io.StringIO()
    began = patch.object(main, "STARTED", time.monotonic())  # this process started before the command
    terminal = patch.object(
        progress, "_terminal", told
    )  # otherwise a run redirects this process's stderr to its log for good
    with began, terminal, contextlib.chdir(cwd), contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        code = main._run(list(map(str, arguments)))  # pyright: ignore[reportPrivateUsage]  less the end of the process
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), told.getvalue())


def start(*arguments: str, cwd: Path, fresh: bool = False) -> subprocess.Popen[str] | Forked:
    """Start a command and return at once; it has its own process group, as from a terminal.

    Args:
        fresh: start a new interpreter, as a terminal does; then the promoter is its child as well.
    """
    around = environment()
    if not fresh and _may_be_forked(around):
        return warm.command(list(map(str, arguments)), cwd=cwd, env=around)
    return subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """Handle SIGINT as in a terminal, even if the test runner ignores it (as a shell's background job does)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Any, *, process: subprocess.Popen[str] | Forked, limit_s: float = 90) -> Any:
    """Wait until `condition` returns something true, and return that; fails if the process ends before."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def only_run(folder: Path) -> Path | None:
    """The folder of a workspace's only run, as soon as it exists."""
    runs = folder / ".raytemplate" / "runs"
    found = [path.parent for path in runs.glob("*/run.json")] if runs.exists() else []
    return found[0] if found else None


def epochs(run: Path) -> list[dict[str, Any]]:
    """The records of a run's epochs so far."""
    path = run / "epochs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def record(run: Path, name: str) -> dict[str, Any]:
    """One record of a run, as plain data."""
    return json.loads((run / f"{name}.json").read_text())


def descendants(pid: int) -> list[int]:
    """All descendants of a process, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, below = [], parents.get(pid, [])
    while below:
        found += below
        below = [child for parent in below for child in parents.get(parent, [])]
    return found


def program_below(pid: int, program: str) -> int | None:
    """The descendant of a process that runs this program."""
    for each in descendants(pid):
        first = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[0].decode()
        if Path(first).name == program:
            return each
    return None


def alive(pids: list[int]) -> list[str]:
    """Command lines of those of these processes that still run."""
    left = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:100]
        except OSError:
            continue
        if state not in "ZX":
            left.append(f"{pid}: {words}")
    return left


def left_of(pids: list[int]) -> list[str]:
    """Those of these processes that still run half a minute later.

    Agents of a whole Ray look for its GCS for a minute after that has gone; the small Ray has none.
    """
    until = time.monotonic() + (90 if os.environ.get(PLAIN_RAY) else 30)
    while (left := alive(pids)) and time.monotonic() < until:
        time.sleep(0.2)
    return left


def late_at_most_s() -> float:
    """Seconds after its budget by which a run must have ended (docs/reliability.md), plus the overhead of a shell.

    On a busy machine, the longer limit for runs that only wait for a CPU applies.
    """
    return HARD_S + SHELL_S + (WAITS_FOR_A_CPU_S if is_busy() else 0.0)


def is_busy() -> bool:
    """Whether more processes are ready than this machine has CPUs; promises in seconds hold only if not."""
    return "PYTEST_XDIST_WORKER" in os.environ or os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)
