"""The commented text of a first template."""

import os
import re
from collections.abc import Iterable, Sequence

from raytemplate.data.condition_text import in_condition
from raytemplate.data.conditions import as_target
from raytemplate.data.mask_options import HASH
from raytemplate.data.profile.column import Value
from raytemplate.data.sources.naming import SQL, split_source
from raytemplate.starting.draft.draft import Draft
from raytemplate.starting.draft.promises import LIMITS, RULE, VALUES, promises
from raytemplate.starting.draft.yaml_words import listed, one_line, quoted, remark, sequence, word
from raytemplate.starting.survey.masks import KEY_VARIABLE
from raytemplate.starting.survey.roles import Role

_MOST_LEFT_OUT, _MOST_NAMED = 30, 3
_PLAIN_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")
_SMALL = 1_000


def template_text(draft: Draft) -> str:
    """YAML that `check` accepts and `run` runs as it is."""
    sections = (_head, _data, _features, _model, _budget, _evaluation, _governance, _contract, _variants)
    return "\n\n".join("\n".join(section(draft)) for section in sections) + "\n"


def _head(draft: Draft) -> Iterable[str]:
    found = draft.survey
    yield f"# Predicts {one_line(draft.target.name)}. Drafted by `raytemplate init` from {one_line(found.asked.data)}:"
    yield f"# {found.num_rows:,} rows, {len(found.columns)} columns. It runs as it is; every line is yours to change."
    yield "# A comment at the end of a line is that value's reason; `check --resolved` and reports show it."
    yield remark(f"name: {word(draft.name)}", "also the registered model's name")
    yield "version: 0.1.0"


def _data(draft: Draft) -> Iterable[str]:
    asked, target = draft.survey.asked, draft.target
    yield "data:"
    yield from _source(draft)
    if draft.survey.format != "auto":
        yield remark(f"  format: {draft.survey.format}", "the file ending does not tell")
    yield from _csv(draft)
    if draft.lengths:
        yield f"  time: {word(asked.time)}"
    yield f"  target: {word(as_target(target.name))}"
    learning = draft.learning
    yield remark(f"  task: {learning.task}", learning.why)
    if learning.positive:
        yield remark(f"  positive: {word(learning.positive)}", learning.positive_why)
    if keys := [role.column.name for role in draft.of("key")]:
        yield from listed("keys", keys)
    yield from _mask(draft)
    yield from _drop(draft)
    yield from _windows(draft) if draft.lengths else _split(draft)


def _source(draft: Draft) -> Iterable[str]:
    if draft.source != SQL:
        yield remark(f"  source: {word(draft.source)}", "" if "://" in draft.source else "relative to this file")
        return
    where, _, query = split_source(draft.survey.asked.data)[1].partition(":")
    held = f"env: {where}" if where.isidentifier() else f"file: {word(os.path.abspath(where))}"
    yield "  source: sql"
    yield "  sql:"
    yield remark(f"    url: {{{held}}}", "the URL of the database is only there")
    yield f"    query: {word(query.strip())}"


def _mask(draft: Draft) -> Iterable[str]:
    mask = draft.survey.asked.mask
    if not mask:
        return
    yield remark("  mask:", "as they are read: no value of these is stored or shown")
    for column, rule in mask.items():
        shown = rule if isinstance(rule, str) else f"{{{', '.join(f'{name}: {n}' for name, n in rule.items())}}}"
        yield f"    {word(column)}: {shown}"
    if HASH in mask.values():
        yield remark(f"  mask_key: {{env: {KEY_VARIABLE}}}", "the key of hashes; predict needs the same one")


def _drop(draft: Draft) -> Iterable[str]:
    target, rare = draft.target, draft.learning.rare
    column = in_condition(target.name)
    tests = [f"{column} is null"] if target.num_null else []
    tests += [f"{column} in ({_literals(rare)})"] if rare else []
    time = in_condition(draft.survey.asked.time) if draft.survey.asked.time else ""
    tests += [f"{time} < '{draft.far.before}'"] if draft.far.before else []
    tests += [f"{time} >= '{draft.far.since}'"] if draft.far.since else []
    if tests:
        yield _dropped(draft, tests)
    yield from _asked(draft, tests)


