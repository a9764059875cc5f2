"""The life of incidents on the real state store, and that grouping does not depend on who comes first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.fixtures import state_in

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import IncidentState
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.life import title_of
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.graph import Graph
from wellkept.spine.stream import Stream

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
CHAIN = tuple(f"service:shop/{name}" for name in ("a", "b", "c", "d", "e"))
LONELY = "service:crm/web"
SETTINGS = CorrelateSettings(quiet_s=60.0)


class Changes:
    def __init__(self) -> None:
        self.known: list[Change] = []

    def write(self, changes: Sequence[Change]) -> None:
        self.known.extend(changes)

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return [change for change in self.known if start <= change.at <= end]


class Chain:
    """a calls b calls c calls d calls e; one service has nothing to do with them."""

    def graph(self, at: datetime | None = None) -> Graph:
        entities = [Entity(EntityKind.SERVICE, name, name) for name in (*CHAIN, LONELY)]
        return Graph(entities, [Edge(a, b, EdgeKind.CALLS, NOON) for a, b in itertools.pairwise(CHAIN)])


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    state = state_in(tmp_path / "state")
    yield Stream(state, Changes())
    state.close()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def finding(
    entity: str,
    at_s: float = 0.0,
    *,
    severity: Severity = Severity.ERROR,
    kind: FindingKind = FindingKind.ANOMALY,
    score: float = 0.5,
    signal: str = "latency",
    resource: str = "",
) -> Finding:
    return Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=severity,
        score=score,
        score_meaning="of a test",
        starts_at=at(at_s),
        sentence=f"{signal} of {entity} is bad",
        attributes={"resource": resource},
    )


def told(stream: Stream, incident: str) -> list[str]:
    """The lines of an incident's story."""
    found = stream.incident(incident)
    assert found is not None
    return [entry.what for entry in found.timeline]


def test_an_incident_from_onset_to_closed_ticket(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.record(Change(CHAIN[1], ChangeKind.DEPLOY, at(-100), "mia", "release 7"))
    stream.publish([finding(CHAIN[1], 0), finding(CHAIN[0], 10, severity=Severity.WARNING)], at(30))
    (opened,) = run.tick(at(30)).opened
    assert opened.opened_at == at(0), "it began with the first sign, not when that was noticed"
    assert opened.severity is Severity.ERROR
    assert opened.ticket.startswith("TCK-")
    assert "100 s before the onset mia made a change: release 7" in told(stream, opened.id)
    assert run.tick(at(40)).changed == ()

    stream.publish([finding(CHAIN[2], 50, severity=Severity.CRITICAL)], at(60))
    (grown,) = run.tick(at(60)).changed
    assert (grown.id, grown.severity, grown.count) == (opened.id, Severity.CRITICAL, 3)

    stream.close([f.fingerprint for f in stream.open_findings()], at(100))
    (still,) = run.tick(at(159)).changed
    assert still.state is IncidentState.OPEN
    (closed,) = run.tick(at(160)).changed
    assert closed.state is IncidentState.CLOSED
    assert [what.split(":")[0] for what in told(stream, closed.id)[-2:]] == ["resolved", "closed"]
    assert opened.ticket in told(stream, closed.id)[-1]
    assert run.tick(at(170)) == type(run.tick(at(170)))((), ())


def test_closing_may_wait(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), CorrelateSettings(quiet_s=10.0, close_after_s=30.0))
    stream.publish([finding(LONELY)], at(0))
    run.tick(at(0))
    stream.close([f.fingerprint for f in stream.open_findings()], at(5))
    states = [run.tick(at(s)).changed[-1:] for s in (15, 20, 45)]
    assert [[i.state.value for i in part] for part in states] == [["resolved"], [], ["closed"]]


def test_a_resolved_finding_never_creates_an_incident(stream: Stream) -> None:
    stream.publish([finding(LONELY)], at(0))
    stream.close([f.fingerprint for f in stream.open_findings()], at(5))
    assert CorrelateRunner(stream, Chain(), SETTINGS).tick(at(6)).opened == ()


def test_a_resolved_incident_never_swallows_new_findings(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(LONELY)], at(0))
    (first,) = run.tick(at(0)).opened
    stream.close([f.fingerprint for f in stream.open_findings()], at(5))
    run.tick(at(80))
    stream.publish([finding(LONELY, 90)], at(90))
    report = run.tick(at(90))
    (second,) = report.opened
    assert second.id != first.id
    assert second.reopens == first.id
    assert stream.incident(first.id) != second
    assert stream.incident(first.id).state is IncidentState.CLOSED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "opens"),
    [
        ([finding(LONELY, severity=Severity.WARNING)], False),
        ([finding(LONELY, severity=Severity.WARNING, kind=FindingKind.DRIFT)], False),
        ([finding(LONELY, severity=Severity.WARNING, score=0.9)], True),
        ([finding(LONELY, severity=Severity.WARNING, score=1.0, resource="cpu")], False),
        ([finding(LONELY, severity=Severity.WARNING, kind=FindingKind.FORECAST)], True),
        ([finding(LONELY, severity=Severity.WARNING, kind=FindingKind.MISSING_DATA)], True),
        ([finding(CHAIN[0], severity=Severity.WARNING), finding(CHAIN[1], severity=Severity.WARNING)], True),
        ([finding(LONELY, severity=Severity.WARNING), finding(CHAIN[1], severity=Severity.WARNING)], False),
        ([finding(LONELY, severity=Severity.ERROR)], True),
    ],
)
def test_how_much_is_enough(stream: Stream, said: list[Finding], opens: bool) -> None:
    stream.publish(said, at(10))
    assert bool(CorrelateRunner(stream, Chain(), SETTINGS).tick(at(10)).opened) is opens


