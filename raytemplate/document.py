"""Safe YAML with positions: plain data, the line of every key, the comment at its end, and limits on a file.

YAML 1.2 core schema: `no` is text, `1e-3` a number, a date stays text. No tags, no code, no merge keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from raytemplate.errors import Problem, SpecError
from raytemplate.units import brief

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 10_000
_MAX_DIGITS = 300

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_KEY = r'(?:"(?:[^"]|"")+"|[^."\s=][^.\s=]*)'
PATH = re.compile(rf"{_KEY}(?:\.{_KEY})*")
"""A dotted path. A key with dots, blanks or an equals sign stands in double quotes, as in `columns."total amount"`; a
double quote in it is written twice."""
_COMMENT = re.compile(r"(?:^|\s)#+\s?(.*)$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One YAML mapping as plain data. Paths are dotted, list items by index: "features.numeric.0".

    Args:
        problems: single values that none can be, such as `.nan`; here they are the text that was typed.
    """

    value: dict[str, Any]
    lines: Mapping[str, int] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    comments: Mapping[int, str] = field(repr=False)
    problems: tuple[Problem, ...] = ()

    def line(self, path: str) -> int:
        """Line of that key, from 1; 0 if there is no such key."""
        return self.lines.get(path, 0)

    def comment(self, path: str) -> str:
        """The comment at the end of that key's line, without its `#`; empty if there is none."""
        return self.comments.get(self.line(path), "")

    def text(self, path: str) -> str:
        """A single value as it was typed (`1.10` where the value is 1.1); empty for mappings and lists."""
        return self.texts.get(path, "")


def parse(data: bytes, where: str) -> Document:
    """The document in `data`.

    Args:
        where: the file's name, as problems shall show it.

    Raises:
        SpecError: not one YAML mapping within the limits; each problem with its line and reason.
    """
    document = read(data, where)
    if document.problems:
        raise SpecError(document.problems)
    return document


def read(data: bytes, where: str) -> Document:
    """The same, where nothing is wrong but single values: those are its `problems`, to be told with others."""
    text = _decode(data, where)
    root, composer = _compose(text, where)
    if root.kind != "mapping":
        composer.refuse(root.line, "", f'expected a mapping such as "name: my-model" at the top, got {root.described}')
    lines: dict[str, int] = {"": 1}
    texts: dict[str, str] = {}
    value = _build(root, "", lines, texts)
    return Document(
        value=value, lines=lines, texts=texts, comments=_comments(text, composer), problems=tuple(composer.problems)
    )


def parse_value(text: str, where: str) -> Any:
    """One value as on the command line: `3`, `ten`, `[a, b]`, `{cpus: 1}`. Nothing at all is null.

    Raises:
        SpecError: not YAML, or outside the limits.
    """
    if not text.strip():
        return None
    root, composer = _compose(_decode(text.encode("utf-8", "surrogateescape"), where), where, numbered=False)
    if composer.problems:
        raise SpecError(tuple(composer.problems))
    return _build(root, "", {}, {})


def split_path(path: str) -> tuple[str, ...]:
    """The keys on a dotted path, without their quotes."""
    keys = re.findall(_KEY, path) if PATH.fullmatch(path) else path.split(".")
    return tuple(key[1:-1].replace('""', '"') if key.startswith('"') else key for key in keys)