def _dropped(draft: Draft, tests: list[str]) -> str:
    target, rare, condition = draft.target, draft.learning.rare, " or ".join(tests)
    reasons = [f"{_rows(target.num_null)} without a label"] if target.num_null else []
    reasons += ["classes of too few rows for train, validation and test"] if rare else []
    reasons += ["times far from all others"] if draft.far.days else []
    return remark(f"  drop: {_in_yaml(condition)}", "; ".join(reasons))


def _asked(draft: Draft, tests: list[str]) -> Iterable[str]:
    """A question for a person: whether a class is an outcome, and what to write if it is not."""
    doubtful = draft.learning.doubtful
    if not doubtful:
        return
    condition = " or ".join((*tests, f"{in_condition(draft.target.name)} in ({_literals(doubtful)})"))
    yield f"  # Is {one_line(', '.join(map(str, doubtful)))} an outcome to predict? If not, use this drop instead:"
    yield f"  # drop: {_in_yaml(condition)}"


def _literals(values: Iterable[Value]) -> str:
    return ", ".join(str(v) if isinstance(v, int | float) else "'" + v.replace("'", "''") + "'" for v in values)


def _in_yaml(condition: str) -> str:
    return condition if _PLAIN_TEXT.fullmatch(condition) else quoted(condition)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _csv(draft: Draft) -> Iterable[str]:
    writing = draft.survey.writing
    if not writing.csv:
        return
    yield "  csv:"
    for key, value in writing.csv.items():
        shown = sequence(value) if isinstance(value, list) else word(value)
        yield remark(f"    {key}: {shown}", one_line(writing.reasons.get(key, "")))


def _windows(draft: Draft) -> Iterable[str]:
    lengths = draft.lengths
    assert lengths is not None
    of_a_year = lengths.train.unit != "all"
    why = "the target has moved over the years: train on the last year, or on all" if of_a_year else ""
    yield remark("  windows:", "backwards from --as-of, half-open, back to back")
    yield remark(f"    train: {lengths.train}", why or f"{lengths.num_rows['train']:,} rows as of latest")
    yield remark(f"    validation: {lengths.validation}", f"{lengths.num_rows['validation']:,} rows")
    yield remark(f"    test: {lengths.test}", f"{lengths.num_rows['test']:,} rows")
    if lengths.why:
        yield f"    # {lengths.why}"
    yield remark(f"    label_delay: {lengths.label_delay}d", one_line(lengths.late))


def _split(draft: Draft) -> Iterable[str]:
    share = "20 %" if draft.survey.num_rows < _SMALL else "15 %"
    if draft.of("key"):
        by, so = "the keys", "a row never changes sides"
    else:
        by, so = "all columns but the target", "equal rows share a side"
    shares = f"validation: {share}, test: {share}"
    if draft.uncounted:
        by, shares = f"{by} and these", f"{shares}, ignore: {sequence(draft.uncounted)}"
    yield remark(f"  split: {{{shares}}}", f"by a hash of {by}: {so}")
    yield f"  # no windows: {one_line(draft.split_why)}"


def _features(draft: Draft) -> Iterable[str]:
    yield "features:"
    for use in ("numeric", "categorical", "text"):
        if names := [role.column.name for role in draft.of(use)]:
            yield from listed(use, names)
    if draft.times:
        yield "  datetime:"
        yield from (f"    {word(column.name)}: {sequence(column.parts)}" for column in draft.times)
    yield from _left_out("suspicious", [role for role in draft.suspicious if role.use != "left out"])
    yield from _left_out("suspicious, left out", [role for role in draft.suspicious if role.use == "left out"])
    yield from _left_out("left out", [role for role in draft.of("left out") if not role.suspicious])
    if draft.not_looked_at:
        yield f"  # not checked for knowing the target: {draft.not_looked_at:,} columns"
    if draft.of("left out"):
        yield "  # To use a column that is left out, list it above."


