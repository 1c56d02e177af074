"""A site of all models: what is on it, what is written again, and what is left alone."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from site_runs import JULY, sample

from raytemplate import api
from raytemplate.errors import UsageError
from raytemplate.ledger.opening import open_ledger
from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import write_runs
from raytemplate.website import rendering
from raytemplate.website.destination import open_destination
from raytemplate.website.update import SiteWritten, update_site

NOW = JULY + timedelta(days=70)


def update(workspace: Workspace, folder: Path, now: datetime = NOW) -> SiteWritten:
    with open_destination(str(folder)) as destination:
        return update_site(workspace, destination, now)


def stamps(folder: Path) -> dict[str, int]:
    """File -> when it was written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def cells(index: str, model: str) -> list[str]:
    """The texts of a model's row on the index."""
    models = index[index.index("2 models</h2>") :]
    row = next(row for row in re.findall("<tr>.*?</tr>", models, re.DOTALL) if f">{model}</a>" in row)
    return [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in re.findall("<td.*?</td>", row, re.DOTALL)]


def test_every_link_is_relative_and_leads_to_a_page(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    written = update(workspace, site)
    assert (written.num_models, written.num_runs, written.num_held, written.num_pages) == (2, 4, 1, 8)
    pages = list(site.rglob("*.html"))
    assert len(pages) == written.num_written == 8
    for page in pages:
        links = [link for link in re.findall('href="([^"]*)"', page.read_text()) if link != "data:,"]
        assert links and [link for link in links if not (page.parent / link).is_file()] == [], page


def test_the_index_says_of_each_model_what_the_records_say(workspace: Workspace, tmp_path: Path) -> None:
    update(workspace, tmp_path / "site")
    index = (tmp_path / "site" / "index.html").read_text()
    name, today, due, champion, since, retrained, runs, time, *_ = cells(index, "flights-air-time")
    assert (name, today, champion, runs) == ("flights-air-time 1 held", "passes", "1", "3")
    assert (since, retrained, due) == ("2013-07-01 for 69 days", "2013-09-01", "2013-10-01")
    assert time == "Sep 2013: 8 s of 9 s"
    assert cells(index, "a-late-one")[2] == "", "nothing says when it is due"


def test_held_runs_and_their_model_come_first(workspace: Workspace, tmp_path: Path) -> None:
    update(workspace, tmp_path / "site")
    index = (tmp_path / "site" / "index.html").read_text()
    assert index.index("1 run waits for a person") < index.index("2 models")
    assert "raytemplate promote cccccc" in index and "promotion is manual" in index
    models = index[index.index("2 models") :]
    assert models.index(">flights-air-time<") < models.index(">a-late-one<")


def test_a_champion_that_has_seen_a_revoked_snapshot_is_named(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(workspace, site)
    assert "seen revoked data" not in (site / "index.html").read_text()
    head = open_ledger(workspace).head("flights-air-time")
    assert head is not None
    api.revoke_snapshot(head.run_id, reason="wrong labels", workspace=str(workspace.folder))
    update(workspace, site)
    index, page = (site / "index.html").read_text(), (site / "models" / "flights-air-time.html").read_text()
    assert "seen revoked data" in cells(index, "flights-air-time")[0]
    assert "Version 1 has seen" in page and "wrong labels" in page


def test_a_model_has_its_versions_runs_gates_and_months(workspace: Workspace, tmp_path: Path) -> None:
    update(workspace, tmp_path / "site")
    page = (tmp_path / "site" / "models" / "flights-air-time.html").read_text()
    assert "version 1 is the champion" in page and "Version 2 is waiting." in page
    for text in ('<td class="w">challenger</td>', "mae 8.50", "next due 2013-10-01 (every 1 month)", "Jul 2013"):
        assert text in page
    assert page.count('<circle class="dot0"') == 1 and page.count('<circle class="t hollow"') == 2
    gate = '<td class="w">beats-baseline</td><td class="n">2</td><td class="n">3</td>'
    assert gate in page


def test_what_has_not_changed_is_not_written(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(workspace, site)
    before = stamps(site)
    assert update(workspace, site, NOW + timedelta(days=1)).num_written == 1
    after = stamps(site)
    assert {name for name in after if after[name] != before[name]} == {"index.html"}


def test_one_more_run_writes_its_page_and_those_that_name_it(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(workspace, site)
    before = stamps(site)
    write_runs(workspace, [sample("eeeeee", days=69, name="a-late-one")])
    written, after = update(workspace, site), stamps(site)
    assert {name for name in after if after[name] != before.get(name)} == {
        "index.html", "ledger.html", "models/a-late-one.html", "runs/eeeeee.html", "site.json",
    }  # fmt: skip
    assert written.num_written == 4


def test_a_page_that_was_removed_or_cut_is_written_again(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(workspace, site)
    whole = (site / "runs" / "aaaaaa.html").read_bytes()
    (site / "runs" / "aaaaaa.html").unlink()
    (site / "ledger.html").write_bytes(b"")
    assert update(workspace, site).num_written == 3
    assert (site / "runs" / "aaaaaa.html").read_bytes() == whole


def test_the_page_of_a_run_that_is_gone_is_removed(workspace: Workspace, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(workspace, site)
    (site / "CNAME").write_text("models.example")
    shutil.rmtree(workspace.runs / "bbbbbb")
    assert update(workspace, site).num_removed == 1
    assert not (site / "runs" / "bbbbbb.html").exists() and (site / "CNAME").exists()


def test_a_folder_that_holds_something_else_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    with pytest.raises(UsageError, match=r"an index\.html already that `raytemplate site` has not written"):
        update(workspace, tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_text() == "mine"


def test_the_site_of_another_workspace_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    update(workspace, tmp_path / "site")
    other = Workspace(tmp_path / "other")
    other.folder.mkdir()
    with pytest.raises(UsageError, match="none of its runs is in"):
        update(other, tmp_path / "site")
    assert (tmp_path / "site" / "runs" / "aaaaaa.html").exists()


def test_an_empty_workspace_has_a_site_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert update(Workspace(tmp_path / "project"), tmp_path / "site").num_pages == 2
    assert "No runs yet." in (tmp_path / "site" / "index.html").read_text()


def test_a_damaged_run_is_named_and_the_others_are_shown(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.runs / "bbbbbb" / "fit.json").write_text("{}")
    update(workspace, tmp_path / "site")
    index = (tmp_path / "site" / "index.html").read_text()
    damaged = index[index.index("Runs that cannot be read") :]
    assert "bbbbbb" in damaged and "fit.json: not a record" in damaged
    assert "fit.json: not a record" in (tmp_path / "site" / "runs" / "bbbbbb.html").read_text()


def test_a_lost_ledger_is_said_and_names_no_champion(workspace: Workspace, tmp_path: Path) -> None:
    workspace.governance_db.unlink()
    written = update(workspace, tmp_path / "site")
    assert "governance.db: missing" in written.faults[0]
    index = (tmp_path / "site" / "index.html").read_text()
    assert "The ledger cannot be trusted" in index
    assert cells(index, "flights-air-time")[3] == "none"


def test_a_workspace_of_an_earlier_version_has_a_site(tmp_path: Path) -> None:
    fixture = Path(__file__).parents[1] / "fixtures" / "workspace_0_1" / "workspace"
    shutil.copytree(fixture, tmp_path / "project" / ".raytemplate")
    written = update(Workspace(tmp_path / "project"), tmp_path / "site")
    assert (written.num_models, written.num_runs, written.num_held, written.faults) == (1, 5, 1, ())


def test_many_runs_are_read_by_several_processes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = sorted(workspace.runs.iterdir())
    alone = list(rendering.rendered(folders))
    monkeypatch.setattr(rendering, "_MANY", 1)
    monkeypatch.setattr(rendering, "_may_fork", lambda: True)
    monkeypatch.setattr(rendering.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert list(rendering.rendered(folders)) == alone
