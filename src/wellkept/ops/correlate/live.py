"""What the runner knows of live incidents: their heads, whose finding is whose, and which are still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident


@dataclass(slots=True)
class Live:
    """A live incident; ``over`` is when the last of those findings ended that are over."""

    head: Incident
    findings: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    over: datetime | None = None

    @property
    def ended_at(self) -> datetime | None:
        """Since when none of its findings is open; None while one is."""
        return None if self.open else self.over


class LiveIncidents:
    """Each finding is of one live incident at most."""

    def __init__(self) -> None:
        self.all: dict[str, Live] = {}
        self._home: dict[str, str] = {}

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self.all.values()))

    def home(self, finding: str) -> str:
        """The incident that a finding is in; empty where it is in none."""
        return self._home.get(finding, "")

    def keep(self, head: Incident) -> Live:
        """Know an incident, or know it better."""
        live = self.all.setdefault(head.id, Live(head))
        live.head = head
        return live

    def place(self, incident: str, findings: Iterable[str]) -> None:
        """These findings are in that incident now; they count as open until they are seen."""
        live = self.all[incident]
        for finding in findings:
            before = self._home.get(finding, "")
            if before != incident:
                self._leave(finding)
                self._home[finding] = incident
                live.findings.add(finding)
                live.open.add(finding)

    def displace(self, findings: Iterable[str]) -> None:
        """These findings are in no incident now."""
        for finding in findings:
            self._leave(finding)

    def see(self, finding: Finding) -> bool:
        """Take notice of a finding; whether it is one of an incident that is over since it was looked at last."""
        live = self.all.get(self._home.get(finding.id, ""))
        if live is None:
            return False
        if finding.ends_at is None:
            live.open.add(finding.id)
            return False
        live.over = max(live.over, finding.ends_at) if live.over else finding.ends_at
        was_open = finding.id in live.open
        live.open.discard(finding.id)
        return was_open

    def forget(self, incident: str) -> set[str]:
        """Let go of an incident; returns its findings."""
        live = self.all.pop(incident, None)
        if live is None:
            return set()
        for finding in live.findings:
            self._home.pop(finding, None)
        return live.findings

    def _leave(self, finding: str) -> None:
        live = self.all.get(self._home.pop(finding, ""))
        if live is not None:
            live.findings.discard(finding)
            live.open.discard(finding)
