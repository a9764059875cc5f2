"""One model over weeks: how good it was by when it predicted, which labels came, how inputs moved, what was decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.errors import NotFoundError, StoreError, WellkeptError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import CohortIntervals, CohortPerformance, PerformanceHistory
from wellkept.ml.reference import SCORE
from wellkept.ml.retrain.exclusions import TAINTED
from wellkept.ml.watch.spread import Spread
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry
from wellkept.web.charts.bars import Histogram
from wellkept.web.charts.cohorts import Cohort, CohortChart, words_of
from wellkept.web.charts.line import Mark, Shade
from wellkept.web.charts.spark import Spark
from wellkept.web.deps import WebDeps
from wellkept.web.views import tone
from wellkept.web.views.decisions import DecisionView, decision_views
from wellkept.web.views.finding import FindingView, finding_view
from wellkept.web.views.modelrow import contract_of, of_model
from wellkept.web.wording import amount, duration, number, share

MOST_FINDINGS, MOST_DECISIONS = 2000, 50
SHOWN = 8
"""So many findings about data quality are shown, the newest ones."""
QUALITY = (FindingKind.DATA_QUALITY, FindingKind.MISSING_DATA)
NOTHING_YET = (
    "No predictions in the time that is looked at. They come from the model server, or by POST /v1/predictions."
)


@dataclass(frozen=True, slots=True)
class InputView:
    """One input (or the scores): as it was in training and is now, and how far it was away, window by window."""

    name: str
    tone: str
    word: str
    text: str
    histogram: Histogram | None
    index: Spark
    nulls: Spark | None
    sentence: str


@dataclass(frozen=True, slots=True)
class TaintView:
    """A version that was trained on what is now known to be bad."""

    version: str
    why: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The page."""

    name: str
    champion: str
    metric: str
    chart: CohortChart
    intervals: CohortChart | None
    """The share of truths inside the intervals; None where the contract promises none."""
    is_told: bool
    """Whether the model has a metric that its answers can be judged by, one by one."""
    facts: tuple[tuple[str, str], ...]
    doubt: str
    """Why the newest estimate is not to be believed; empty where it may be."""
    arrivals: tuple[tuple[str, str], ...]
    inputs: tuple[InputView, ...]
    window: str
    quality: tuple[FindingView, ...]
    decisions: tuple[DecisionView, ...]
    policy: str
    tainted: tuple[TaintView, ...]
    problem: str
    """What could not be read, and why."""


def history_view(deps: WebDeps, name: str, now: datetime) -> HistoryView:
    """The page of one model over time.

    Raises:
        NotFoundError: there is no such model.
    """
    text = deps.registry.contract(name)
    if text is None:
        raise NotFoundError(f"model {name}", "is not known; `wellkept models train FOLDER` makes one")
    contract, champion = contract_of(text), deps.registry.alias(name, CHAMPION)
    problem, history, spreads = "", None, tuple[Spread, ...]()
    try:
        history = deps.performance(name, now) if deps.performance and champion else None
        spreads = deps.spreads(name, now) if deps.spreads and champion else ()
    except (StoreError, WellkeptError) as error:  # the page comes up where an engine does not
        problem = str(error)
    open_ones = of_model(deps.stream.open_findings(), name)
    inputs = (feature_id(name, entry.name) for entry in (contract.inputs if contract else ()))
    mine = {model_id(name), *inputs, *(finding.entity for finding in open_ones)}
    past = deps.stream.findings(end=now, entity=mine, limit=MOST_FINDINGS)
    quality = [one for one in past if one.kind in QUALITY]
    return HistoryView(
        name=name,
        champion=champion.called if champion else "",
        metric=history.metric.replace("_", " ") if history else "",
        chart=_chart(deps.registry, name, history),
        intervals=_intervals(deps.registry, contract, history) if contract and history else None,
        is_told=history is not None,
        facts=_facts(history) if history else (),
        doubt=history.now.reason if history else "",
        arrivals=_arrivals(history) if history else (),
        inputs=_inputs(name, spreads, open_ones),
        window=duration(contract.monitors.drift.window_s) if contract else "",
        quality=tuple(finding_view(finding, "") for finding in quality[:SHOWN]),
        decisions=decision_views(deps, name, MOST_DECISIONS),
        policy=contract.retrain.policy.replace("_", " ") if contract else "",
        tainted=_tainted(deps.registry, name, champion),
        problem=problem,
    )


