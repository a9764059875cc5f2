"""A platform's state with an outbox, and an endpoint that a test plays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.webhooks import key_of, verified
from wellkept.spine.audit import Audit
from wellkept.spine.registry import Registry
from wellkept.spine.webhooks.outbox import Outbox, Seal
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Answer
from wellkept.spine.webhooks.settings import WebhookSettings
from wellkept.spine.webhooks.sources import sources
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.webhooks import OutboxRows

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVERYTHING = {"name": "all", "url": "https://hooks.example/all", "secret_env": "ALL"}


@dataclass
class Played:
    """Answers as it is told, and remembers what was sent."""

    answers: list[Answer] = field(default_factory=list)
    sent: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, ca_file: Any = None) -> Answer:
        self.sent.append((url, body, {name.lower(): value for name, value in headers.items()}))
        return self.answers.pop(0) if self.answers else Answer(200, "answered 200")

    def told(self) -> list[dict[str, Any]]:
        """The events that were sent."""
        return [json.loads(body) for _, body, _ in self.sent]


class Post:
    """The state, an outbox on it, and the endpoint at the other side."""

    def __init__(self, folder: Path, *send: dict[str, Any], seal: Seal = lambda body: body, **more: Any) -> None:
        self.clock, self.state, self.played = SettableClock(NOON), state_in(folder / "state"), Played()
        self.audit, self.registry = Audit(self.state), Registry(self.state)
        self.findings, self.incidents = FindingRows(self.state), IncidentRows(self.state)
        self.settings = WebhookSettings.model_validate({"send": send or (EVERYTHING,), **more})
        self.environment = {"ALL": SECRET}
        self.seal = seal
        self.outbox = self.new_outbox()

    def new_outbox(self) -> Outbox:
        """What a process that starts has."""
        rows, known = OutboxRows(self.state), Secrets(self.environment)
        made = Outbox(rows, self.settings, sources(self.state), known, self.played, self.clock)
        made.seal_with(self.seal)
        return made

    def note(self, verb: str = "plan.proposed", subject: str = "pln-1", **details: Any) -> None:
        self.audit.append(self.clock.now(), "ada", verb, subject, details)

    def turn(self) -> int:
        """Gather, and send what is due; how much was taken."""
        self.outbox.gather()
        return sum(self.outbox.send_due(endpoint) for endpoint in self.outbox.endpoints)

    def check_signatures(self) -> None:
        """Whether each message is known by its signature."""
        for _, body, headers in self.played.sent:
            assert verified([key_of(SECRET)], headers, body, float(headers["webhook-timestamp"]))

    def close(self) -> None:
        self.state.close()