def test_a_weak_finding_that_lasts_opens_one(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(LONELY, severity=Severity.WARNING)], at(10))
    assert run.tick(at(119)).opened == ()
    assert len(run.tick(at(120)).opened) == 1


def test_two_incidents_that_turn_out_to_be_one(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(CHAIN[0], 0), finding(CHAIN[4], 5)], at(10))
    a, e = sorted(run.tick(at(10)).opened, key=lambda i: i.opened_at)
    stream.publish([finding(CHAIN[2], 15)], at(20))
    run.tick(at(20))
    live = stream.incidents(live=True)
    assert [i.id for i in live] == [a.id]
    assert set(live[0].entities) == {CHAIN[0], CHAIN[2], CHAIN[4]}
    merged = stream.incident(e.id)
    assert merged is not None
    assert merged.state is IncidentState.CLOSED
    assert a.id in merged.timeline[-2].what
    assert merged.merged_into == a.id
    assert run.tick(at(30)).opened == ()


def test_a_storm_of_strangers_stays_a_thousand_incidents(stream: Stream) -> None:
    stream.publish([finding(f"service:many/{n}", n % 100) for n in range(1000)], at(100))
    assert len(CorrelateRunner(stream, Chain(), SETTINGS).tick(at(100)).opened) == 1000


def test_a_probe_that_fails_does_not_give_an_incident_its_name() -> None:
    probe = replace(finding("service:a-probe", signal="silence"), evidence=(Evidence("probe_success"),))
    late = finding("service:redis", 10.0)
    assert title_of([probe, late]) == "latency of service:redis is bad (and 1 more affected)"
    assert title_of([probe]) == "silence of service:a-probe is bad"


FINDINGS = [finding(entity, n * 40.0) for n, entity in enumerate((*CHAIN, LONELY))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(FINDINGS))), batch=st.integers(1, 4))
def test_arrival_order_and_batches_do_not_change_the_incidents(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], batch: int
) -> None:
    state = state_in(tmp_path_factory.mktemp("state") / "state")
    stream = Stream(state, Changes())
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    for tick, chosen in enumerate(_batched(order, batch)):
        stream.publish([FINDINGS[n] for n in chosen], at(300 + tick))
        run.tick(at(300 + tick))
    live = stream.incidents(live=True)
    assert {frozenset(i.entities) for i in live} == {frozenset(CHAIN), frozenset({LONELY})}
    assert {(i.opened_at, i.severity, i.title) for i in live} == {
        (at(0), Severity.ERROR, "latency of service:shop/a is bad (and 4 more affected)"),
        (at(200), Severity.ERROR, "latency of service:crm/web is bad"),
    }
    state.close()


def _batched(order: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    for first in range(0, len(order), size):
        yield tuple(order[first : first + size])


def test_information_of_a_detector_opens_nothing_and_keeps_nothing_open(stream: Stream) -> None:
    runner = CorrelateRunner(stream, Chain(), SETTINGS)
    told = [
        finding(CHAIN[0], severity=Severity.INFO, kind=FindingKind.DATA_QUALITY),
        finding(CHAIN[1], severity=Severity.INFO, score=1.0),
    ]
    stream.publish(told, at(0))
    assert not runner.tick(at(600)).opened

    real = finding(CHAIN[2], 600, signal="errors")
    stream.publish([*told, real], at(600))
    opened = runner.tick(at(600)).opened
    assert [entity for incident in opened for entity in incident.entities] == [CHAIN[2]]

    stream.close([real.fingerprint], at(660))
    changed = runner.tick(at(760)).changed
    assert not changed[-1].state.is_live


def test_inputs_of_a_model_that_has_just_gone_live_are_one_incident_from_the_start(stream: Stream) -> None:
    inputs = [f"feature:fraud/f{number}" for number in range(5)]
    topology = Growing()
    runner = CorrelateRunner(stream, topology, SETTINGS)
    runner.tick(at(0))
    topology.inputs = inputs
    stream.publish([finding(name, 1, kind=FindingKind.DATA_QUALITY) for name in inputs], at(1))
    runner.tick(at(2))
    (incident,) = stream.incidents()
    assert len(incident.members) == len(inputs)


class Growing:
    """A model goes live in it."""

    inputs: Sequence[str] = ()

    def graph(self, at: datetime | None = None) -> Graph:
        entities = [Entity(EntityKind.FEATURE, name, name) for name in self.inputs]
        return Graph(entities, [Edge("model:fraud", name, EdgeKind.READS, NOON) for name in self.inputs])
