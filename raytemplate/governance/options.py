"""The `governance` namespace, and what every gate's settings share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from raytemplate.plugins import Options


class GateOptions(Options):
    """Settings every gate has."""

    severity: Literal["block", "warn"] = "block"
    """What a failed gate does: `block` refuses promotion, `warn` only says so. Default: block."""


class GovernanceSpec(Options):
    """What is good enough, and who must agree."""

    promotion: Literal["automatic", "manual"] = "manual"
    """`automatic` promotes when no gate blocks; `manual` waits for `raytemplate promote RUN`. Default: manual."""

    promotable: tuple[str, ...] = ("standard",)
    """Variants whose candidates may be promoted; `standard` is the file as written. Any other variant is judged for
    show: it promotes nothing and ends 0 whatever its gates say. Only a file may set it. Default: standard."""

    gates: Mapping[str, Mapping[str, Any]] = {}
    """Gates by name, each with its settings. Without any gate nothing is promoted."""
