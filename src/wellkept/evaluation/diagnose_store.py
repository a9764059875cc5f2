"""A store with one recorded case in it, in which alerts can be raised and diagnosed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from wellkept.app.replay import Replay, Stores, at_step, step_for
from wellkept.app.settings import Ops
from wellkept.kernel.clock import from_nanos
from wellkept.kernel.diagnosis import Cause, Diagnosis
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ops.diagnose.base import Clue
from wellkept.ops.diagnose.rank import concluded, rank
from wellkept.ops.ingest.recording.recording import Recording
from wellkept.spine.plugins import load


@dataclass(frozen=True, slots=True)
class Told:
    """A diagnosis, every suspect behind it, likeliest first, and how long it took (seconds, reading included)."""

    diagnosis: Diagnosis
    ranked: tuple[Cause, ...]
    seconds: float


class Stand:
    """Telemetry of one recording, taken in through the platform's own doors; nothing is detected in it."""

    def __init__(self, run: Replay, clues: Sequence[Clue]) -> None:
        self.run, self._clues = run, clues
        run.feed(run.recording.first_ns - 1, run.recording.last_ns)

    @property
    def last(self) -> datetime:
        """When the last of the telemetry came."""
        return from_nanos(self.run.recording.last_ns)

    def look_around(self, now: datetime) -> None:
        """Take in what exists and what depends on what at a moment."""
        self.run.clock.set(now)
        self.run.observe()

    def diagnose(self, alert: Finding, at: datetime, now: datetime) -> Told:
        """Raise an alert as if at a moment, and diagnose the incident that it opens as it is at another.

        The alert is kept in memory alone: what was raised before is no part of this incident.
        """
        raised = replace(alert, starts_at=at, ends_at=max(at, now))
        incident = Incident(
            id="inc-evaluated",
            title=raised.sentence,
            state=IncidentState.OPEN,
            severity=raised.severity,
            opened_at=at,
            updated_at=now,
            members=(Member(raised.id, raised.entity, now, ""),),
        )
        began = time.perf_counter()
        case = self.run.diagnose.case(incident, now, findings=[raised])
        settings = self.run.settings.diagnose
        ranked = rank(case, self._clues, settings)
        told = concluded(case, ranked, settings, now)
        return Told(told, tuple(ranked), time.perf_counter() - began)

    def moments(self, count: int) -> list[tuple[datetime, datetime]]:
        """Moments spread over the recording after its first third, each with the moment of the diagnosis after it."""
        settings = self.run.settings.diagnose
        looks = list(self.run.moments())
        after = round(min(settings.during_s, 4 * settings.step_s) / settings.step_s)
        usable = looks[len(looks) // 3 : -after - 1]
        chosen = usable[:: max(1, len(usable) // count)][:count]
        later = timedelta(seconds=after * settings.step_s)
        return [(from_nanos(moment), from_nanos(moment) + later) for moment in chosen]


class Stands:
    """Makes stands, one at a time, in the same two stores: opening stores takes longer than most cases do."""

    def __init__(self, folder: Path) -> None:
        self._stores = Stores.open(folder)
        self._clues: list[Clue] = [clue() for clue in load("clue").values()]

    @contextmanager
    def of(self, recording: Recording) -> Iterator[Stand]:
        """A stand with a recording in it, which is gone afterwards."""
        settings = at_step(Ops(), step_for(recording, Ops()))
        run = Replay(recording, self._stores, settings)
        try:
            yield Stand(run, self._clues)
        finally:
            run.finish()
            self._stores = self._stores.emptied()

    def close(self) -> None:
        """Let go of the stores."""
        self._stores.close()
