"""Models in a row each: which version is live, how good it is now, whether its world has moved."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.errors import DocumentError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.metrics import METRICS
from wellkept.spine.journal import RUNS
from wellkept.spine.registry import CHAMPION, Registry
from wellkept.web.answers import Answers
from wellkept.web.charts.spark import Spark
from wellkept.web.readings import Readings
from wellkept.web.views import tone
from wellkept.web.wording import number, plural

SPAN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model."""

    name: str
    tone: str
    why: str
    champion: str
    metric: str
    trained: str
    live: str
    drift: str
    drift_tone: str
    rate: Spark
    trouble: str
    """How the newest training went where it came to no version: ``failed``, ``lost``; empty where it did."""
    run: str


def model_rows(
    registry: Registry, readings: Readings, findings: Sequence[Finding], now: datetime
) -> tuple[ModelRow, ...]:
    """Every model, by name."""
    rows = []
    for name in registry.models():
        own = of_model(findings, name)
        bad = max(own, key=lambda finding: (finding.severity, finding.score), default=None)
        contract = contract_of(registry.contract(name) or "")
        champion = registry.alias(name, CHAMPION)
        metric = contract.metrics.primary if contract else ""
        drifted = sum(finding.kind in (FindingKind.DRIFT, FindingKind.DATA_QUALITY) for finding in own)
        answers = readings.answers(name, now - SPAN, now) if champion else None
        state, tint = _drifted(drifted, is_known=answers is not None and len(answers.times) > 0)
        newest = next(iter(registry.jobs(f"model:{name}", limit=1, kinds=RUNS)), None)
        has_failed = newest is not None and newest.state in ("failed", "lost")
        rows.append(
            ModelRow(
                name=name,
                tone=tone.of(bad) if bad or champion else "quiet",
                why=bad.sentence if bad else "" if champion else "not live",
                champion=f"v{champion.number}" if champion else "",
                metric=metric.replace("_", " "),
                trained=number(champion.metrics.get(metric)) if champion else "–",
                live=number(_live(answers, metric)),
                drift=state,
                drift_tone=tint,
                rate=_rate(answers),
                trouble=newest.state if newest is not None and has_failed else "",
                run=newest.id if newest is not None else "",
            )
        )
    return tuple(rows)


def _drifted(count: int, *, is_known: bool) -> tuple[str, str]:
    """Whether inputs drift, in words and as a tone; of a model that nobody asks it cannot be told."""
    if count:
        return plural(count, "drifted input"), "warning"
    return ("steady", "ok") if is_known else ("", "quiet")


def of_model(findings: Sequence[Finding], name: str) -> list[Finding]:
    """The findings on a model, its features, versions and deployment."""
    whole = {f"{kind}:{name}" for kind in ("model", "deployment")}
    parts = (f"feature:{name}/", f"model_version:{name}/")
    return [finding for finding in findings if finding.entity in whole or finding.entity.startswith(parts)]


@functools.lru_cache(maxsize=64)
def contract_of(text: str) -> ModelContract | None:
    """A stored contract; None where it does not hold any more to what contracts are now."""
    try:
        return parse_contract(text)
    except DocumentError:
        return None


def _live(answers: Answers | None, metric: str) -> float | None:
    """A metric over the scores of the last half hour whose truth is known."""
    return answers.measure(METRICS[metric]) if answers is not None and metric in METRICS else None


def _rate(answers: Answers | None) -> Spark:
    if answers is None or not len(answers.times):
        return Spark("Predictions", "1/s", [], [])
    return Spark("Predictions", "1/s", answers.ends, answers.rates())
