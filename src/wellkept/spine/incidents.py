"""What people do with incidents: take them on, say how they stand, hand them over, write, and mend the grouping.

Each deed is done by somebody with a name, for a reason, and stands in the story of the incident and in the audit log.
Of two at once one sees what the other did: the same deed again changes nothing, one that does not fit any more is a
ConflictError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Reopening
from wellkept.kernel.story import StoryKind
from wellkept.spine.audit import Audit
from wellkept.spine.stream import Stream

LONGEST_NAME, LONGEST_TEXT = 80, 4000
_RATED = "incident.rated"
Deed = Callable[[Incident, datetime], Incident]


class IncidentDesk:
    """Takes what people do with one incident. :mod:`wellkept.spine.regrouping` takes merges, splits and moves."""

    def __init__(self, stream: Stream, audit: Audit, clock: Clock) -> None:
        self._stream, self._audit, self._clock = stream, audit, clock

    def acknowledge(self, incident: str, *, by: str, why: str = "") -> Incident:
        """Somebody looks at it. Whoever takes on what nobody is assigned to is assigned.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it is mitigated or over.
        """

        def deed(found: Incident, now: datetime) -> Incident:
            moved = found.move(IncidentState.ACKNOWLEDGED, now, by, why or "somebody looks at it")
            return moved if moved.assignee else replace(moved, assignee=by, touched_at=now)

        return self._state(incident, IncidentState.ACKNOWLEDGED, deed, by, why)

    def mitigate(self, incident: str, *, by: str, why: str) -> Incident:
        """The harm is contained, whatever is left to do.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it is over.
        """
        return self._state(incident, IncidentState.MITIGATED, _to(IncidentState.MITIGATED, by, why), by, why)

    def resolve(self, incident: str, *, by: str, why: str) -> Incident:
        """It is over. Trouble that comes back opens another incident that points back.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it is closed.
        """
        return self._state(incident, IncidentState.RESOLVED, _to(IncidentState.RESOLVED, by, why), by, why)

    def close(self, incident: str, *, by: str, why: str) -> Incident:
        """Nothing is left to do; what was not resolved before is resolved with it.

        Raises:
            NotFoundError: there is no such incident.
        """

        def deed(found: Incident, now: datetime) -> Incident:
            over = found.move(IncidentState.RESOLVED, now, by, why) if found.state.is_live else found
            return over.move(IncidentState.CLOSED, now, by, why)

        return self._state(incident, IncidentState.CLOSED, deed, by, why)

    def reopen(self, incident: str, *, by: str, why: str) -> Incident:
        """A new incident that points back to one that is over, with those of its findings that have not ended.

        Where all have ended it has all of them, and stays open until a person resolves it. Reopened twice, it is the
        same one.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it is not over, was merged into another, or what it was reopened as is over, too.
        """
        checked(by, why)
        again = stable_id("inc", incident, "reopened")

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            old, now = known(found, incident), self._clock.now()
            if again in found:
                _is_still_live(found[again], incident)
                return ()
            if old.state.is_live:
                raise ConflictError(
                    f"incident {incident}", "is not over; only what is over can be reopened", old.state.value
                )
            if old.merged_into:
                raise ConflictError(f"incident {incident}", f"was merged into {old.merged_into}; split it there")
            new = _reopened(old, again, self._still_open(old), by, why, now)
            told = old.note(now, by, f"reopened as {again}: {why}", again, StoryKind.STATE)
            self._audited(by, "incident.reopened", incident, {"as": again, "why": why})
            return (told, new)

        self._stream.change_incidents([incident, again], make)
        return self._stream.known_incident(again)

    def assign(self, incident: str, to: str, *, by: str, why: str = "") -> Incident:
        """Somebody works on it; an empty ``to`` takes it off whoever did."""
        said = f"assigned to {to}" if to else "assigned to nobody"
        return self._touch(incident, {"assignee": _short(to, "to")}, said, "incident.assigned", by, why)

    def own(self, incident: str, owner: str, *, by: str, why: str = "") -> Incident:
        """It is this team's; empty leaves it to the catalogue again."""
        said = f"owned by {owner}" if owner else "owner left to the catalogue"
        changes = {"owner": _short(owner, "owner"), "owned_by": by if owner else ""}
        return self._touch(incident, changes, said, "incident.owned", by, why)

    def rate(self, incident: str, severity: Severity | None, *, by: str, why: str) -> Incident:
        """It is this bad, whatever its findings say; None leaves it to them again, from the next one on.

        Raises:
            NotFoundError: there is no such incident.
        """
        name = severity.name.lower() if severity is not None else ""
        if severity is None:
            return self._touch(incident, {"severity_by": ""}, "severity left to the findings", _RATED, by, why)
        changes = {"severity": severity, "severity_by": by, "severity_why": f"{name}, set by {by}: {why}"}
        return self._touch(incident, changes, f"severity set to {name}", _RATED, by, why)

    def note(self, incident: str, text: str, *, by: str) -> Incident:
        """Write something into its story; also when it is over. The same words by the same person stand there once.

        Raises:
            NotFoundError: there is no such incident.
            InputError: there is nothing in it, or more than 4000 characters.
        """
        words = text.strip()
        if not words or len(words) > LONGEST_TEXT:
            raise InputError("note", f"must have from 1 to {LONGEST_TEXT} characters", len(words))
        checked(by, words)

        def deed(found: Incident, now: datetime) -> Incident:
            is_there = any(
                (entry.actor, entry.what, entry.kind) == (by, words, StoryKind.NOTE) for entry in found.timeline
            )
            return found if is_there else found.note(now, by, words)

        return self._do(incident, deed, "incident.noted", by, {"text": words})

    def relate(self, incident: str, other: str, *, by: str, why: str = "", related: bool = True) -> Incident:
        """The two have to do with each other without being one problem (or have not, with ``related`` false).

        Raises:
            NotFoundError: one of them is not known.
            InputError: both are the same.
        """
        checked(by, why)
        if incident == other:
            raise InputError("other", "must be another incident", other)

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            now = self._clock.now()
            one, two = known(found, incident), known(found, other)
            if (other in one.related, incident in two.related) == (related, related):
                return ()
            verb = "incident.related" if related else "incident.unrelated"
            self._audited(by, verb, incident, {"other": other, "why": why})
            return (_linked(one, other, related, by, why, now), _linked(two, incident, related, by, why, now))

        self._stream.change_incidents([incident, other], make)
        return self._stream.known_incident(incident)

    def _still_open(self, incident: Incident) -> set[str]:
        ids = [member.finding for member in incident.members]
        return {finding.id for finding in self._stream.findings(ids=ids) if finding.is_open}

    def _state(self, incident: str, to: IncidentState, deed: Deed, by: str, why: str) -> Incident:
        """Move an incident on; one that is in that state already stays as it is."""
        checked(by, why)

        def unless_there(found: Incident, now: datetime) -> Incident:
            if found.state is to and not found.merged_into:
                return found
            if found.merged_into:
                raise ConflictError(f"incident {incident}", f"was merged into {found.merged_into}; act on that one")
            return deed(found, now)

        return self._do(incident, unless_there, f"incident.{to.value}", by, {"why": why})

    def _touch(self, incident: str, changes: Mapping[str, Any], said: str, verb: str, by: str, why: str) -> Incident:
        checked(by, why)

        def deed(found: Incident, now: datetime) -> Incident:
            if all(getattr(found, name) == value for name, value in changes.items()):
                return found
            told = found.note(now, by, f"{said}: {why}" if why else said, kind=StoryKind.STATE)
            return replace(told, **changes, touched_at=now)

        return self._do(incident, deed, verb, by, {**changes, "why": why})

    def _do(self, incident: str, deed: Deed, verb: str, by: str, details: Mapping[str, Any]) -> Incident:
        """Do a deed and write it down, in one unit of work; one that changes nothing leaves no trace."""
        now = self._clock.now()

        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            before = known(found, incident)
            after = deed(before, now)
            if after == before:
                return ()
            self._audited(by, verb, incident, details)
            return (after,)

        self._stream.change_incidents([incident], make)
        return self._stream.known_incident(incident)

    def _audited(self, by: str, verb: str, incident: str, details: Mapping[str, Any]) -> None:
        self._audit.append(self._clock.now(), by, verb, incident, details)


