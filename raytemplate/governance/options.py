"""The `governance` namespace, and the settings that all gates share."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from raytemplate.options import Options
from raytemplate.units import SPAN_SCHEMA, Span, parse_span, show


def _cadence(value: object) -> Span | None:
    if value is None:
        return None
    try:
        found = parse_span(value)
    except ValueError:
        found = Span(0, "all")
    if found.unit == "all" or not found.amount:
        raise ValueError(f'got {show(value)}, expected a length of time such as "1 month" or "2 weeks"')
    return found


def _as_text(value: Span | None) -> str | None:
    return None if value is None else str(value)


CadenceField = Annotated[
    Span | None,
    BeforeValidator(_cadence),
    PlainSerializer(_as_text, return_type=str | None),
    WithJsonSchema({**SPAN_SCHEMA, "examples": ["1 month", "2 weeks"]}),
]


Severity = Literal["block", "hold", "warn"]
Risk = Literal["low", "high"]


class GateOptions(Options):
    """Settings that every gate has."""

    waivable: ClassVar[bool] = True
    """Whether `raytemplate waive` may except a candidate from the gate. A gate on integrity or privacy says False."""

    severity: Severity = "block"
    """What a failed gate does: `block` refuses promotion, `hold` leaves it to a person (`raytemplate promote RUN
    --reason ...`) even if promotion is automatic, `warn` only reports the failure. Default: block."""


class GovernanceSpec(Options):
    """What is good enough, and who must agree."""

    promotion: Literal["automatic", "manual"] = "manual"
    """`automatic` promotes when no gate blocks or holds; `manual` waits for `raytemplate promote RUN`. Default:
    manual."""

    risk: Risk = "low"
    """How much harm a wrong model does. With `high` the promoter of a team computes the test metrics again, from the
    model's frozen bytes and the rows that it was tested on. A variant, the environment or `--set` may raise what the
    file says, not lower it. Default: low."""

    promotable: tuple[str, ...] = ("standard",)
    """Variants whose candidates may be promoted; `standard` is the file as written. Any other variant is judged for
    show: it promotes nothing and exits with 0 whatever its gates find. Only a file may set it. Default: standard."""

    cadence: CadenceField = None
    """How often the model should be retrained, such as `1 month`: `models` and `show MODEL` report it as overdue if its
    last judged run is longer ago. Default: never overdue."""

    gates: Mapping[str, Mapping[str, Any]] = {}
    """Gates by name, each with its settings. Without a gate nothing is promoted."""
