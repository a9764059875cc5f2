"""A platform's state with everything that tells people, and channels that a test plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.entity import Entity
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.noise import Digest
from wellkept.spine.audit import Audit
from wellkept.spine.notify.delivery import Delivery
from wellkept.spine.notify.describing import Describer
from wellkept.spine.notify.desk import NotifyDesk
from wellkept.spine.notify.planning import Planning
from wellkept.spine.notify.senders.base import Sent
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.words import Message
from wellkept.spine.stream import Stream
from wellkept.store.state.news import NewsRows
from wellkept.store.state.notifications import NotificationRows
from wellkept.store.state.plans import PlanRows
from wellkept.store.state.state import State
from wellkept.store.state.tellings import HistoryRows

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TAKEN = Sent(is_taken=True, said="taken", reference={"ts": "1"})
DOWN = Sent(is_taken=False, said="answered 500")
REFUSED = Sent(is_taken=False, said="answered 400", retry_helps=False)
URL = "https://wellkept.example"
BOTH: dict[str, Any] = {
    "receivers": [
        {"type": "webhook", "name": "bot", "url": "https://hooks.example/bot", "secret_env": "BOT"},
        {"type": "apprise", "name": "team", "secret_env": "TEAM"},
    ],
    "route": {"receivers": ["bot", "team"], "group_wait_s": 0, "repeat_s": 0},
}
SILENCED = "silenced by ada until 2026-11-24 13:00 UTC: incident inc-1, by the button in Slack"
"""How a silence is said in what an incident is held for."""


def with_route(**route: Any) -> dict[str, Any]:
    return {**BOTH, "route": {**BOTH["route"], **route}}


class NoChanges:
    def write(self, changes: Any) -> None:
        """Nobody asks for them."""

    def between(self, start: datetime, end: datetime) -> list[Any]:
        return []


@dataclass
class Played:
    """A channel that answers as it is told, and remembers what it was sent."""

    answer: Sent = TAKEN
    answers: list[Sent] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    while_sending: Callable[[], object] = lambda: None
    wrong: str = ""

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:
        self.sent.append(message)
        self.while_sending()
        return self.answers.pop(0) if self.answers else self.answer

    def problem(self) -> str:
        return self.wrong

    def said(self) -> list[str]:
        """What happened, message by message."""
        return [message.what for message in self.sent]


@dataclass
class Catalogue:
    """Owners and tiers by entity."""

    owners: dict[str, str] = field(default_factory=dict)
    tiers: dict[str, int] = field(default_factory=dict)

    def owner(self, entity: str) -> str:
        return self.owners.get(entity, "")

    def tier(self, entity: str) -> int:
        return self.tiers.get(entity, 3)


class Board:
    """One platform's notifications; several on one state are several servers."""

    def __init__(self, state: State, settings: Mapping[str, Any], clock: SettableClock | None = None) -> None:
        self.state, self.clock = state, clock or SettableClock(NOON)
        self.settings = NotifySettings.model_validate(settings)
        self.channels = {one.name: Played() for one in self.settings.receivers}
        self.stream, self.rows, self.audit = Stream(state, NoChanges()), NotificationRows(state), Audit(state)
        self.history = HistoryRows(state)
        self.catalogue, self.entities = Catalogue(), dict[str, Entity]()
        describer = Describer(self.stream, self, self.catalogue)
        news, plans = NewsRows(state), PlanRows(state)
        self.quiet: list[Digest] = []
        reading = (self.stream, news, plans, describer, self._digests)
        self.planning = Planning(self.settings, self.rows, self.history, *reading)
        self.delivery = Delivery(self.settings, self.rows, self.channels, self.clock, worker=f"w{id(self)}", url=URL)
        self.desk = NotifyDesk(self.settings, self.rows, self.history, self.channels, self.audit, self.clock, URL)
        self.plan()

    def entity(self, entity: str) -> Entity | None:
        return self.entities.get(entity)

    def save(self, name: str = "1", state: str = "open", severity: str = "error", **more: Any) -> Incident:
        """Save an incident as the stages would."""
        now = self.clock.now()
        entity = more.pop("entity", "service:shop/pay")
        members = (Member("fnd-1", entity, NOON, "the first sign"),)
        made = Incident(
            id=f"inc-{name}",
            title=more.pop("title", f"trouble {name}"),
            state=IncidentState(state),
            severity=Severity[severity.upper()],
            opened_at=NOON,
            updated_at=now,
            members=members,
            resolved_at=now if state in ("resolved", "closed") else None,
        )
        made = replace(made, **more)
        self.stream.change_incidents([made.id], lambda _: [made])
        return made

    def plan(self) -> None:
        while self.planning.turn(self.clock.now()):
            pass

    def send(self) -> int:
        return sum(self.delivery.send_due(receiver) for receiver in self.settings.receivers)

    def turn(self, after_s: float = 0.0) -> int:
        """Let time go by, plan, and send what is due; how much was taken."""
        self.clock.advance(timedelta(seconds=after_s))
        self.plan()
        return self.send()

    def _digests(self, after: int) -> tuple[list[Digest], int]:
        return self.quiet[after:], len(self.quiet)
