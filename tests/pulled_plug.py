"""Makes something happen to a run in this process at an exact moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raytemplate.errors import Unavailable
from raytemplate.reports.listener import Listener


class When(Listener):
    """A listener that does something when an epoch (a number) or a stage (its name) has ended."""

    def __init__(self, moment: int | str, act: Callable[[], Any]) -> None:
        self.moment, self.act = moment, act

    def epoch(self, record, plan, left_s):
        if record.epoch == self.moment:
            self.act()

    def stage_ended(self, stage, record, seconds):
        if stage == self.moment:
            self.act()


def pull_the_plug() -> None:
    """As if the machine were lost."""
    raise Unavailable("the plug was pulled")
