"""Replay: recorded telemetry goes through the platform's own doors and stages, on a clock that the recording moves.

Everything is as it would have been live, with two exceptions: time passes as fast as the machine can follow (or at
a chosen speed), and nothing is executed. What a runbook would have proposed is told and goes no further.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from wellkept.app.detectors import detectors
from wellkept.app.replayahead import Ahead
from wellkept.app.rules import Rules
from wellkept.app.runbooks import runbooks
from wellkept.app.settings import Ops
from wellkept.kernel.clock import SettableClock, from_nanos, to_nanos
from wellkept.kernel.codec import encode
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import Plan
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.ops.detect.patterns.live import Patterns
from wellkept.ops.detect.stage import DetectRunner
from wellkept.ops.diagnose.stage import DiagnoseRunner
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.discovery import Discovery
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.recording.recording import Recording, find, read
from wellkept.ops.ingest.stage import Ingest
from wellkept.ops.remediate.base import Runbook
from wellkept.spine.plugins import load
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.telemetry import Telemetry

STEPS = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Seconds between two looks of the detectors that a replay chooses from."""
AHEAD = 30
"""As fast as possible, this many steps are stored at once: every reader ends at its own moment, so what lies ahead
changes nothing, and an insert of many rows costs hardly more than one of few."""
ALL = 1_000_000
_QUEUE = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    now: datetime
    share: float
    findings: int
    incidents: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay. ``proposed`` are the plans that runbooks would have proposed; none was executed."""

    case: str
    first: datetime
    last: datetime
    step_s: float
    telemetry: dict[str, int]
    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    diagnoses: tuple[Diagnosis, ...]
    proposed: tuple[Plan, ...]

    def document(self) -> dict[str, Any]:
        """The outcome as one plain object. The same recording gives the same object."""
        return {name: encode(getattr(self, name)) for name in self.__slots__}


def step_for(recording: Recording, settings: Ops) -> float:
    """The step that suits a recording: what its layout says, else the first of ``STEPS`` that its rhythm fits into.

    Never less than the configured step, because detectors are tuned for that or longer.
    """
    if recording.step_s is not None:
        return recording.step_s
    rhythm = recording.rhythm_s() or 0.0
    fitting = [float(step) for step in STEPS if step >= 0.9 * rhythm and step >= settings.detect.step_s]
    return fitting[0] if fitting else max(rhythm, settings.detect.step_s)


def at_step(settings: Ops, step_s: float) -> Ops:
    """The settings for another step: every length of time that stands for a number of steps grows with it."""
    factor = max(1.0, step_s / settings.detect.step_s)
    detect, correlate, diagnose = settings.detect, settings.correlate, settings.diagnose
    return settings.model_copy(
        update={
            "detect": replace(
                detect, step_s=step_s, window_s=detect.window_s * factor, grace_s=detect.grace_s * factor
            ),
            "correlate": replace(
                correlate,
                onset_s=max(correlate.onset_s, 3 * step_s),
                persist_s=max(correlate.persist_s, 2 * step_s),
                quiet_s=max(correlate.quiet_s, 2 * step_s),
                lookback_s=max(correlate.lookback_s, 12 * step_s),
            ),
            "diagnose": replace(
                diagnose,
                step_s=step_s,
                before_s=diagnose.before_s * factor,
                during_s=diagnose.during_s * factor,
                refresh_s=diagnose.refresh_s * factor,
            ),
        }
    )


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a replay keeps what it takes in."""

    telemetry: Telemetry
    state: State

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Fresh ones.

        Raises:
            ConflictError: the folder holds something already.
        """
        if (folder / "state").exists():
            raise ConflictError(f"data folder {folder}", "must be empty, because a replay needs a fresh store")
        return cls(Telemetry.open(folder / "telemetry"), State.open(folder / "state"))

    def emptied(self) -> Self:
        """The same ones with nothing in them, nor in what they remembered: faster than to open others."""
        self.state.empty()
        return replace(self, telemetry=self.telemetry.emptied())

    def close(self) -> None:
        """Let go of them."""
        self.telemetry.close()
        self.state.close()


class Replay:
    """One recording, one fresh store, one pass. ``stores`` are to be empty.

    Raises:
        ConflictError: the folder for the store holds something already.
    """

    def __init__(self, recording: Recording, stores: Path | Stores, settings: Ops) -> None:
        self.recording, self.settings = recording, settings
        opened = Stores.open(stores) if isinstance(stores, Path) else stores
        self.telemetry, self.state, self._stores = opened.telemetry, opened.state, opened
        self.topology = Topology(self.state)
        self.stream = Stream(self.state, self.telemetry.changes)
        self.clock = SettableClock(from_nanos(recording.first_ns))
        quick = IngestSettings(group_s=0.0, retry_window_s=0.0)
        self._ingest = Ingest(self.telemetry, self.clock, quick)
        self._ahead = Ahead(self.telemetry)
        self._discovery = Discovery(self._ahead, self.topology, step_s=settings.detect.step_s)
        chosen = detectors(settings.detect, settings.detectors)
        patterns = Patterns(self._ahead.patterns, settings.detect.step_s, recorded=True)
        self._detect = DetectRunner(self._ahead, self.topology, self.stream, chosen, settings.detect, patterns=patterns)
        self._correlate = CorrelateRunner(self.stream, self.topology, settings.correlate)
        clues = [clue() for clue in load("clue").values()]
        self.diagnose = DiagnoseRunner(self.telemetry, self.topology, self.stream, clues, settings.diagnose)
        self._proposals = Proposals(runbooks(settings.runbooks))
        locate = Identity(self.topology, self.clock).entity_of
        self._rules = Rules(self.telemetry, self.stream, self.topology, locate, self.clock, settings.rules)
        self._alerts = list(recording.alerts)
        self._found: set[str] = set()
        self._opened = 0

    def run(self, report: Callable[[Progress], None] = lambda _: None, *, speed: float | None = None) -> Outcome:
        """Feed everything and tick at every step. ``speed`` 60 lets an hour pass in a minute; None is full speed."""
        began = time.monotonic()
        first, last = self.first_look_ns(), self.recording.last_ns
        ahead = 0 if speed is not None else round(AHEAD * self.settings.detect.step_s * 1e9)
        fed = self.recording.first_ns - 1
        for moment in self.moments():
            if speed is not None:
                _wait(began + (moment - first) / 1e9 / speed)
            if moment > fed:
                self.feed(fed, moment + ahead)
                fed = moment + ahead
            self.clock.set(from_nanos(moment))
            self.tick()
            share = min(1.0, (moment - first) / max(last - first, 1))
            report(Progress(self.clock.now(), share, len(self._found), self._opened))
        return self.outcome()

    def moments(self) -> Iterator[int]:
        """When to look, in nanoseconds: every step, but for stretches in which nothing was recorded.

        A hole in a recording is not silence of the systems in it: the few looks that take in what came before it are
        made, and the next is made when detectors can see that the recording went on.
        """
        step = round(self.settings.detect.step_s * 1e9)
        rest = self.settings.detect.lag_steps + 1
        now = (self.first_look_ns() // step + 1) * step
        while True:
            yield now
            following = self.recording.next_ns(now)
            if following is None or following > now + (rest + 1) * step:
                for _ in range(rest):
                    now += step
                    yield now
                if following is None:
                    return
                now = (following // step + rest) * step
            now += step

    def first_look_ns(self) -> int:
        """When the first look is due: at the beginning, or shortly before the case where a baseline was set before it.

        A baseline says how it usually is. It is stored and compared with, and not searched for trouble.
        """
        begin = self.recording.begin
        if begin is None:
            return self.recording.first_ns
        ahead = self.settings.detect.grace_s + self.settings.detect.step_s
        return max(self.recording.first_ns, to_nanos(begin) - round(ahead * 1e9))

    def feed(self, after_ns: int, until_ns: int) -> None:
        """Send what arrived between two moments through ingest, and wait until it is stored."""
        self.clock.set(from_nanos(until_ns))
        waiting: list[Future[Receipt]] = []
        for signal, body in self.recording.arrivals(after_ns, until_ns):
            waiting.append(self._ingest.submit(signal, body))
            if len(waiting) >= _QUEUE:
                waiting.pop(0).result()
        for future in waiting:
            future.result()
        self.telemetry.points.settle()
        self._ahead.stored(from_nanos(until_ns))

    def tick(self) -> None:
        """One look at the present moment of the clock, by every stage in turn."""
        now = self.clock.now()
        self.observe()
        while self._alerts and self._alerts[0].starts_at <= now:
            self._found.update(finding.id for finding in self.stream.publish([self._alerts.pop(0)], now))
        self._found.update(finding.id for finding in self._detect.tick(now).seen)
        self._found.update(finding.id for finding in self._rules.tick(now))
        self.telemetry.points.settle()
        self._opened += len(self._correlate.tick(now).opened)
        self.diagnose.tick(now)
        self._proposals.look(self.stream, now)

    def observe(self) -> None:
        """Take in what exists and what depends on what."""
        now = self.clock.now()
        self._discovery.tick(now)
        if self.recording.edges:
            self.topology.observe(self.recording.entities, self.recording.edges, now)

    def outcome(self) -> Outcome:
        """What the store holds now."""
        incidents = sorted(self.stream.incidents(limit=ALL), key=lambda incident: (incident.opened_at, incident.id))
        diagnoses = [self.stream.diagnosis(incident.id) for incident in incidents]
        return Outcome(
            case=self.recording.case,
            first=from_nanos(self.recording.first_ns),
            last=from_nanos(self.recording.last_ns),
            step_s=self.settings.detect.step_s,
            telemetry=self.recording.counts,
            findings=tuple(sorted(self.stream.findings(limit=ALL), key=lambda f: (f.starts_at, f.id))),
            incidents=tuple(incidents),
            diagnoses=tuple(diagnosis for diagnosis in diagnoses if diagnosis is not None),
            proposed=tuple(self._proposals.plans),
        )

    def close(self) -> None:
        """Let go of the store."""
        self.finish()
        self._stores.close()

    def finish(self) -> None:
        """End the intake, and leave the stores open."""
        self._ingest.close()


@dataclass(slots=True)
class Proposals:
    """What would have been proposed: the first runbook that fits each incident. No gate, so nothing can be run."""

    runbooks: Sequence[Runbook]
    plans: list[Plan] = field(default_factory=list)

    def look(self, stream: Stream, now: datetime) -> None:
        """Note the plan of every live incident whose cause is known and that has none yet."""
        done = {plan.subject for plan in self.plans}
        for incident in sorted(stream.incidents(live=True), key=lambda incident: incident.id):
            diagnosis = stream.diagnosis(incident.id)
            if incident.id in done or diagnosis is None or diagnosis.best is None:
                continue
            findings = stream.findings(ids=[member.finding for member in incident.members])
            for runbook in self.runbooks:
                if reasons := runbook.fits(diagnosis.best, findings):
                    self.plans.append(runbook.plan(incident, diagnosis.best, reasons, now))
                    break


def shortage(recording: Recording, settings: Ops) -> str:
    """Why detectors cannot judge the series of a recording; empty where they can."""
    detect = settings.detect
    lasts = timedelta(microseconds=(recording.last_ns - recording.first_ns) // 1000)
    steps = int(lasts.total_seconds() // detect.step_s)
    needed = detect.min_points + detect.confirm_steps + detect.lag_steps
    if steps >= needed:
        return ""
    return (
        f"the recording holds {steps} steps of {detect.step_s:g} s and detectors need {needed} before they judge a "
        "series; only alerts that it holds can open an incident (a smaller --step may help)"
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks a replay for."""

    folder: Path
    layout: Path | None = None
    case: str = ""
    step_s: float | None = None
    speed: float | None = None
    data: Path | None = None
    """Where to keep the store; None: in a temporary folder that is gone afterwards."""


