"""Findings and holds for the tests of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import Silence

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def alert(
    name: str = "Down",
    starts: float = 0,
    ends: float | None = None,
    *,
    entity: str = "",
    severity: Severity = Severity.ERROR,
    **labels: str,
) -> Finding:
    """An alert with labels, as from outside; its labels are its identity."""
    found = labelled({"alertname": name, **labels}, starts, entity, severity)
    return found if ends is None else over(found, ends)


def labelled(
    said: Mapping[str, str], starts: float = 0, entity: str = "", severity: Severity = Severity.ERROR
) -> Finding:
    """An open alert with these labels."""
    name = said["alertname"]
    return Finding(
        fingerprint="fp-" + ",".join(f"{key}={value}" for key, value in sorted(said.items())),
        detector="alertmanager",
        detector_version="4",
        entity=entity,
        kind=FindingKind.EXTERNAL,
        severity=severity,
        score=0.75,
        score_meaning="how bad",
        starts_at=at(starts),
        sentence=f"{name} is told",
        evidence=(Evidence(name, said),),
    )


def over(finding: Finding, ends: float) -> Finding:
    return replace(finding, ends_at=at(ends))


def matchers(*texts: str) -> tuple[Matcher, ...]:
    return tuple(Matcher.of(text) for text in texts)


def silence(*texts: str, starts: float = -60, ends: float = 3600, identity: str = "s") -> Silence:
    return Silence(identity, matchers(*texts), at(starts), at(ends), "ann", "known", at(starts))
