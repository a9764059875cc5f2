"""What the platform recorded, read through its REST interface like any user would, and patient when it is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from wellkept.kernel.codec import decode
from wellkept.kernel.errors import OverloadError, WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.sdk.client import Client

PATIENCE_S = 120.0
"""How long somebody may take to start the server again."""
AGAIN_S = 0.5
SHOWN = 4

Record = dict[str, Any]


class Observer:
    """Reads findings, incidents, plans, verdicts, and approves. ``away_s`` is how long the server was away so far."""

    def __init__(self, client: Client, on_away: Callable[[bool], None]) -> None:
        self._client, self._on_away = client, on_away
        self.away_s = 0.0

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer of a GET, however long it takes within ``PATIENCE_S``.

        Raises:
            WellkeptError: the server refused, or did not come back.
        """
        return self._patiently(lambda: self._client.get(path, **parameters))

    def post(self, path: str, body: Record) -> Any:
        """The answer of a POST that may safely be sent again."""
        return self._patiently(lambda: self._client.post(path, body))

    def findings(self, since: datetime, entity: str | None = None) -> list[Record]:
        """Findings that were said since a moment, newest first."""
        found = self.get("/api/v1/findings", entity=entity, limit=1000)["findings"]
        return [finding for finding in found if finding["ends_at"] is None or moment(finding["ends_at"]) >= since]

    def incidents(self, since: datetime) -> list[Record]:
        """Incidents that a finding joined since a moment, but for those that were merged into others."""
        found = self.get("/api/v1/incidents", limit=200)["incidents"]
        new = [i for i in found if any(moment(member["joined_at"]) >= since for member in i["members"])]
        return [i for i in new if not any("merged into" in entry["what"] for entry in i["timeline"])]

    def incident(self, incident: str) -> Record:
        """An incident with its findings, diagnosis, plans and verdicts."""
        found: Record = self.get(f"/api/v1/incidents/{incident}")
        return found

    def plans(self, subject: str, since: datetime) -> list[Record]:
        """Plans about something, proposed since a moment, newest first."""
        found = self.get("/api/v1/plans", subject=subject, limit=200)["plans"]
        return [plan for plan in found if moment(plan["plan"]["proposed_at"]) >= since]

    def plan(self, plan: str) -> Record:
        found: Record = self.get(f"/api/v1/plans/{plan}")
        return found

    def verdicts(self, subject: str, since: datetime) -> list[Record]:
        """Triage verdicts since a moment, newest first."""
        found = self.get("/api/v1/verdicts", subject=subject, kind="triage")["verdicts"]
        return [verdict for verdict in found if moment(verdict["at"]) >= since]

    def audit(self, subject: str) -> list[Record]:
        found: list[Record] = self.get("/api/v1/audit", subject=subject, limit=1000)["entries"]
        return found

    def stored(self, since: datetime) -> Record:
        """How much is stored since a moment."""
        found: Record = self.get("/api/v1/stored", since=since.isoformat())["stored"]
        return found

    def said(self, since: datetime) -> str:
        """What the platform said since a moment, in a few words: for when it was not what was expected."""
        incidents = [f"incident {i['title']} ({i['state']})" for i in self.incidents(since)]
        findings = [f["sentence"] for f in self.findings(since)]
        words = [*incidents[:SHOWN], *findings[:SHOWN]]
        return "; ".join(words) if words else "nothing"

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            while True:
                try:
                    return ask()
                except WellkeptError as error:
                    if not _is_away(error) or time.monotonic() - began > PATIENCE_S:
                        raise
                self._on_away(True)
                time.sleep(AGAIN_S)
        finally:
            waited = time.monotonic() - began
            if waited > AGAIN_S:
                self.away_s += waited
                self._on_away(False)


def moment(text: str) -> datetime:
    """A moment as the interface writes it."""
    return datetime.fromisoformat(text)


def now() -> datetime:
    return datetime.now(UTC)


def noticed_at(incident: Record, since: datetime) -> datetime:
    """When the first finding joined the incident since a moment: when the platform had noticed."""
    joined = [moment(member["joined_at"]) for member in incident["members"]]
    return min(at for at in joined if at >= since)


def of_kinds(findings: Sequence[Record], *kinds: str, prefix: str = "") -> list[Record]:
    """The findings of some kinds on entities whose id begins so."""
    return [f for f in findings if f["kind"] in kinds and f["entity"].startswith(prefix)]


def id_of(finding: Record) -> str:
    """The id of a finding, as incidents name it."""
    found: Finding = decode(Finding, finding)
    return found.id


def _is_away(error: WellkeptError) -> bool:
    return isinstance(error, OverloadError) or isinstance(error.__cause__, httpx.TransportError)
