"""The package as users get it: a wheel, installed outside this checkout, used in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment
from small_flights import MODEL, SHIPPED, as_sets

pytestmark = [pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the contents of the wheel; its dependencies are those of this environment."""
    made, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, ROOT],
        check=True,
        capture_output=True,
    )
    wheel = next(made.glob("*.whl"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel],
        check=True,
        capture_output=True,
    )
    return site


def test_a_wheel_in_an_empty_folder_inits_checks_and_runs(installed, tmp_path):
    def call(*arguments, cwd):
        return subprocess.run(
            [sys.executable, "-c", "from raytemplate.cli.main import main; main()", *arguments],
            cwd=cwd,
            env=environment(PYTHONPATH=str(installed)),
            capture_output=True,
            text=True,
            timeout=180,
        )

    where = subprocess.run(
        [sys.executable, "-c", "import raytemplate; print(raytemplate.__file__)"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(installed)),
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(installed) + os.sep)
    assert call("init", "demo", "--example", "flights", cwd=tmp_path).returncode == 0
    demo = tmp_path / "demo"
    assert call("check", SHIPPED.name, cwd=demo).returncode == 0
    ran = call("run", SHIPPED.name, "--as-of", "2013-02-15", *as_sets(), cwd=demo)
    assert ran.returncode == 0, ran.stderr
    assert f"version 1 is the champion of {MODEL}" in ran.stdout
