"""Safe YAML with positions: plain data, the line of every key, the comment at its end, and limits on the file.

It follows the core schema of YAML 1.2: `no` is text, `1e-3` is a number, a date stays text. There are no tags, no code
and no merge keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
"""A dotted path. A key with dots, blanks or an equals sign goes in double quotes, as in `columns."total amount"`; a
double quote inside it is written twice."""
_COMMENT = re.compile(r"(?:^|\s)#+\s?(.*)$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One YAML mapping as plain data. Paths are dotted, with list items by index: "features.numeric.0"."""

    value: dict[str, Any]

    lines: Mapping[str, int] = field(repr=False)
    """Path -> line, from 1."""

    texts: Mapping[str, str] = field(repr=False)
    """Path -> a single value as it was typed."""

    comments: Mapping[int, str] = field(repr=False)
    """Line -> the comment at its end."""

    problems: tuple[Problem, ...] = ()
    """Single values that are not allowed, such as `.nan`; in `value` they are the text that was typed."""

    def line(self, path: str) -> int:
        """Line of a key, from 1; 0 if there is no such key."""
        return self.lines.get(path, 0)

    def comment(self, path: str) -> str:
        """The comment at the end of a key's line, without its `#`; "" if there is none."""
        return self.comments.get(self.line(path), "")

    def text(self, path: str) -> str:
        """A single value as it was typed (`1.10` although the value is 1.1); "" for mappings and lists."""
        return self.texts.get(path, "")


def parse(data: bytes, where: str) -> Document:
    """The document in `data`.

    Args:
        where: the file's name, to be shown in problems.

    Raises:
        SpecError: not one YAML mapping within the limits; each problem with its line and reason.
    """
    document = read(data, where)
    if document.problems:
        raise SpecError(document.problems)
    return document


def read(data: bytes, where: str) -> Document:
    """Like `parse`, but problems with single values are returned in `problems`, to be raised together with others."""
    text = _decode(data, where)
    root, composer = _compose(text, where)
    if root.kind != "mapping":
        expected = f'expected a mapping such as "name: my-model" at the top, got {root.described}'
        raise SpecError((*composer.problems, Problem(where=f"{where}:{root.line}", path="", message=expected)))
    lines: dict[str, int] = {"": 1}
    texts: dict[str, str] = {}
    value = _build(root, "", lines, texts)
    return Document(
        value=value, lines=lines, texts=texts, comments=_comments(text, composer), problems=tuple(composer.problems)
    )


def parse_value(text: str, where: str) -> Any:
    """One value as on the command line: `3`, `ten`, `[a, b]`, `{cpus: 1}`. Empty text is null.

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
    """A value with its line."""

    kind: str
    """ "scalar", "sequence" or "mapping"."""

    line: int

    value: Any = None
    """Value of a scalar."""

    text: str = ""
    """A scalar as it was typed."""

    items: list[tuple[str, int, _Node]] = field(default_factory=list["tuple[str, int, _Node]"])
    """Key or index, line and value of each item."""

    count: int = 1
    """Values in this node, including those that aliases repeat."""

    height: int = 1
    """Levels in this node, including those that aliases repeat."""

    def add(self, key: str, line: int, child: _Node) -> None:
        self.items.append((key, line, child))
        self.count += child.count
        self.height = max(self.height, child.height + 1)

    @property
    def described(self) -> str:
        return {"sequence": "a list", "mapping": "a mapping"}.get(self.kind) or (brief(self.text) or "nothing")


class _Composer:
    """Builds nodes from events. Raises at once if reading on would take long; collects all other problems."""

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
        """Adds a problem. Unless it concerns a single value only, the document cannot be used any further."""
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
            self.refuse(line, path, f"*{event.anchor} is inside its own anchor")
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
        """The key as text, whatever it looks like; merge keys, which YAML 1.2 lacks, are refused."""
        line = event.start_mark.line + 1
        node = self.node(event, path, depth + 1)
        if node.kind != "scalar":
            self.refuse(line, path, f"a key is text, got {node.described}")
        if node.text == "<<" and event.style is None:
            self.note(line, path, "merge keys (<<) are not in YAML 1.2; use extends, or an alias for the whole value")
        return node.text

    def _mark(self, event: Any) -> None:
        """Notes where the content of a line ends and which lines are inside a text, to recognise comments."""
        start, end = event.start_mark, event.end_mark
        self.ends[end.line] = max(self.ends.get(end.line, 0), end.column)
        self.inside.update(range(start.line, end.line))


def _plain(text: str) -> Any:
    """The value of a plain scalar in the core schema of YAML 1.2."""
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


@lru_cache(maxsize=32)  # most of the time to load a template, and a process often loads the same one again
def _compose(text: str, where: str, *, numbered: bool = True) -> tuple[_Node, _Composer]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="safe", pure=True)  # ruamel annotates only half of its functions
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
    """The only document of the stream."""
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
    """Plain data of a node; fills `lines` and `texts`. Recursion is safe because the limits were checked before."""
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
    """Line -> its comment, for lines with content. A comment begins with ` #` after the last content of a line."""
    found: dict[int, str] = {}
    rows = _BREAK.split(text)
    for row, end in composer.ends.items():
        match = _COMMENT.search(rows[row][end:]) if row < len(rows) and end and row not in composer.inside else None
        if match and match[1].strip():
            found[row + 1] = match[1].strip()
    return found
