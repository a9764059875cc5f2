"""Mending the grouping by hand: merges, splits and moves, kept as facts that grouping honours and learns from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import DecisionKind
from wellkept.kernel.incident import Incident, IncidentState, Member, StoryKind, Tie, reopening_of
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidents import IncidentDesk, checked, known, ticket_of
from wellkept.spine.stream import Stream

LONGEST_TITLE = 100


class RegroupingDesk(IncidentDesk):
    """Everything that people do with incidents, with what moves findings between them.

    A merge and then a split of what it brought puts every finding back with those that it was with, under the reasons
    that it had.
    """

    def __init__(self, stream: Stream, audit: Audit, clock: Clock, grouping: GroupingDesk) -> None:
        super().__init__(stream, audit, clock)
        self._grouping = grouping

    def merge(self, into: str, other: str, *, by: str, why: str) -> Incident:
        """The other is the same problem: its findings join ``into``, and it is closed in its favour.

        Raises:
            NotFoundError: one of them is not known.
            InputError: both are the same.
            ConflictError: one of them is over: what is over takes nothing in, and stays what it was.
        """
        checked(by, why)
        if into == other:
            raise InputError("other", "must be another incident", other)

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            target, source, now = known(found, into), known(found, other), self._clock.now()
            if source.merged_into == into:
                return ()
            for one in (target, source):
                _must_be_live(one, "is over and cannot be merged")
            self._audited(by, "incident.merged", into, {"other": other, "why": why})
            self._decide(DecisionKind.MERGE, (target, source), (_ids(target), _ids(source)), by, why)
            return _merged(target, source, by, why, now)

        self._stream.change_incidents([into, other], make)
        return self._stream.known_incident(into)

    def split(self, incident: str, findings: Collection[str], *, by: str, why: str) -> Incident:
        """Some of its findings are another problem: they leave it for a new incident, which is returned.

        Raises:
            NotFoundError: there is no such incident.
            InputError: the findings are not some, and not all, of its members.
            ConflictError: it is over, or the findings have left it for different ones meanwhile.
        """
        checked(by, why)
        chosen = sorted(set(findings))
        told_of = self._stream.findings(ids=chosen)
        new_id = self._new_id(incident, told_of)
        went: list[str] = []

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            old, now = known(found, incident), self._clock.now()
            if (before := _went_to(old, chosen)) is not None:
                went.append(before)
                return ()
            _must_be_live(old, "is over and cannot be split")
            members = _chosen(old, chosen)
            new = _split_off(old, new_id, members, told_of, by, why, now)
            told = old.note(now, by, f"{_plural(len(members))} moved to {new_id}: {why}", new_id, StoryKind.STATE)
            rest = told.without(chosen, now, new_id)
            self._audited(by, "incident.split", incident, {"into": new_id, "findings": chosen[:50], "why": why})
            self._decide(DecisionKind.SPLIT, (rest, new), (_ids(rest), _ids(new)), by, why)
            return (rest, new)

        self._stream.change_incidents([incident, new_id], make)
        return self._stream.known_incident(went[0] if went else new_id)

    def move(self, finding: str, source: str, to: str, *, by: str, why: str) -> Incident:
        """One finding belongs to another incident, which is returned. An incident that it was the last of is closed.

        Raises:
            NotFoundError: an incident is not known.
            InputError: both are the same, or the finding is not in ``source``.
            ConflictError: one of them is over.
        """
        checked(by, why)
        if source == to:
            raise InputError("to", "must be another incident", to)

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            old, target, now = known(found, source), known(found, to), self._clock.now()
            if finding not in _ids(old) and finding in _ids(target):
                return ()
            for one in (old, target):
                _must_be_live(one, "is over, so no finding moves")
            member = _chosen(old, [finding], may_be_all=True)[0]
            rest = [name for name in _ids(old) if name != finding]
            self._audited(by, "incident.finding_moved", source, {"finding": finding, "to": to, "why": why})
            if rest:
                self._decide(DecisionKind.SPLIT, (old, target), (rest, [finding]), by, why)
            self._decide(DecisionKind.MERGE, (target, old), (_ids(target), [finding]), by, why)
            return _moved(old, target, member, by, why, now) if rest else _merged(target, old, by, why, now)

        self._stream.change_incidents([source, to], make)
        return self._stream.known_incident(to)

    def _decide(
        self,
        kind: DecisionKind,
        incidents: tuple[Incident, Incident],
        sides: tuple[Sequence[str], Sequence[str]],
        by: str,
        why: str,
    ) -> None:
        """Keep what was decided, where there is something on both sides to learn from."""
        left, right = (self._stream.findings(ids=list(side)) for side in sides)
        if left and right:
            self._grouping.decide(kind, left, right, by, why=why, incidents=(incidents[0].id, incidents[1].id))

    def _new_id(self, incident: str, findings: Sequence[Finding]) -> str:
        """The id of what is split off: where it has all of them, that is what two who do the same at once agree on."""
        first = min(findings, key=lambda finding: (finding.starts_at, finding.id), default=None)
        old = self._stream.incident(incident)
        turn = str(len(old.left)) if old is not None else ""
        return stable_id("inc", incident, first.id if first else "", turn, *sorted(f.id for f in findings))


def _merged(target: Incident, source: Incident, by: str, why: str, now: datetime) -> tuple[Incident, Incident]:
    """The one with the findings of the other, and the other closed in its favour."""
    came = [replace(member, via=member.via or source.id) for member in source.members]
    rated = target if target.severity_by else max((target, source), key=lambda one: one.severity)
    joined = target.note(now, by, f"{source.id} is the same problem and was merged: {why}", source.id, StoryKind.STATE)
    grown = replace(
        joined.joined(came, now),
        severity=rated.severity,
        severity_why=rated.severity_why,
        severity_by=target.severity_by,
        opened_at=min(target.opened_at, source.opened_at),
        reopening=reopening_of(target, source),
    )
    told = source.move(IncidentState.RESOLVED, now, by, f"merged into {target.id}: {why}")
    closed = told.move(IncidentState.CLOSED, now, by, f"ticket {source.ticket} closed in favour of {target.ticket}")
    return grown, replace(closed, merged_into=target.id, touched_at=now)


def _moved(
    old: Incident, target: Incident, member: Member, by: str, why: str, now: datetime
) -> tuple[Incident, Incident]:
    """One incident without a member that the other has from now on."""
    values = {"by": by, "from": old.id, "tie": member.tie.value}
    moved = replace(member, why=f"{by} put it here: {why}", tie=Tie.HAND, values=values, via="")
    left = old.note(now, by, f"a finding moved to {target.id}: {why}", member.finding, StoryKind.STATE)
    joined = target.note(now, by, f"a finding of {old.id} moved here: {why}", member.finding, StoryKind.STATE)
    return left.without({member.finding}, now, target.id), joined.joined([moved], now)


def _split_off(
    old: Incident, new_id: str, members: Sequence[Member], findings: Sequence[Finding], by: str, why: str, now: datetime
) -> Incident:
    """The new incident: it began with the first of its findings, and was noticed when the old one was."""
    worst = min(findings, key=lambda one: (-int(one.severity), one.starts_at, one.id))
    came_from = list(dict.fromkeys(member.via for member in members if member.via))
    new = replace(
        old,
        id=new_id,
        title=_title(worst),
        severity=worst.severity,
        severity_why=f"{worst.severity.name.lower()}, the worst of {_plural(len(findings))}",
        severity_by="",
        opened_at=old.onset(finding.starts_at for finding in findings),
        updated_at=now,
        members=(),
        timeline=(),
        split_from=old.id,
        reopens="",
        ticket=ticket_of(new_id),
        related=tuple(came_from),
        left=(),
        touched_at=now,
        extent=None,
    )
    joined = new.joined([replace(member, via="") for member in members], now)
    return joined.note(now, by, f"split from {old.id}: {why}", old.id, StoryKind.STATE)


def _chosen(incident: Incident, findings: Collection[str], *, may_be_all: bool = False) -> list[Member]:
    members = [member for member in incident.members if member.finding in findings]
    strangers = sorted(set(findings) - {member.finding for member in members})
    if strangers or not members:
        raise InputError("findings", f"must be findings of {incident.id}", strangers[0] if strangers else "none")
    if len(members) == len(incident.members) and not may_be_all:
        raise InputError("findings", f"must not be all of the findings of {incident.id}", len(members))
    return members


def _went_to(incident: Incident, findings: Collection[str]) -> str | None:
    """The one incident that all of these findings have left for; None where they are all still here.

    Raises:
        ConflictError: some have left, or they left for different ones.
    """
    here = set(_ids(incident))
    gone = {departure.finding: departure.to for departure in incident.left if departure.finding not in here}
    targets = {gone.get(finding, "") for finding in findings}
    if targets == {""} or not findings:
        return None
    if len(targets) == 1:
        return targets.pop()
    raise ConflictError(f"incident {incident.id}", "some of these findings have left it meanwhile", sorted(gone)[:3])


def _must_be_live(incident: Incident, rule: str) -> None:
    if not incident.state.is_live:
        hint = f"; it was merged into {incident.merged_into}" if incident.merged_into else ""
        raise ConflictError(f"incident {incident.id}", f"{rule}{hint}", incident.state.value)


def _ids(incident: Incident) -> list[str]:
    return [member.finding for member in incident.members]


def _title(finding: Finding) -> str:
    words = finding.attributes.get("title") or finding.sentence.split("; ")[0].split(". ")[0].rstrip(".")
    return words[:LONGEST_TITLE]


def _plural(count: int) -> str:
    return f"{count} finding{'' if count == 1 else 's'}"
