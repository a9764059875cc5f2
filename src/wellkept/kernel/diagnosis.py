"""A diagnosis: ranked causes with their evidence, or the honest word that none was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wellkept.kernel.verdict import Verdict


def chance(probability: float) -> str:
    """A probability or a confidence in words; nothing is quite certain."""
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"


class Fault(StrEnum):
    """What is wrong with the cause, as far as the evidence tells."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    NETWORK = "network"
    LATENCY = "latency"
    ERRORS = "errors"
    CODE = "code"
    """Its requests go another way than before: a step left out, another word said."""
    SILENT = "silent"
    DATA = "data"
    DRIFT = "drift"
    """Its values are spread otherwise than in training, and nobody upstream is to blame: the world changed."""
    CHANGE = "change"
    UNKNOWN = "unknown"

    @property
    def is_exhaustion(self) -> bool:
        """A resource that is used up, or will be."""
        return self in (Fault.CPU, Fault.MEMORY, Fault.DISK)


class Look(StrEnum):
    """What kind of thing a pointer leads to."""

    SERIES = "series"
    LOGS = "logs"
    TRACE = "trace"
    CHANGE = "change"
    FINDING = "finding"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a piece of evidence can be looked at.

    ``name`` is a series' name, a log line's template, a trace's id, or the id of a change or finding; ``entity`` is
    whose it is, and ``start`` and ``end`` are the stretch of time to look at: health until ``onset``, trouble after it.
    """

    look: Look
    name: str
    entity: str = ""
    start: datetime | None = None
    end: datetime | None = None
    onset: datetime | None = None
    where: str = ""
    """Of a trace: the operation at which it differs from the others."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence for a cause: its kind, its strength in [0, 1], a sentence, and where to look at it."""

    kind: str
    strength: float
    sentence: str
    fault: Fault = Fault.UNKNOWN
    pointers: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What telemetry shows at a cause that is named already: nothing votes by it, people look at it.

    ``kind``: ``lines`` or ``trace``; ``sample`` is a line as it was logged.
    """

    kind: str
    sentence: str
    pointers: tuple[Pointer, ...] = ()
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """A candidate cause. ``confidence`` in [0, 1] is the noisy-OR of its reasons' strengths."""

    entity: str
    confidence: float
    reasons: tuple[Reason, ...]
    change: str = ""
    """Id of the change that is blamed, where one is."""
    fault: Fault = Fault.UNKNOWN
    """What is wrong with it."""
    since: datetime | None = None
    """Since when, as far as that was measured."""
    probability: float = 0.0
    """How often a cause of such a confidence, among such others, was the true one on recorded incidents."""
    path: tuple[str, ...] = ()
    """The entities from the cause to where it is felt, by what depends on what; empty where no way is known."""
    exhibits: tuple[Exhibit, ...] = ()
    """Log patterns that are new, gone, rarer or more frequent there, and traces that differ, with where they do."""

    @property
    def belief(self) -> float:
        """What people are told: its probability, or its confidence where a diagnosis knows no probabilities."""
        return self.probability or self.confidence


@dataclass(frozen=True, slots=True)
class Reworded:
    """The paragraph in the words of a language model (``by``); where its facts strayed ``text`` is empty, and
    ``refused`` says how.
    """

    text: str
    by: str
    at: datetime
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Causes, best first; empty when nothing was strong enough, and ``sentence`` then says why."""

    incident: str
    at: datetime
    version: str
    causes: tuple[Cause, ...]
    sentence: str
    none: float = 0.0
    """The probability that the true cause is none of those that were looked at, or that there is none."""
    story: str = ""
    """One paragraph of plain words, made of the causes and their evidence."""
    reworded: Reworded | None = None
    """The same paragraph reworded, where that is configured."""

    @property
    def best(self) -> Cause | None:
        return self.causes[0] if self.causes else None


Evidence = Mapping[str, Mapping[str, float]]
"""How strongly each kind of clue speaks against each suspect, before weighting: entity to kind to [0, 1]."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person says was the cause of an incident. ``entity`` is empty where it was none of the suspects."""

    incident: str
    entity: str
    by: str
    at: datetime
    why: str = ""
    fault: Fault = Fault.UNKNOWN
    named: str = ""
    """Whom the diagnosis named at that time."""
    version: str = ""
    """Of the diagnosis."""
    evidence: Evidence = field(default_factory=dict)
    """What the clues said of every suspect, to learn from."""


@dataclass(frozen=True, slots=True)
class Weighting:
    """A version of the weights that was learned from confirmed causes, with the verdict on it."""

    number: int
    at: datetime
    by: str
    weights: Mapping[str, float]
    calibration: tuple[float, float]
    cases: int
    """Confirmed causes that it was learned from and judged on."""
    verdict: Verdict
    is_used: bool
    """Whether it passed and no later one took its place."""
