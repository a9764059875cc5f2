"""An objective whose budget burns too fast, as one finding, however many of its burn rates are exceeded."""

from __future__ import annotations

from datetime import UTC, datetime

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.rules.durations import worded
from wellkept.ops.detect.rules.findings import SCORE_MEANING, Locate
from wellkept.ops.detect.rules.slo.base import OfService, Slo
from wellkept.ops.detect.rules.slo.run import SloRun

DETECTOR, VERSION = "slo", "1"


def finding_of(run: SloRun, locate: Locate) -> Finding | None:
    """The finding; None while nothing fires. Its severity is that of the fastest burn rate that is exceeded."""
    if not run.firing or run.status is None:
        return None
    slo, status = run.slo, run.status
    burn, alert = max(run.firing, key=lambda pair: (pair[0].severity, pair[0].rate))
    began = datetime.fromtimestamp(min(one.active_ms for _, one in run.firing) / 1000, UTC)
    return Finding(
        fingerprint=fingerprint(DETECTOR, "", slo.name),
        detector=DETECTOR,
        detector_version=VERSION,
        entity=entity_of(slo, locate),
        kind=FindingKind.SLO_BURN,
        severity=burn.severity,
        score=int(burn.severity) / int(Severity.CRITICAL),
        score_meaning=SCORE_MEANING,
        starts_at=began,
        sentence=sentence(slo, alert.value, status.remaining, began),
        evidence=(
            Evidence(
                signal="error budget burn rate",
                attributes={"slo": slo.name, **slo.labels},
                points=tuple(alert.points),
                limit=burn.rate,
                values={"burn_rate": alert.value, "remaining": status.remaining or 0.0, "objective": slo.objective},
            ),
        ),
        attributes={
            "title": f"{slo.called} burns its error budget {alert.value:.3g} times too fast",
            "symptom": "" if burn.severity is Severity.INFO else "yes",
            "slo": slo.name,
            "windows": f"{worded(burn.long_s)} and {worded(burn.short_s)}",
        },
    )


def sentence(slo: Slo, rate: float, left: float | None, began: datetime | None = None) -> str:
    """What burns how fast, and when it is spent."""
    since = f" since {began:%H:%M:%S} UTC" if began else ""
    budget = f"its {window_words(slo)} error budget"
    text = f"{slo.called} burns {budget} {rate:.3g} times too fast{since}"
    if left is None:
        return text
    if left <= 0:
        return f"{text}; it is spent already ({slo.objective * 100:.6g} % was promised)"
    days = left * slo.window_s / rate
    whole = "it" if left > 0.995 else f"what is left of it ({left:.0%})"
    return f"{text}; at this pace {whole} is spent in {spent_words(days)}"


def window_words(slo: Slo) -> str:
    """The window as an adjective: ``30-day``, ``monthly``."""
    if slo.calendar:
        words = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}
        return words[slo.calendar]
    days = slo.window_s / 86_400
    return f"{days:.3g}-day" if days >= 1 else f"{slo.window_s / 3600:.3g}-hour"


def spent_words(seconds: float) -> str:
    """A time to come, in one unit."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0)):
        if seconds >= size * 1.05:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(1, round(seconds / 60))} minutes"


def entity_of(slo: Slo, locate: Locate) -> str:
    """The entity of an objective: the service that it names, else what its labels speak of."""
    service = slo.indicator.service if isinstance(slo.indicator, OfService) else slo.service
    if service.startswith("service:"):
        return service
    return locate({**slo.labels, **({"service.name": service} if service else {})})
