"""One model: its versions, how good it is over time, how far its world has moved, and what was judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.contract import ModelContract
from wellkept.ml.metrics import METRICS
from wellkept.spine.registry import CHAMPION, AliasMove, ModelVersion
from wellkept.web.answers import WHOLE, Answers
from wellkept.web.charts.bars import Histogram
from wellkept.web.charts.line import LineChart, Mark, Shade
from wellkept.web.charts.scale import finite
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views import tone
from wellkept.web.views.decisions import DecisionView, decision_views
from wellkept.web.views.finding import FindingView, finding_view
from wellkept.web.views.modelrow import contract_of, of_model
from wellkept.web.views.plans import PlanView, plan_view
from wellkept.web.views.rollout import RolloutView, rollout_view
from wellkept.web.views.shapes import LEAST_AFTER, LEAST_BEFORE, SCORE, Shape, kept, shape
from wellkept.web.views.verdicts import VerdictView, verdict_view
from wellkept.web.views.versions import JobView, MoveView, VersionView, job_view, move_views, version_views
from wellkept.web.wording import plural, share

RANGES = {"30m": timedelta(minutes=30), "6h": timedelta(hours=6), "7d": timedelta(days=7)}
DRIFT_LIMIT = 0.25
LATELY = 3
"""So many decisions are shown; the page over weeks has them all."""
UNLABELLED = (
    "No prediction in this range whose truth is known. Send it to POST /v1/labels, with the prediction's id and value."
)
SAMPLED = " Of this range 20 seconds of each thirtieth are looked at; 30m is read whole."
UNASKED = "No predictions in this range. Ask the model server, or send what was answered to POST /v1/predictions."


@dataclass(frozen=True, slots=True)
class DriftRow:
    """How far one input (or the score) has moved: its population stability index, and both distributions."""

    feature: str
    tone: str
    word: str
    psi: float | None
    text: str
    histogram: Histogram | None
    sentence: str

    @property
    def is_known(self) -> bool:
        """Whether anything can be told of it."""
        return self.psi is not None or bool(self.sentence)


@dataclass(frozen=True, slots=True)
class ModelView:
    """The page of one model."""

    name: str
    owner: str
    description: str
    task: str
    tone: str
    champion: str
    is_elsewhere: bool
    """Whether it is served elsewhere and only watched: nothing here puts a version in front, or trains one."""
    metric: str
    chosen: str
    ranges: tuple[str, ...]
    performance: LineChart
    rate: LineChart
    latency: LineChart
    drift: tuple[DriftRow, ...]
    drift_limit: float
    since: datetime
    findings: tuple[FindingView, ...]
    versions: tuple[VersionView, ...]
    verdicts: tuple[VerdictView, ...]
    plans: tuple[PlanView, ...]
    moves: tuple[MoveView, ...]
    jobs: tuple[JobView, ...]
    inputs: tuple[tuple[str, str, str], ...]
    project: str
    """The folder that the model was last trained from; ``FOLDER`` where none is known."""
    rollout: RolloutView | None
    decisions: tuple[DecisionView, ...]
    labels: str
    """How many of the answers that are looked at have their truth, in words; empty where there are no answers."""
    least_before: int = LEAST_BEFORE
    least_after: int = LEAST_AFTER

    @property
    def has_labels(self) -> bool:
        """Whether the truth of enough predictions is known for a line."""
        return bool(finite(self.performance.values))

    @property
    def has_drift(self) -> bool:
        """Whether anything can be told of any input."""
        return any(row.is_known for row in self.drift)


def model_view(deps: WebDeps, readings: Readings, name: str, chosen: str, now: datetime) -> ModelView:
    """The page of one model.

    Raises:
        NotFoundError: there is no such model.
    """
    registry = deps.registry
    text = registry.contract(name)
    if text is None:
        raise NotFoundError(f"model {name}", "is not known; `wellkept models train FOLDER` makes one")
    chosen = chosen if chosen in RANGES else "30m"
    contract = contract_of(text)
    metric = contract.metrics.primary if contract else ""
    open_ones = of_model(deps.stream.open_findings(), name)
    moves = registry.alias_history(name)
    frame = _Frame(name, now - RANGES[chosen], now, moves, open_ones)
    champion = registry.alias(name, CHAMPION)
    worst = max(open_ones, key=lambda finding: finding.severity, default=None)
    answers = readings.answers(name, frame.start, frame.end)
    rate, latency = _traffic(frame, answers)
    subject = model_id(name)
    jobs = registry.jobs(subject, limit=6)
    return ModelView(
        name=name,
        owner=contract.owner if contract else "",
        description=contract.description if contract else "",
        task=contract.task.replace("_", " ") if contract else "",
        tone=tone.of(worst),
        champion=_called(champion) if champion else "",
        is_elsewhere=champion is not None and champion.is_elsewhere,
        metric=metric.replace("_", " "),
        chosen=chosen,
        ranges=tuple(RANGES),
        performance=_performance(frame, answers, metric, champion),
        rate=rate,
        latency=latency,
        drift=_drift(name, answers, open_ones, contract, frame.since),
        drift_limit=contract.monitors.drift.psi if contract else DRIFT_LIMIT,
        since=datetime.fromtimestamp(frame.since, UTC),
        findings=tuple(finding_view(finding, "") for finding in open_ones),
        versions=version_views(registry, name),
        verdicts=tuple(verdict_view(verdict) for verdict in deps.stream.verdicts(subject=subject, limit=20)),
        plans=tuple(plan_view(record, deps.gate) for record in deps.gate.plans(subject=subject, limit=6)),
        moves=move_views(registry, deps.gate, name),
        jobs=tuple(job_view(job) for job in jobs),
        inputs=tuple((entry.name, entry.type, entry.source) for entry in contract.inputs) if contract else (),
        project=next((job.details["project"] for job in jobs if "project" in job.details), "FOLDER"),
        rollout=rollout_view(deps.rollouts, registry, name),
        decisions=decision_views(deps, name, LATELY),
        labels=_labels(answers),
    )


def _called(champion: ModelVersion) -> str:
    return champion.called if champion.is_elsewhere else f"v{champion.number}"


def _labels(answers: Answers | None) -> str:
    asked = 0 if answers is None else len(answers.labels)
    if answers is None or not asked:
        return ""
    known = int(np.isfinite(answers.labels).sum())
    return f"The truth of {known:,} of {plural(asked, 'answer')} is known ({share(known / asked)})."


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the charts of a page have in common."""

    model: str
    start: datetime
    end: datetime
    moves: Sequence[AliasMove]
    open_findings: Sequence[Finding]

    @property
    def since(self) -> float:
        """Where "before" ends: at the first open finding, or two thirds into the range."""
        began = [finding.starts_at.timestamp() for finding in self.open_findings]
        usual = self.start.timestamp() + 2 / 3 * (self.end - self.start).total_seconds()
        first = min(began, default=usual)
        return first if first > self.start.timestamp() else usual

    @property
    def caveat(self) -> str:
        """What has to be known where nothing was found: a long range is looked at in slices."""
        return SAMPLED if self.end - self.start > WHOLE else ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        return tuple(Mark(m.at.timestamp(), f"{m.alias} moved") for m in self.moves if m.alias == CHAMPION)

    @property
    def shades(self) -> tuple[Shade, ...]:
        return tuple(
            Shade(f.starts_at.timestamp(), None, f.sentence)
            for f in self.open_findings
            if f.kind is FindingKind.PERFORMANCE
        )