def replay(
    wish: Wish,
    settings: Ops,
    report: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Read a recording, pass it through a fresh store, and tell what came of it.

    Raises:
        NotFoundError: the folder, the layout or the case is not there.
        DocumentError: the layout has mistakes.
        InputError: a file of the recording is broken.
        ConflictError: the folder for the store is not empty.
    """
    recording = read(find(wish.folder, wish.layout), wish.case)
    chosen = at_step(settings, wish.step_s or step_for(recording, settings))
    if lack := shortage(recording, chosen):
        warn(lack)
    with contextlib.ExitStack() as stack:
        folder = wish.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellkept-replay-")))
        run = stack.enter_context(contextlib.closing(Replay(recording, folder, chosen)))
        outcome = run.run(report, speed=wish.speed)
    if wish.data is not None:
        _leave_settings(wish.data)
    return outcome


def cases(folder: Path, layout: Path | None) -> list[str]:
    """The ids of the pieces of a recording.

    Raises:
        NotFoundError: the folder or the layout is not there.
        DocumentError: the layout has mistakes.
    """
    return find(folder, layout).cases()


KEPT = "wellkept.yaml"
_KEPT_SETTINGS = """\
# Opens this store as it is: nothing watches, nothing is detected anew, and nothing ages.
data: {data}
retention: {{metrics_days: 36500, logs_days: 36500, traces_days: 36500, predictions_days: 36500}}
ops: {{enabled: false}}
ml: {{enabled: false}}
agent: {{enabled: false}}
"""


def _leave_settings(data: Path) -> None:
    """A configuration beside the store: with the usual retention, telemetry of last year would be gone on opening."""
    whole = data.resolve()
    (whole / KEPT).write_text(_KEPT_SETTINGS.format(data=json.dumps(str(whole))), encoding="utf-8")


def _wait(until: float) -> None:
    """Until the replay's own time is there: this is the pace that was asked for, not a wait for work."""
    remaining = until - time.monotonic()
    if remaining > 0:
        time.sleep(remaining)
