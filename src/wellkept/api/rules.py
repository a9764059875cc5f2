"""Rules and objectives: how they stand, whether a new one is right, and what it would have done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.evaluation import GroupRun, RuleRun
from wellkept.ops.detect.rules.loading import load_text
from wellkept.ops.detect.rules.on import RulesOn, checked_span
from wellkept.ops.detect.rules.slo.findings import sentence, window_words
from wellkept.ops.detect.rules.slo.run import SloRun


class Wanted(BaseModel):
    """A rule document that is to be tried: its text, how to call it, and over which time."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=4 << 20)]
    name: str = "rules"
    start: datetime | None = None
    """Without one: seven days before the end."""
    end: datetime | None = None
    """Without one: now."""

    def span(self, clock: Clock) -> tuple[datetime, datetime]:
        """From when to when.

        Raises:
            InputError: a moment without a zone, or a time that is none or too long.
        """
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and moment.tzinfo is None:
                raise InputError(name, "must name its time zone (such as Z)", moment.isoformat())
        return checked_span(self.start, self.end, clock.now())


def router(rules: RulesOn, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["rules"])

    @routes.get("/rules")
    def listed() -> dict[str, Any]:
        found = [_rule(group, run) for group in rules.groups for run in group.rules]
        return {"rules": found, "mistakes": rules.mistakes}

    @routes.get("/slos")
    def slos() -> dict[str, Any]:
        return {"slos": [slo_document(run) for run in rules.objectives]}

    @routes.post("/rules/backtest")
    def backtested(wanted: Wanted) -> dict[str, Any]:
        start, end = wanted.span(clock)
        found = rules.try_out(load_text(wanted.text, wanted.name), start, end)
        return {"new": found.new.document(), "now": None if found.now is None else found.now.document()}

    return routes


def _rule(group: GroupRun, run: RuleRun) -> dict[str, Any]:
    rule, health = run.rule, run.health
    return {
        "name": rule.name,
        "kind": "alert" if rule.is_alert else "record",
        "group": group.group.name,
        "file": group.group.source,
        "line": rule.line,
        "asks": rule.question.words,
        "every_s": group.group.every_s,
        "for_s": rule.for_s,
        "keep_firing_for_s": rule.keep_s,
        "state": run.state if rule.is_alert else "",
        "alerts": [
            {
                "labels": dict(one.labels),
                "state": str(one.state),
                "since_ms": one.active_ms,
                "value": encode(one.value) if one.is_seen else None,
            }
            for one in run.alerts.active.values()
        ],
        "series": health.series,
        "evaluated_ms": health.at_ms,
        "took_s": round(health.took_s, 4),
        "error": group.told(run),
        "warnings": [str(warning) for warning in rule.warnings],
        "failures": health.failures,
        "missed": group.missed,
    }


def slo_document(run: SloRun) -> dict[str, Any]:
    """An objective and how it stands, as plain JSON."""
    slo, status = run.slo, run.status
    told: dict[str, Any] = {
        "name": slo.name,
        "title": slo.called,
        "file": slo.source,
        "line": slo.line,
        "service": slo.service,
        "objective": slo.objective,
        "window": window_words(slo),
        "window_s": slo.window_s,
        "state": run.state,
        "error": run.error,
        "alerts": [
            {"long_s": b.long_s, "short_s": b.short_s, "rate": b.rate, "severity": b.severity.name.lower()}
            for b in slo.burns
        ],
    }
    if status is None:
        return told
    rate = run.rate
    words = sentence(slo, rate, status.remaining) if rate is not None and rate > 1 else ""
    return {**told, **encode(status), "burn_rate": encode(rate), "sentence": words}
