"""The contract of a clue, what it looks at, and the settings of the diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from wellkept.kernel.change import Change
from wellkept.kernel.diagnosis import Fault, Look, Pointer
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Incident
from wellkept.ops.diagnose.felt import Felt
from wellkept.ops.diagnose.reword import RewordSettings
from wellkept.ops.diagnose.traces import Traces
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import Window

WEIGHTS: Mapping[str, float] = {
    "headroom": 0.95,
    "gap": 0.95,
    "mass": 0.95,
    "structure": 0.95,
    "errors": 0.9,
    "exclusive": 0.85,
    "forecast": 0.9,
    "missing": 0.9,
    "model": 0.8,
    "starved": 0.7,
    "feed": 0.6,
    "change": 0.5,
    "deepest": 0.35,
    "unusual": 0.2,
}
"""How much each kind of clue may say at most. Nearly equal on purpose: with few labelled cases, learned weights
overfit, while hand weights anywhere between 0.6 and 1 gave the same ranking on recorded incidents."""


CALIBRATION = (-2.75, 2.2)
"""Weight of the outside option, and steepness: fitted on the halves called tune of recorded faults and healthy moments
(88 of them); moves with ``version``."""


@dataclass(frozen=True, slots=True)
class DiagnoseSettings:
    """Weights and time scales of the diagnosis. Durations in seconds."""

    version: str = "4"
    """Moves with every change of the weights; each diagnosis carries it."""
    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    step_s: float = 10.0
    before_s: float = 1200.0
    """How much of the healthy time before the onset is compared with."""
    margin_steps: int = 3
    """Steps right before the onset that count for neither side, since onsets are noticed late."""
    during_s: float = 900.0
    """At most this much of the trouble is looked at, from its onset on."""
    hops: int = 6
    """Suspects are the entities of the incident and what they depend on, down to this many hops."""
    floor: float = 0.3
    """Below this confidence no cause is named."""
    sample_spans: int = 30_000
    """About this many spans before and during are looked at one by one, whole traces each."""
    call_spans: int = 120_000
    """About this many spans before and during, whole traces each, tell who called whom and who took how long itself."""
    most: int = 5
    """At most this many causes are listed."""
    refresh_s: float = 30.0
    """A live incident is diagnosed again after this long, and at once when its findings change."""
    calibration: tuple[float, float] = CALIBRATION
    """How confidences become probabilities; see ``ops/diagnose/probability.py``."""
    change_s: float = 3600.0
    """Changes this long before the onset are suspects."""
    reword: RewordSettings | None = None
    """A language model that words the paragraph more readably (see docs/diagnosis.md); it never ranks."""

    def __post_init__(self) -> None:
        for name, weight in sorted(self.weights.items()):
            if not 0.0 <= weight < 1.0:
                raise InputError(f"diagnose.weights.{name}", "must be at least 0 and less than 1", weight)
        if self.step_s <= 0:
            raise InputError("diagnose.step_s", "must be more than 0 seconds", self.step_s)


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls from one service to another in a span of time, as the caller saw them.

    ``p95_s`` is how long the slowest twentieth took for the caller; ``gap_p50_s`` is the median time between the end
    of the callee's work and the caller's having the answer, NaN where the callee's side was not seen.
    """

    source: str
    target: str
    calls: float
    errors: float
    p95_s: float
    gap_p50_s: float


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time and the calls in it; ``first`` and ``last`` are indices into the case's windows."""

    start: datetime
    end: datetime
    first: int
    last: int
    calls: tuple[Calls, ...] = ()

    @property
    def seconds(self) -> float:
        return max((self.end - self.start).total_seconds(), 1e-9)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that clues look at: one incident, what was measured around it, and what depends on what.

    The three windows share one grid; ``before`` and ``during`` cut it into health and trouble.
    """

    incident: Incident
    findings: tuple[Finding, ...]
    suspects: tuple[str, ...]
    graph: Graph
    onset: datetime
    metrics: Window
    red: Window
    exclusive: Window
    before: Period
    during: Period
    changes: tuple[Change, ...] = ()
    felt: Felt | None = None
    """Where and when users felt it, where that was measured."""
    traces: Traces | None = None
    """Sampled traces of before and during, where there are traces of both."""

    def found(self, entity: str, *kinds: FindingKind) -> list[Finding]:
        """The incident's findings about an entity, of some kinds (none given: all)."""
        return [f for f in self.findings if f.entity == entity and (not kinds or f.kind in kinds)]

    def pointer(self, look: Look, name: str, entity: str) -> Pointer:
        """Where to look at a piece of evidence, from the healthy time on to the end of what was looked at."""
        return Pointer(look, name, entity, self.before.start, self.during.end, self.onset)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a clue says about one suspect: strength in [0, 1] before weighting, and the sentence for it."""

    strength: float
    sentence: str
    change: str = ""
    """Id of the change that it blames, where it blames one."""
    fault: Fault = Fault.UNKNOWN
    pointers: tuple[Pointer, ...] = ()


@runtime_checkable
class Clue(Protocol):
    """One kind of evidence.

    It judges by the size of an effect against a ceiling that means something (headroom, seconds, share of calls) and
    has already explained away what a dependency explains. It is a pure function of the case.
    """

    @property
    def kind(self) -> str:
        """Names its weight in the settings."""
        ...

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        """The suspects that this clue speaks against, with how strongly and why."""
        ...
