"""A pack of a run is verified with nothing but its file, and whatever is changed in it is named."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import here
from fake_runs import FakeRun
from hypothesis import given
from hypothesis import strategies as st

from raytemplate import api
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.lock import write_lock
from raytemplate.history import packed as packing
from raytemplate.history.pack import PACK, SIGNATURE, Pack, entry_of, signature_of
from raytemplate.history.pack_verified import verify_pack
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.planning.stages import plan_id
from raytemplate.records import codec
from raytemplate.store.stored_zip import archive_of, read_archive
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"
EVE = signer_of(new_private_key())


def judged(folder: Path, error: float = 1.0, **changes) -> FakeRun:
    run = FakeRun(folder, **changes)
    run.plan = replace(run.plan, id=plan_id(run.plan))
    write_lock(run.journal, run.plan, None)
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine(candidate_error=error))
    return run


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A run that a person promoted, packed: (its pack, its workspace, the pack's files)."""
    folder = tmp_path_factory.mktemp("packed")
    run = judged(folder / "demo", promotion="manual")
    api.promote(run.journal.run_id, reason="looks right", workspace=str(run.folder))
    api.pack(run.journal.run_id, folder / "a.zip", workspace=str(run.folder))
    return folder / "a.zip", run.folder, dict(read_archive(folder / "a.zip").files)


def faults(folder: Path, files: dict[str, bytes]) -> tuple[str, ...]:
    path = folder / "changed.zip"
    path.write_bytes(archive_of(files))
    return verify_pack(path).faults


