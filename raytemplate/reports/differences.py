"""What differs between two runs, as `diff A B` prints it."""

from dataclasses import dataclass
from html import escape

from raytemplate.reports.layout import hanging, table


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """One difference between two runs."""

    what: str
    """What differs."""
    first: str
    """Its value in the first run; "-" if it was absent."""
    second: str
    """Its value in the second run; "-" if it was absent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The differences of one kind."""

    title: str
    """The kind, such as "template" or "data"."""
    changed: tuple[Changed, ...]
    """The differences; empty if there are none."""
    same: str
    """What was compared, to be listed as the same if nothing differs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """Two runs and what differs between them; prints as `raytemplate diff` does, in a notebook too."""

    first: str
    """Id of the first run."""
    second: str
    """Id of the second run."""
    sections: tuple[Section, ...]
    """The kinds of differences, including those without any."""
    note: str = ""
    """What could not be compared, in a sentence; "" if everything was."""

    def __str__(self) -> str:
        rows: list[tuple[str, str, str]] = [("", self.first, self.second)]
        for section in self.sections:
            if section.changed:
                rows += [("", "", ""), (section.title, "", "")]
                rows += [(f"  {each.what}", each.first, each.second) for each in section.changed]
        same = [section.same for section in self.sections if not section.changed]
        told = [f"\n  The same: {'; '.join(same)}."] if same else []
        told += [hanging("  " if told else "\n  ", self.note)] if self.note else []
        return "\n".join([table(rows, gaps=(3, 3), most={0: 34, 1: 30, 2: 30}), *told, f"\n  {self.command}"])

    @property
    def command(self) -> str:
        """The command for what a person would want to see next."""
        return f"raytemplate show {self.second}"

    def __repr__(self) -> str:
        differ = [section.title for section in self.sections if section.changed]
        return f"<differences of runs {self.first} and {self.second}: {', '.join(differ) or 'none'}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(section.title)}</td><td>{escape(each.what)}</td><td>{escape(each.first)}</td>"
            f"<td>{escape(each.second)}</td></tr>"
            for section in self.sections
            for each in section.changed
        )
        head = f"<tr><th></th><th></th><th>{escape(self.first)}</th><th>{escape(self.second)}</th></tr>"
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table>{head}{rows}</table>{note}"
