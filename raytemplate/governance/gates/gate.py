"""What a gate is, and gates from a plan's settings."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from raytemplate import plugins
from raytemplate.governance.evidence import Evidence
from raytemplate.records.judged import Finding


class Gate(Protocol):
    """A frozen set of thresholds. `check` is pure; `severity` is applied by `judge`, not by the gate."""

    @property
    def severity(self) -> Literal["block", "warn"]:
        """What a failed gate does."""
        ...

    def check(self, evidence: Evidence) -> Finding:
        """What this gate says of the evidence. Raising counts as a block."""
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
        PluginError: no such gate, or one that cannot be used.
        ValueError: settings that do not fit the gate, or one gate twice.
    """
    gates: dict[str, Gate] = {}
    for config in configs:
        if config.name in gates:
            raise ValueError(f"gate {config.name} is set twice")
        gates[config.name] = plugins.load(plugins.GATES, config.name).model_validate(dict(config.settings))
    return gates
