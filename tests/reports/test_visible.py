"""Names and values of other people: nothing in them moves a cursor, hides text or becomes HTML."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import here

from raytemplate.engines.mlflow.parameters import parameter
from raytemplate.reports.cards import CardRecords, cards_of
from raytemplate.reports.markdown import plain_markdown
from raytemplate.reports.run_note import model_note
from raytemplate.reports.templates import templates
from raytemplate.reports.visible import visible, visible_json, without_colours
from raytemplate.testing import sample_plans, samples

CLEAR, TITLE, BACK, TURNED, C1 = "\x1b[2J\x1b[H", "\x1b]0;you\x07", "a\bb\rc", "\u202etxt.exe", "\x9b2J"
HOSTILE = f"{CLEAR}{TITLE}{BACK}{TURNED}{C1}<script>alert(1)</script>"
UNSEEN = set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E]))


def test_every_control_character_is_its_escape_and_other_text_stays() -> None:
    assert not UNSEEN & set(visible(HOSTILE + "".join(UNSEEN)))
    assert visible(CLEAR) == "\\x1b[2J\\x1b[H" and visible(TURNED) == "\\u202etxt.exe"
    assert visible("ключ: 1\tä\n") == "ключ: 1\tä\n"
    assert without_colours("\x1b[36m(worker)\x1b[0m 50 %\r100 %\r\n") == "(worker) 50 %\n100 %\n"


def test_json_keeps_what_it_says() -> None:
    document = visible_json(json.dumps({"name": HOSTILE}, ensure_ascii=False))
    assert not UNSEEN & set(document) and json.loads(document) == {"name": HOSTILE}


def test_markdown_has_no_tags_except_where_code_says_them() -> None:
    assert plain_markdown("| a<b> | `x < 3` |\nc < d") == "| a&lt;b> | `x < 3` |\nc &lt; d"
    assert "<" not in plain_markdown("`a`<script>` and `b`<img src=x>")


def test_cards_and_notes_of_a_hostile_run_hold_nothing_unseen_and_no_tag() -> None:
    plan = sample_plans.sample_plan(owner=HOSTILE)
    columns = tuple(HOSTILE if name == "carrier" else name for name in plan.ingest.columns)
    plan = replace(plan, ingest=replace(plan.ingest, columns=columns, target=HOSTILE))
    slices = tuple(replace(one, value=HOSTILE) for one in samples.sample_slices())
    records = CardRecords(
        plan=plan, run_id="k7q2", snapshot=samples.sample_snapshot(name=HOSTILE), fit=samples.sample_fit(),
        evaluation=samples.sample_evaluation(slices=slices), verdict=samples.sample_verdict_record(),
        promotion=None, profile=samples.sample_profile(),
    )  # fmt: skip
    for text in (*(card.markdown for card in cards_of(records)), model_note(plan)):
        assert "\\x1b[2J" in text and not UNSEEN & set(text) and "<script" not in re.sub("`[^`]*`", "", text)
    assert not UNSEEN & set(parameter("features", HOSTILE).value)


def test_a_page_escapes_both() -> None:
    page = templates().from_string("{{ name }}").render(name=HOSTILE)
    assert not UNSEEN & set(page) and "&lt;script&gt;" in page


@pytest.mark.parametrize("command", ["profile", "check"])
def test_names_of_columns_and_files_do_not_reach_the_terminal_as_they_are(tmp_path: Path, command: str) -> None:
    name = f"{CLEAR}{TITLE}.parquet"
    pq.write_table(pa.table({HOSTILE: [HOSTILE] * 20, "x": range(20)}), tmp_path / name)
    said = here(command, name if command == "profile" else f"{CLEAR}.yaml", cwd=tmp_path)
    assert not UNSEEN & set(said.stdout + said.stderr), said.stdout + said.stderr
    assert "\\x1b[2J" in said.stdout + said.stderr
