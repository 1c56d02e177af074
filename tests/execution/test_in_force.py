"""Nothing is decided unless `governance.yaml` is what the ledger has in force: team mode is never left silently."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from raytemplate import api
from raytemplate.conducting.promoting import Promoting, _answer
from raytemplate.errors import IntegrityError, RaytemplateError, UsageError
from raytemplate.execution.in_force import settings_in_force, told_difference
from raytemplate.ledger import keys
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.outside import had_settings, keep_checkpoint, remember_team, remembered_in
from raytemplate.ledger.sqlite import SQLite
from raytemplate.store.workspace import Workspace

TEAM = "mode: team\nkeys: {{people: [{}], promoters: [{}]}}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in team mode."""
    workspace = Workspace(tmp_path_factory.mktemp("made"))
    text = TEAM.format(keys.signer("identity").key.id, keys.promoter().key.id)
    workspace.governance_yaml.write_text(text)
    event, _ = api.change_settings(workspace.governance_yaml, reason="two of us", workspace=str(workspace.folder))
    assert (event, settings_in_force(workspace).mode) == (3, "team")
    return workspace


@pytest.fixture
def team(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(made.folder, tmp_path / "ours")
    return Workspace(tmp_path / "ours")


def _without(name: str) -> Callable[[Workspace], Workspace]:
    def remove(workspace: Workspace) -> Workspace:
        (workspace.folder / name).unlink()
        return workspace

    return remove


def _solo(workspace: Workspace) -> Workspace:
    workspace.governance_yaml.write_text("mode: solo\n")
    return workspace


def _copied(workspace: Workspace, *, without: str = "") -> Workspace:
    to = workspace.folder.with_name("copy")
    shutil.copytree(workspace.folder, to)
    return _without(without)(Workspace(to)) if without else Workspace(to)


def _new(workspace: Workspace) -> Workspace:
    to = workspace.folder.with_name("new")
    to.mkdir()
    shutil.copy(workspace.governance_yaml, to)
    return Workspace(to)


LEFT: dict[str, tuple[Callable[[Workspace], Workspace], str]] = {
    "governance.yaml deleted": (_without("governance.yaml"), "missing, though event 3 of the ledger put settings in"),
    "edited": (_solo, "not what event 3 put in force; mode, keys.people, keys.promoters differ"),
    "ledger deleted": (_without(".raytemplate/governance.db"), "is in force: no event has changed the settings"),
    "copied without the file": (lambda w: _copied(w, without="governance.yaml"), "missing, though event 3"),
    "copied without the ledger": (lambda w: _copied(w, without=".raytemplate/governance.db"), "no event has changed"),
    "a new workspace": (_new, "is in force: no event has changed the settings; mode, keys.people, keys.promoters"),
}


@pytest.mark.parametrize("left", LEFT)
def test_team_mode_is_not_left_silently(team: Workspace, left: str) -> None:
    change, says = LEFT[left]
    workspace = change(team)
    with pytest.raises(IntegrityError) as found:
        settings_in_force(workspace)
    assert found.value.exit_code == 7 and says in found.value.what
    assert found.value.next_step.startswith('raytemplate ledger settings governance.yaml --reason "..."')
    assert says in told_difference(workspace)
    asked = {"do": "roll_back", "model": "another-name", "version": None, "actor": {"name": "ada"}}
    assert says in _answer(asked, Promoting(workspace, []))["what"]


def test_with_both_files_deleted_what_is_kept_outside_tells(made: Workspace) -> None:
    files = (made.governance_yaml, made.governance_db)
    kept = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    says = "was here, with settings in force, and "
    with pytest.raises(IntegrityError, match=rf"{says}it and .*governance.yaml are gone: restore both"):
        settings_in_force(made)
    made.governance_yaml.write_text("mode: solo\n")
    with pytest.raises(IntegrityError, match=rf"{says}.*governance.db is a new one: restore what was here"):
        settings_in_force(made)
    assert says in told_difference(made)
    for file, data in zip(files, kept, strict=True):
        file.write_bytes(data)
    assert settings_in_force(made).mode == "team"


def test_another_ledger_with_its_own_settings_in_place_of_it_is_told(made: Workspace, tmp_path: Path) -> None:
    kept, other = made.governance_db.read_bytes(), Workspace(tmp_path)
    shutil.copy(made.governance_yaml, other.governance_yaml)
    api.change_settings(other.governance_yaml, reason="ours", workspace=str(tmp_path))
    shutil.copy(other.governance_db, made.governance_db)
    with pytest.raises(IntegrityError, match=r"governance.db is ledger .*: restore what was here; if another ledger"):
        settings_in_force(made)
    made.governance_db.write_bytes(kept)
    assert settings_in_force(made).mode == "team"


def test_a_team_database_is_not_remembered_over_another_and_its_address_never(made: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "governance.db"
    shutil.copy(made.governance_db, tmp_path / "first.db")
    first = Ledger(SQLite(tmp_path / "first.db"))
    assert (remember_team(first, path), had_settings(path)) == ("", first.keyring().ledger)
    other = Workspace(tmp_path / "other")
    other.folder.mkdir()
    shutil.copy(made.governance_yaml, other.governance_yaml)
    api.change_settings(other.governance_yaml, reason="ours", workspace=str(other.folder))
    assert "was here before this one, with settings in force" in remember_team(
        Ledger(SQLite(other.governance_db)), path
    )
    assert had_settings(path) == first.keyring().ledger
    keep_checkpoint(first)
    assert str(tmp_path / "first.db") not in remembered_in(first.database).read_text()


def test_a_copy_with_both_files_is_in_team_mode_too(team: Workspace) -> None:
    assert settings_in_force(_copied(team)).mode == "team"


def test_what_is_printed_restores_the_file(team: Workspace) -> None:
    from raytemplate.reports.settings_shown import settings_yaml

    team.governance_yaml.unlink()
    team.governance_yaml.write_text(settings_yaml(api.settings(workspace=str(team.folder)).settings, "as it was"))
    assert settings_in_force(team).mode == "team"


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        (TEAM.format("0" * 16, "0" * 16), "because", "keys.people does not list"),
        ("mode: solo\n", " ", "expected a reason"),
    ],
    ids=["without its own key", "without a reason"],
)
def test_settings_that_are_not_put_in_force(tmp_path: Path, text: str, reason: str, says: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.governance_yaml.write_text(text)
    with pytest.raises(UsageError, match=says):
        api.change_settings(workspace.governance_yaml, reason=reason, workspace=str(tmp_path))
    assert api.settings(workspace=str(tmp_path)).event is None


def test_another_file_than_the_workspaces_is_refused(team: Workspace, tmp_path: Path) -> None:
    other = shutil.copy(team.governance_yaml, tmp_path / "other.yaml")
    with pytest.raises(RaytemplateError, match="the only file that is compared"):
        api.change_settings(other, reason="because", workspace=str(team.folder))
