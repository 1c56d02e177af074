"""`raytemplate clean`: what the workspace holds, who needs it, and what is freed only when it is named."""

import json
import os

import pytest
from command_line import here

from raytemplate.history import holdings
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, create


@pytest.fixture
def held(tmp_path):
    """A workspace with one thing of each kind, and a run that needs one of two copies of rows."""
    workspace = Workspace(tmp_path)
    create(workspace)
    copies = []
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.parquet").write_text(name)
        copies.append(ContentStore(workspace.kept).put(tmp_path / name).digest)
    run = workspace.runs / "k7q2ab"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (run / "snapshot.json").write_text(json.dumps({"kept": copies[0]}))
    for path in ("encoded/a-b/entry.json", "profiles/a/b.json", "listings/a.json", "again/zz/ray.log"):
        (workspace.root / path).parent.mkdir(parents=True)
        (workspace.root / path).write_text("x" * 1000)
    return workspace


def kinds(workspace, *arguments):
    document = json.loads(here("clean", *arguments, "--json", cwd=workspace.folder).stdout)
    return {one["kind"]: (one["num"], one["freed"]) for one in document["holdings"]}


def test_everything_is_listed_with_what_needs_it(held):
    done = here("clean", cwd=held.folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in lines[:7]] == [
        "kind", "encoded", "profiles", "listings", "kept", "needed", "leftovers"
    ]  # fmt: skip
    assert " ".join(lines[5].split()[3:]) == "1 copy of rows to reproduce k7q2ab"
    assert lines[-2].startswith("Nothing was freed. To free everything but needed, ")
    assert lines[-1] == "  raytemplate clean --free all" and len(kinds(held)) == 6


def test_all_leaves_what_a_run_needs_until_it_is_named(held):
    freed = kinds(held, "--free", "all")
    assert {kind for kind, (_, is_freed) in freed.items() if is_freed} == {*freed} - {"needed"}
    assert kinds(held) == {"needed": (1, False)}
    assert kinds(held, "--free", "needed") == {"needed": (1, True)}
    assert here("clean", cwd=held.folder).stdout.startswith("There is nothing to free")


def test_copies_are_needed_while_nobody_can_tell_who_needs_them(held):
    (held.runs / "k7q2ab" / "snapshot.json").write_text("torn")
    assert kinds(held)["needed"] == (2, False) and "kept" not in kinds(held)


def test_a_kind_that_is_mistyped_is_refused_with_the_nearest(held):
    done = here("clean", "--free", "encodet", cwd=held.folder)
    assert (done.returncode, done.stdout) == (2, "") and "did you mean encoded?" in done.stderr
    assert os.listdir(held.encoded) == ["a-b"]


def test_a_copy_that_a_run_begins_to_need_while_others_are_removed_stays(held, monkeypatch):
    snapshot, remove = held.runs / "k7q2ab" / "snapshot.json", holdings._remove
    snapshot.write_text("{}")
    first, second = sorted(held.kept.glob("??/*"))

    def remove_slowly(path, workspace):
        remove(path, workspace)
        snapshot.write_text(json.dumps({"kept": second.name}))

    monkeypatch.setattr(holdings, "_remove", remove_slowly)
    assert not next(one.freed for one in holdings.free(held, ("kept",)) if one.kind == "kept")
    assert not first.exists() and ContentStore(held.kept).open(second.name) == second


def test_what_another_process_has_finished_meanwhile_is_no_leftover(held, monkeypatch):
    gone = held.kept / ".incoming" / "gone"
    found = holdings._below
    monkeypatch.setattr(
        holdings, "_below", lambda folder, pattern: (*found(folder, pattern), *[gone] * (pattern == ".incoming/*"))
    )
    assert holdings._leftovers(held) == (held.again / "zz",)
