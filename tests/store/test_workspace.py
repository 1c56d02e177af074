"""The paths of a workspace, and how runs are found."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from raytemplate.errors import UsageError
from raytemplate.records.codec import dumps
from raytemplate.records.run import RunStart
from raytemplate.store import workspace as workspace_module
from raytemplate.store.workspace import Workspace, create, find_run, find_workspace, new_run

START = datetime(2013, 6, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    create(made)
    return made


def add_run(workspace: Workspace, run_id: str, started: datetime | None) -> None:
    folder = workspace.runs / run_id
    folder.mkdir()
    if started is None:
        return
    record = RunStart(
        run_id=run_id,
        name="m",
        version="1",
        plan_id="p",
        template="t.yaml",
        as_of=START,
        started=started,
        planned_s=1.0,
        host="h",
        user="u",
    )
    (folder / "run.json").write_bytes(dumps(record))


def test_find_workspace_prefers_the_option_then_the_environment_then_the_nearest_then_start(tmp_path: Path) -> None:
    start = tmp_path / "a" / "b"
    start.mkdir(parents=True)
    environ = {"RAYTEMPLATE_WORKSPACE": str(tmp_path / "env")}
    for name in ("env", "x"):
        (tmp_path / name).mkdir()
    assert find_workspace(start, explicit=None, environ={}) == Workspace(start)
    create(Workspace(tmp_path / "a"))
    assert find_workspace(start, explicit=None, environ={}) == Workspace(tmp_path / "a")
    assert find_workspace(start, explicit=None, environ=environ) == Workspace(tmp_path / "env")
    assert find_workspace(start, explicit=str(tmp_path / "x"), environ=environ) == Workspace(tmp_path / "x")


def test_a_chosen_workspace_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--workspace .*gone: no such folder"):
        find_workspace(tmp_path, explicit=str(tmp_path / "gone"), environ={})
    with pytest.raises(UsageError, match=r"RAYTEMPLATE_WORKSPACE .*gone: no such folder"):
        find_workspace(tmp_path, explicit=None, environ={"RAYTEMPLATE_WORKSPACE": str(tmp_path / "gone")})


def test_create_twice_makes_the_folders_and_hides_them_from_git(workspace: Workspace) -> None:
    create(workspace)
    assert sorted(os.listdir(workspace.root)) == [".gitignore", "locks", "mlartifacts", "models", "runs"]
    assert (workspace.root / ".gitignore").read_bytes() == b"*\n"


def test_f08_create_where_nothing_can_be_written_says_so_once(tmp_path: Path) -> None:
    (tmp_path / ".raytemplate").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        create(Workspace(tmp_path))
    assert caught.value.what == f"{tmp_path / '.raytemplate'}: cannot be written: File exists"
    assert caught.value.next_step == "choose another folder: --workspace DIR"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_f08_create_in_a_folder_of_another_user_is_a_usage_error(tmp_path: Path) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match=r"\.raytemplate: cannot be written: Permission denied"):
            create(Workspace(tmp_path))
    finally:
        os.seteuid(0)


def test_new_run_gives_short_ids_that_can_be_read_out_and_never_one_twice(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [new_run(workspace)[0] for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(i) == 6 and i[0].isalpha() and not set(i) & set("0o1li") for i in ids)
    letters = iter("aaaaaaaaaaaabbbbbb")
    monkeypatch.setattr(workspace_module.secrets, "choice", lambda _: next(letters))
    assert [new_run(workspace)[0] for _ in range(2)] == ["aaaaaa", "bbbbbb"]


def test_find_run_by_its_id_a_unique_start_of_it_or_last(workspace: Workspace) -> None:
    add_run(workspace, "k7q2aa", START + timedelta(days=2))
    add_run(workspace, "k7q3bb", START)
    assert find_run(workspace, "k7q3bb").name == "k7q3bb"
    assert find_run(workspace, "k7q2").name == "k7q2aa"
    assert find_run(workspace, "last").name == "k7q2aa"
    add_run(workspace, "zzzzzz", None)  # no record: the folder's time, which is now
    assert find_run(workspace, "last").name == "zzzzzz"


def test_find_run_counts_back_from_the_last(workspace: Workspace) -> None:
    add_run(workspace, "k7q2aa", START + timedelta(days=2))
    add_run(workspace, "k7q3bb", START)
    assert [find_run(workspace, ref).name for ref in ("last~0", "last~1")] == ["k7q2aa", "k7q3bb"]
    with pytest.raises(UsageError) as caught:
        find_run(workspace, "last~2")
    assert caught.value.what == 'no run "last~2": there are 2 runs, of which the oldest is last~1'


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("k7q", '"k7q" is the start of 2 runs: k7q2aa, k7q3bb'),
        ("k7q4aa", 'no run "k7q4aa" in RUNS; did you mean k7q2aa, k7q3bb?'),
        ("", 'no run "" in RUNS'),
        ("../runs", 'no run "../runs" in RUNS'),
    ],
    ids=["several", "near", "empty", "path"],
)
def test_find_run_when_none_or_several_fit_says_which_are_near(workspace: Workspace, ref: str, message: str) -> None:
    add_run(workspace, "k7q2aa", START)
    add_run(workspace, "k7q3bb", START)
    with pytest.raises(UsageError) as caught:
        find_run(workspace, ref)
    assert caught.value.what == message.replace("RUNS", str(workspace.runs))


def test_find_run_without_runs_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs yet") as caught:
        find_run(Workspace(tmp_path), "last")
    assert caught.value.next_step == "raytemplate run FILE"
