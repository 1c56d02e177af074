"""The gate `data-rows`: enough rows in a window."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.options import GateOptions
from raytemplate.records.judged import Finding

Rows = Annotated[int, Field(ge=1)]


class DataRows(GateOptions):
    """Requires a number of rows, after `data.drop`, in one or more windows. At least one field must be set."""

    train: Rows | None = None
    """Fewest rows of the training window. Default: not checked."""

    validation: Rows | None = None
    """Fewest rows of the validation window. Default: not checked."""

    test: Rows | None = None
    """Fewest rows of the test window. Default: not checked."""

    @model_validator(mode="after")
    def _some(self) -> DataRows:
        if not self.limits:
            raise ValueError("expected at least one of train, validation and test")
        return self

    @property
    def limits(self) -> dict[str, int]:
        """Window -> its fewest rows, for the windows that are checked."""
        all_windows = {"train": self.train, "validation": self.validation, "test": self.test}
        return {window: least for window, least in all_windows.items() if least is not None}

    def check(self, evidence: Evidence) -> Finding:
        """Passes if every window that is checked has enough rows."""
        rows = {window.name: window.num_rows for window in evidence.snapshot.windows}
        unknown = [window for window in self.limits if window not in rows]
        if unknown:
            return Finding(gate="data-rows", outcome="error", found=f"rows of {', '.join(unknown)} were not counted")
        enough = all(rows[window] >= least for window, least in self.limits.items())
        several = len(self.limits) > 1
        return Finding(
            gate="data-rows",
            outcome="pass" if enough else "block",
            found="; ".join(f"{w} " * several + f"{rows[w]:,}" for w in self.limits),
            required="; ".join(f"{w} " * several + f"at least {least:,}" for w, least in self.limits.items()),
        )