def _tainted(registry: Registry, model: str, champion: ModelVersion | None) -> tuple[TaintView, ...]:
    """The versions that were trained on data later found bad, as their lineage says."""
    return tuple(
        TaintView(version.called, version.lineage[TAINTED], champion is not None and version.digest == champion.digest)
        for version in registry.versions(model)
        if version.lineage.get(TAINTED)
    )


def _chart(registry: Registry, model: str, history: PerformanceHistory | None) -> CohortChart:
    title = f"{history.metric.replace('_', ' ')} of {model} by when it predicted" if history else model
    lived = _lived(history.cohorts) if history else []
    return CohortChart(
        title=title,
        cohorts=[_cohort(one) for one in lived],
        promised=history.promised if history else None,
        floor=history.floor if history else None,
        doubts=_doubts(lived),
        marks=_marks(registry, model),
        empty=NOTHING_YET,
    )


def _marks(registry: Registry, model: str) -> list[Mark]:
    """When which version went live."""
    numbers = {version.digest: version.called for version in registry.versions(model)}
    moves = [move for move in registry.alias_history(model) if move.alias == CHAMPION]
    return [Mark(move.at.timestamp(), f"version {numbers.get(move.digest, '?')}") for move in moves]


def _intervals(registry: Registry, contract: ModelContract, history: PerformanceHistory) -> CohortChart | None:
    """The share of truths inside the intervals, by when they were answered, beside what was promised."""
    wanted = history.promised_coverage
    if wanted is None:
        return None
    told = {one.start: one for one in history.intervals}
    return CohortChart(
        title=f"share of truths inside the {share(wanted)} intervals of {history.model} by when it predicted",
        cohorts=[_covered(one, told.get(one.start)) for one in _lived(history.cohorts)],
        promised=wanted,
        floor=wanted - contract.monitors.coverage.drop,
        marks=_marks(registry, history.model),
        empty="No labelled answers with an interval in the time that is looked at.",
    )


def _covered(one: CohortPerformance, intervals: CohortIntervals | None) -> Cohort:
    value = "not known yet"
    if intervals is not None:
        value = f"{share(intervals.coverage)} inside ({share(intervals.low)} to {share(intervals.high)}), "
        value += f"{amount(intervals.width)} wide, pinball loss {amount(intervals.pinball)}"
    return replace(
        _cohort(one),
        value=_nan(intervals.coverage if intervals else None),
        low=_nan(intervals.low if intervals else None),
        high=_nan(intervals.high if intervals else None),
        estimate=math.nan,
        estimate_low=math.nan,
        estimate_high=math.nan,
        words=words_of(f"{one.start:%d %b %H:%M}", value, one.share if one.predictions else math.nan, one.predictions),
    )


def _lived(cohorts: Sequence[CohortPerformance]) -> list[CohortPerformance]:
    """From the first cohort with predictions to the last one."""
    filled = [index for index, one in enumerate(cohorts) if one.predictions]
    return list(cohorts[filled[0] : filled[-1] + 1]) if filled else []


def _cohort(one: CohortPerformance) -> Cohort:
    told = one.estimate
    value = (
        f"{amount(one.value)} ({amount(one.low)} to {amount(one.high)})" if one.value is not None else "not known yet"
    )
    labels = one.share if one.predictions else math.nan
    return Cohort(
        start=one.start.timestamp(),
        end=one.end.timestamp(),
        value=_nan(one.value),
        low=_nan(one.low),
        high=_nan(one.high),
        estimate=_nan(told.value if told.is_valid else None),
        estimate_low=_nan(told.low if told.is_valid else None),
        estimate_high=_nan(told.high if told.is_valid else None),
        labels=labels,
        expected=_nan(one.expected if one.predictions else None),
        words=words_of(f"{one.start:%d %b %H:%M}", value, labels, one.predictions),
    )


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _doubts(cohorts: Sequence[CohortPerformance]) -> list[Shade]:
    """The stretches in which an estimate was made and is not to be believed, each with its reason."""
    found: list[Shade] = []
    for before, one in pairwise([None, *cohorts]):
        assert one is not None
        if not one.estimate.reason:
            continue
        begin, end = one.start.timestamp(), one.end.timestamp()
        if found and before is not None and found[-1].end == begin and found[-1].title == one.estimate.reason:
            found[-1] = Shade(found[-1].start, end, one.estimate.reason)
        else:
            found.append(Shade(begin, end, one.estimate.reason))
    return found


