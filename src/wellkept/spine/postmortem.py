"""A draft of a post-mortem in Markdown, made of what the store knows. What it does not know is left to be written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from wellkept.kernel.diagnosis import Diagnosis, chance
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import PlanState
from wellkept.kernel.story import TimelineEntry
from wellkept.kernel.times import times_of
from wellkept.spine.gate import PlanRecord
from wellkept.spine.severity import Reach

LEFT_OPEN = "_To be written._"
MOST_LINES, MOST_ENTITIES = 300, 50
_MARKS = re.compile(r"([\\`*_{}\[\]<>|#])")


@dataclass(frozen=True, slots=True)
class Case:
    """What a draft is made of."""

    incident: Incident
    story: Sequence[TimelineEntry]
    diagnosis: Diagnosis | None
    plans: Sequence[PlanRecord]
    findings: Sequence[Finding] = ()
    reach: Reach = field(default_factory=Reach)
    """What depends on what was affected, as the topology tells it."""


def draft(case: Case, now: datetime, zone: tzinfo = UTC) -> str:
    """The draft. ``zone`` is the local one, told beside UTC."""
    incident = case.incident
    parts = [
        f"# Post-mortem: {_text(incident.title)}",
        f"Draft of {_moment(now, UTC)} for incident `{incident.id}`"
        + (f", ticket `{incident.ticket}`" if incident.ticket else "")
        + ". Every line below is from the record; what the record does not say is left open.",
        "## Summary\n\n" + _summary(case),
        "## Impact\n\n" + _impact(case),
        "## Timeline\n\n" + _timeline(case.story, zone),
        "## Root cause\n\n" + _cause(case.diagnosis),
        "## What went well\n\n" + _went_well(case),
        f"## What went badly\n\n{LEFT_OPEN}",
        "## Action items\n\n| what | who | until when |\n|---|---|---|\n| | | |",
    ]
    return "\n\n".join(parts) + "\n"


def _summary(case: Case) -> str:
    incident, took = case.incident, times_of(case.incident)
    said = [
        f"- State: {incident.state.value}",
        f"- Severity: {_text(incident.severity_why) or incident.severity.name.lower()}",
        f"- Began {_moment(incident.opened_at, UTC)}, noticed after {_lasted(took.detect_s)}"
        + (f" ({_text(incident.heard_late)})" if incident.heard_late else ""),
    ]
    for word, seconds in (
        ("Acknowledged", took.acknowledge_s),
        ("Mitigated", took.mitigate_s),
        ("Resolved", took.resolve_s),
    ):
        said.append(f"- {word}: " + (f"{_lasted(seconds)} after it was noticed" if seconds is not None else "no"))
    for word, name in (("Owner", incident.owner), ("Assignee", incident.assignee)):
        if name:
            said.append(f"- {word}: {_text(name)}")
    if incident.reopens:
        said.append(f"- The trouble of `{incident.reopens}` came back")
    return "\n".join(said)


def _impact(case: Case) -> str:
    """What was affected, each with the worst that was said of it."""
    worst: dict[str, Finding] = {}
    for finding in sorted(case.findings, key=lambda one: (-int(one.severity), one.starts_at, one.id)):
        worst.setdefault(finding.entity, finding)
    named = [entity for entity in case.incident.entities if entity]
    lines = [
        f"- `{entity}`" + (f": {_text(worst[entity].sentence)}" if entity in worst else "")
        for entity in named[:MOST_ENTITIES]
    ]
    if len(named) > MOST_ENTITIES:
        lines.append(f"- and {len(named) - MOST_ENTITIES} more")
    return "\n".join(lines + _behind(case.reach)) or LEFT_OPEN


def _behind(reach: Reach) -> list[str]:
    """What the trouble may have reached: whether it did is for people to find out."""
    models = {"Models that depend on it": reach.models}
    services = {"Services that depend on it": reach.services, "Of these face users": reach.fronts}
    lines = []
    for words, entities in (services | models).items():
        more = f" and {len(entities) - MOST_ENTITIES} more" if len(entities) > MOST_ENTITIES else ""
        if entities:
            lines.append(f"- {words}: {', '.join(f'`{one}`' for one in entities[:MOST_ENTITIES])}{more}")
    return [*lines, f"- What users noticed: {LEFT_OPEN}"] if lines else []


def _timeline(story: Sequence[TimelineEntry], zone: tzinfo) -> str:
    rows = [
        f"| {_moment(entry.at, zone)} | {_moment(entry.at, UTC)} | {entry.kind.value} | {_text(entry.actor)} "
        f"| {_text(entry.what)} |"
        for entry in story[:MOST_LINES]
    ]
    if len(story) > MOST_LINES:
        rows.append(f"| | | | | and {len(story) - MOST_LINES} more |")
    head = "| local time | UTC | kind | who | what |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) if rows else LEFT_OPEN


def _cause(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None or not diagnosis.causes:
        return f"No cause was found.\n\n{LEFT_OPEN}"
    best = diagnosis.causes[0]
    said = [_text(diagnosis.sentence), ""]
    said += [
        f"- {_text(reason.kind)}, strength {reason.strength:.0%}: {_text(reason.sentence)}" for reason in best.reasons
    ]
    others = [f"`{cause.entity}` ({chance(cause.belief)})" for cause in diagnosis.causes[1:4]]
    if others:
        said += ["", f"Also considered: {', '.join(others)}."]
    said += ["", f"This is what the platform concluded. What a person found out: {LEFT_OPEN}"]
    return "\n".join(said)


def _went_well(case: Case) -> str:
    done = [
        f"- {_text(record.plan.title)}: {_text(record.sentence)}"
        for record in case.plans
        if record.state is PlanState.SUCCEEDED
    ]
    return "\n".join(done) or LEFT_OPEN


def _moment(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return local.strftime("%Y-%m-%d %H:%M:%S ") + (local.tzname() or "UTC")


def _lasted(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _text(words: str) -> str:
    """Text of others on one line, that no reader of Markdown takes for marks."""
    return _MARKS.sub(r"\\\1", " ".join(words.split()))
