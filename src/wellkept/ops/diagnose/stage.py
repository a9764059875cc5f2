"""The runner of diagnosis: gathers what was measured around each live incident, asks the clues, and says who it was."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from wellkept.kernel.change import Change
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.errors import ClosedError, OverloadError, StoreError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.diagnose.base import Calls, Case, Clue, DiagnoseSettings, Hint, Period
from wellkept.ops.diagnose.exhibits import PatternCounts, with_exhibits
from wellkept.ops.diagnose.felt import by_feeling, felt
from wellkept.ops.diagnose.onset import busy, step_of_change
from wellkept.ops.diagnose.rank import diagnose, rank
from wellkept.ops.diagnose.told import by_names
from wellkept.ops.diagnose.traces import Traces, traces
from wellkept.ops.diagnose.turn import chosen
from wellkept.ops.diagnose.unmeasured import UNMEASURED, is_unmeasured
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.requestnames import REQUEST_BUCKETS
from wellkept.store.telemetry.samples import Sample
from wellkept.store.telemetry.window import Window

STAGE = Stage(
    name="ops.diagnose",
    consumes=frozenset({Message.INCIDENT, Message.FINDING, Message.TELEMETRY, Message.ENTITY, Message.CHANGE}),
    emits=frozenset({Message.DIAGNOSIS}),
    purpose="Ranks the causes of an incident with the evidence for each, or says that none was found.",
)

_log = logging.getLogger(__name__)
ACTOR = "diagnose"


class MetricWindows(Protocol):
    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window: ...


class SpanWindows(Protocol):
    def red(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def exclusive(self, start: datetime, end: datetime, step_s: float, limit: int = 0) -> Window: ...

    def edges(self, start: datetime, end: datetime, limit: int = 0) -> pa.Table: ...


class TraceSamples(Protocol):
    def traces(self, start: datetime, end: datetime, limit: int) -> Sample: ...


class Windows(Protocol):
    """What diagnosis reads of the telemetry store."""

    @property
    def metrics(self) -> MetricWindows: ...

    @property
    def spans(self) -> SpanWindows: ...

    @property
    def samples(self) -> TraceSamples: ...


class Telemetry(Windows, Protocol):
    """That, and what is shown of a cause once it is named."""

    @property
    def patterns(self) -> PatternCounts: ...


class Incidents(Protocol):
    """What diagnosis needs of the stream."""

    def incident_heads(self, *, live: bool) -> list[Incident]: ...

    def incident_as_listed(self, incident: str) -> Incident | None: ...

    def save_incident(self, incident: Incident) -> None: ...

    def findings(self, *, ids: Sequence[str] | None = None) -> list[Finding]: ...

    def changes(self, start: datetime, end: datetime) -> list[Change]: ...

    def diagnoses(self, incidents: Sequence[str]) -> dict[str, Diagnosis]: ...

    def save_diagnosis(self, diagnosis: Diagnosis) -> None: ...


class Places(Protocol):
    """What diagnosis needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A clue at the plug-in edge: when it fails, the others still speak."""

    clue: Clue

    @property
    def kind(self) -> str:
        return self.clue.kind

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        try:
            return self.clue.weigh(case)
        except ClosedError:
            raise
        except Exception:  # noqa: BLE001 - the plug-in edge: logged, and the diagnosis goes on without it
            _log.exception("clue %s failed on incident %s", self.clue.kind, case.incident.id)
            return {}


class DiagnoseRunner:
    """Diagnoses live incidents when their findings change, and again every ``refresh_s`` while they are open.

    ``weigh`` may put learned weights in the place of those in the settings.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        topology: Places,
        stream: Incidents,
        clues: Sequence[Clue],
        settings: DiagnoseSettings | None = None,
        weigh: Callable[[DiagnoseSettings], DiagnoseSettings] = lambda settings: settings,
    ) -> None:
        self._telemetry, self._topology, self._stream = telemetry, topology, stream
        self._clues = tuple(_Guarded(clue) for clue in clues)
        self.is_behind = False
        self._settings, self._weigh = settings or DiagnoseSettings(), weigh

    def tick(self, now: datetime, most_s: float = math.inf) -> list[Diagnosis]:
        """Diagnose what needs it, and return the diagnoses that were made.

        After ``most_s`` seconds no other is begun: ``is_behind`` says whether some are left for the next turn. An
        incident on which it fails keeps none of the others back: what went wrong is raised when they are done.
        """
        made: list[Diagnosis] = []
        failed: Exception | None = None
        settings = self._weigh(self._settings)
        began = time.monotonic()
        live = {incident.id: incident for incident in self._stream.incident_heads(live=True)}
        known = self._stream.diagnoses(list(live))
        due = chosen(live.values(), known, now, settings)
        for head in due:
            if made and time.monotonic() - began >= most_s:
                break
            incident = self._stream.incident_as_listed(head.id)
            if incident is None or not incident.state.is_live:
                continue
            try:
                made.append(self._diagnosed(incident, known.get(head.id), settings, now))
            except Exception as error:  # noqa: BLE001 - raised again when the others are done
                _log.warning("incident %s was not diagnosed: %s", incident.id, error)
                failed = error
        self.is_behind = len(made) < len(due) and bool(made)
        if failed is not None:
            raise failed
        return made

    def _diagnosed(
        self, incident: Incident, before: Diagnosis | None, settings: DiagnoseSettings, now: datetime
    ) -> Diagnosis:
        case = self.case(incident, now)
        found = by_names(self._shown(diagnose(case, self._clues, settings, now), case), case.graph)
        if before is not None and before.story == found.story:
            found = replace(found, reworded=before.reworded)
        self._stream.save_diagnosis(found)
        if before is None or _blamed(before) != _blamed(found):
            self._stream.save_incident(incident.note(now, ACTOR, found.sentence))
        return found

    def _shown(self, found: Diagnosis, case: Case) -> Diagnosis:
        """With what telemetry shows at the causes; without it where the store of patterns fails: nobody votes by it."""
        try:
            return with_exhibits(found, case, self._telemetry.patterns)
        except ClosedError:
            raise
        except (StoreError, OverloadError) as error:
            _log.warning("nothing is shown of the causes of incident %s: %s", found.incident, error)
            return found

    def evidence(self, incident: Incident, now: datetime) -> dict[str, dict[str, float]]:
        """How strongly each clue speaks against each suspect at a moment, before weighting.

        What common causes explain is taken off, as in the ranking: else learning would judge another one.
        """
        settings = self._weigh(self._settings)
        return {
            cause.entity: {
                reason.kind: round(reason.strength / settings.weights[reason.kind], 6) for reason in cause.reasons
            }
            for cause in rank(self.case(incident, now), self._clues, settings)
        }

    def case(self, incident: Incident, now: datetime, findings: Sequence[Finding] | None = None) -> Case:
        """Everything that the clues look at for one incident. ``findings``: its own; None: those in the stream."""
        settings = self._settings
        if findings is None:
            findings = self._stream.findings(ids=[member.finding for member in incident.members])
        findings = sorted(findings, key=lambda f: (f.starts_at, f.id))
        graph = self._topology.graph(now)
        onset = _onset(findings, incident)
        step = timedelta(seconds=settings.step_s)
        first = _floor(onset - timedelta(seconds=settings.before_s), settings.step_s)
        last = _floor(min(now, onset + timedelta(seconds=settings.during_s)), settings.step_s)
        last = max(last, _floor(onset, settings.step_s) + step)
        span = (first, last, settings.step_s)
        suspects = _suspects(findings, graph, settings.hops)
        telemetry = UNMEASURED if is_unmeasured(findings, suspects, graph) else self._telemetry
        metrics = telemetry.metrics.window(*span, entities=suspects)
        buckets = telemetry.metrics.window(*span, entities=suspects, names=REQUEST_BUCKETS)
        red = with_reported(telemetry.spans.red(*span), metrics, buckets)
        symptoms = by_feeling(findings, graph)
        told = int(np.searchsorted(red.times, onset.timestamp(), side="right"))
        began = step_of_change(symptoms, red, told, settings.margin_steps, busy(metrics))
        onset += (began - told) * step
        healthy = _floor(onset, settings.step_s) - settings.margin_steps * step
        before = self._period(telemetry, first, healthy, metrics)
        during = self._period(telemetry, _floor(onset, settings.step_s), last, metrics)
        healthy_steps = slice(before.first, before.last)
        return Case(
            incident=incident,
            findings=tuple(findings),
            suspects=suspects,
            graph=graph,
            onset=onset,
            metrics=metrics,
            red=red,
            exclusive=telemetry.spans.exclusive(*span, settings.call_spans),
            before=before,
            during=during,
            changes=tuple(self._stream.changes(onset - timedelta(seconds=settings.change_s), now)),
            felt=felt(symptoms, red, healthy_steps, slice(before.last, during.last)),
            traces=self._traces(telemetry, before, during),
        )

    def _traces(self, telemetry: Windows, before: Period, during: Period) -> Traces | None:
        samples = [
            telemetry.samples.traces(period.start, period.end, self._settings.sample_spans)
            for period in (before, during)
        ]
        return traces(*samples)

    def _period(self, telemetry: Windows, start: datetime, end: datetime, window: Window) -> Period:
        first = int(np.searchsorted(window.times, start.timestamp(), side="right"))
        last = int(np.searchsorted(window.times, end.timestamp(), side="right"))
        return Period(start, end, first, last, calls_of(telemetry.spans.edges(start, end, self._settings.call_spans)))


