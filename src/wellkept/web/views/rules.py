"""The page of rules: what is on and how it stands, objectives with budgets, and what a new rule would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.alerts import Alert
from wellkept.ops.detect.rules.backtest import Backtest, Page
from wellkept.ops.detect.rules.evaluation import GroupRun, RuleRun
from wellkept.ops.detect.rules.on import Compared, RulesOn
from wellkept.ops.detect.rules.slo.findings import sentence, window_words
from wellkept.ops.detect.rules.slo.run import SloRun
from wellkept.web.charts.line import Shade
from wellkept.web.charts.pages import Bar, Lane, PagesChart
from wellkept.web.charts.spark import Spark
from wellkept.web.views import tone
from wellkept.web.wording import bare, duration, plural

MOST_RULES, MOST_LANES, MOST_PAGES, MOST_ALERTS = 300, 12, 60, 5
DAYS = (1, 3, 7, 14, 30, 90)
_STATES = {"firing": "error", "pending": "warning", "inactive": "ok", "": "quiet"}
_SLO_TONES = {
    "burning": "error",
    "spent": "warning",
    "ok": "ok",
    "no data": "quiet",
    "unknown": "quiet",
    "error": "error",
}
EXAMPLE = """\
rules:
  - name: SlowCheckout
    metric: span.duration.p95
    where: {service: checkout}
    above: 0.5
    for: 5m
    severity: error
