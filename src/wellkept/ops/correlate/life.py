"""The life of an incident, as pure steps: opened from a group, grown, and ended when its findings are over.

A step takes the head of an incident (without members and story) and gives it back with those members and lines alone
that are new: that is what is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wellkept.kernel.change import Change
from wellkept.kernel.clock import stable_id
from wellkept.kernel.conventions import PROBED
from wellkept.kernel.finding import Finding, FindingKind, Severity, heard_late_of
from wellkept.kernel.incident import (
    Departure,
    Incident,
    IncidentState,
    Member,
    Reopening,
    StoryKind,
    TimelineEntry,
    reopening_of,
)
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.links import MODEL_SIDE, Why, bare, kind_of

ACTOR = "correlate"
TOLD = 50
"""So many findings of an incident are told one by one; of more it is said each time that they have doubled."""

SPEAKS_FOR_ITSELF = frozenset(
    {
        FindingKind.FORECAST,
        FindingKind.THRESHOLD,
        FindingKind.MISSING_DATA,
        FindingKind.SLO_BURN,
        FindingKind.EXTERNAL,
        FindingKind.PERFORMANCE,
        FindingKind.DATA_QUALITY,
    }
)
"""Kinds of findings that open an incident alone; anomalies, log patterns and drift need weight, company or time."""

CALLED_BY_PEOPLE = frozenset({FindingKind.EXTERNAL, FindingKind.THRESHOLD, FindingKind.SLO_BURN})
"""Kinds whose severity somebody has written down; where they wrote information, they mean it."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What an incident is called and how bad it is."""

    title: str
    severity: Severity
    why: str = ""


def is_enough(findings: Sequence[Finding], now: datetime, settings: CorrelateSettings) -> str:
    """Why these findings are worth an incident, or an empty string.

    What is over never creates one, and neither does an alert from outside or of a rule that is called information: some
    fire all the time, so that somebody notices when they do not.
    """
    open_ones = [finding for finding in findings if finding.is_open and not _is_information(finding)]
    for finding in open_ones:
        if finding.severity >= Severity.ERROR:
            return f"a finding of severity {finding.severity.name.lower()}"
        if finding.kind in SPEAKS_FOR_ITSELF:
            return f"a finding of kind {finding.kind.value}"
        if finding.score >= settings.strong_score and not finding.attributes.get("resource"):
            return f"a finding with score {finding.score:.2f}"
        lasted = (now - finding.starts_at).total_seconds()
        if lasted >= settings.persist_s:
            return f"a finding that has lasted {lasted:.0f} s"
    return "several findings that belong together" if len(open_ones) > 1 else ""


def _is_information(finding: Finding) -> bool:
    return finding.kind in CALLED_BY_PEOPLE and finding.severity is Severity.INFO


@dataclass(frozen=True, slots=True)
class Origin:
    """Why an incident is opened, and what went before: changes near its onset, incidents that it comes from."""

    why: str
    changes: tuple[Change, ...] = ()
    reopens: str = ""
    split_from: str = ""
    reopening: Reopening | None = None
    """What the incident that it is split from is the return of."""


def open_incident(findings: Sequence[Finding], worth: Worth, origin: Origin, now: datetime) -> Incident:
    """A new incident, without members yet. It began when its earliest finding did, whenever that was noticed."""
    first = findings[0]
    apart = ("split", origin.split_from, now.isoformat()) if origin.split_from else ()
    identity = stable_id("inc", first.id, *apart)
    ticket = f"TCK-{identity.removeprefix('inc-')[:8].upper()}"
    incident = Incident(
        id=identity,
        title=worth.title,
        state=IncidentState.OPEN,
        severity=worth.severity,
        severity_why=worth.why,
        opened_at=first.starts_at,
        detected_at=now,
        updated_at=now,
        members=(),
        reopens=origin.reopens,
        split_from=origin.split_from,
        reopening=origin.reopening,
        ticket=ticket,
    )
    onset = incident.onset(finding.starts_at for finding in findings)
    incident = heard(replace(incident, opened_at=onset), heard_late_of(findings, onset), now)
    said = f"opened because of {origin.why}; ticket {ticket} opened"
    incident = incident.note(now, ACTOR, said, first.id, StoryKind.STATE)
    for what, other in (("the same trouble as in {} came back", origin.reopens), ("split from {}", origin.split_from)):
        if other:
            incident = incident.note(now, ACTOR, what.format(other), other, StoryKind.STATE)
    for change in origin.changes:
        ahead = (first.starts_at - change.at).total_seconds()
        said = f"{ahead:.0f} s before the onset {change.actor} made a change: {change.summary}"
        incident = incident.note(now, ACTOR, said, change.id, StoryKind.CHANGE)
    return incident


def heard(incident: Incident, late: str, now: datetime) -> Incident:
    """The incident, which says how late its first sign was told of, where that is so."""
    if late and late != incident.heard_late:
        said = f"{late}: the time to detect counts from then, and is left out of the medians of the summary"
        incident = incident.note(now, ACTOR, said, kind=StoryKind.STATE)
    return replace(incident, heard_late=late)