def calls_of(edges: pa.Table) -> tuple[Calls, ...]:
    """The rows of the store's table of calls (one per pair of services, so they are few), ordered."""
    columns = ("source", "target", "calls", "errors", "p95_s", "gap_p50_s")
    rows = zip(*(edges[column].to_pylist() for column in columns), strict=True)
    found = [Calls(str(r[0]), str(r[1]), *(_number(value) for value in r[2:])) for r in rows]
    return tuple(sorted(found, key=lambda calls: (calls.source, calls.target)))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _onset(findings: Sequence[Finding], incident: Incident) -> datetime:
    """When users began to feel it; when nobody has yet, when it began."""
    felt = [finding.starts_at for finding in findings if finding.attributes.get("symptom")]
    return min(felt or [finding.starts_at for finding in findings] or [incident.opened_at])


def _suspects(findings: Sequence[Finding], graph: Graph, hops: int) -> tuple[str, ...]:
    """The entities of the incident and what they depend on, with the disks of its hosts and the models of its servers.

    Where nothing is known of what any service depends on (metrics alone, no traces), every service may be the cause.
    """
    suspects = {finding.entity for finding in findings if finding.entity}
    for entity in tuple(suspects):
        suspects.update(graph.dependencies(entity, hops))
    for host in [entity for entity in suspects if entity.startswith("host:")]:
        suspects.update(entity for entity in graph.dependents(host) if entity.startswith("disk:"))
    suspects.update(model for entity in tuple(suspects) for model in graph.above(entity, EdgeKind.SERVED_BY))
    services = {entity for entity in graph.entities if entity.startswith("service:")}
    if suspects & services and not any(graph.below(entity, EdgeKind.CALLS) for entity in services):
        suspects |= services
    return tuple(sorted(suspects))


def _blamed(diagnosis: Diagnosis) -> str:
    return diagnosis.best.entity if diagnosis.best else ""


def _floor(moment: datetime, step_s: float) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, UTC)
