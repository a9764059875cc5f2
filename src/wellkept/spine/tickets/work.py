"""Work on one ticket: what is missing is done, one request after the other, and kept after each.

A process may die between a request and writing that down. So what is begun is written down before; whoever goes on
looks whether it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.incident import Incident, StoryKind
from wellkept.kernel.noise import HoldReason, reason_of
from wellkept.spine.tickets.base import Draft, Ending, Remote, TicketError, Trouble
from wellkept.spine.tickets.content import Telling, change_text, first_text, mark_of
from wellkept.spine.tickets.http import Call
from wellkept.spine.tickets.parts import Facts, Parts, facts_of
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Block, Link, Points, Say
from wellkept.spine.tickets.trackers import adapter
from wellkept.store.state.tickets import CLOSED, DEAD, LEFT, LET_GO, OPEN, CallRow, TicketRow

LEASE_S = 30.0
"""So much longer than two requests may take is a ticket claimed; the claim is renewed after each."""
SKEW = timedelta(minutes=15)
"""What clocks of two machines may differ."""
LOOK_AGAIN = timedelta(seconds=15)
COME_BACK = "The trouble came back."


def lease_of(tracker: Tracker | None) -> timedelta:
    """How long a ticket is claimed for; None for the tickets here."""
    return timedelta(seconds=LEASE_S + (2 * tracker.timeout_s if tracker else 0))


class LostError(Exception):
    """Somebody else has taken the ticket; whatever is left to do is theirs."""


class Work:
    """One claimed ticket. ``row`` is what is kept of it, as of the last request."""

    def __init__(self, row: TicketRow, tracker: Tracker, parts: Parts) -> None:
        self.row, self._tracker, self._parts = row, tracker, parts
        self._there = adapter(tracker, parts.secrets, parts.transport, parts.clock, self._called)
        self._facts: Facts | None = None
        self._told = False

    def run(self) -> None:
        """Bring the ticket up to date, and let go of it.

        Raises:
            TicketError: a request failed; what was done before it is kept.
            LostError: somebody else has the ticket.
        """
        now, wanted = self._parts.clock.now(), self.row.wanted
        incident = self._parts.incident(self.row.incident)
        if incident is None:
            return self._let_go(state=DEAD, reason="the incident is not known any more", done=wanted)
        facts = self._facts = facts_of(self._parts, incident)
        if not self.row.remote and not self._is_made(facts, now):
            if self.row.next_at > now:  # until then it cannot be found out what became of a request
                return self._let_go()
            return self._let_go(done=wanted, attempts=0)
        is_due = self.row.next_at <= now  # else only a look at what people did there is
        if is_due:
            self._finish_comment()
            self._update(facts)
        if self.row.state in (OPEN, LET_GO) and self.row.poll_at is not None and self.row.poll_at <= now:
            self._look(facts)
        again = facts.recovery.is_over and facts.recovery.may_come
        pause = timedelta(seconds=self._parts.settings.every_s) if self._told else timedelta()
        return self._let_go(
            done=wanted if is_due and not again else self.row.done,
            next_at=now + (LOOK_AGAIN if again else pause) if is_due else self.row.next_at,
            poll_at=self._next_look(now),
            attempts=0,
            reason="",
        )

    def story(self, what: str) -> None:
        """Write a line into the incident's story."""
        if self._facts is None:
            return
        now, actor = self._parts.clock.now(), f"tickets:{self._tracker.name}"

        def noted(found: Mapping[str, Incident]) -> Sequence[Incident]:
            return [one.note(now, actor, what, self.row.url, StoryKind.TICKET) for one in found.values()]

        self._parts.stream.change_incidents([self.row.incident], noted)

    def _next_look(self, now: datetime) -> datetime | None:
        if self.row.state not in (OPEN, LET_GO):
            return None
        planned = self.row.poll_at
        return planned if planned and planned > now else now + timedelta(seconds=self._parts.settings.poll_s)

    def _is_made(self, facts: Facts, now: datetime) -> bool:
        """Whether there is a ticket now. One is made, found or taken over; not where it is over, or nobody is told (but
        for a remedy that is at work: what it did is what a ticket is for).
        """
        if not self.row.doing and facts.recovery.is_over:
            self._keep(state=CLOSED, reason="it was over before a ticket was made")
            return False
        if not self.row.doing and facts.incident.held and reason_of(facts.incident.held) is not HoldReason.REMEDY:
            self._keep(reason=f"nobody is told: {facts.incident.held}")
            return False
        before = self._before(facts)
        if before is not None and self._took_over(before, facts):
            return True
        if self.row.doing:
            begun = datetime.fromisoformat(str(self.row.doing["at"]))
            settled = begun + timedelta(seconds=self._there.settle_s)
            if now < settled:
                self._keep(next_at=settled)
                return False
        remote = self._there.find(self.row.mark, self.row.created_at - SKEW)
        if remote is None:
            if self.row.doing and facts.recovery.is_over:
                self._keep(state=CLOSED, doing={}, reason="it was over before a ticket was made")
                return False
            remote = self._created(facts, before)
        self._bind(remote, facts)
        self.story(f"ticket {remote.number} was made in {self._tracker.name}")
        if before is not None:
            self._link(before)
        return True

    def _created(self, facts: Facts, before: TicketRow | None) -> Remote:
        page = self._parts.page_of(facts.incident.id)
        text = first_text(facts.incident, facts.telling, facts.findings, page)
        if before is not None:
            text.append(Link(f"Earlier: {before.number}", before.url))
        title = f"[{facts.telling.level.name.lower()}] {facts.incident.title}"
        draft = Draft(self.row.mark, title, text, facts.telling.level, self._tracker.labels, self.row.created_at)
        self._keep(doing={"what": "create", "at": self._parts.clock.now().isoformat()})
        return self._there.create(draft)

    def _bind(self, remote: Remote, facts: Facts) -> None:
        self._keep(
            remote=remote.id,
            number=remote.number,
            url=remote.url,
            state=OPEN,
            there=remote.state,
            person=remote.assignee,
            said=facts.telling.kept() if not facts.recovery.is_over else {**facts.telling.kept(), "over": ""},
            doing={},
        )
        self._told = True

    def _before(self, facts: Facts) -> TicketRow | None:
        """The ticket of the incident that this one is the return of, where it counts still."""
        before = facts.incident.reopens and self._parts.rows.get(facts.incident.reopens, self.row.tracker)
        if not before or not before.remote:
            return None
        within = timedelta(seconds=self._parts.settings.return_within_s)
        is_fresh = before.closed_at is None or self._parts.clock.now() - before.closed_at <= within
        return before if is_fresh else None

    def _took_over(self, before: TicketRow, facts: Facts) -> bool:
        """Whether the earlier ticket goes on as this incident's."""
        if self._tracker.on_return != "reopen" or self.row.doing:
            return False
        try:
            remote = self._there.read(before.remote)
            if not remote.is_open and not remote.can_reopen:
                return False
            if not remote.is_open:
                self._there.reopen(before.remote)
        except TicketError as error:
            if error.trouble in (Trouble.AGAIN, Trouble.UNREADABLE):
                raise
            self.story(f"ticket {before.number} of {before.incident} could not be reopened: {error}")
            return False
        self._bind(replace(remote, is_open=True), facts)
        self._parts.rows.change(before.incident, before.tracker, state=LEFT, poll_at=None)
        page = self._parts.page_of(facts.incident.id)
        text = [Say(COME_BACK), *first_text(facts.incident, facts.telling, facts.findings, page)[:-1]]
        self._comment(text, facts.telling)
        self.story(f"ticket {remote.number} of {before.incident} in {self._tracker.name} was reopened")
        return True

    def _link(self, before: TicketRow) -> None:
        """Tie two tickets together; the text names the earlier one in any case, so a refusal is no failure."""
        try:
            self._there.link(self.row.remote, before.remote)
        except TicketError as error:
            if error.trouble is Trouble.AGAIN:
                raise
            self.story(f"ticket {self.row.number} could not be linked with {before.number}: {error}")

    def _update(self, facts: Facts) -> None:
        """Tell what is new; close it where the recovery is proven, and open it again where it goes on."""
        before, now = Telling.read(self.row.said), facts.telling
        text: list[Block] = []
        if self.row.state == CLOSED:
            if facts.recovery.is_over:
                return
            self._reopen()
            text.append(Say(COME_BACK))
        if now.severity != before.severity and self.row.state == OPEN:
            self._there.grade(self.row.remote, now.level, before.level)
        text += change_text(before, now)
        if now.over and now.over != before.over:
            if not facts.recovery.is_proven:
                text.append(Say(f"The incident is over, but this ticket stays open. {now.over}"))
            else:
                text.append(Say(f"Recovered. {now.over}" if facts.recovery.ending is Ending.RECOVERED else now.over))
        if text and (self.row.state != LET_GO or now.over):
            self._comment(text, now)
            self.story(f"{self._tracker.name} {self.row.number} was told: {_in_short(text)}")
        if facts.recovery.is_over and facts.recovery.is_proven:
            self._close(facts, text)

    def _reopen(self) -> None:
        if not self._there.read(self.row.remote).is_open:
            self._there.reopen(self.row.remote)
        self._keep(state=OPEN, closed_at=None)
        self.story(f"ticket {self.row.number} in {self._tracker.name} was reopened")

    def _close(self, facts: Facts, text: Sequence[Block]) -> None:
        remote = self._there.read(self.row.remote)
        if remote.is_open:
            self._there.close(self.row.remote, facts.recovery.ending, text or [Say(facts.telling.over)])
        closed_at = self._parts.clock.now()
        self._keep(state=CLOSED, closed_at=closed_at, there="closed" if remote.is_open else remote.state)
        self.story(f"ticket {self.row.number} in {self._tracker.name} was closed: {facts.recovery.sentence}")

    def _comment(self, text: Sequence[Block], now: Telling) -> None:
        """Say something, once: it is written down before, and what was said after."""
        mark = mark_of(self.row.mark, text, now)
        at = self._parts.clock.now().isoformat()
        self._keep(doing={"what": "comment", "at": at, "mark": mark, "said": now.kept()})
        self._there.comment(self.row.remote, text, mark)
        self._keep(said=now.kept(), doing={})
        self._told = True

    def _finish_comment(self) -> None:
        """Find out what became of a comment that was begun."""
        doing = self.row.doing
        if doing.get("what") != "comment":
            return
        since = datetime.fromisoformat(str(doing["at"])) - SKEW
        if self._there.commented(self.row.remote, str(doing["mark"]), since):
            self._keep(said=doing["said"], doing={})
        else:
            self._keep(doing={})

    def _look(self, facts: Facts) -> None:
        """Read back what people did there. It ends nothing here: an incident goes on as long as it fails."""
        remote = self._there.read(self.row.remote)
        who = f"{self._tracker.name}:{remote.assignee}" if remote.assignee else f"people in {self._tracker.name}"
        was_open = self.row.state == OPEN
        moved: dict[str, Any] = {"there": remote.state, "person": remote.assignee}
        if was_open and not remote.is_open:
            moved |= {"state": CLOSED if facts.recovery.is_over else LET_GO}
            moved |= {"closed_at": self._parts.clock.now()} if facts.recovery.is_over else {}
        elif not was_open and remote.is_open:
            moved |= {"state": OPEN}
        is_taken = bool(remote.assignee) and remote.assignee != self.row.person
        self._keep(**moved)
        if was_open and not remote.is_open and not facts.recovery.is_over:
            points = [finding.sentence for finding in facts.findings if finding.is_open]
            open_ones = f"{len(points)} of its findings {'is' if len(points) == 1 else 'are'} open"
            why = f"ticket {remote.number} was closed there, but {open_ones}: the incident stays as it is"
            self.story(why)
            self._parts.seen(facts.incident.id, who, why)
            text: list[Block] = [
                Say("This was closed, but the incident goes on. Still failing:"),
                Points(tuple(points[:10])),
            ]
            self._comment(text, Telling.read(self.row.said))
        elif is_taken:
            why = f"ticket {remote.number} was assigned to {remote.assignee}"
            self.story(why)
            self._parts.seen(facts.incident.id, who, why)

    def _called(self, call: Call) -> None:
        """Keep a request, and the lease."""
        row = self.row
        kept = CallRow(row.incident, row.tracker, call.at, call.method, call.path, call.status, call.said)
        self._parts.rows.called(kept)
        if not self._parts.rows.renew(row, self._parts.clock.now() + lease_of(self._tracker)):
            raise LostError(row.incident)

    def _keep(self, **changes: Any) -> None:
        self.row = replace(self.row, **changes)
        if not self._parts.rows.save(self.row):
            raise LostError(self.row.incident)

    def _let_go(self, **changes: Any) -> None:
        self.row = replace(self.row, **changes)
        if not self._parts.rows.save(self.row, release=True):
            raise LostError(self.row.incident)


def _in_short(text: Sequence[Block]) -> str:
    """The first words of what was said, for a story."""
    words = [line for block in text for line in _lines(block)]
    return "; ".join(words)[:300]


def _lines(block: Block) -> Sequence[str]:
    if isinstance(block, Points):
        return block.lines
    return (block.text,) if isinstance(block, Say) else (block.label,)