def _performance(frame: _Frame, answers: Answers | None, metric: str, champion: ModelVersion | None) -> LineChart:
    """The primary metric over the range, bucket by bucket, where enough labels are known."""
    has_any = answers is not None and metric in METRICS
    return LineChart(
        title=f"{metric.replace('_', ' ')} of {frame.model} on labelled predictions",
        unit="",
        times=answers.ends if answers is not None and has_any else (),
        values=answers.measured(METRICS[metric]) if answers is not None and has_any else (),
        limit=champion.metrics.get(metric) if champion else None,
        limit_name="promised",
        shades=frame.shades,
        marks=frame.marks,
        width=760.0,
        height=170.0,
        empty=UNLABELLED + frame.caveat,
    )


def _traffic(frame: _Frame, answers: Answers | None) -> tuple[LineChart, LineChart]:
    times = answers.ends if answers is not None and len(answers.times) else []
    rates = answers.rates() if answers is not None and times else []
    p95 = answers.p95() if answers is not None and times else []
    small: dict[str, Any] = {"width": 380.0, "height": 120.0, "empty": UNASKED + frame.caveat}
    return (
        LineChart("Predictions per second", "1/s", times, rates, marks=frame.marks, **small),
        LineChart("Latency, slowest twentieth", "s", times, p95, marks=frame.marks, **small),
    )


def _drift(
    model: str, answers: Answers | None, findings: Sequence[Finding], contract: ModelContract | None, since: float
) -> tuple[DriftRow, ...]:
    """Every input and the score, those with an open finding first, then by how far they have moved."""
    names = [*(contract.features if contract else ()), SCORE]
    limit = contract.monitors.drift.psi if contract else DRIFT_LIMIT
    rows = []
    for name in names:
        entity = model_id(model) if name == SCORE else feature_id(model, name)
        about = [f for f in findings if f.entity == entity and f.kind in (FindingKind.DRIFT, FindingKind.DATA_QUALITY)]
        worst = max(about, key=lambda finding: finding.severity, default=None)
        rows.append(_drift_row(name, worst, shape(answers, name, since) if answers is not None else None, limit))
    return tuple(sorted(rows, key=lambda row: (not row.sentence, -(row.psi or 0.0))))


def _drift_row(name: str, finding: Finding | None, found: Shape | None, limit: float) -> DriftRow:
    said = {key: value for item in finding.evidence for key, value in item.values.items()} if finding else {}
    psi = said.get("psi", found.psi if found else None)
    has_moved = psi is not None and psi > limit
    return DriftRow(
        feature=name,
        tone=tone.of(finding) if finding else "warning" if has_moved else "ok",
        word=finding.kind.value.replace("_", " ") if finding else "moved" if has_moved else "steady" if found else "",
        psi=psi,
        text=f"{psi:.2f}" if psi is not None else "–",
        histogram=found.histogram if found else kept(finding) if finding else None,
        sentence=finding.sentence if finding else "",
    )
