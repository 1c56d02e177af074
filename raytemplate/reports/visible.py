"""Text from data, files and other people as it may be printed: nothing in it moves the cursor or hides what it says."""

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters other than tab and newline, and those that turn the direction of writing."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def visible(text: str) -> str:
    r"""The text with every control character as its escape: a terminal's "clear the screen" becomes `\x1b[2J`."""
    return _UNSEEN.sub(_escaped, text) if _UNSEEN.search(text) else text


def visible_json(document: str) -> str:
    """A JSON document whose texts have no such character as it is, and still are the same texts."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", document)


def without_colours(text: str) -> str:
    """Text that a program has printed, without what colours it; a line that was printed over is a line of its own."""
    return _COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
