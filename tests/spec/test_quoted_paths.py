"""Names with dots and blanks on dotted paths: `--set`, Python, variants and `tuning.space`."""

from __future__ import annotations

import pytest
from template_text import WHOLE, write

from raytemplate.document import split_path
from raytemplate.errors import SpecError
from raytemplate.spec.load import load
from raytemplate.tuning.space import drawn_settings

NAMES = ("total amount", "a.b", "x=y", 'say "so"')


def text_of(name: str) -> str:
    quoted = "'" + name.replace("'", "''") + "'"
    return WHOLE.replace("numeric: [distance, seats]", f"numeric: [distance, {quoted}]")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_of_any_column_can_be_set(tmp_path, name):
    path = write(tmp_path, text_of(name))
    key = f"features.columns.{quoted(name)}.transform"
    for spec in (
        load(path, sets=[f"{key}=log"], environ={}),
        load(path, overrides={key: "log"}, environ={}),
    ):
        assert spec.features.columns[name] == {"transform": "log"}


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_and_a_search_can_name_any_column(tmp_path, name):
    key = f"features.columns.{quoted(name)}.transform"
    written = "'" + key.replace("'", "''") + "'"
    more = f"tuning:\n  space: {{{written}: 'choice(log, none)'}}\n"
    text = text_of(name).replace("variants:\n", f"{more}variants:\n  logged: {{{written}: log}}\n")
    path = write(tmp_path, text)
    assert tuple(load(path, environ={}).tuning.space) == (key,)
    assert drawn_settings({key: "log"}) == {name: {"transform": "log"}}
    without = write(tmp_path, text.replace(more, ""), name="u.yaml")
    assert load(without, variant="logged", environ={}).features.columns[name] == {"transform": "log"}


UNQUOTED = {
    "features.columns.total amount.transform=log": "expected PATH=VALUE such as training.epochs=3; a name with dots or "
    'blanks goes in double quotes, as in features.columns."total amount".transform',
    "features.columns.a.b.transform=log": "no such feature; a name with dots goes in double quotes on a path: "
    'features.columns."a.b"',
}


@pytest.mark.parametrize(("text", "message"), UNQUOTED.items(), ids=UNQUOTED)
def test_how_to_quote_is_told(tmp_path, text, message):
    path = write(tmp_path, text_of("a.b"))
    with pytest.raises(SpecError) as refused:
        load(path, sets=[text], environ={})
    assert [problem.message for problem in refused.value.problems] == [message]


@pytest.mark.parametrize(
    ("path", "keys"),
    [("a.b", ("a", "b")), ('a."b.c".d', ("a", "b.c", "d")), ('"a""b"', ('a"b',)), ("a b.c", ("a b", "c"))],
)
def test_a_path_is_split(path, keys):
    assert split_path(path) == keys