def listed_anew(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with a list of them that Eve has made and signed, as whoever forges a pack can do."""
    about = codec.loads(Pack, files[PACK])
    entries = sorted(entry_of(name, data) for name, data in files.items() if name not in (PACK, SIGNATURE))
    listed = codec.dumps(replace(about, files=tuple(entries)))
    return {**files, PACK: listed, SIGNATURE: signature_of(listed, EVE)}


def test_a_pack_is_verified_in_an_empty_folder_without_keys(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "none"))
    said = here("verify", packed[0], cwd=tmp_path)
    text = " ".join(said.stdout.split())
    assert said.returncode == 0 and list(tmp_path.iterdir()) == []
    assert f"of {MODEL}; " in text and "4 events" in text and "event 4 (promoted, signed by key " in text
    assert "packed by identity key " in text and "which the ledger knows since event 3" in text
    assert "checkpoints up to event 4" in text and "not proved Whose the keys are" in text
    assert text.endswith(f"{MODEL}/1/evaluation-report.md")


def test_equal_records_are_equal_bytes(packed, tmp_path):
    path, workspace, _ = packed
    again = api.pack("last", tmp_path / "b.zip", workspace=str(workspace))
    assert again.data == path.read_bytes() and again.about.has_model


@given(st.randoms(use_true_random=False))
def test_any_byte_of_any_file_that_is_changed_is_found_in_whatever_order_the_files_are(packed, chance: random.Random):
    names = sorted(packed[2])
    chance.shuffle(names)
    files = {name: packed[2][name] for name in names}
    assert faults(packed[0].parent, files) == ()
    name = chance.choice([name for name in names if files[name]])
    data = bytearray(files[name])
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    found = faults(packed[0].parent, {**files, name: bytes(data)})
    assert any(fault.startswith((name, f"{SIGNATURE}: not the signature of {PACK}")) for fault in found), (name, found)


def test_what_is_missing_added_or_renamed_is_named(packed, tmp_path):
    files = packed[2]
    for name in files:
        others = {one: data for one, data in files.items() if one != name}
        assert any(fault.startswith(f"{name}: missing") for fault in faults(tmp_path, others)), name
        found = faults(tmp_path, {**others, "other.txt": files[name]})
        assert any(fault.startswith(f"{name}: missing") for fault in found), name
    assert faults(tmp_path, {**files, "more.txt": b""}) == ("more.txt: added, pack.json does not list it",)


def edited(files: dict[str, bytes], name: str, old: str, new: str) -> dict[str, bytes]:
    assert old.encode() in files[name]
    return {**files, name: files[name].replace(old.encode(), new.encode(), 1)}


def forged(files: dict[str, bytes], what: str) -> dict[str, bytes]:
    without_list = {name: data for name, data in files.items() if name != "records/passed.jsonl"}
    match what:
        case "evaluation":
            return edited(without_list, "records/evaluation.json", '"num_resamples": ', '"num_resamples": 9')
        case "plan":
            return edited(without_list, "records/run.lock", '"num_epochs": ', '"num_epochs": 9')
        case "rows":
            return edited(without_list, "records/snapshot.json", '"num_rows": ', '"num_rows": 9')
        case "weights":
            name = next(name for name in files if name.startswith("model/") and "manifest" not in name)
            return {**files, name: files[name] + b"!"}
        case "version":
            return edited(without_list, "records/promotion.json", '"version": 1', '"version": 2')
        case "event":
            lines = files["ledger/ledger.jsonl"].split(b"\n")
            return {**files, "ledger/ledger.jsonl": b"\n".join([*lines[:-2], b""])}
        case _:
            return {name: data for name, data in without_list.items() if name != "records/promotion.json"}


FORGED = {
    "evaluation": "records/evaluation.json: event 4 names evaluation ",
    "plan": "records/run.lock: is about plan ",
    "rows": "records/snapshot.json: is about snapshot ",
    "weights": "model/",
    "version": "records/promotion.json: is about version 2, expected 1",
    "event": "ledger/ledger.jsonl:1: does not fit the 3 events below it",
    "rejected": "records/promotion.json: event 4 says promoted, and the records do not",
}


@pytest.mark.parametrize("what", FORGED)
def test_a_pack_that_is_listed_and_signed_anew_still_says_what_the_events_do_not(packed, tmp_path, what):
    found = faults(tmp_path, listed_anew(forged(packed[2], what)))
    assert any(fault.startswith(FORGED[what]) for fault in found), found
    assert faults(tmp_path, listed_anew(packed[2])) == ()


def test_who_signed_a_pack_anew_is_told(packed, tmp_path):
    path = tmp_path / "by-eve.zip"
    path.write_bytes(archive_of(listed_anew(packed[2])))
    assert verify_pack(path).packed_by.startswith(f"key {EVE.key.id}, which calls itself ")
    assert verify_pack(path).packed_by.endswith("; the ledger does not know this key")


def test_faults_end_with_seven_and_escapes_do_not_reach_the_terminal(packed, tmp_path):
    (tmp_path / "bad.zip").write_bytes(archive_of(listed_anew({**packed[2], "README.md": b"", "new": b""})) + b"x")
    assert here("verify", tmp_path / "bad.zip", cwd=tmp_path).returncode == 7
    about = replace(codec.loads(Pack, packed[2][PACK]), made_by="eve\x1b[2J")
    files = {**packed[2], PACK: codec.dumps(about)}
    files[SIGNATURE] = signature_of(files[PACK], EVE)
    (tmp_path / "esc.zip").write_bytes(archive_of(files))
    said = here("verify", tmp_path / "esc.zip", cwd=tmp_path)
    assert said.returncode == 0 and "\x1b" not in said.stdout and "eve\\x1b[2J" in said.stdout
    told = here("verify", tmp_path / "esc.zip", "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["kind"] == "PackVerified"


def test_a_rejected_run_is_bound_by_no_event_and_a_large_model_is_left_out(tmp_path, monkeypatch):
    run = judged(tmp_path / "demo", error=99.0)
    monkeypatch.setattr(packing, "MOST_MODEL_BYTES", 3)
    said = here("report", "last", "--pack", tmp_path / "a.zip", cwd=run.folder)
    assert "without the model" in said.stdout and f"  raytemplate verify {tmp_path / 'a.zip'}" in said.stdout
    found = verify_pack(tmp_path / "a.zip")
    assert (found.faults, found.bound, found.has_model) == ((), "", False)
    assert found.unbound == "no event names this run: its candidate was rejected"


def test_what_is_damaged_is_not_packed(tmp_path):
    run = judged(tmp_path / "demo")
    with pytest.raises(UsageError, match='no run "zz"'):
        api.pack("zz", tmp_path / "a.zip", workspace=str(run.folder))
    record = run.journal.folder / "evaluation.json"
    record.write_bytes(record.read_bytes().replace(b'"num_resamples": ', b'"num_resamples": 9', 1))
    with pytest.raises(IntegrityError, match=r"evaluation\.json"):
        api.pack("last", tmp_path / "a.zip", workspace=str(run.folder))
    assert not (tmp_path / "a.zip").exists()


def test_runs_of_an_earlier_version_are_packed_too(tmp_path):
    shutil.copytree(Path(__file__).parents[1] / "fixtures/workspace_0_1/workspace", tmp_path / ".raytemplate")
    for row in api.runs(workspace=str(tmp_path)).rows:
        if row.state not in ("approved", "held", "rejected"):
            continue
        api.pack(row.run_id, tmp_path / "a.zip", workspace=str(tmp_path))
        assert verify_pack(tmp_path / "a.zip").faults == (), row


def test_cards_are_named_for_model_and_version_and_have_no_small_group(packed, tmp_path):
    written = api.cards("last", tmp_path, workspace=str(packed[1]))
    names = [path.relative_to(tmp_path).as_posix() for path in written]
    assert names == [f"{MODEL}/1/{what}.{form}" for what in CARDS for form in ("md", "json")]
    for path in written[1::2]:
        assert json.loads(path.read_text())["name"] == path.relative_to(tmp_path).with_suffix("").as_posix()


CARDS = ("model-card", "data-card", "evaluation-report")