def grown(
    incident: Incident,
    count: int,
    new: Sequence[Finding],
    why: Mapping[str, Why],
    held: Mapping[str, str],
    now: datetime,
) -> Incident:
    """The incident, which has ``count`` members so far, with more; ``held`` says which are kept quiet, and why."""
    went = {departure.finding: departure.at for departure in incident.left}
    members, lines = list[Member](), list[TimelineEntry]()
    for place, finding in enumerate(new, count):
        reason = why[finding.id]
        joined = max(now, went[finding.id] + timedelta(microseconds=1)) if finding.id in went else now
        said = held.get(finding.id, "")
        members.append(
            Member(finding.id, finding.entity, joined, reason.sentence, reason.tie, reason.values, held=said)
        )
        if place < TOLD:
            story = f"{finding.sentence} ({reason.sentence})" + (f"; kept quiet: {said}" if said else "")
            lines.append(TimelineEntry(now, finding.detector, story, finding.id, StoryKind.FINDING))
    total = count + len(members)
    if total > TOLD and total.bit_length() > max(count, TOLD).bit_length():
        said = f"{total} findings belong to it by now"
        lines.append(TimelineEntry(now, ACTOR, said, kind=StoryKind.FINDING))
    incident = incident.told(lines)
    return replace(incident, members=(*incident.members, *members), updated_at=max(incident.updated_at, now))


def opened_again(incident: Incident, new: Iterable[Finding], known: Sequence[Finding], now: datetime) -> Incident:
    """The incident, open again where it was mitigated and the same as before has begun anew since."""
    since = incident.mitigated_at
    if incident.state is not IncidentState.MITIGATED or since is None:
        return incident
    before = {finding.fingerprint for finding in known if finding.starts_at <= since}
    back = [one for one in new if one.is_open and one.starts_at > since and one.fingerprint in before]
    if not back:
        return incident
    return incident.move(IncidentState.OPEN, now, ACTOR, f"it was mitigated, and came back: {short_title(back[0])}")


def ended(incident: Incident, over: Iterable[Finding], now: datetime) -> Incident:
    """The incident with a line for each finding that is over."""
    return incident.told(
        [
            TimelineEntry(now, finding.detector, f"over: {short_title(finding)}", finding.id, StoryKind.FINDING)
            for finding in over
        ]
    )


def settle(incident: Incident, over: datetime | None, now: datetime, settings: CorrelateSettings) -> Incident:
    """The incident resolved and closed as far as it can be; ``over`` is since when none of its findings is open."""
    if (
        incident.state.is_live
        and not incident.stays_open
        and over is not None
        and now - over >= timedelta(seconds=settings.quiet_s)
    ):
        quiet = (now - over).total_seconds()
        why = f"all findings have been over for {quiet:.0f} s"
        incident = incident.move(IncidentState.RESOLVED, now, ACTOR, why)
    if incident.state is not IncidentState.RESOLVED or incident.resolved_at is None:
        return incident
    if now - incident.resolved_at < timedelta(seconds=settings.close_after_s):
        return incident
    why = f"nothing is left to wait for; ticket {incident.ticket} is closed on a proven recovery alone"
    return incident.move(IncidentState.CLOSED, now, ACTOR, why)


def absorb(incident: Incident, survivor: Incident, now: datetime) -> Incident:
    """An incident that turned out to be part of another one, closed with a word that says so."""
    said = f"the same problem as {survivor.id}; its findings moved there"
    told = incident.note(now, ACTOR, said, survivor.id, StoryKind.STATE)
    told = told.move(IncidentState.RESOLVED, now, ACTOR, f"merged into {survivor.id}")
    why = f"ticket {incident.ticket} closed in favour of {survivor.ticket}"
    return replace(told.move(IncidentState.CLOSED, now, ACTOR, why), merged_into=survivor.id)


def took(survivor: Incident, other: Incident, now: datetime) -> Incident:
    """The survivor's word about an incident that was merged into it."""
    told = survivor.note(now, ACTOR, f"{other.id} is the same problem and was merged", other.id, StoryKind.STATE)
    stays_open = survivor.stays_open or other.stays_open
    return replace(told, reopening=reopening_of(survivor, other), stays_open=stays_open)


def lost(incident: Incident, findings: Sequence[str], to: Incident, now: datetime) -> Incident:
    """The incident without findings that turned out to be another problem."""
    gone = tuple(Departure(finding, now, to.id) for finding in findings)
    said = f"{len(findings)} of its findings turned out to be another problem and moved to {to.id}"
    told = incident.note(now, ACTOR, said, to.id, StoryKind.STATE)
    old = tuple(departure for departure in told.left if departure.finding not in set(findings))
    return replace(told, left=(*old, *gone))


def parted(incident: Incident, members: set[str]) -> list[tuple[set[str], set[str]]]:
    """What was taken out of an incident together, and what was in it still at that time, the first departure first."""
    moments = sorted({(departure.at, departure.to) for departure in incident.left})
    found = []
    for at, to in moments:
        gone = {one.finding for one in incident.left if (one.at, one.to) == (at, to)} - members
        later = {one.finding for one in incident.left if (one.at, one.to) > (at, to)}
        if gone and (others := (members | later) - gone):
            found.append((gone, others))
    return found


def title_of(findings: Sequence[Finding]) -> str:
    """The title of the worst finding and how many others there are: of a system before a model, the earliest first.

    A probe that fails shows that something else does: it comes last of those that are as bad.
    """
    worst = min(
        findings,
        key=lambda f: (-int(f.severity), kind_of(f.entity) in MODEL_SIDE, f.signal == PROBED, f.starts_at, f.id),
    )
    entities = {finding.entity for finding in findings}
    more = f" (and {len(entities) - 1} more affected)" if len(entities) > 1 else ""
    return short_title(worst) + more


def short_title(finding: Finding) -> str:
    """What a finding is about, in a few words."""
    if finding.attributes.get("title"):
        return finding.attributes["title"]
    words = finding.sentence.split("; ")[0].split(". ")[0].rstrip(".")
    return words if len(words) <= 100 else f"{finding.kind.value} on {bare(finding.entity) or 'the platform'}"
