"""Keeps all objectives up to date, and the findings of those whose budgets burn too fast."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.rules.engine import Findings
from wellkept.ops.detect.rules.findings import Locate
from wellkept.ops.detect.rules.slo.base import Slo
from wellkept.ops.detect.rules.slo.counts import Counting
from wellkept.ops.detect.rules.slo.findings import DETECTOR, finding_of
from wellkept.ops.detect.rules.slo.run import SloRun

REPEAT = timedelta(seconds=60)
_log = logging.getLogger(__name__)


class SloEngine:
    """The objectives that are on. Of those that are new one is counted over its whole window a tick."""

    def __init__(self, counting: Counting, stream: Findings, locate: Locate) -> None:
        self._counting, self._stream, self._locate = counting, stream, locate
        self._runs: dict[str, SloRun] = {}
        self._told: dict[str, tuple[datetime, Finding]] = {}
        self._turn = threading.Lock()

    @property
    def runs(self) -> Sequence[SloRun]:
        """Every objective, with how it stands."""
        return list(self._runs.values())

    def replace(self, slos: Sequence[Slo]) -> None:
        """Let these objectives be on. What is unchanged goes on where it was."""
        with self._turn:
            before = self._runs
            self._runs = {}
            for slo in slos:
                known = before.get(slo.name)
                self._runs[slo.name] = known if known is not None and known.slo == slo else SloRun(slo)

    def tick(self, now: datetime) -> list[Finding]:
        """Count what is new, and publish and end findings. Gives those that are open."""
        now_ms = to_nanos(now) // 1_000_000
        with self._turn:
            due = [run for run in self._runs.values() if run.is_due(now_ms)]
            new = sorted((run for run in due if run.is_new), key=lambda run: bool(run.error))[:1]
            for run in [*(run for run in due if not run.is_new), *new]:
                self._advance(run, now_ms)
            found = [finding for run in self._runs.values() if (finding := finding_of(run, self._locate)) is not None]
            fresh = [finding for finding in found if self._is_news(finding, now)]
            if fresh:
                self._stream.publish(fresh, now)
            self._told = {f.fingerprint: self._told.get(f.fingerprint, (now, f)) for f in found}
            self._told |= {finding.fingerprint: (now, finding) for finding in fresh}
            if not any(run.is_new and not run.error for run in self._runs.values()):
                self._end(found, now)
        return found

    def _advance(self, run: SloRun, now_ms: int) -> None:
        try:
            run.advance(self._counting, now_ms)
            run.error = ""
        except WellkeptError as error:
            if run.error != str(error):
                _log.warning("objective %s: %s", run.slo.name, error)
            run.error = str(error)

    def _is_news(self, finding: Finding, now: datetime) -> bool:
        known = self._told.get(finding.fingerprint)
        return known is None or now - known[0] >= REPEAT or known[1].severity != finding.severity

    def _end(self, found: Sequence[Finding], now: datetime) -> None:
        still = {finding.fingerprint for finding in found}
        mine = [finding for finding in self._stream.open_findings(DETECTOR) if finding.detector == DETECTOR]
        self._stream.close([finding.fingerprint for finding in mine if finding.fingerprint not in still], now)
