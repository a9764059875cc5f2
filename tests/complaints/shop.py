"""A platform behind its doors, with its own runners and a clock that a test moves: alerts in, incidents out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.attacks.victim import TOKEN, Victim

from wellkept.app.platform import Platform
from wellkept.app.server import build_app
from wellkept.app.settings import Settings
from wellkept.kernel.clock import SettableClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"
LOOPS = ("alerts", "correlate", "grouping")
"""Who has to do with incidents; what caused one does not matter here."""


class Shop:
    """Speaks to the platform as Alertmanager, a program and a browser do."""

    def __init__(self, platform: Platform, clock: SettableClock) -> None:
        self._platform, self.clock = platform, clock
        self._doors = Victim(platform, build_app(platform, TOKEN))
        loops = {loop.name: loop for loop in platform._loops()}
        self._jobs = [job for name in LOOPS for job in loops[name].jobs]

    def step(self, seconds: float = 1.0) -> None:
        """Let time pass, and every runner of these have its turn."""
        self.clock.advance(timedelta(seconds=seconds))
        for job in self._jobs:
            job.run()

    def quiet(self) -> None:
        """Let so much time pass that what is over is resolved."""
        self.step(130)
        self.step(130)

    def alert(
        self,
        name: str,
        status: str = "firing",
        since: str | None = None,
        labels: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """One alert as Alertmanager's webhook sends it; it takes the platform one step to see it."""
        now = self.clock.now().isoformat()
        told = {"alertname": name, "severity": "critical", **(labels or {})}
        where = f" on {told['instance']}" if told.get("instance") else ""
        one = {
            "status": status,
            "labels": told,
            "annotations": {"summary": f"{name}{where} is wrong"},
            "startsAt": since or now,
            "endsAt": now if status == "resolved" else NEVER,
            "fingerprint": f"{abs(hash(tuple(sorted(told.items())))):016x}"[:16],
            **more,
        }
        body = {"version": "4", "groupKey": "{}", "status": status, "receiver": "wellkept", "alerts": [one]}
        self.post("/alertmanager/webhook", body)
        self.step()

    def get(self, path: str, **query: Any) -> Any:
        answer = self._doors.ask("GET", path, TOKEN, params=query)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self._doors.ask("POST", path, TOKEN, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def text(self, path: str) -> str:
        answer = self._doors.ask("GET", path, TOKEN)
        assert answer.status_code == 200, answer.text
        return answer.text

    def page(self, path: str) -> str:
        """A page as a browser that has signed in gets it."""
        answer = self._doors.ask("GET", path, headers=self._doors.cookie)
        assert answer.status_code == 200, answer.text
        return answer.text

    def incidents(self, **query: Any) -> list[dict[str, Any]]:
        """Incidents, the oldest first."""
        found = self.get("/api/v1/incidents", **query)["incidents"]
        return sorted(found, key=lambda one: (one["opened_at"], one["id"]))

    def incident(self, identity: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/incidents/{identity}")["incident"]
        return found

    def whose(self, words: str) -> list[str]:
        """The incidents that an alert with these words is in."""
        found = {one["id"]: one["sentence"] for one in self.get("/api/v1/findings")["findings"]}
        return [
            incident["id"]
            for incident in self.incidents()
            if any(words in found.get(member["finding"], "") for member in incident["members"])
        ]


@contextlib.contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Shop]:
    """A shop for the length of a block."""
    clock = SettableClock(NOON)
    platform = Platform(
        Settings.model_validate(
            {"data": folder, "ml": {"enabled": False}, "ingest": {"grpc": {"enabled": False}}, **settings}
        ),
        clock,
    )
    try:
        yield Shop(platform, clock)
    finally:
        platform.close()
