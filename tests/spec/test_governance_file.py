"""`governance.yaml`: what it may say, and every problem with its line."""

from pathlib import Path

import pytest

from raytemplate.errors import SpecError
from raytemplate.records.governed import GovernanceSettings, Location
from raytemplate.reports.settings_shown import settings_yaml
from raytemplate.spec.governance_file import read_governance

ADA, CI = "138ae789fa132404", "5f0c2f1b9a44d7e3"
TEAM = f"""mode: team
ledger:
  url: {{env: LEDGER_URL}}
  checkpoints:
    - file: /mnt/audit/checkpoints
    - {{git: ../audit, remote: origin}}
    - s3: s3://audit/ledgers
    - mlflow: {{env: AUDIT_MLFLOW}}
keys: {{people: [{ADA}], promoters: [{CI}]}}
retention: {{keep: 1 year, champions: 3}}
"""


def read(folder: Path, text: str) -> GovernanceSettings:
    (folder / "governance.yaml").write_text(text)
    return read_governance(folder / "governance.yaml")


def test_a_file_says_it_all(tmp_path: Path) -> None:
    found = read(tmp_path, TEAM)
    assert (found.mode, found.url, found.people, found.promoters) == ("team", "secret:env:LEDGER_URL", (ADA,), (CI,))
    assert (found.keep, found.champions) == ("12 months", 3)
    assert found.checkpoints[1] == Location(kind="git", where="../audit", remote="origin")
    assert [each.kind for each in found.checkpoints] == ["file", "git", "s3", "mlflow"]


@pytest.mark.parametrize("text", [TEAM, "mode: solo\n"], ids=["team", "solo"])
def test_what_is_printed_is_read_as_the_same(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert read(tmp_path, settings_yaml(found, "In force since event 5.")) == found


@pytest.mark.parametrize("key", ["0123456789012345", "12e3456789012345"])
def test_an_id_that_looks_like_a_number_is_an_id(tmp_path: Path, key: str) -> None:
    assert read(tmp_path, f"keys: {{people: [{key}]}}").people == (key,)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("mode: taem", 1, 'mode: got "taem", expected solo or team'),
        ("mode: team", 1, "keys.people: missing; mode: team needs the ids of the keys that may decide"),
        ("mode: solo\nmoed: team", 2, "moed: no such field; did you mean mode?"),
        ("keys: {peple: []}", 1, "keys.peple: no such field; did you mean keys.people?"),
        ("ledger:\n  url: postgresql://ada:secret@db/x", 2, "ledger.url: expected {env: NAME} or {file: PATH}, since"),
        ("keys:\n  people:\n    - 138ae7", 3, 'keys.people: got "138ae7", expected a key\'s 16 hexadecimal digits'),
        ("ledger:\n  checkpoints:\n    - {file: a, s3: s3://b}", 3, "ledger.checkpoints: expected one of file, git"),
        ("retention: {champions: 0}", 1, "retention.champions: got 0, expected a whole number of champions, 1 or more"),
    ],
)  # fmt: skip
def test_a_problem_has_its_line_and_shows_no_secret(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(SpecError) as found:
        read(tmp_path, text)
    first = found.value.problems[0]
    assert (first.where, str(first).partition("  ")[2][: len(says)]) == (f"{tmp_path}/governance.yaml:{line}", says)
    assert "secret@" not in found.value.what
