"""The pages of noise: what is held and why, silences, maintenance windows, grouping rules and suggestions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import yaml

from wellkept.kernel.grouping import GroupRule, StoredRule
from wellkept.kernel.noise import Digest, HeldFinding, HoldReason, Maintenance, Silence, SilenceState
from wellkept.ops.correlate.noise.usecases import NoiseUse, Preview
from wellkept.ops.correlate.rules.document import text_of
from wellkept.ops.correlate.rules.replay import Replayed
from wellkept.ops.correlate.rules.suggest import Suggestion
from wellkept.ops.correlate.rules.usecases import GroupingUse
from wellkept.web.wording import bare, duration, plural

MOST_HELD, MOST_SHOWN, MOST_IDS = 100, 20, 12
LATELY_S = 86_400.0
DAYS = (7, 30, 90)
REASONS: Mapping[HoldReason, str] = {
    HoldReason.SILENCED: "silenced",
    HoldReason.MAINTENANCE: "maintenance",
    HoldReason.INHIBITED: "inhibited",
    HoldReason.FLAPPING: "flapping",
    HoldReason.TOO_FEW: "too few",
    HoldReason.QUIET_HOURS: "quiet hours",
    HoldReason.REMEDY: "remedy",
}
_TONES = {SilenceState.ACTIVE: "info", SilenceState.PENDING: "warning", SilenceState.EXPIRED: "quiet"}
TABS = (("/noise", "Held and silenced"), ("/maintenance", "Maintenance"), ("/grouping", "Grouping"))
EXAMPLE = """\
groupings:
  - name: checkout-cluster
    match: ['team="shop"', 'severity=~"error|critical"']
    by: [cluster]
    window_s: 600
    require: {entities: 3}
"""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One finding, or a whole incident, that is held, or was."""

    id: str
    href: str
    about: str
    reason: str
    sentence: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence."""

    id: str
    state: str
    tone: str
    matchers: tuple[str, ...]
    by: str
    comment: str
    starts_at: datetime
    ends_at: datetime
    is_over: bool


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One maintenance window."""

    id: str
    name: str
    covers: tuple[str, ...]
    dependents: bool
    matchers: tuple[str, ...]
    when: str
    open_until: datetime | None
    opens_at: datetime | None
    by: str
    comment: str
    is_over: bool
    recurs: bool


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What would be held now."""

    sentence: str
    findings: tuple[tuple[str, str, str], ...]
    """Id, what it is about, sentence."""
    entities: tuple[str, ...]
    unknown: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class NoiseView:
    """The page of what is held, with silences. ``form`` is what the form holds; ``mistake`` why it is no silence."""

    counts: tuple[tuple[str, int], ...]
    held: tuple[HeldRow, ...]
    more: int
    silences: tuple[SilenceRow, ...]
    digests: tuple[Digest, ...]
    form: Mapping[str, str]
    mistake: str = ""
    preview: PreviewView | None = None
    tabs: tuple[tuple[str, str], ...] = TABS


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """The page of maintenance windows."""

    windows: tuple[WindowRow, ...]
    form: Mapping[str, str]
    mistake: str = ""
    preview: PreviewView | None = None
    tabs: tuple[tuple[str, str], ...] = TABS


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One grouping rule."""

    name: str
    match: tuple[str, ...]
    against: tuple[str, ...]
    by: str
    window: str
    asks: str
    comment: str
    source: str
    can_go: bool


@dataclass(frozen=True, slots=True)
class ReplayView:
    """What a rule would have done."""

    name: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    merged: tuple[tuple[str, ...], ...]
    split: tuple[str, ...]
    not_opened: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """A rule that follows from what people did. ``text`` is its document."""

    name: str
    sentence: str
    text: str
    replay: ReplayView


@dataclass(frozen=True, slots=True)
class GroupingView:
    """The page of grouping rules."""

    rules: tuple[RuleRow, ...]
    suggestions: tuple[SuggestionView, ...]
    text: str
    days: int
    by: str = ""
    mistake: str = ""
    trials: tuple[ReplayView, ...] = ()
    choices: tuple[int, ...] = DAYS
    tabs: tuple[tuple[str, str], ...] = TABS


def noise_view(use: NoiseUse, now: datetime, form: Mapping[str, str] | None = None) -> NoiseView:
    """What is held now or was within a day, and the silences."""
    desk = use.desk
    counts, held = desk.held_counts(), desk.held(over_s=LATELY_S, limit=MOST_HELD + 1)
    return NoiseView(
        counts=tuple((REASONS[HoldReason(reason)], count) for reason, count in sorted(counts.items())),
        held=tuple(_held(one) for one in sorted(held[:MOST_HELD], key=lambda one: one.ended_at is not None)),
        more=max(0, sum(counts.values()) - MOST_HELD),
        silences=tuple(_silence(one, now) for one in desk.silences()),
        digests=tuple(reversed(desk.digests()[0][-3:])),
        form=form or {"match": "", "lasts": "2h", "comment": "", "by": ""},
    )


