"""A platform as the doors for alerts see it: a real state store, a known topology, a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.store.fixtures import state_in

from wellkept.kernel.change import Change
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Finding
from wellkept.ops.ingest.alerts.alertmanager import Reader
from wellkept.ops.ingest.alerts.base import AlertSettings
from wellkept.ops.ingest.alerts.intake import Alerts
from wellkept.ops.ingest.alerts.pagerduty import EventReader
from wellkept.ops.ingest.identity import Identity
from wellkept.spine.audit import Audit
from wellkept.spine.noise import NoiseDesk
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State

NOON = datetime(2026, 11, 25, 17, 54, tzinfo=UTC)
KNOWN = (
    Entity(EntityKind.HOST, "host:4c4c-web-1", "web-1.example.com", {"host.name": "web-1.example.com"}),
    Entity(EntityKind.HOST, "host:4c4c-db", "db", {"host.name": "db"}),
    Entity(EntityKind.HOST, "host:one", "twin", {"host.name": "twin"}),
    Entity(EntityKind.HOST, "host:two", "twin", {"host.name": "twin"}),
    Entity(EntityKind.SERVICE, "service:checkout", "checkout", {"service.name": "checkout"}),
    Entity(EntityKind.SERVICE, "service:shop/payments", "payments", {"service.name": "payments"}),
    Entity(EntityKind.SERVICE, "service:eu/twice", "twice", {}),
    Entity(EntityKind.SERVICE, "service:us/twice", "twice", {}),
    Entity(EntityKind.MODEL, "model:fraud", "fraud", {}),
)


class Changes:
    """Where changes go in these tests."""

    def __init__(self) -> None:
        self.known: list[Change] = []

    def write(self, changes: Sequence[Change]) -> None:
        self.known.extend(changes)

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return [change for change in self.known if start <= change.at <= end]


@dataclass
class Outside:
    """What the doors need, on a store of its own."""

    state: State
    clock: SettableClock
    changes: Changes
    stream: Stream
    identity: Identity
    settings: AlertSettings
    alerts: Alerts
    reader: Reader
    events: EventReader

    def close(self) -> None:
        self.alerts.close()
        self.state.close()

    @property
    def silences(self) -> NoiseDesk:
        return NoiseDesk(self.state, Audit(self.state), self.clock)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def findings(self) -> list[Finding]:
        """Everything that was ever found, oldest first."""
        return sorted(self.stream.findings(), key=lambda finding: (finding.starts_at, finding.id))

    def only(self) -> Finding:
        (found,) = self.findings()
        return found

    def later(self, **step: float) -> datetime:
        self.clock.advance(timedelta(**step))
        return self.now

    def restarted(self) -> Alerts:
        """The intake as it is after a start of the server."""
        self.alerts.close()
        self.alerts = Alerts(self.stream, self.clock, self.settings)
        return self.alerts


def outside(folder: Path) -> Outside:
    state, clock, changes = state_in(folder / "state"), SettableClock(NOON), Changes()
    topology = Topology(state)
    topology.observe(KNOWN, (), NOON)
    stream = Stream(state, changes)
    identity, settings = Identity(topology, clock), AlertSettings()
    alerts = Alerts(stream, clock, settings)
    reader, events = Reader(identity, settings), EventReader(identity, settings)
    return Outside(state, clock, changes, stream, identity, settings, alerts, reader, events)