def _to(state: IncidentState, by: str, why: str) -> Deed:
    return lambda found, now: found.move(state, now, by, why)


def known(found: Mapping[str, Incident], incident: str) -> Incident:
    if incident not in found:
        raise NotFoundError(f"incident {incident}", "is not known")
    return found[incident]


def checked(by: str, why: str) -> None:
    """Whether a deed has a name under it, and a reason that can be kept."""
    if not by.strip() or len(by) > LONGEST_NAME or not by.isprintable():
        raise InputError("by", f"must be the name of who does it, on one line, at most {LONGEST_NAME} characters", by)
    if len(why) > LONGEST_TEXT:
        raise InputError("why", f"must have at most {LONGEST_TEXT} characters", len(why))


def _short(name: str, field: str) -> str:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(field, f"must be a name on one line, at most {LONGEST_NAME} characters", name)
    return " ".join(name.split())


def _linked(one: Incident, other: str, related: bool, by: str, why: str, now: datetime) -> Incident:
    said = f"related to {other}" if related else f"no longer related to {other}"
    links = dict.fromkeys([*one.related, other] if related else [name for name in one.related if name != other])
    told = one.note(now, by, f"{said}: {why}" if why else said, other, StoryKind.STATE)
    return replace(told, related=tuple(links), touched_at=now)


def _is_still_live(again: Incident, old: str) -> None:
    if not again.state.is_live:
        raise ConflictError(f"incident {old}", f"was reopened as {again.id}, which is over; reopen that one")


def _reopened(old: Incident, again: str, still_open: set[str], by: str, why: str, now: datetime) -> Incident:
    """The return of an incident: it begins, and is noticed, when somebody says so; the old one stays what it was."""
    new = replace(
        old,
        id=again,
        state=IncidentState.OPEN,
        opened_at=now,
        heard_late="",
        detected_at=now,
        updated_at=now,
        members=(),
        timeline=(),
        acknowledged_at=None,
        mitigated_at=None,
        resolved_at=None,
        closed_at=None,
        reopens=old.id,
        reopening=Reopening(old.resolved_at or old.closed_at or now, now),
        ticket=ticket_of(again),
        left=(),
        split_from="",
        related=(),
        extent=None,
        held="",
        stays_open=not still_open,
    )
    back = [member for member in old.members if not still_open or member.finding in still_open]
    joined = new.joined(back, now)
    return joined.note(now, by, f"reopened from {old.id}: {why}", old.id, StoryKind.STATE)


def ticket_of(incident: str) -> str:
    """The number of the ticket of an incident."""
    return f"TCK-{incident.removeprefix('inc-')[:8].upper()}"
