"""The loop that plans: reads what has changed since a position, and keeps what is to be told, in one unit.

Nothing is told from memory. A process that dies half way has kept nothing, and the next turn begins where it began; of
two servers that plan the same turn, the store lets one win.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.codec import decode
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.noise import Digest
from wellkept.kernel.plan import PlanState, Risk
from wellkept.spine.notify.describing import Describer
from wellkept.spine.notify.escalation import escalated, is_told, stepped, told_together, word_of
from wellkept.spine.notify.facts import Facts
from wellkept.spine.notify.planner import Item, Planner
from wellkept.spine.notify.routing import Routed, in_force, route, ways
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import DIGEST, Snapshot, of_entry, of_incident, of_plan
from wellkept.store.state.audit import AuditEntry
from wellkept.store.state.news import NewsRows
from wellkept.store.state.notifications import Notification, NotificationRows, Position
from wellkept.store.state.plans import PlanRecord, PlanRows
from wellkept.store.state.tellings import Escalation, HistoryRows

SOURCE = "changes"
AT_A_TIME, MOST_PLANS = 500, 200
MOST_OPEN = 1000
"""So many open incidents, the newest, are asked anew where they go when hours of a route begin or end."""
APPROVAL = "approval:"
RISKS = {Risk.LOW: Severity.INFO, Risk.MEDIUM: Severity.WARNING, Risk.HIGH: Severity.ERROR}
ENDINGS = {"plan.succeeded": Severity.INFO, "plan.failed": Severity.ERROR}
ROLLBACKS = ("rollout.stopped",)
"""What the audit log calls a model's going back to its champion; a promotion back is a plan like any other."""


Quiet = Callable[[int], tuple[list[Digest], int]]
FRESH = timedelta(minutes=10)
"""So long after the end of quiet hours, what they held is told together."""


