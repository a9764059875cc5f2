"""Models as causes and as victims: from findings and telemetry in real stores through grouping to the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.store.fixtures import state_in

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.diagnosis import Diagnosis, Fault
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.errors import StoreError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.ops.diagnose.base import Case
from wellkept.ops.diagnose.stage import DiagnoseRunner
from wellkept.sdk.otlp import MetricsBatch, key_values
from wellkept.spine.plugins import load
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ONSET = NOW - timedelta(minutes=5)
START = NOW - timedelta(minutes=25)
MODEL, SERVER, SHOP = "model:fraud", "service:wellkept/model-server", "service:shop/checkout"
SOURCE = "service:shop/profiles"
AGE, SPEND, AMOUNT = (f"feature:fraud/{name}" for name in ("age", "spend", "amount"))
EDGES = (
    (SHOP, SERVER, EdgeKind.CALLS), (MODEL, SERVER, EdgeKind.SERVED_BY),
    *((MODEL, feature, EdgeKind.READS) for feature in (AGE, SPEND, AMOUNT)),
    (AGE, SOURCE, EdgeKind.FED_BY), (SPEND, SOURCE, EdgeKind.FED_BY),
    *((service, "host:h1", EdgeKind.RUNS_ON) for service in (SHOP, SERVER, SOURCE)),
)  # fmt: skip


@dataclass
class World:
    """The real stages on stores of their own."""

    telemetry: Telemetry
    state: State

    def __post_init__(self) -> None:
        self.stream, self.topology = Stream(self.state, self.telemetry.changes), Topology(self.state)
        ids = {end for source, target, _ in EDGES for end in (source, target)}
        entities = [Entity(EntityKind(one.partition(":")[0]), one, one.partition(":")[2]) for one in sorted(ids)]
        edges = [Edge(source, target, kind, START - timedelta(days=1)) for source, target, kind in EDGES]
        self.topology.observe(entities, edges, START)

    def judged(self, *findings: Finding) -> Diagnosis:
        """What grouping and diagnosis make of the findings: one incident, and who is to blame."""
        self.stream.publish(findings, NOW)
        CorrelateRunner(self.stream, self.topology).tick(NOW)
        clues = [clue() for clue in load("clue").values()]
        (found,) = DiagnoseRunner(self.telemetry, self.topology, self.stream, clues).tick(NOW)
        return found

    def serve(self, server_s: float, busy: float) -> None:
        """Half an hour of requests of the shop to the model server, and its CPU; both change at the onset."""
        request, dice = ExportTraceServiceRequest(), np.random.default_rng(3)
        scopes = {}
        for name in ("shop/checkout", "wellkept/model-server"):
            block = request.resource_spans.add()
            space, _, service = name.partition("/")
            named = {"service.name": service, "service.namespace": space, "host.id": "h1"}
            block.resource.attributes.extend(key_values(named))
            scopes[name] = block.scope_spans.add()
        for index in range(1500):
            at = START + timedelta(seconds=index)
            took = (server_s if at >= ONSET else 0.01) * (0.9 + 0.2 * dice.random())
            trace, ids = dice.bytes(16), [dice.bytes(8) for _ in range(3)]
            told = (
                ("shop/checkout", "POST /pay", Span.SPAN_KIND_SERVER, b"", 0.0, took + 0.012),
                ("shop/checkout", "infer", Span.SPAN_KIND_CLIENT, ids[0], 0.005, took + 0.002),
                ("wellkept/model-server", "POST /infer", Span.SPAN_KIND_SERVER, ids[1], 0.006, took),
            )
            for own, (scope, name, kind, parent, late, seconds) in zip(ids, told, strict=True):
                begins = to_nanos(at) + int(late * 1e9)
                scopes[scope].spans.add(
                    trace_id=trace, span_id=own, parent_span_id=parent, name=name, kind=kind,
                    start_time_unix_nano=begins, end_time_unix_nano=begins + int(seconds * 1e9),
                )  # fmt: skip
        self.telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], to_nanos(NOW))
        bodies = []
        for step in range(150):
            at = START + timedelta(seconds=10 * step)
            batch = MetricsBatch("test", to_nanos(at))
            used = (busy if at >= ONSET else 0.2) + 0.01 * dice.random()
            resource = {"host.id": "h1", "service.name": "model-server", "service.namespace": "wellkept"}
            batch.gauge(resource, "process.cpu.utilization", "1", used, {})
            bodies.append(batch.request.SerializeToString())
        self.telemetry.otlp.insert(Signal.METRICS, bodies, to_nanos(NOW))


@pytest.fixture
def world(telemetry: Telemetry, tmp_path: Path) -> Iterator[World]:
    with closing(state_in(tmp_path / "state")) as state:
        yield World(telemetry, state)


def said(entity: str, kind: FindingKind, signal: str, score: float = 0.8, symptom: str = "") -> Finding:
    return Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=Severity.ERROR,
        score=score,
        score_meaning="of a test",
        starts_at=ONSET,
        sentence=f"{signal} of {entity} is bad.",
        evidence=(Evidence(signal),),
        attributes={"symptom": symptom},
    )


def promoted(world: World, seconds_before: float) -> Change:
    at = ONSET - timedelta(seconds=seconds_before)
    made = Change(MODEL, ChangeKind.PROMOTION, at, "wellkept", "version 3 of fraud is live", "pln-1:0")
    world.stream.record(made)
    return made


def named(found: Diagnosis) -> tuple[str, Fault]:
    assert found.best is not None, found
    return found.best.entity, found.best.fault


def test_another_model_on_the_same_server_moves_no_inputs_that_come_with_requests(world: World) -> None:
    other = Entity(EntityKind.MODEL, "model:recs", "recs")
    world.topology.observe([other], [Edge(other.id, SERVER, EdgeKind.SERVED_BY, START)], START)
    at = ONSET - timedelta(seconds=60)
    world.stream.record(Change(other.id, ChangeKind.PROMOTION, at, "wellkept", "version 1 of recs is live", "pln-2:0"))

    found = world.judged(said(AMOUNT, FindingKind.DRIFT, "amount"), said(MODEL, FindingKind.DRIFT, "score"))

    assert named(found) == (AMOUNT, Fault.DRIFT)
    assert {cause.entity for cause in found.causes}.isdisjoint({other.id, SERVER})


def test_an_incident_that_cannot_be_diagnosed_keeps_no_other_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        made = Incident(f"inc-{number}", "slow", IncidentState.OPEN, Severity.ERROR, ONSET, ONSET, ())
        world.stream.save_incident(made)
    runner = DiagnoseRunner(world.telemetry, world.topology, world.stream, [])
    usual = runner.case

    def broken(incident: Incident, now: datetime) -> Case:
        if incident.id == "inc-1":
            raise RuntimeError("broken")
        return usual(incident, now)

    monkeypatch.setattr(runner, "case", broken)
    with pytest.raises(RuntimeError, match="broken"):
        runner.tick(NOW)
    assert set(world.stream.diagnoses(["inc-1", "inc-2"])) == {"inc-2"}


def test_a_cause_is_named_where_patterns_cannot_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StoreError("the store of patterns is broken")

    monkeypatch.setattr(world.telemetry.patterns, "listed", broken)
    promoted(world, 120)
    found = world.judged(said(MODEL, FindingKind.PERFORMANCE, "average_precision"))
    assert named(found) == (MODEL, Fault.CHANGE)


def test_a_caller_is_slow_because_the_model_server_is_overloaded(world: World) -> None:
    world.serve(server_s=0.4, busy=0.98)
    slow = said(SHOP, FindingKind.ANOMALY, "span.duration.p95", symptom="yes")
    found = world.judged(slow, said(SERVER, FindingKind.ANOMALY, "span.duration.p95", symptom="yes"))
    assert named(found) == (SERVER, Fault.CPU)
    assert found.best is not None
    assert found.best.path == (SERVER, SHOP)
    assert MODEL not in [cause.entity for cause in found.causes], "what it serves is its victim"
    (exhibit,) = (one for one in found.best.exhibits if one.kind == "trace" and "itself" in one.sentence)
    (pointer,) = exhibit.pointers
    assert (pointer.where, pointer.entity, len(pointer.name)) == ("POST /infer", SERVER, 32)


def test_a_version_that_went_live_right_before_its_server_is_slow_is_the_cause(world: World) -> None:
    world.serve(server_s=0.4, busy=0.97)
    change = promoted(world, 30)
    found = world.judged(said(SHOP, FindingKind.ANOMALY, "span.duration.p95", symptom="yes"))
    assert named(found) == (MODEL, Fault.CHANGE)
    assert found.best is not None
    assert (found.best.change, found.best.path) == (change.id, (MODEL, SERVER, SHOP))
    assert "version 3 of fraud is live" in found.story
    assert [cause.entity for cause in found.causes[1:]] == [SERVER]


def test_a_version_that_went_live_long_before_its_server_is_slow_is_told_and_no_more(world: World) -> None:
    world.serve(server_s=0.4, busy=0.97)
    change = promoted(world, 1800)
    found = world.judged(said(SHOP, FindingKind.ANOMALY, "span.duration.p95", symptom="yes"))
    assert named(found) == (SERVER, Fault.CPU)
    assert found.best is not None
    assert found.best.change == change.id


def test_a_server_that_was_changed_itself_right_before_it_is_slow_is_the_cause(world: World) -> None:
    world.serve(server_s=0.4, busy=0.97)
    promoted(world, 1200)
    at = ONSET - timedelta(seconds=20)
    change = Change(SERVER, ChangeKind.DEPLOY, at, "ci", "a new image of the server", "run-7")
    world.stream.record(change)
    found = world.judged(said(SHOP, FindingKind.ANOMALY, "span.duration.p95", symptom="yes"))
    assert found.best is not None
    assert (found.best.entity, found.best.change) == (SERVER, change.id)


def test_a_version_that_went_live_is_no_cause_of_the_memory_that_its_caller_uses_up(world: World) -> None:
    promoted(world, 30)
    found = world.judged(said(SHOP, FindingKind.FORECAST, "process.memory.usage"))
    assert named(found) == (SHOP, Fault.MEMORY)
    assert [cause.entity for cause in found.causes] == [SHOP]


def test_a_version_that_went_live_is_a_cause_of_the_memory_that_its_server_uses_up(world: World) -> None:
    promoted(world, 30)
    found = world.judged(said(SERVER, FindingKind.FORECAST, "process.memory.usage"))
    assert named(found) == (MODEL, Fault.CHANGE)


def test_a_model_predicts_worse_since_a_version_went_live(world: World) -> None:
    change = promoted(world, 90)
    found = world.judged(said(MODEL, FindingKind.PERFORMANCE, "average_precision"))
    assert named(found) == (MODEL, Fault.CHANGE)
    assert found.best is not None
    assert found.best.change == change.id
    assert "version 3 of fraud is live" in found.story


def test_a_model_predicts_worse_because_its_source_is_broken_although_a_version_went_live(world: World) -> None:
    promoted(world, 600)
    found = world.judged(
        said(SOURCE, FindingKind.ANOMALY, "span.errors", symptom="yes"),
        *(said(feature, FindingKind.DATA_QUALITY, "nulls") for feature in (AGE, SPEND)),
        said(MODEL, FindingKind.PERFORMANCE, "average_precision"),
    )
    assert found.best is not None
    assert found.best.entity == SOURCE
    assert Fault.DATA in [reason.fault for reason in found.best.reasons]
    assert found.best.path[0] == SOURCE


def test_an_input_that_drifts_while_nobody_upstream_is_unwell_is_the_world(world: World) -> None:
    found = world.judged(
        said(AMOUNT, FindingKind.DRIFT, "psi"), said(MODEL, FindingKind.PERFORMANCE, "average_precision", 0.5)
    )
    assert named(found) == (AMOUNT, Fault.DRIFT)
    assert "it comes with the requests" in found.story


def test_an_input_that_drifts_with_a_well_source_is_the_world_and_with_a_sick_one_its_victim(world: World) -> None:
    drift = said(AGE, FindingKind.DRIFT, "psi")
    assert named(world.judged(drift)) == (AGE, Fault.DRIFT)


def test_drift_behind_a_sick_source_is_that_sources_doing(world: World) -> None:
    sick = said(SOURCE, FindingKind.ANOMALY, "span.duration.p95", symptom="yes")
    found = world.judged(sick, *(said(feature, FindingKind.DRIFT, "psi") for feature in (AGE, SPEND)))
    assert found.best is not None
    assert found.best.entity == SOURCE
    assert not [cause for cause in found.causes if cause.entity.startswith("feature:")]


def test_a_promotion_long_before_or_after_is_not_blamed(world: World) -> None:
    promoted(world, -120)
    found = world.judged(said(MODEL, FindingKind.PERFORMANCE, "average_precision"))
    assert found.best is None or found.best.change == ""
