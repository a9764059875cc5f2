"""Who tells what rules find: the server that leads. Any other one keeps silent, and evaluates all the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from wellkept.kernel.finding import Finding
from wellkept.spine.lease import Leader
from wellkept.spine.stream import Stream


class LedStream:
    """The stream as rules use it. Two servers whose telemetry differs would end each other's findings for ever.

    A server that does not lead goes on evaluating: what rules record is there, and what is pending is old enough, when
    it has to lead.
    """

    def __init__(self, leader: Leader, stream: Stream) -> None:
        self._leader, self._stream = leader, stream

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]:
        if not self._leader.leads:
            return list(findings)
        with self._leader.fenced():
            return self._stream.publish(findings, now)

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]:
        if not self._leader.leads:
            return []
        with self._leader.fenced():
            return self._stream.close(fingerprints, at)

    def open_findings(self, detector_prefix: str = "") -> list[Finding]:
        return self._stream.open_findings(detector_prefix)
