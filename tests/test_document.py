"""`raytemplate.document`: plain data with positions, and everything that a template must not contain."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.document import MAX_BYTES, parse, parse_value
from raytemplate.errors import SpecError


def refused(data: bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(data, "t.yaml")
    return [str(problem) for problem in caught.value.problems]


def laughs(levels: int, *, width: int = 10) -> bytes:
    rows = [f"a0: &a0 [{', '.join(['ha'] * width)}]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(rows).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("1e-3", 0.001),
        ("2013-06-01", "2013-06-01"),
        ("2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z"),
        ("012", 12),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("True", True),
        ("'3'", "3"),
        ("10m", "10m"),
        ("12:30", "12:30"),
    ],
)
def test_scalar_follows_the_core_schema(text: str, value: object) -> None:
    assert parse(f"a: {text}\n".encode(), "t.yaml").value == {"a": value}


def test_line_and_comment_of_keys_and_items() -> None:
    document = parse(
        b"a: 1  # first # of two\nb:    # below\n  c: [x,\n    y]   # list\n  d: 'no # comment'\n", "t.yaml"
    )
    places = {path: (document.line(path), document.comment(path)) for path in ("a", "b", "b.c", "b.c.1", "b.d", "z")}
    assert places == {
        "a": (1, "first # of two"),
        "b": (2, "below"),
        "b.c": (3, ""),
        "b.c.1": (4, "list"),
        "b.d": (5, ""),
        "z": (0, ""),
    }


def test_comment_is_not_taken_from_inside_a_text() -> None:
    document = parse(b'a: |\n  x # no\nb: "y # no\n  z # no"  # yes\nc: 3\n', "t.yaml")
    assert (document.comment("a"), document.comments) == ("", {4: "yes"})


def test_text_is_kept_as_typed() -> None:
    assert parse(b"version: 1.10\n", "t.yaml").text("version") == "1.10"


def test_keys_are_text() -> None:
    assert parse(b"1: a\nno: b\n2013-01-01: c\n", "t.yaml").value == {"1": "a", "no": "b", "2013-01-01": "c"}


def test_alias_stands_for_its_anchor() -> None:
    document = parse(b"a: &x {k: 1}\nb: *x\n", "t.yaml")
    assert (document.value, document.line("b"), document.line("b.k")) == ({"a": {"k": 1}, "b": {"k": 1}}, 2, 1)


EMPTY = 'empty, expected a template: a mapping such as "name: my-model"'
TOP = 'expected a mapping such as "name: my-model" at the top, got'


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        pytest.param(b"", [f"t.yaml:1  {EMPTY}"], id="empty"),
        pytest.param(b"# only\n", [f"t.yaml:1  {EMPTY}"], id="comment-only"),
        pytest.param(b"\n- a\n", [f"t.yaml:2  {TOP} a list"], id="list"),
        pytest.param(b"text", [f"t.yaml:1  {TOP} text"], id="text"),
        pytest.param(b"t,x\n1,2\n" * 9_000, [f"t.yaml:1  {TOP} {('t,x 1,2 ' * 25)}..."], id="data"),
        pytest.param(
            b"a: 1\nb: [1\n", ["t.yaml:3  not YAML: expected ',' or ']', but got '<stream end>'"], id="syntax"
        ),
        pytest.param(b"a: 1\nb: c: d\n", ["t.yaml:2  not YAML: mapping values are not allowed here"], id="colon"),
        pytest.param(b"a: 1\nb: \xff\n", ["t.yaml:2  not UTF-8 text: byte 0xff"], id="latin-1"),
        pytest.param(b"a: 1\nb: \x00\n", ["t.yaml:2  not YAML: special characters are not allowed"], id="control"),
        pytest.param(b"a: 1\n---\nb: 2\n", ["t.yaml:2  a second document begins here, expected one"], id="documents"),
        pytest.param(b"a: *x\n", ["t.yaml:1  a: no such anchor: &x"], id="no-anchor"),
        pytest.param(b"a: &x [*x]\n", ["t.yaml:1  a.0: *x is inside its own anchor"], id="circle"),
        pytest.param(b"? [1]\n: 2\n", ["t.yaml:1  a key is text, got a list"], id="list-key"),
        pytest.param(b"a: " + b"[" * 40, ["t.yaml:1  nested more than 32 deep"], id="deep"),
        pytest.param(b"a: 1\xe2\x82", ["t.yaml:1  not UTF-8 text: byte 0xe2"], id="truncated"),
        pytest.param(b"a: " + b"9" * 400, ["t.yaml:1  a: a number of 400 digits, expected at most 300"], id="digits"),
        pytest.param(
            b"<<: {a: 1}\n",
            ["t.yaml:1  merge keys (<<) are not in YAML 1.2; use extends, or an alias for the whole value"],
            id="merge",
        ),
        pytest.param(
            b"a: " + b"x" * MAX_BYTES, ["t.yaml:1  1,048,579 bytes, expected at most 1,048,576 (1 MiB)"], id="large"
        ),
    ],
)
def test_parse_refuses(data: bytes, problems: list[str]) -> None:
    assert refused(data) == problems


def test_all_problems_are_told_at_once() -> None:
    assert refused(b"a: 1\nb: !!python/object:os.system x\na: 2\nc: !x y\nd: .nan\n") == [
        "t.yaml:2  b: tag tag:yaml.org,2002:python/object:os.system is not allowed; a template is plain data",
        "t.yaml:3  a: set twice, first in line 1",
        "t.yaml:4  c: tag !x is not allowed; a template is plain data",
        "t.yaml:5  d: got .nan, expected a finite number",
    ]


@pytest.mark.parametrize("data", [laughs(9), laughs(2_000), laughs(5, width=200)], ids=["nine", "long", "wide"])
def test_billion_laughs_is_refused_at_once(data: bytes) -> None:
    started = time.perf_counter()
    assert refused(data)[0].endswith("more than 10,000 values, counting what anchors repeat")
    assert time.perf_counter() - started < 1


def test_depth_counts_what_aliases_stand_for() -> None:
    rows = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    assert refused("\n".join(rows).encode()) == ["t.yaml:31  nested more than 32 deep"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("ten", "ten"), ("[a, b]", ["a", "b"]), ("{cpus: 0.5}", {"cpus": 0.5}), ("", None), ("7d", "7d")],
)
def test_parse_value(text: str, value: object) -> None:
    assert parse_value(text, "--set a=b") == value


def test_parse_value_names_its_layer_without_a_line() -> None:
    with pytest.raises(SpecError) as caught:
        parse_value("!x y", "--set a=!x y")
    assert [str(p) for p in caught.value.problems] == ["--set a=!x y  tag !x is not allowed; a template is plain data"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(alphabet="ab:-[]{}&*!'\"#|>%@?, \n\t\\", max_size=60).map(str.encode)))
def test_any_bytes_parse_or_give_located_problems(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "t.yaml").value, dict)
    except SpecError as error:
        assert all(problem.where.startswith("t.yaml:") for problem in error.problems)