def maintenance_view(use: NoiseUse, now: datetime, form: Mapping[str, str] | None = None) -> MaintenanceView:
    """The maintenance windows, the open ones first."""
    windows = sorted(use.desk.windows(), key=lambda one: (one.is_over(now), one.until(now) is None, one.name))
    empty = dict.fromkeys(("name", "entities", "match", "lasts", "begins", "ends", "weekdays", "comment", "by"), "")
    return MaintenanceView(
        tuple(_window(one, now) for one in windows), form or {**empty, "zone": "UTC", "dependents": "yes"}
    )


def grouping_view(
    use: GroupingUse, suggested: Sequence[tuple[Suggestion, Replayed]], text: str = EXAMPLE, days: int = 30
) -> GroupingView:
    """The grouping rules, and what is suggested."""
    return GroupingView(
        rules=tuple(_rule(one) for one in use.desk.rules()),
        suggestions=tuple(_suggestion(one, outcome) for one, outcome in suggested),
        text=text,
        days=days,
    )


def preview_view(preview: Preview) -> PreviewView:
    """A preview in words."""
    shown = preview.findings[:MOST_SHOWN]
    words = plural(preview.count, "open finding")
    return PreviewView(
        f"{words} would be held now." if preview.count else "Nothing that is open matches now. It may come.",
        tuple((finding.id, bare(finding.entity), finding.sentence) for finding in shown),
        preview.entities,
        preview.unknown,
        preview.count - len(shown),
    )


def replay_view(rule: GroupRule, outcome: Replayed) -> ReplayView:
    """The outcome of a replay in words."""
    changed = len(outcome.merged) + len(outcome.split) + len(outcome.not_opened)
    words = f"{plural(outcome.matched, 'finding')} of {outcome.findings} match"
    words += f"; {outcome.incidents} incidents would have been {outcome.incidents_after}." if outcome.incidents else "."
    facts = (
        ("compression", f"{_share(outcome.compression)} → {_share(outcome.compression_after)}"),
        ("pairs that stay together", _share(outcome.recall)),
        ("pairs that are together now", _share(outcome.precision)),
        ("findings that would have joined", str(outcome.joined)),
    )
    return ReplayView(
        rule.name,
        words,
        facts,
        tuple(part[:MOST_IDS] for part in outcome.merged[:MOST_IDS]),
        outcome.split[:MOST_IDS],
        outcome.not_opened[:MOST_IDS],
        max(0, changed - 3 * MOST_IDS),
    )


def _held(one: HeldFinding) -> HeldRow:
    held = one.held
    href = f"/incidents/{one.incident}" if one.incident else f"/findings/{one.finding}"
    about = f"incident of {bare(one.entity)}" if one.incident and one.entity else bare(one.entity)
    return HeldRow(one.subject, href, about, REASONS[held.reason], held.sentence, one.since, held.until, one.ended_at)


def _silence(one: Silence, now: datetime) -> SilenceRow:
    state = one.state(now)
    return SilenceRow(
        one.id,
        state.value,
        _TONES[state],
        tuple(map(str, one.matchers)),
        one.by,
        one.comment,
        one.starts_at,
        one.ends_at,
        state is SilenceState.EXPIRED,
    )


def _window(one: Maintenance, now: datetime) -> WindowRow:
    return WindowRow(
        id=one.id,
        name=one.name,
        covers=tuple(map(bare, one.entities)),
        dependents=one.dependents and bool(one.entities),
        matchers=tuple(map(str, one.matchers)),
        when=one.schedule.words if one.schedule is not None else "once",
        open_until=one.until(now),
        opens_at=one.next(now),
        by=one.by,
        comment=one.comment,
        is_over=one.is_over(now),
        recurs=one.schedule is not None,
    )


def _rule(stored: StoredRule) -> RuleRow:
    rule = stored.rule
    asked = [f"{value} {name}" for name in ("findings", "kinds", "entities") if (value := getattr(rule.require, name))]
    asked += [f"{rule.require.share:.0%} of all"] if rule.require.share else []
    return RuleRow(
        name=rule.name,
        match=tuple(map(str, rule.match)),
        against=tuple(map(str, rule.against)),
        by=", ".join(rule.by),
        window=duration(rule.window_s),
        asks=", ".join(asked),
        comment=rule.comment,
        source=stored.source or f"version {stored.version} by {stored.by}",
        can_go=not stored.source,
    )


def _suggestion(one: Suggestion, outcome: Replayed) -> SuggestionView:
    text = document_of([one.rule])
    return SuggestionView(one.rule.name, one.sentence, text, replay_view(one.rule, outcome))


def document_of(rules: Iterable[GroupRule]) -> str:
    """Rules as a document of the form and of files."""
    told: Sequence[Mapping[str, object]] = [text_of(rule) for rule in rules]
    text: str = yaml.safe_dump({"groupings": told}, sort_keys=False, allow_unicode=True, width=110)
    return text


def _share(value: float | None) -> str:
    return "no pairs" if value is None else f"{value:.1%}"