class Changes(Protocol):
    """Where changes of incidents are read from (see :class:`wellkept.spine.stream.Stream`)."""

    def incidents(self, *, live: bool | None = None, limit: int = 100) -> list[Incident]: ...

    def incidents_since(self, revision: int, limit: int = 500) -> tuple[list[Incident], int]: ...

    def last_revision(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that changed, and how its facts are read where they are needed."""

    snapshot: Snapshot
    held: bool
    facts: Callable[[], Facts]
    again: bool = False


class Planning:
    """Plans turn by turn."""

    def __init__(
        self,
        settings: NotifySettings,
        rows: NotificationRows,
        history: HistoryRows,
        stream: Changes,
        news: NewsRows,
        plans: PlanRows,
        describer: Describer,
        quiet: Quiet,
    ) -> None:
        """``quiet`` gives what quiet hours held and let go since a number, and the number to go on from."""
        self._settings, self._rows, self._history, self._stream = settings, rows, history, stream
        self._news, self._plans, self._describer, self._quiet = news, plans, describer, quiet
        self._asks = any("approval" in way.events for way, _ in ways(settings.route))

    def turn(self, now: datetime) -> bool:
        """Plan once; whether there is more to do at once.

        What happened before anybody could be told is not told: the first turn begins at the end.
        """
        known = self._rows.position(SOURCE)
        if known is None or not self._settings.receivers:
            self._skip(known, now)
            return False
        changed, places, is_more = self._read(known, now)
        quiet, places["quiet"] = self._let_go(int(places["quiet"]), now)
        position = json.dumps(places)
        planner = Planner(self._settings, now)
        self._take(planner, changed, now)
        self._escalate(planner, now)
        for row in self._rows.repeating(now):
            if row.id not in planner.planned.changed:
                planner.remind(row)
        self._fall_back(planner, now)
        self._fold(planner, quiet, now)
        if planner.planned.is_empty and position == known.position:
            return False
        return not self._rows.plan(SOURCE, known, position, planner.planned) or is_more

    def _skip(self, known: Position | None, now: datetime) -> None:
        ends = {"incidents": self._stream.last_revision(), "audit": self._news.last_entry(), "quiet": self._quiet(0)[1]}
        end = json.dumps(ends)
        if known is None or known.position != end:
            self._rows.plan(SOURCE, known, end, Planner(self._settings, now).planned)

    def _let_go(self, after: int, now: datetime) -> tuple[dict[str, str], int]:
        """What quiet hours held and have let go just now: thing to a sentence, and the number to go on from."""
        held: dict[str, str] = {}
        for digest in self._quiet(after)[0]:
            if digest.ended_at >= now - FRESH:
                held |= {f"incident:{incident}": digest.sentence or digest.name for incident in digest.incidents}
        return held, after if held else self._quiet(after)[1]

    def _read(self, known: Position, now: datetime) -> tuple[list[Changed], dict[str, Any], bool]:
        """What changed since a position, the position to go on from, and whether there is more."""
        places = json.loads(known.position)
        incidents, revision = self._stream.incidents_since(int(places["incidents"]), AT_A_TIME)
        entries = self._news.entries(int(places["audit"]), AT_A_TIME)
        changed = [self._incident(incident, revision) for incident in incidents]
        changed += [one for entry in entries for one in self._entry(entry)]
        changed += self._approvals() if self._asks else []
        hours = in_force(self._settings.route, now)
        if _has_turned(places.get("hours", {}), hours):
            changed += self._open(revision)
        latest = {one.snapshot.subject: one for one in changed}
        places |= {"hours": hours, "incidents": revision, "audit": entries[-1].number if entries else places["audit"]}
        is_more = len(incidents) >= AT_A_TIME or len(entries) >= AT_A_TIME
        return list(latest.values()), {"quiet": 0, **places}, is_more

    def _incident(self, incident: Incident, revision: int, *, again: bool = False) -> Changed:
        facts = lambda: self._describer.incident(incident)  # noqa: E731 - it is read only where it is asked for
        return Changed(of_incident(incident, revision), bool(incident.held), facts, again)

    def _open(self, revision: int) -> Iterable[Changed]:
        """What nobody has taken on yet."""
        for incident in self._stream.incidents(live=True, limit=MOST_OPEN):
            if incident.state is IncidentState.OPEN:
                yield self._incident(incident, revision, again=True)

    def _entry(self, entry: AuditEntry) -> Iterable[Changed]:
        """What an entry of the audit log tells: a plan that ended, a rollback."""
        if entry.verb in ROLLBACKS:
            yield self._said(entry, "rollback", Severity.WARNING)
        if entry.verb in ENDINGS:
            yield self._said(entry, "plan", ENDINGS[entry.verb])

    def _approvals(self) -> Iterable[Changed]:
        """Plans that wait for a decision, and those that did when somebody was told.

        They are read as they are, for the audit log tells of a plan a moment before the plan is there.
        """
        waiting = self._plans.recent(None, [PlanState.WAITING], MOST_PLANS)
        told = [row.subject.removeprefix(APPROVAL) for row in self._rows.open_of(APPROVAL)]
        known = {record.plan.id for record in waiting}
        decided = [record for plan in dict.fromkeys(told) if plan not in known and (record := self._plans.get(plan))]
        return [self._approval(record) for record in [*waiting, *decided]]

    def _approval(self, record: PlanRecord) -> Changed:
        severity, targets = RISKS[record.plan.risk], [action.target for action in record.plan.actions]
        snapshot = of_plan(record, is_waiting=record.state is PlanState.WAITING, severity=severity)
        return Changed(snapshot, held=False, facts=lambda: self._of("approval", severity, targets))

    def _said(self, entry: AuditEntry, event: str, severity: Severity) -> Changed:
        return Changed(of_entry(entry, event, severity), False, lambda: self._of(event, severity, [entry.subject]))

    def _of(self, event: str, severity: Severity, entities: Sequence[str]) -> Facts:
        return self._describer.entities(event, severity, entities)

    def _take(self, planner: Planner, changed: Sequence[Changed], now: datetime) -> None:
        subjects = [one.snapshot.subject for one in changed]
        rows: dict[str, list[Notification]] = {}
        for row in self._rows.of_subjects(subjects):
            rows.setdefault(row.subject, []).append(row)
        known = self._history.escalations(subjects)
        digests: set[str] = set()
        for one in changed:
            subject = one.snapshot.subject
            item = Item(one.snapshot, one.held, rows.get(subject, ()), one.again)
            routed, group = None, {}
            if planner.needs_route(item):
                facts = one.facts()
                routed = route(self._settings.route, facts, now)
                group = {way.name: facts.group(way.group_by) for way in routed.ways}
            planner.take(item, routed, group)
            digests |= {row.digest for row in item.rows if row.digest}
            before, asked = known.get(subject, []), self._asked(routed)
            after = escalated(
                before, one.snapshot, asked, self._settings.policy, now, held=one.held, is_worse=item.is_worse
            )
            planner.planned.escalations += [escalation for escalation in after if escalation not in before]
        self._refresh(planner, digests)

    def _asked(self, routed: Routed | None) -> dict[str, str]:
        """The policies that the routes of something name, each with the first route that does."""
        taken = reversed(routed.ways if routed is not None else ())
        return {way.escalation: way.name for way in taken if self._settings.policy(way.escalation) is not None}

    def _refresh(self, planner: Planner, digests: set[str]) -> None:
        members: dict[str, list[Notification]] = {}
        for row in self._rows.in_digests(sorted(digests)):
            members.setdefault(row.digest, []).append(row)
        for name, rows in members.items():
            digest = self._rows.get(name)
            if digest is not None:
                self._refresh_one(planner, digest, rows)

    def _refresh_one(self, planner: Planner, digest: Notification, members: Sequence[Notification]) -> None:
        """A digest, and what others were told of it by an escalation."""
        planner.refresh(digest, members)
        for other in self._rows.of_subjects([digest.subject]):
            if other.id != digest.id and not self._rows.in_digests([other.id]):
                planner.refresh(other, members)

    def _escalate(self, planner: Planner, now: datetime) -> None:
        """Take the steps that are due, of what was not changed in this very turn."""
        changed = {(one.subject, one.policy) for one in planner.planned.escalations}
        storms: dict[tuple[str, str], Escalation] = {}
        for current in self._history.due_escalations(now):
            if (current.subject, current.policy) in changed:
                continue
            policy, rows = self._settings.policy(current.policy), self._rows.of_subjects([current.subject])
            steps = policy.steps if policy is not None else ()
            if current.step < len(steps) and (about := self._about(current, rows, storms, now)):
                own = {row.receiver: row for row in about}
                wanted = decode(Snapshot, planner.wanted(about[0]))
                for receiver in steps[current.step].receivers:
                    planner.tell(receiver, wanted, own.get(receiver), current.route, word_of(current, now))
            planner.planned.escalations.append(stepped(current, steps))
        planner.planned.escalations += storms.values()

    def _about(
        self,
        current: Escalation,
        rows: Sequence[Notification],
        storms: dict[tuple[str, str], Escalation],
        now: datetime,
    ) -> Sequence[Notification]:
        """The rows of what is told by a step: those of a thing, or of the digest that it is in; none where that was.

        ``storms`` gathers how far the escalations of digests are, by digest and policy.
        """
        inside = [row for row in rows if row.digest]
        mine = next((row for row in inside if row.route == current.route), inside[0] if inside else None)
        digest = self._rows.get(mine.digest) if mine is not None else None
        if digest is None:
            return rows
        place = (digest.subject, current.policy)
        if place not in storms:
            known = {one.policy: one for one in self._history.escalations([digest.subject]).get(digest.subject, [])}
            if current.policy in known:
                storms[place] = known[current.policy]
        before = storms.get(place)
        if before is not None and is_told(before, current):
            return ()
        storms[place] = told_together(digest.subject, current, before, now)
        return [digest, *(row for row in self._rows.of_subjects([digest.subject]) if row.id != digest.id)]

    def _fall_back(self, planner: Planner, now: datetime) -> None:
        if self._settings.fallback is not None:
            failing = self._rows.failing(now - timedelta(seconds=self._settings.fallback_after_s))
            if failing:
                planner.fall_back(failing, self._rows.of_subjects([row.subject for row in failing]))

    def _fold(self, planner: Planner, quiet: Mapping[str, str], now: datetime) -> None:
        untold = self._rows.untold()
        if untold or planner.planned.new:
            since = now - timedelta(seconds=self._settings.route.group_interval_s)
            for digest, rows in planner.fold(untold, self._rows.open_digests(DIGEST, since), quiet):
                self._refresh_one(planner, digest, [*self._rows.in_digests([digest.id]), *rows])


def _has_turned(before: Mapping[str, bool], now: Mapping[str, bool]) -> bool:
    """Whether the hours of a route have begun or ended. A route that is new has done neither."""
    return any(before.get(name, holds) != holds for name, holds in now.items())