def _facts(history: PerformanceHistory) -> tuple[tuple[str, str], ...]:
    """The numbers beside the chart, those alone that are known."""
    known = [one for one in history.cohorts if one.value is not None]
    facts = []
    if known:
        last = known[-1]
        facts.append(("realised", f"{number(last.value)} ({number(last.low)} to {number(last.high)})"))
        facts.append(("of predictions until", f"{last.end:%d %b %H:%M} UTC"))
    if history.now.is_valid:
        now = history.now
        facts.append(("estimated now", f"{number(now.value)} ({number(now.low)} to {number(now.high)})"))
    if history.promised is not None:
        facts.append(("promised", number(history.promised)))
    if history.floor is not None:
        facts.append(("floor", number(history.floor)))
    record = history.record
    if record.count and record.mean_error is not None:
        facts.append(("estimates were off by", f"{number(record.mean_error)} on average, {record.count} checked"))
    trend = history.trend
    if trend is not None and trend.is_falling and trend.days is not None:
        beyond = "above" if history.lower_is_better else "below"
        facts.append(("at this pace", f"{beyond} the floor {f'in {trend.days:.0f} days' if trend.days else 'by now'}"))
    return tuple(facts)


def _arrivals(history: PerformanceHistory) -> tuple[tuple[str, str], ...]:
    """At which age half of the labels, and nine in ten, have come; by class of label."""
    found = []
    for name, shares in sorted((history.arrivals.shares or {}).items()):
        ages = dict(zip(history.arrivals.ages_s, shares, strict=False))
        half, most = (next((age for age, got in ages.items() if got >= wanted), None) for wanted in (0.5, 0.9))
        words = [f"{what} after {duration(age)}" for what, age in (("half", half), ("90 %", most)) if age is not None]
        if words:
            found.append((name.replace("_", " ") or "labels", ", ".join(words)))
    if history.arrivals.ever is not None:
        found.append(("ever get one", share(history.arrivals.ever)))
    return tuple(found)


def _inputs(model: str, spreads: Sequence[Spread], findings: Sequence[Finding]) -> tuple[InputView, ...]:
    """Those with an open finding first, then by how far they are away now."""
    rows = []
    for spread in spreads:
        entity = model_id(model) if spread.name == SCORE else feature_id(model, spread.name)
        kinds = (FindingKind.DRIFT,) if spread.name == SCORE else (FindingKind.DRIFT, FindingKind.DATA_QUALITY)
        about = [finding for finding in findings if finding.entity == entity and finding.kind in kinds]
        worst = max(about, key=lambda finding: finding.severity, default=None)
        rows.append((worst is None, -_last(spread.index), _input(spread, worst)))
    return tuple(row for _, __, row in sorted(rows, key=lambda entry: entry[:2]))


def _last(values: Iterable[float]) -> float:
    known = [float(value) for value in values if math.isfinite(value)]
    return known[-1] if known else 0.0


def _input(spread: Spread, finding: Finding | None) -> InputView:
    name = spread.name or "score"
    picture = None
    if spread.now is not None and len(spread.usual):
        picture = Histogram(name, _labels(spread), spread.usual.tolist(), spread.now.tolist())
    first = next((index for index, value in enumerate(spread.nulls) if math.isfinite(value)), 0)
    times, nulls = spread.times.tolist()[first:], [float(value) for value in spread.nulls[first:]]
    has_nulls = any(value > 0 for value in nulls if math.isfinite(value))
    return InputView(
        name=name,
        tone=tone.of(finding) if finding else "ok",
        word=finding.kind.value.replace("_", " ") if finding else "",
        text=f"{_last(spread.index):.2f}" if any(math.isfinite(value) for value in spread.index) else "–",
        histogram=picture,
        index=Spark(f"PSI of {name}", "", times, spread.index.tolist()[first:]),
        nulls=Spark(f"{name} without a value", "1", times, nulls, ceiling=1.0) if has_nulls else None,
        sentence=finding.sentence if finding else "",
    )


def _labels(spread: Spread) -> list[str]:
    reference = spread.reference
    if reference.categories:
        return [*reference.categories, "others"]
    if not reference.edges:
        return ["all"]
    words = [amount(float(edge)) for edge in reference.edges]
    return [f"up to {words[0]}", *(f"{low} to {high}" for low, high in pairwise(words)), f"over {words[-1]}"]
