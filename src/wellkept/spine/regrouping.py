"""Mending the grouping by hand: merges, splits and moves, kept as facts that grouping honours and learns from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.finding import Finding, heard_late_of
from wellkept.kernel.grouping import DecisionKind
from wellkept.kernel.incident import Incident, IncidentState, Member, StoryKind, reopening_of
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidents import IncidentDesk, checked, known, ticket_of
from wellkept.spine.reasons import Hand, Order, left_behind, order_of, put_in, put_together, taken_apart
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
            hand = Hand(by, why, now)
            order = self._decide(DecisionKind.MERGE, (into, other), (_ids(target), _ids(source)), hand)
            return _merged(target, source, order, hand)

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
            sides = ([one for one in _ids(old) if one not in set(chosen)], chosen)
            self._audited(by, "incident.split", incident, {"into": new_id, "findings": chosen[:50], "why": why})
            hand = Hand(by, why, now)
            order = self._decide(DecisionKind.SPLIT, (incident, new_id), sides, hand)
            new = _split_off(old, new_id, members, told_of, order, hand)
            told = old.note(now, by, f"{_plural(len(members))} moved to {new_id}: {why}", new_id, StoryKind.STATE)
            return (_without(told, chosen, new_id, order, hand), new)

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
            hand = Hand(by, why, now)
            if not rest:
                both = self._decide(DecisionKind.MERGE, (to, source), (_ids(target), [finding]), hand)
                return _merged(target, old, both, hand)
            orders = (
                self._decide(DecisionKind.SPLIT, (source, to), (rest, [finding]), hand),
                self._decide(DecisionKind.MERGE, (to, source), (_ids(target), [finding]), hand),
            )
            return _moved(old, target, member, orders, hand)

        self._stream.change_incidents([source, to], make)
        return self._stream.known_incident(to)

    def _decide(
        self,
        kind: DecisionKind,
        incidents: tuple[str, str],
        sides: tuple[Sequence[str], Sequence[str]],
        hand: Hand,
    ) -> Order:
        """Keep what was decided, where there is something on both sides to learn from; returns who began first."""
        left, right = (self._stream.findings(ids=list(side)) for side in sides)
        if left and right:
            self._grouping.decide(kind, left, right, hand.by, why=hand.why, incidents=incidents)
        return order_of([*left, *right])

    def _new_id(self, incident: str, findings: Sequence[Finding]) -> str:
        """The id of what is split off: where it has all of them, that is what two who do the same at once agree on."""
        first = min(findings, key=lambda finding: (finding.starts_at, finding.id), default=None)
        old = self._stream.incident(incident)
        turn = str(len(old.left)) if old is not None else ""
        return stable_id("inc", incident, first.id if first else "", turn, *sorted(f.id for f in findings))


def _merged(target: Incident, source: Incident, order: Order, hand: Hand) -> tuple[Incident, Incident]:
    """The one with the findings of the other, and the other closed in its favour."""
    by, why, now = hand.by, hand.why, hand.at
    mine, came = put_together(target.members, source.members, order, hand, (target.id, source.id))
    came = [replace(member, via=member.via or source.id) for member in came]
    rated = target if target.severity_by else max((target, source), key=lambda one: one.severity)
    joined = target.note(now, by, f"{source.id} is the same problem and was merged: {why}", source.id, StoryKind.STATE)
    grown = replace(
        replace(joined, members=tuple(mine)).joined(came, now),
        severity=rated.severity,
        severity_why=rated.severity_why,
        severity_by=target.severity_by,
        opened_at=min(target.opened_at, source.opened_at),
        heard_late=min((target, source), key=lambda one: one.opened_at).heard_late,
        reopening=reopening_of(target, source),
        stays_open=target.stays_open or source.stays_open,
    )
    told = source.move(IncidentState.RESOLVED, now, by, f"merged into {target.id}: {why}")
    closed = told.move(IncidentState.CLOSED, now, by, f"ticket {source.ticket} closed in favour of {target.ticket}")
    return grown, replace(closed, merged_into=target.id, touched_at=now)


def _moved(
    old: Incident, target: Incident, member: Member, orders: tuple[Order, Order], hand: Hand
) -> tuple[Incident, Incident]:
    """One incident without a member that the other has from now on; ``orders``: of the one, and of the other."""
    by, why, now = hand.by, hand.why, hand.at
    *mine, moved = put_in(target.members, member, orders[1], hand, old.id)
    left = old.note(now, by, f"a finding moved to {target.id}: {why}", member.finding, StoryKind.STATE)
    joined = target.note(now, by, f"a finding of {old.id} moved here: {why}", member.finding, StoryKind.STATE)
    grown = replace(joined, members=tuple(mine)).joined([moved], now)
    return _without(left, {member.finding}, target.id, orders[0], hand), grown


def _without(old: Incident, gone: Collection[str], to: str, order: Order, hand: Hand) -> Incident:
    """The incident after findings went elsewhere, with reasons that rest on what is still there."""
    rest = old.without(gone, hand.at, to)
    return replace(rest, members=tuple(taken_apart(rest.members, gone, order, left_behind(hand, to))))


def _split_off(
    old: Incident, new_id: str, members: Sequence[Member], findings: Sequence[Finding], order: Order, hand: Hand
) -> Incident:
    """The new incident: it began with the first of its findings, and was noticed when the old one was."""
    onset = old.onset(finding.starts_at for finding in findings)
    worst = min(findings, key=lambda one: (-int(one.severity), one.starts_at, one.id))
    came_from = list(dict.fromkeys(member.via for member in members if member.via))
    left = {member.finding for member in old.members} - {member.finding for member in members}
    mine = taken_apart(members, left, order, lambda one: hand.put(one, f"split it from {old.id}", old.id))
    new = replace(
        old,
        id=new_id,
        title=_title(worst),
        severity=worst.severity,
        severity_why=f"{worst.severity.name.lower()}, the worst of {_plural(len(findings))}",
        severity_by="",
        opened_at=onset,
        heard_late=heard_late_of(findings, onset),
        updated_at=hand.at,
        members=(),
        timeline=(),
        split_from=old.id,
        reopens="",
        ticket=ticket_of(new_id),
        related=tuple(came_from),
        left=(),
        touched_at=hand.at,
        extent=None,
    )
    joined = new.joined([replace(member, via="") for member in mine], hand.at)
    return joined.note(hand.at, hand.by, f"split from {old.id}: {hand.why}", old.id, StoryKind.STATE)


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
