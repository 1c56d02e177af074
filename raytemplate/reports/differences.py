"""What differs between two runs, as `diff A B` prints it."""

from dataclasses import dataclass
from html import escape

from raytemplate.reports.layout import table


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """One thing that is not the same: what, how it was in the first run, how in the second; "-" where it was not."""

    what: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What differs of one kind, such as "template" or "data"; `same` says what was compared and is all the same."""

    title: str
    changed: tuple[Changed, ...]
    same: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """Two runs and what differs between them; prints as `raytemplate diff` does, also in a notebook."""

    first: str
    second: str
    sections: tuple[Section, ...]

    def __str__(self) -> str:
        rows: list[tuple[str, str, str]] = [("", self.first, self.second)]
        for section in self.sections:
            if section.changed:
                rows += [("", "", ""), (section.title, "", "")]
                rows += [(f"  {each.what}", each.first, each.second) for each in section.changed]
        same = [section.same for section in self.sections if not section.changed]
        told = [f"\n  The same: {'; '.join(same)}."] if same else []
        return "\n".join([table(rows, gaps=(3, 3), most={0: 34, 1: 30, 2: 30}), *told, f"\n  {self.command}"])

    @property
    def command(self) -> str:
        """What a person would want to see next."""
        return f"raytemplate show {self.second}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(section.title)}</td><td>{escape(each.what)}</td><td>{escape(each.first)}</td>"
            f"<td>{escape(each.second)}</td></tr>"
            for section in self.sections
            for each in section.changed
        )
        head = f"<tr><th></th><th></th><th>{escape(self.first)}</th><th>{escape(self.second)}</th></tr>"
        return f"<table>{head}{rows}</table>"