def _left_out(title: str, roles: Sequence[Role]) -> Iterable[str]:
    yield from (f"  # {title}: {one_line(role.column.name)}: {one_line(role.why)}" for role in roles[:_MOST_LEFT_OUT])
    if len(roles) > _MOST_LEFT_OUT:
        yield f"  # and {len(roles) - _MOST_LEFT_OUT:,} more"


def _model(draft: Draft) -> Iterable[str]:
    rows = draft.survey.num_rows
    yield "model:"
    if draft.model == "lightgbm":
        yield remark(
            "  kind: lightgbm", "trees need no scaling and handle missing values; or tabular-mlp, xgboost, linear"
        )
        yield "  num_trees: 300"
        yield remark(f"  min_rows_in_leaf: {max(2, min(20, rows // 50))}", "LightGBM's own 20, less for few rows")
        yield "\ntraining:"
        yield "  lr: 0.05"
        yield remark("  early_stopping: 30", "rounds without a better validation metric")
    else:
        yield remark("  kind: tabular-mlp", "or lightgbm, if raytemplate[trees] is installed")
        yield "\ntraining:"
        yield "  epochs: 30"
        yield remark(f"  batch_size: {max(16, min(512, rows // 50))}", "small enough for several steps an epoch")
    yield remark("  seed: 7", "any number; fixed, so that a run can be repeated")


def _budget(draft: Draft) -> Iterable[str]:
    yield remark("budget: {time: 30m}", "for the whole run; seldom reached, but it ends a run that hangs")


def _evaluation(draft: Draft) -> Iterable[str]:
    first, *others = draft.metrics
    yield "evaluation:"
    yield remark(f"  metric: {first}", "decides")
    if others:
        yield f"  also: {sequence(others)}"
    yield remark("  baseline: {mean_by: []}", "the mean of all training rows; or by columns, such as [region]")


def _governance(draft: Draft) -> Iterable[str]:
    rows = draft.lengths.num_rows["train"] if draft.lengths else draft.survey.num_rows * 6 // 10
    yield "governance:"
    yield _promotion(draft)
    if draft.lengths:
        yield remark(f"  cadence: {draft.lengths.cadence}", "how often to retrain; `models` says when a run is overdue")
    yield "  gates:"
    yield remark("    beats-baseline: {min_gain: 0}", "a model that a mean beats is not worth having")
    yield remark("    beats-champion: {}", "better, and by at least 1 % of its loss")
    yield remark("    too-good: {}", "if perfect, or one column tells it all, a person must explain why")
    yield remark(f"    data-rows: {{train: {max(1, rows // 2)}}}", "half of today's rows")


def _promotion(draft: Draft) -> str:
    names = [one_line(role.column.name) for role in draft.suspicious]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    why = f"look at {', '.join(names[:_MOST_NAMED])}{more} first" if names else ""
    if draft.not_looked_at and not why:
        why = f"first check the {draft.not_looked_at:,} columns that init did not check"
    if draft.learning.doubtful and not why:
        why = f"first decide what {one_line(str(draft.learning.doubtful[0]))} means"
    if not why:
        return remark("  promotion: automatic", "or manual: a person decides")
    return remark("  promotion: manual", f"{why}, then automatic")


def _contract(draft: Draft) -> Iterable[str]:
    yield "contract:"
    yield f"  # {RULE}"
    yield f"  # {LIMITS}"
    yield f"  # {VALUES}"
    yield "  columns:"
    yield from promises(draft)


def _variants(draft: Draft) -> Iterable[str]:
    change = "{model.num_trees: 10}" if draft.model == "lightgbm" else "{training.epochs: 1}"
    yield "variants:"
    yield remark(f"  smoke: {change}", "does it run at all? --variant smoke")