def _decode(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        _refuse(f"{where}:1", f"{len(data):,} bytes, expected at most {MAX_BYTES:,} (1 MiB)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        _refuse(f"{where}:{line}", f"not UTF-8 text: byte 0x{data[error.start]:02x}")
    if not text.strip():
        _refuse(f"{where}:1", 'empty, expected a template: a mapping such as "name: my-model"')
    return text


def _refuse(where: str, message: str) -> NoReturn:
    raise SpecError((Problem(where=where, path="", message=message),))


@dataclass(slots=True)
class _Node:
    """A value with its line. `count` and `height` include what aliases below it stand for, without expanding them."""

    kind: str
    line: int
    value: Any = None
    text: str = ""
    items: list[tuple[str, int, _Node]] = field(default_factory=list["tuple[str, int, _Node]"])
    count: int = 1
    height: int = 1

    def add(self, key: str, line: int, child: _Node) -> None:
        self.items.append((key, line, child))
        self.count += child.count
        self.height = max(self.height, child.height + 1)

    @property
    def described(self) -> str:
        return {"sequence": "a list", "mapping": "a mapping"}.get(self.kind) or (brief(self.text) or "nothing")


class _Composer:
    """Events -> nodes. Refuses at once what would take long to read on; collects what can be told together."""

    def __init__(self, events: Iterator[Any], where: str, numbered: bool) -> None:
        self.events = events
        self.where = where
        self.numbered = numbered
        self.problems: list[Problem] = []
        self.is_sound = True
        self.anchors: dict[str, _Node | None] = {}
        self.ends: dict[int, int] = {}
        self.inside: set[int] = set()
        self.num_nodes = 0

    def note(self, line: int, path: str, message: str, *, of_value: bool = False) -> None:
        """Adds a problem; with one that is not of a single value, the document is not to be looked at any further."""
        self.is_sound = self.is_sound and of_value
        where = f"{self.where}:{line}" if self.numbered else self.where
        self.problems.append(Problem(where=where, path=path, message=message))

    def refuse(self, line: int, path: str, message: str) -> NoReturn:
        self.note(line, path, message)
        raise SpecError(tuple(self.problems))

    def node(self, event: Any, path: str, depth: int) -> _Node:
        """The node that begins with `event`; reads on to its end."""
        line = event.start_mark.line + 1
        kind = type(event).__name__
        self.num_nodes += 1
        self._limit(line, path, self.num_nodes, depth)
        if kind == "AliasEvent":
            return self._alias(event, line, path, depth)
        if event.tag is not None:
            self.note(line, path, f"tag {event.tag} is not allowed; a template is plain data")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = {"ScalarEvent": self._scalar, "SequenceStartEvent": self._sequence}.get(kind, self._mapping)(
            event, line, path, depth
        )
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _limit(self, line: int, path: str, count: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.refuse(line, "", f"nested more than {MAX_DEPTH} deep")
        if count > MAX_NODES:
            self.refuse(line, path, f"more than {MAX_NODES:,} values, counting what anchors repeat")

    def _alias(self, event: Any, line: int, path: str, depth: int) -> _Node:
        self._mark(event)
        if event.anchor not in self.anchors:
            self.refuse(line, path, f"no such anchor: &{event.anchor}")
        node = self.anchors[event.anchor]
        if node is None:
            self.refuse(line, path, f"*{event.anchor} stands inside its own anchor")
        self._limit(line, path, node.count, depth + node.height - 1)
        return node

    def _scalar(self, event: Any, line: int, path: str, depth: int) -> _Node:
        self._mark(event)
        text = cast(str, event.value)
        if _SURROGATE.search(text):
            self.note(line, path, "half a character (a lone surrogate) is not text")
            text = _SURROGATE.sub("?", text)
        if not event.implicit[0] or event.style is not None:
            return _Node("scalar", line, text, text)
        try:
            return _Node("scalar", line, _plain(text), text)
        except ValueError as error:
            self.note(line, path, str(error), of_value=True)
            return _Node("scalar", line, text, text)

    def _sequence(self, event: Any, line: int, path: str, depth: int) -> _Node:
        node = _Node("sequence", line)
        while type(item := next(self.events)).__name__ != "SequenceEndEvent":
            child = self.node(item, f"{path}.{len(node.items)}", depth + 1)
            node.add(str(len(node.items)), item.start_mark.line + 1, child)
            self._limit(line, path, node.count, depth)
        self._mark(item)
        return node

    def _mapping(self, event: Any, line: int, path: str, depth: int) -> _Node:
        node = _Node("mapping", line)
        seen: dict[str, int] = {}
        while type(key_event := next(self.events)).__name__ != "MappingEndEvent":
            key_line = key_event.start_mark.line + 1
            key = self._key(key_event, path, depth)
            below = f"{path}.{key}" if path else key
            child = self.node(next(self.events), below, depth + 1)
            if key in seen:
                self.note(key_line, below, f"set twice, first in line {seen[key]}")
                continue
            seen[key] = key_line
            node.add(key, key_line, child)
            self._limit(line, path, node.count, depth)
        self._mark(key_event)
        return node

    def _key(self, event: Any, path: str, depth: int) -> str:
        """A key is text, whatever it looks like; a merge key is refused, as YAML 1.2 has none."""
        line = event.start_mark.line + 1
        node = self.node(event, path, depth + 1)
        if node.kind != "scalar":
            self.refuse(line, path, f"a key is text, got {node.described}")
        if node.text == "<<" and event.style is None:
            self.note(line, path, "merge keys (<<) are not in YAML 1.2; use extends, or an alias for the whole value")
        return node.text

    def _mark(self, event: Any) -> None:
        """Notes where content ends in a line and which lines lie inside a text, to tell comments from it."""
        start, end = event.start_mark, event.end_mark
        self.ends[end.line] = max(self.ends.get(end.line, 0), end.column)
        self.inside.update(range(start.line, end.line))


def _plain(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise ValueError(f"a number of {len(text):,} digits, expected at most {_MAX_DIGITS}")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and not math.isfinite(float(text))):
        raise ValueError(f"got {text}, expected a finite number")
    return float(text) if _FLOAT.fullmatch(text) else text


def _compose(text: str, where: str, *, numbered: bool = True) -> tuple[_Node, _Composer]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="safe", pure=True)  # only half of ruamel's functions say what they return
    events = cast("Iterator[Any]", yaml.parse(text))
    composer = _Composer(events, where, numbered)
    try:
        root = _single(composer)
    except MarkedYAMLError as error:
        told = cast("Any", error)
        mark = told.problem_mark or told.context_mark
        composer.refuse(mark.line + 1 if mark else 1, "", f"not YAML: {told.problem or told.context}")
    except YAMLError as error:
        line = len(_BREAK.findall(text[: getattr(error, "position", 0)])) + 1
        composer.refuse(line, "", f"not YAML: {getattr(error, 'reason', error)}")
    except (ValueError, OverflowError, IndexError) as error:
        composer.refuse(1, "", f"not YAML: {error}")
    if not composer.is_sound:
        raise SpecError(tuple(composer.problems))
    return root, composer


def _single(composer: _Composer) -> _Node:
    """The one document of the stream."""
    root: _Node | None = None
    for event in composer.events:
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            if root is not None:
                composer.refuse(event.start_mark.line + 1, "", "a second document begins here, expected one")
            root = composer.node(next(composer.events), "", 1)
    if root is None:
        composer.refuse(1, "", 'empty, expected a template: a mapping such as "name: my-model"')
    return root


def _build(node: _Node, path: str, lines: dict[str, int], texts: dict[str, str]) -> Any:
    """Plain data of a node; its locations go into `lines` and `texts`. Small: the limits were checked before."""
    if node.kind == "scalar":
        texts[path] = node.text
        return node.value
    built: dict[str, Any] = {}
    for key, line, child in node.items:
        below = f"{path}.{key}" if path else key
        lines[below] = line
        built[key] = _build(child, below, lines, texts)
    return built if node.kind == "mapping" else list(built.values())


def _comments(text: str, composer: _Composer) -> dict[int, str]:
    """Line -> its comment, for lines with content before it. After the last content of a line, ` #` begins one."""
    found: dict[int, str] = {}
    rows = _BREAK.split(text)
    for row, end in composer.ends.items():
        match = _COMMENT.search(rows[row][end:]) if row < len(rows) and end and row not in composer.inside else None
        if match and match[1].strip():
            found[row + 1] = match[1].strip()
    return found
