"""Back-tests, wired: rules that are not on yet, over the history that is stored or over a recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.kernel.errors import OverloadError
from wellkept.kernel.incident import Incident
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.backtest import Backtest, Known, KnownIncident, backtest
from wellkept.ops.detect.rules.findings import Locate
from wellkept.ops.detect.rules.history import Trial
from wellkept.ops.detect.rules.loading import Loaded
from wellkept.ops.detect.rules.on import Compared
from wellkept.ops.detect.rules.slo.counts import Counting
from wellkept.spine.graph import Graph
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.answered import Answered
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.promql import NO_LIMITS, PromQL
from wellkept.store.telemetry.telemetry import Telemetry

AT_ONCE = replace(NO_LIMITS, at_once=1, seconds=10.0)
"""What one rule may ask for at a moment. Rules ask one after the other, beside what users ask."""
LIMITS = replace(NO_LIMITS, at_once=1, seconds=60.0)
"""What one rule may ask for over all of the history."""
LONGEST_S = 300.0
"""A back-test that takes longer ends; what was not tried by then is told."""
MOST_INCIDENTS = 2_000


def answers_of(telemetry: Telemetry, limits: Limits = AT_ONCE) -> Answers:
    """Answers over a telemetry store, by a reader of their own."""
    return Answers(PromQL(telemetry.engine, limits, lambda: telemetry.tiers.coverage), telemetry)


def counting_of(answers: Answers, telemetry: Telemetry) -> Counting:
    """What objectives are counted by."""
    return Counting(answers, telemetry, Answered(telemetry.engine))


class Backtests:
    """Tries rules over the stored history, beside everything else that runs."""

    def __init__(
        self, telemetry: Telemetry, stream: Stream, topology: Topology, locate: Locate, on: Callable[[], Loaded]
    ) -> None:
        self._telemetry, self._stream, self._topology = telemetry, stream, topology
        self._locate, self._on = locate, on
        self._turn = threading.Lock()

    def run(self, loaded: Loaded, start: datetime, end: datetime) -> Compared:
        """Try rules between two moments, and the rules that are on now. Only one such question is answered at a time.

        Raises:
            OverloadError: another one is being answered.
            WellkeptError: an engine failed.
        """
        if not self._turn.acquire(blocking=False):
            raise OverloadError("back-test: another one is under way", retry_after_s=30)
        try:
            return self._run(loaded, start, end)
        finally:
            self._turn.release()

    def _run(self, loaded: Loaded, start: datetime, end: datetime) -> Compared:
        incidents = [known_of(one) for one in self._stream.incidents(start=start, limit=MOST_INCIDENTS)]
        known = Known(incidents, self._locate, near(self._topology.graph(end)))
        now = self._on()
        return Compared(
            tried(self._telemetry, loaded, start, end, known),
            tried(self._telemetry, now, start, end, known) if now.rules or now.slos else None,
        )


def tried(telemetry: Telemetry, loaded: Loaded, start: datetime, end: datetime, known: Known) -> Backtest:
    """Try rules over a telemetry store."""
    deadline = time.monotonic() + LONGEST_S
    answers = answers_of(telemetry, LIMITS)
    trial = Trial(answers, counting_of(answers, telemetry), gone=lambda: time.monotonic() > deadline)
    return backtest(trial, loaded, start, end, known)


def known_of(incident: Incident) -> KnownIncident:
    """An incident of ours as one that is known of."""
    entities: Sequence[str] = sorted({member.entity for member in incident.members if member.entity})
    return KnownIncident(incident.id, incident.title, incident.opened_at, incident.resolved_at, tuple(entities))


def near(graph: Graph) -> Callable[[str, str], bool]:
    """Whether two entities are the same or neighbours."""
    return lambda one, other: one == other or other in graph.neighbours(one)
