"""The interface of a gate, and how gates are made from a plan's settings."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol, get_args

from raytemplate import plugins
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.options import Severity
from raytemplate.records.judged import Finding, Outcome

_OUTCOMES = frozenset(get_args(Outcome))


class Gate(Protocol):
    """A frozen set of thresholds. `check` is pure; `severity` is applied by `judge`, not by the gate."""

    @property
    def severity(self) -> Severity:
        """What a failure of the gate does."""
        ...

    def check(self, evidence: Evidence) -> Finding:
        """The gate's finding about the evidence. Raising counts as a block."""
        ...


class Configured(Protocol):
    """A gate's name and its settings, as a plan holds them."""

    @property
    def name(self) -> str:
        """The plug-in's name."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the template set."""
        ...


def build_gates(configs: Iterable[Configured]) -> dict[str, Gate]:
    """Gates by name, in the order given.

    Raises:
        PluginError: no such gate, or it cannot be used.
        ValueError: settings do not fit their gate, or a gate is set twice.
    """
    gates: dict[str, Gate] = {}
    for config in configs:
        if config.name in gates:
            raise ValueError(f"gate {config.name} is set twice")
        gates[config.name] = plugins.load(plugins.GATES, config.name).model_validate(dict(config.settings))
    return gates


def checked(name: str, gate: Gate, evidence: Evidence) -> Finding:
    """A gate's finding, under the name it was set by. A crash is an error, whatever the gate's severity."""
    try:
        finding = gate.check(evidence)
        if not isinstance(finding, Finding) or finding.outcome not in _OUTCOMES:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"got {finding!r}, expected a Finding")
        return replace(finding, gate=name, outcome=_softened(finding.outcome, gate.severity))
    except Exception as error:  # a plug-in may raise anything, and must not keep the other gates from judging
        return Finding(gate=name, outcome="error", found=f"{type(error).__name__}: {error}", hint="the gate crashed")


def _softened(outcome: Outcome, severity: Severity) -> Outcome:
    """The outcome with the gate's severity applied to a failure; a gate that holds by itself does not block."""
    if outcome not in ("block", "hold") or severity == "block":
        return outcome
    return severity
