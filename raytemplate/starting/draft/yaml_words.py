"""Names and values written so that YAML reads them back: quoted if they would be read as something else."""

import re
import textwrap
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"))
_WIDTH = 110


def word(value: object) -> str:
    """One scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT else quoted(text)


def quoted(text: str) -> str:
    """A text in double quotes, on one line, with escapes for unprintable characters."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escaped(c) for c in shown) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str) -> str:
    """A name or a reason as it fits into a comment."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def sequence(values: Iterable[object]) -> str:
    """A list in brackets."""
    return f"[{', '.join(map(word, values))}]"


def listed(key: str, values: Iterable[object], indent: str = "  ") -> list[str]:
    """Lines `key: [a, b]`, wrapped if too long."""
    words = list(map(word, values))
    line = f"{indent}{key}: [{', '.join(words)}]"
    if len(line) <= _WIDTH or any(" " in one for one in words):
        return [line]
    inner = indent + "  "
    wrapped = textwrap.wrap(
        f"[{', '.join(words)}]",
        _WIDTH,
        initial_indent=inner,
        subsequent_indent=f"{inner} ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{indent}{key}:", *wrapped]


def remark(line: str, reason: str, column: int = 38) -> str:
    """A line with its reason at the end."""
    return f"{line:<{column}} # {reason}" if reason else line
