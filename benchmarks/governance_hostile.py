"""What gets past signatures, digests and packs? Nothing may.

    python benchmarks/governance_hostile.py [--out FILE] [--quick]

Keys, checkpoints and workspaces go to a temporary folder. `--quick` does a twentieth of it.

- envelopes: a person's decision with one changed byte, in the envelope or in the key that comes with it.
- subjects: a pack of a promoted run in which one byte of the plan, the evaluation, the snapshot, the model or an event
  is changed, once as it is, and once with the list of the pack made and signed anew by somebody else.
- replays: a decision that was used, used once more after a rollback.
- swaps: promotions of candidates whose bytes a thread swaps in the content store all the time, and readers of the
  champion.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import Target, machine, table, versions, write_report

from raytemplate.data.snapshot import snapshot_of
from raytemplate.errors import ChampionMoved, IntegrityError
from raytemplate.execution import decide as deciding
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.history.pack import PACK, SIGNATURE, Pack, entry_of, signature_of
from raytemplate.history.pack_verified import verify_pack
from raytemplate.history.packed import pack_run
from raytemplate.history.runs import Run
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.decisions import Decision, new_nonce, read_decision, said
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.planning.stages import RunPlan, plan_id
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor, Said
from raytemplate.store.content_store import ContentStore
from raytemplate.store.stored_zip import archive_of, read_archive
from raytemplate.store.workspace import Workspace, create
from raytemplate.testing import samples
from raytemplate.testing.sample_plans import sample_govern_stage, sample_plan

MOMENT, MODEL = datetime(2026, 12, 1, tzinfo=UTC), "flights-air-time"
GROUNDS = Grounds(plan="81be07", snapshot="5be1" * 16, evaluation_sha256="e7a1" * 16)
AUTOMATIC = Actor(name="ada", automatic=True)
SUBJECTS = (
    "records/run.lock", "records/evaluation.json", "records/snapshot.json", "model/weights", "ledger/ledger.jsonl",
)  # fmt: skip
NUM_BYTES = 200_000


def accepted_envelopes(number: int, chance: random.Random) -> int:
    """How many changed envelopes are taken for a decision."""
    signed, accepted = said(_decision(0, "a", ""), signer_of(new_private_key())), 0
    whole = signed.envelope.encode() + signed.public_key.encode()
    for _ in range(number):
        changed = _changed(whole, chance)
        envelope, key = changed[: len(signed.envelope.encode())], changed[len(signed.envelope.encode()) :]
        try:
            read_decision(Said(envelope=envelope.decode(errors="replace"), public_key=key.decode(errors="replace")))
        except IntegrityError:
            continue
        accepted += 1
    return accepted


def accepted_subjects(folder: Path, number: int, chance: random.Random) -> tuple[int, int]:
    """How many packs with a changed subject are whole: as they are, and if their list is signed anew."""
    files, eve = dict(read_archive(_pack(folder)).files), signer_of(new_private_key())
    found = [0, 0]
    for index in range(number):
        name = SUBJECTS[index % len(SUBJECTS)]
        changed = {**files, name: _changed(files[name], chance)}
        for which, pack in enumerate((changed, _listed_anew(changed, eve))):
            (folder / "changed.zip").write_bytes(archive_of(pack))
            found[which] += not verify_pack(folder / "changed.zip").faults
    return found[0], found[1]


def accepted_replays(folder: Path, number: int) -> int:
    """How many decisions are accepted that were used before."""
    ledger, ann = Ledger(folder / "replays.db", lambda: MOMENT), signer_of(new_private_key())
    used: list[tuple[str, Actor]] = []
    for term in range(number):
        decision = _decision(term, f"{term:064d}", ledger.keyring().ledger)
        actor = Actor(name="ann", reason=decision.reason, said=said(decision, ann))
        ledger.promote(MODEL, decision.digest, "k7q2ab", MOMENT, term, actor, GROUNDS)
        used.append((decision.digest, actor))
    ledger.rollback(MODEL, Actor(name="ann"))
    before = ledger.history(MODEL).term
    for digest, actor in used:
        try:
            ledger.promote(MODEL, digest, "k7q2ab", MOMENT, ledger.history(MODEL).term, actor, GROUNDS)
        except (ChampionMoved, IntegrityError):
            continue
    return ledger.history(MODEL).term - before


def wrong_bytes(folder: Path, number: int) -> tuple[int, int, int]:
    """(promotions, refused attempts, wrong bytes promoted or read) while the bytes of each candidate are swapped."""
    workspace = Workspace(folder / "swaps")
    create(workspace)
    ledger, store = open_ledger(workspace), ContentStore(workspace.models)
    promoted = refused = wrong = 0
    for index in range(number):
        right, journal, plan = _candidate(workspace, ledger, store, index)
        digest = journal.need(FitResult).candidate.digest
        with _swapped(store.path(digest) / "weights", right):
            done = False
            while not done:
                try:
                    deciding.decide(journal, plan, ledger, store, actor=AUTOMATIC)
                    done = True
                except IntegrityError:
                    refused += 1
            for _ in range(5):
                try:
                    with store.private(digest) as copy:
                        wrong += (copy / "weights").read_bytes() != right
                except IntegrityError:
                    refused += 1
        head = ledger.head(MODEL)
        promoted += head is not None and head.digest == digest
        with store.private(digest) as copy:
            wrong += (copy / "weights").read_bytes() != right
    assert promoted == number and not ledger.faults()
    return promoted, refused, wrong


def _decision(term: int, digest: str, ledger: str) -> Decision:
    return Decision(
        action="promote", ledger=ledger, model=MODEL, run_id="k7q2ab", version=0, digest=digest, term=term, name="ann",
        reason="it is better", at=MOMENT, nonce=new_nonce(),
    )  # fmt: skip


def _changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return bytes(changed)


def _listed_anew(files: Mapping[str, bytes], signer: object) -> dict[str, bytes]:
    about = codec.loads(Pack, files[PACK])
    entries = sorted(entry_of(name, data) for name, data in files.items() if name not in (PACK, SIGNATURE))
    listed = codec.dumps(replace(about, files=tuple(entries)))
    return {**files, PACK: listed, SIGNATURE: signature_of(listed, signer)}  # type: ignore[arg-type]


def _pack(folder: Path) -> Path:
    """A pack of a promoted run."""
    workspace = Workspace(folder / "packed")
    create(workspace)
    ledger, store = open_ledger(workspace), ContentStore(workspace.models)
    _, journal, plan = _candidate(workspace, ledger, store, 0)
    deciding.decide(journal, plan, ledger, store, actor=AUTOMATIC)
    (folder / "a.zip").write_bytes(pack_run(Run(journal), workspace).data)
    assert not verify_pack(folder / "a.zip").faults
    return folder / "a.zip"


def _candidate(workspace: Workspace, ledger: Ledger, store: ContentStore, index: int) -> tuple[bytes, Journal, RunPlan]:
    """The bytes, records and plan of a run whose candidate is better than the champion."""
    journal, made = Journal(workspace.runs / f"run{index:03d}"), workspace.root / f"made{index}"
    journal.folder.mkdir()
    made.mkdir()
    right = random.Random(index).randbytes(NUM_BYTES)
    (made / "weights").write_bytes(right)
    candidate = samples.sample_candidate(digest=store.put(made).digest)
    plan = sample_plan(govern=sample_govern_stage(skips=()))
    gates = tuple(gate for gate in plan.govern.gates if gate.name == "metric-limit")
    plan = replace(plan, govern=replace(plan.govern, gates=gates))
    plan = replace(plan, fit=replace(plan.fit, training=Settings({"lr": index})))
    plan = replace(plan, id=plan_id(plan))
    windows = samples.sample_snapshot().windows
    rows, dropped = {w.name: w.num_rows for w in windows}, {w.name: w.num_dropped for w in windows}
    snapshot = snapshot_of(plan.ingest, samples.sample_snapshot().files, rows, dropped, "made up")
    evaluation = samples.sample_evaluation(
        candidate_digest=candidate.digest, term=ledger.history(MODEL).term, test_snapshot=snapshot.digest
    )
    write_lock(journal, plan, None)
    start = samples.sample_start(run_id=journal.run_id, name=MODEL)
    for record in (start, snapshot, samples.sample_fit(candidate=candidate), evaluation):
        journal.write(record)
    return right, journal, plan


@contextmanager
def _swapped(path: Path, right: bytes) -> Generator[None]:
    """Inside, a thread writes other bytes of the same length, and the right ones again, all the time."""
    path.chmod(0o644)
    wrong, end = right[::-1], threading.Event()

    def swap() -> None:
        while not end.is_set():
            for data in (wrong, right):
                with path.open("r+b") as file:
                    file.write(data)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def measure(folder: Path, share: float) -> list[Target]:
    """All figures."""
    chance = random.Random(7)
    envelopes, subjects, replays, swaps = (int(share * number) for number in (10_000, 500, 200, 200))
    plain, anew = accepted_subjects(folder, subjects, chance)
    promoted, refused, wrong = wrong_bytes(folder, swaps)
    print(f"{promoted} promotions under swaps, {refused} refused attempts", file=sys.stderr)
    counted = {
        f"accepted of {envelopes:,} changed envelopes": accepted_envelopes(envelopes, chance),
        f"accepted of {subjects:,} packs with a changed subject": plain,
        "accepted of the same, listed and signed anew by another key": anew,
        f"accepted of {replays:,} decisions that were used": accepted_replays(folder, replays),
        f"wrong bytes promoted or read in {promoted:,} promotions": wrong,
    }
    none = [Target(name=name, found=number, high=0, unit="") for name, number in counted.items()]
    return [*none, Target(name="attempts refused meanwhile", found=refused, low=1, unit="")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a twentieth of it: does it run at all?")
    parser.add_argument("--out", type=Path, default=None, help="where the report is written")
    options = parser.parse_args()
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_CONFIG_HOME": f"{folder}/config", "XDG_STATE_HOME": f"{folder}/state"}
        keys.promoter()
        found = measure(Path(folder), 0.05 if options.quick else 1.0)
    command = " ".join(["governance_hostile.py", *sys.argv[1:]])
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    facts = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": command, "versions": used}
    rows = [target.row() for target in found]
    head = [f"- {name}: {value}" for name, value in facts.items()]
    figures = table(("figure", "found", "target", ""), rows)
    text = ["# What gets past signatures, digests and packs?", "", *head, "", figures, ""]
    write_report("\n".join(text), options.out)
    return 0 if all(row[-1] == "met" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
