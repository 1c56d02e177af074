"""A PostgreSQL on loopback, in a folder of its own, that ends with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD = "reader", "secret-of-these-tests"


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; None if PostgreSQL is not installed, or cannot run as this user."""
    there = [*Path("/usr/lib/postgresql").glob("*/bin"), *(Path(p).parent for p in [shutil.which("initdb")] if p)]
    found = next((folder for folder in sorted(there, reverse=True) if (folder / "initdb").exists()), None)
    return found if found and (os.geteuid() or shutil.which("runuser")) else None


@contextmanager
def postgres_server(*, syncs: bool = False) -> Iterator[str]:
    """Yields the URL of an empty database. As root the server runs as the user `postgres`, since it refuses root.

    Args:
        syncs: whether a commit waits until the disk has it, as it does in earnest.
    """
    found = programs()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    before: list[str] = []
    if not os.geteuid():
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        before = ["runuser", "-u", "postgres", "--"]
    (folder / "word").write_text(PASSWORD)
    (folder / "word").chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*before, str(found / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run("initdb", "-U", USER, "-A", "scram-sha-256", f"--pwfile={folder / 'word'}", "--no-sync", "-E", "UTF8")
    options = f"-p {port} -h 127.0.0.1 -k {folder}" + ("" if syncs else " -F -c synchronous_commit=off")
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
