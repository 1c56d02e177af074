"""The walkthrough and the notebook are true: every command and cell is run, and every line of output is checked."""

from __future__ import annotations

import copy
import re
import shlex
from pathlib import Path

import pytest
from command_line import here

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

DOCS = Path(__file__).parents[2] / "docs"


def _steps():
    """Every command of the page, with the lines that it must print and its exit code."""
    for block in re.findall(r"```console\n(.*?)```", (DOCS / "walkthrough.md").read_text(), re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = step.splitlines()
            code = next((int(found[1]) for line in lines if (found := re.fullmatch(r"\(exit (\d+)\)", line))), 0)
            yield command, [line for line in lines if not line.startswith("(exit ")], code


@pytest.fixture(scope="module")
def walked(one_ray, tmp_path_factory):
    """The folder that the walkthrough leaves, and the output of each command."""
    home = tmp_path_factory.mktemp("walkthrough")
    said = []
    for command, lines, code in _steps():
        name, *arguments = shlex.split(command)
        assert name == "raytemplate"
        folder = home / "demo" if (home / "demo").is_dir() else home
        ended = here(*arguments, cwd=folder)
        said.append((command, lines, code, ended))
    return home / "demo", said


def test_every_command_of_the_walkthrough_does_what_the_page_says(walked):
    _, said = walked
    assert len(said) >= 10
    for command, lines, code, ended in said:
        output = ended.stdout + ended.stderr
        assert ended.returncode == code, f"{command}\n{output}"
        missing = [line for line in lines if " ".join(line.split()) not in " ".join(output.split())]
        assert missing == [], f"{command}\n{output}"


def test_the_notebook_runs(walked):
    import nbformat
    from nbclient import NotebookClient

    folder, _ = walked
    committed = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    notebook = copy.deepcopy(committed)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    results = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = " ".join(result.get("text", "") or result["data"]["text/plain"] for result in results)
    assert [result["text"] for result in results if result.get("name") == "stderr"] == []
    assert "<template flights-air-time 1.0.0, tabular-mlp, flights-air-time.yaml>" in shown
    assert "validation   2013-05-11 .. 2013-05-18   7d" in shown
    assert "minutes, 95 % interval" in shown
    assert all(cell.outputs for cell in committed.cells if cell.cell_type == "code")
