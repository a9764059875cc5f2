"""Which predictions were made on bad inputs while an incident lasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.finding import Finding, FindingKind


@dataclass(frozen=True, slots=True)
class Affected:
    """The bad inputs of one model in [start, end): the feature, and the value that it was stuck at (None: nulls)."""

    model: str
    features: Mapping[str, float | None]
    start: datetime
    end: datetime


class Log(Protocol):
    """Where predictions are looked up."""

    def affected(
        self, model: str, start: datetime, end: datetime, features: Mapping[str, float | None], limit: int
    ) -> pa.Table: ...


def affected_models(findings: Sequence[Finding], now: datetime) -> list[Affected]:
    """The models whose inputs were broken, by the incident's findings, and for how long."""
    by_model: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.kind is FindingKind.DATA_QUALITY and finding.entity.startswith(f"{EntityKind.FEATURE}:"):
            model = finding.entity.partition(":")[2].partition("/")[0]
            by_model.setdefault(model, []).append(finding)
    return [
        Affected(
            model,
            {finding.entity.partition("/")[2]: _stuck_at(finding) for finding in found},
            min(finding.starts_at for finding in found),
            max(finding.ends_at or now for finding in found),
        )
        for model, found in sorted(by_model.items())
    ]


def _stuck_at(finding: Finding) -> float | None:
    values = finding.evidence[0].values if finding.evidence else {}
    return values.get("stuck_at")