"""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule."""

    name: str
    state: str
    tone: str
    asks: str
    waits: str
    group: str
    where: str
    evaluated: datetime | None
    took: str
    problem: str
    alerts: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class SloRow:
    """One objective. ``remaining`` None: nothing is known."""

    title: str
    name: str
    promised: str
    kept: str
    remaining: float | None
    left: str
    rate: str
    state: str
    tone: str
    words: str
    spark: Spark | None


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page that would have come."""

    at: datetime
    lasted: str
    rule: str
    severity: str
    tone: str
    labels: str
    incident: str
    lead: str


@dataclass(frozen=True, slots=True)
class TrialView:
    """The outcome of a back-test."""

    sentence: str
    now: str
    chart: PagesChart | None
    pages: tuple[PageRow, ...]
    more: int
    missed: tuple[tuple[str, datetime], ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RulesView:
    """The page. ``text`` and ``days`` are what the form holds; ``mistake``: why the text is no rule."""

    rules: tuple[RuleRow, ...]
    more: int
    firing: int
    slos: tuple[SloRow, ...]
    mistakes: tuple[str, ...]
    text: str
    days: int
    choices: tuple[int, ...] = DAYS
    mistake: str = ""
    trial: TrialView | None = None


def rules_view(on: RulesOn, now: datetime, *, text: str = EXAMPLE, days: int = 7) -> RulesView:
    """What is on, with an empty form."""
    runs = [(group, run) for group in on.groups for run in group.rules]
    order = {"firing": 0, "pending": 1}
    runs.sort(key=lambda pair: (not pair[1].health.error, order.get(pair[1].state, 2)))
    return RulesView(
        rules=tuple(_rule(group, run) for group, run in runs[:MOST_RULES]),
        more=max(0, len(runs) - MOST_RULES),
        firing=sum(bool(run.firing) for _, run in runs),
        slos=tuple(_slo(run, now) for run in on.objectives),
        mistakes=tuple(on.mistakes.values()),
        text=text,
        days=days,
    )


def trial_view(found: Compared) -> TrialView:
    """What came of a back-test, in words and as a picture."""
    new = found.new
    shown = new.pages[:MOST_PAGES]
    return TrialView(
        sentence=summary(new),
        now=summary(found.now) if found.now is not None else "",
        chart=_chart(new) if new.pages or new.incidents else None,
        pages=tuple(_page(page, new.end) for page in shown),
        more=len(new.pages) - len(shown),
        missed=tuple((one.title, one.start) for one in new.missed),
        failed=new.failed,
    )


def summary(found: Backtest) -> str:
    """A back-test in one sentence."""
    text = f"{plural(len(found.pages), 'page')} ({found.per_day:.2f} a day)"
    if not found.incidents:
        return f"{text}; no incident is known of that time."
    count, missed = len(found.incidents), len(found.missed)
    text += f"; {count - missed} of {plural(count, 'known incident')} found, {missed} missed"
    if found.lead_median_s is not None:
        text += f", the first page {_early(found.lead_median_s)} (median)"
    return f"{text}; {plural(found.unmatched, 'page')} about no known incident."


def _early(lead_s: float) -> str:
    if abs(lead_s) < 1:
        return "as it began"
    return f"{duration(abs(lead_s))} {'before it began' if lead_s > 0 else 'after it began'}"


def _rule(group: GroupRun, run: RuleRun) -> RuleRow:
    rule, health, active = run.rule, run.health, list(run.alerts.active.values())
    kept = f", kept {duration(rule.keep_s)}" if rule.keep_s else ""
    problem = "; ".join(filter(None, (group.told(run), *map(str, rule.warnings))))
    return RuleRow(
        name=rule.name,
        state=run.state if rule.is_alert else "records",
        tone="error" if health.error else _STATES[run.state if rule.is_alert else ""],
        asks=rule.question.words,
        waits=f"for {duration(rule.for_s)}{kept}" if rule.for_s or rule.keep_s else "",
        group=group.group.name,
        where=f"{group.group.source}, line {rule.line}",
        evaluated=datetime.fromtimestamp(health.at_ms / 1000, UTC) if health.at_ms else None,
        took=f"{health.took_s * 1000:.0f} ms" if health.at_ms else "",
        problem=problem,
        alerts=tuple(_alert(alert) for alert in active[:MOST_ALERTS]),
        more=max(0, len(active) - MOST_ALERTS),
    )


def _alert(alert: Alert) -> str:
    value = f" is {alert.value:.4g}" if alert.is_seen else ""
    return f"{alert.state}: {_labels(alert.labels)}{value}"


def _slo(run: SloRun, now: datetime) -> SloRow:
    slo, status = run.slo, run.status
    left = status.remaining if status is not None else None
    rate = run.rate
    words = run.error or (sentence(slo, rate, left) if rate and run.firing else "")
    return SloRow(
        title=slo.called,
        name=slo.name,
        promised=f"{slo.objective * 100:.6g} % {window_words(slo)}",
        kept=f"{status.good_share * 100:.4f} %" if status is not None and status.good_share is not None else "–",
        remaining=None if left is None else min(1.0, max(0.0, left)),
        left="–" if left is None else f"{left:.1%}",
        rate="–" if rate is None else f"{rate:.3g}×",
        state=run.state,
        tone=_SLO_TONES[run.state],
        words=words,
        spark=_spark(run, now),
    )


def _spark(run: SloRun, now: datetime) -> Spark | None:
    if len(run.recent) < 2:
        return None
    step = run.slo.window_s / len(run.recent)
    end = now.timestamp()
    times = [end - step * (len(run.recent) - 1 - index) for index in range(len(run.recent))]
    return Spark(f"error budget left of {run.slo.called}", "1", times, run.recent, None, "error" if run.firing else "")


def _page(page: Page, end: datetime) -> PageRow:
    return PageRow(
        at=page.fired_at,
        lasted=duration(((page.ended_at or end) - page.fired_at).total_seconds()) if page.ended_at else "still fires",
        rule=page.rule,
        severity=page.severity.name.lower(),
        tone=tone.SEVERITY[page.severity],
        labels=_labels(page.labels),
        incident=page.incident,
        lead=_early(page.lead_s) if page.lead_s is not None else "",
    )


def _labels(labels: Sequence[tuple[str, str]]) -> str:
    told = [bare(text) if name == "entity" else f"{name}={text}" for name, text in labels if name != "alertname"]
    return ", ".join(told) or "no labels"


def _chart(found: Backtest) -> PagesChart:
    """The busiest rules first; what is too many for the picture is in one lane."""
    counts = Counter(page.rule for page in found.pages)
    names = [name for name, _ in counts.most_common(MOST_LANES)]
    lanes = [Lane(name, [_bar(page, found.end) for page in found.pages if page.rule == name]) for name in names]
    rest = [_bar(page, found.end) for page in found.pages if page.rule not in names]
    if rest:
        lanes.append(Lane(f"{len(counts) - len(names)} more rules", rest))
    shades = [
        Shade(
            one.incident.start.timestamp(),
            one.incident.end.timestamp() if one.incident.end else None,
            f"{one.incident.title} ({'missed' if one.lead_s is None else _early(one.lead_s)})",
        )
        for one in found.incidents
    ]
    misses = frozenset(index for index, one in enumerate(found.incidents) if one.first_page is None)
    words = f"Pages and known incidents over time: {summary(found)}"
    return PagesChart(words, found.start.timestamp(), found.end.timestamp(), lanes, shades, misses)


def _bar(page: Page, end: datetime) -> Bar:
    about = f"about {page.incident}" if page.incident else "about no known incident"
    title = f"{page.rule}, {page.fired_at:%Y-%m-%d %H:%M} UTC, {_labels(page.labels)}: {about}"
    severe = "severe" if page.severity >= Severity.ERROR else ""
    kind = f"matched {severe}" if page.incident else f"alone {severe}"
    return Bar(page.fired_at.timestamp(), (page.ended_at or end).timestamp(), kind.strip(), title)
