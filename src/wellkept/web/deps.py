"""What the pages need of the platform; the composition root hands it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.watch.spread import Spread
from wellkept.ops.correlate.noise.usecases import NoiseUse
from wellkept.ops.correlate.rules.usecases import GroupingUse
from wellkept.ops.detect.explained import Explained
from wellkept.ops.detect.rules.on import RulesOn
from wellkept.spine.audit import Audit
from wellkept.spine.causes import CauseDesk
from wellkept.spine.feedback import FeedbackDesk
from wellkept.spine.gate import Gate
from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.notify.desk import NotifyDesk
from wellkept.spine.registry import Registry
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.rollouts import Rollouts
from wellkept.spine.stream import Stream
from wellkept.spine.tickets.desk import TicketDesk
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.telemetry import Telemetry

RunLog = Callable[[str, int], Mapping[str, Any]]
"""What a run printed from a byte on (``text``, ``next``), and its newest word of ``progress``."""


def nothing_printed(job: str, after: int) -> Mapping[str, Any]:  # noqa: ARG001 - the contract of a log
    """The log where nothing is trained."""
    return {"text": "", "next": after, "progress": None}


@dataclass(frozen=True, slots=True)
class WebDeps:
    """The read side of both loops, and the gate for decisions.

    ``token`` is the platform's; sessions are derived from it. A loop that is off has no pages.
    """

    stream: Stream
    topology: Topology
    gate: Gate
    registry: Registry
    audit: Audit
    book: IncidentBook
    desk: RegroupingDesk
    telemetry: Telemetry
    clock: Clock
    token: str
    ops_enabled: bool = True
    ml_enabled: bool = True
    storage: Callable[[], Sequence[str]] = tuple
    """Sentences on what telemetry takes of the disk, and what had to go."""
    rules: RulesOn | None = None
    """The rules that are on; None where the loop that evaluates them is off."""
    tickets: TicketDesk | None = None
    """Tells of the tickets of incidents; None where none are kept."""
    feedback: FeedbackDesk | None = None
    """Takes what people think of findings; None where nobody heeds it."""
    detectors: Explained | None = None
    """Tells of the detectors; None where the loop that runs them is off."""
    run_log: RunLog = nothing_printed
    """What a training run printed, and how far it is."""
    rollouts: Rollouts | None = None
    """Versions on their way; None where the loop that judges them is off."""
    stop_rollout: Callable[[str, str, str], Any] | None = None
    """Stops the rollout of a model: model, by, why."""
    noise: NoiseUse | None = None
    grouping: GroupingUse | None = None
    """What holds findings back, and grouping rules; None where the loop that heeds them is off."""
    causes: CauseDesk | None = None
    """Takes what people say was the cause; None where nobody diagnoses."""
    performance: Callable[[str, datetime], PerformanceHistory | None] | None = None
    """How good a model was by when it predicted; None where nothing is watched."""
    spreads: Callable[[str, datetime], tuple[Spread, ...]] | None = None
    """How the inputs and scores of a model are spread, window by window."""
    decisions: Callable[[str, int], Sequence[Mapping[str, Any]]] | None = None
    """What was decided about retraining a model, newest first, as the interface tells it: model, how many at most."""
    notify: NotifyDesk | None = None
    """Tells who is told of what; None where a test has no need of it."""
    standing: Callable[[], Mapping[str, str]] = dict
    """What of the platform stands still, and why."""
