"""What an incident did to predictions: those made meanwhile, and among them those made on bad inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.verdict import Verdict
from wellkept.ml.watch.affected import affected_models
from wellkept.web.readings import Readings

SHOWN = 8


@dataclass(frozen=True, slots=True)
class PredictionView:
    """One prediction that was made on bad inputs."""

    at: datetime
    id: str
    of: str
    score: float
    decision: str
    bad: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AffectedView:
    """One model: how many predictions it made meanwhile, how many of them on bad inputs, and the newest of those."""

    model: str
    count: int
    bad: int
    features: tuple[str, ...]
    newest: tuple[PredictionView, ...]
    href: str


def affected_views(
    incident: Incident, findings: Sequence[Finding], verdicts: Sequence[Verdict], readings: Readings, now: datetime
) -> tuple[AffectedView, ...]:
    """The models that an incident touched."""
    start, end = lasting(incident, now)
    cases = {case.model: case for case in affected_models(findings, now)}
    found = []
    for model in models_of(incident, verdicts):
        case = cases.get(model)
        rows = readings.affected(case, SHOWN) if case else []
        found.append(
            AffectedView(
                model=model,
                count=readings.predictions_between(model, start, end),
                bad=rows[0]["total"] if rows else 0,
                features=tuple(sorted(case.features)) if case else (),
                newest=tuple(
                    PredictionView(
                        row["time"], row["id"], row["entity_key"], row["score"], row["decision"], tuple(row["bad"])
                    )
                    for row in rows
                ),
                href=f"/incidents/{incident.id}/predictions/{model}.csv",
            )
        )
    return tuple(found)


def models_of(incident: Incident, verdicts: Sequence[Verdict]) -> list[str]:
    """The models that an incident touches: by its members, or by a verdict that names it."""
    found: dict[str, None] = {}
    for entity in (*incident.entities, *(verdict.subject for verdict in verdicts)):
        kind, _, name = entity.partition(":")
        if kind in ("model", "deployment", "feature", "model_version") and name:
            found[name.partition("/")[0]] = None
    return list(found)


def lasting(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """From the onset to the end (or now), at most a day."""
    end = incident.resolved_at or incident.closed_at or now
    return max(incident.opened_at, end - timedelta(days=1)), end
