"""Who did it: stories with a known culprit, told as telemetry, and stories without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from wellkept.checks.scenes import CHECKOUT, DISK, EPOCH, FEATURES, HOST, LEDGER, PAYMENTS, Story, shop
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.codec import encode
from wellkept.kernel.conventions import CPU_TIMES
from wellkept.kernel.diagnosis import Diagnosis, Fault
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ops.diagnose.base import WEIGHTS, Calls, Case, Clue, DiagnoseSettings, Hint, Period
from wellkept.ops.diagnose.clues.change import ChangeClue
from wellkept.ops.diagnose.clues.deepest import DeepestClue
from wellkept.ops.diagnose.clues.errors import ErrorsClue
from wellkept.ops.diagnose.clues.exclusive import ExclusiveClue
from wellkept.ops.diagnose.clues.feed import FeedClue
from wellkept.ops.diagnose.clues.forecast import ForecastClue
from wellkept.ops.diagnose.clues.gap import GapClue
from wellkept.ops.diagnose.clues.headroom import HeadroomClue
from wellkept.ops.diagnose.clues.mass import MassClue
from wellkept.ops.diagnose.clues.missing import MissingClue
from wellkept.ops.diagnose.clues.model import ModelClue
from wellkept.ops.diagnose.clues.starved import StarvedClue
from wellkept.ops.diagnose.clues.structure import StructureClue
from wellkept.ops.diagnose.clues.unusual import UnusualClue
from wellkept.ops.diagnose.rank import diagnose
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import SeriesInfo, Window

CLUES: tuple[Clue, ...] = (
    HeadroomClue(), GapClue(), ErrorsClue(), ExclusiveClue(), ForecastClue(), MissingClue(), StarvedClue(),
    FeedClue(), ChangeClue(), DeepestClue(), MassClue(), StructureClue(), UnusualClue(),
    ModelClue(),
)  # fmt: skip
SERVICES = (CHECKOUT, PAYMENTS, FEATURES, LEDGER)
STEPS, ONSET = 150, 120
NOW = EPOCH + timedelta(seconds=10.0 * STEPS)
BEGAN = EPOCH + timedelta(seconds=10.0 * ONSET)
HEALTHY = {
    (CHECKOUT, PAYMENTS): Calls(CHECKOUT, PAYMENTS, 2000, 0, 0.06, 0.001),
    (PAYMENTS, FEATURES): Calls(PAYMENTS, FEATURES, 2000, 0, 0.02, 0.001),
    (PAYMENTS, LEDGER): Calls(PAYMENTS, LEDGER, 2000, 0, 0.02, 0.001),
}


@dataclass
class Trouble:
    """Levels during the trouble; what is not named stays as it was."""

    p95: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    rate: dict[str, float] = field(default_factory=dict)
    own: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    idle: tuple[str, str] = ("system.cpu.utilization", "cpu.mode")
    """The series in which the host says how much of its CPU is idle, and the attribute that says so."""
    calls: dict[tuple[str, str], Calls] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    changes: Sequence[Change] = ()
    graph: Graph = field(default_factory=shop)


def said(
    entity: str, signal: str = "span.duration.p95", kind: FindingKind = FindingKind.ANOMALY, **more: object
) -> Finding:
    found = Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=Severity.ERROR,
        score=0.8,
        score_meaning="of a test",
        starts_at=BEGAN,
        sentence=f"{signal} of {entity} is bad.",
    )
    return replace(found, **more)  # type: ignore[arg-type]


def case(trouble: Trouble) -> Case:
    story = Story(steps=STEPS, seed=4)
    exclusive = []

    def level(usual: float, now: float | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        there = np.where(story.clock >= ONSET, usual if now is None else now, usual)
        return np.asarray(there * (1 + 0.05 * story.noise(0.0, 1.0)), dtype=np.float64)

    for number, entity in enumerate(SERVICES):
        story.span(entity, "span.rate", level(20.0, trouble.rate.get(entity)), "1/s")
        story.span(entity, "span.duration.p95", level(0.05, trouble.p95.get(entity)), "s")
        story.span(entity, "span.errors", level(0.0, trouble.errors.get(entity)), "1/s")
        story.metric(entity, "process.cpu.utilization", level(0.1, trouble.cpu.get(entity)))
        info = SeriesInfo(5000 + number, "span.exclusive.p95", "s", "gauge", entity)
        exclusive.append((info, level(0.02, trouble.own.get(entity))))
    busy = trouble.cpu.get(HOST, 0.3)
    story.metric(HOST, trouble.idle[0], level(0.7, 1.0 - busy), attributes={trouble.idle[1]: "idle"})
    scene = story.scene()
    findings = tuple(trouble.findings)
    incident = Incident(
        id="inc-test", title="a test", state=IncidentState.OPEN, severity=Severity.ERROR, opened_at=BEGAN,
        updated_at=NOW, members=tuple(Member(f.id, f.entity, NOW, "test") for f in findings),
    )  # fmt: skip
    suspects = {f.entity for f in findings if f.entity}
    for entity in tuple(suspects):
        suspects.update(trouble.graph.dependencies(entity, 2))
    times = scene.red.times
    return Case(
        incident=incident,
        findings=findings,
        suspects=tuple(sorted(suspects)),
        graph=trouble.graph,
        onset=BEGAN,
        metrics=scene.metrics,
        red=scene.red,
        exclusive=Window(times, np.stack([v for _, v in exclusive], axis=1), tuple(i for i, _ in exclusive)),
        before=Period(EPOCH, BEGAN - timedelta(seconds=30), 0, ONSET - 3, tuple(HEALTHY.values())),
        during=Period(BEGAN, NOW, ONSET, STEPS, tuple({**_during(), **trouble.calls}.values())),
        changes=tuple(trouble.changes),
    )


def _during() -> dict[tuple[str, str], Calls]:
    return {pair: replace(calls, calls=500) for pair, calls in HEALTHY.items()}


def judged(trouble: Trouble) -> Diagnosis:
    return diagnose(case(trouble), CLUES, DiagnoseSettings(), NOW)


def blamed(trouble: Trouble) -> str:
    found = judged(trouble)
    return found.best.entity if found.best else ""


STARVED = Trouble(
    p95={CHECKOUT: 0.6, PAYMENTS: 0.55},
    rate={FEATURES: 1.0},
    calls={
        (PAYMENTS, FEATURES): Calls(PAYMENTS, FEATURES, 500, 480, 0.5, float("nan")),
        (CHECKOUT, PAYMENTS): Calls(CHECKOUT, PAYMENTS, 500, 0, 0.56, 0.001),
    },
    findings=(said(CHECKOUT), said(PAYMENTS)),
)


def test_a_starved_callee_is_blamed_and_not_the_caller_that_times_out() -> None:
    found = judged(STARVED)
    assert found.best is not None
    assert found.best.entity == FEATURES, found
    kinds = {reason.kind for reason in found.best.reasons}
    assert {"errors", "gap", "starved"} <= kinds
    assert found.best.confidence > 0.9
    assert "shop/features" in found.sentence


def test_also_when_the_store_counts_the_waiting_as_the_callers_own_time() -> None:
    assert blamed(replace(STARVED, own={PAYMENTS: 0.5})) == FEATURES


def test_also_when_the_caller_gives_its_own_errors_back() -> None:
    failing = replace(STARVED.calls[CHECKOUT, PAYMENTS], errors=480)
    worse = replace(
        STARVED,
        errors={PAYMENTS: 16.0, CHECKOUT: 16.0},
        calls={**STARVED.calls, (CHECKOUT, PAYMENTS): failing},
    )
    assert blamed(worse) == FEATURES


def test_a_slow_callee_is_blamed_and_not_its_callers() -> None:
    slow = Trouble(
        p95={CHECKOUT: 0.6, PAYMENTS: 0.55, FEATURES: 0.5},
        own={FEATURES: 0.45},
        calls={
            (PAYMENTS, FEATURES): Calls(PAYMENTS, FEATURES, 500, 0, 0.5, 0.001),
            (CHECKOUT, PAYMENTS): Calls(CHECKOUT, PAYMENTS, 500, 0, 0.57, 0.001),
        },
        findings=(said(CHECKOUT), said(PAYMENTS), said(FEATURES)),
    )
    assert blamed(slow) == FEATURES


def test_a_failing_callee_explains_the_failures_of_its_callers() -> None:
    failing = Trouble(
        errors={LEDGER: 10.0, PAYMENTS: 10.0, CHECKOUT: 10.0},
        calls={
            (PAYMENTS, LEDGER): Calls(PAYMENTS, LEDGER, 500, 250, 0.02, 0.001),
            (CHECKOUT, PAYMENTS): Calls(CHECKOUT, PAYMENTS, 500, 250, 0.06, 0.001),
        },
        findings=tuple(said(entity, "span.errors") for entity in (CHECKOUT, PAYMENTS, LEDGER)),
    )
    assert blamed(failing) == LEDGER


def test_a_caller_that_fails_alone_is_blamed_itself() -> None:
    assert blamed(Trouble(errors={CHECKOUT: 12.0}, findings=(said(CHECKOUT, "span.errors"),))) == CHECKOUT


def test_what_runs_out_is_its_own_cause() -> None:
    leak = said(CHECKOUT, "memory", FindingKind.FORECAST)
    assert blamed(Trouble(findings=(leak,))) == CHECKOUT
    assert blamed(Trouble(findings=(said(DISK, "disk", FindingKind.FORECAST),))) == DISK


def test_a_busy_service_is_found_by_its_headroom() -> None:
    found = judged(Trouble(cpu={PAYMENTS: 0.99}, p95={PAYMENTS: 0.3, CHECKOUT: 0.3}, findings=(said(PAYMENTS),)))
    assert found.best is not None
    assert (found.best.entity, found.best.reasons[0].kind) == (PAYMENTS, "headroom")


@pytest.mark.parametrize("name", CPU_TIMES)
def test_a_host_explains_what_all_its_services_suffer(name: str) -> None:
    everything = Trouble(
        cpu={HOST: 0.995},
        idle=(name, "mode" if name.startswith("node_") else "cpu.mode"),
        p95=dict.fromkeys(SERVICES, 0.15),
        own=dict.fromkeys(SERVICES, 0.03),
        findings=(said(HOST, name), *(said(entity) for entity in SERVICES)),
    )
    found = judged(everything)
    assert found.best is not None
    assert (found.best.entity, found.best.fault) == (HOST, Fault.CPU)
    assert "headroom" in [reason.kind for reason in found.best.reasons]


def test_a_busy_host_does_not_explain_one_starved_service() -> None:
    busy = replace(STARVED, cpu={HOST: 0.97}, findings=(*STARVED.findings, said(HOST, "system.cpu.utilization")))
    assert blamed(busy) == FEATURES


def test_silence_of_the_host_explains_the_silence_of_what_runs_on_it() -> None:
    silent = tuple(said(entity, "silence", FindingKind.MISSING_DATA) for entity in (HOST, *SERVICES))
    assert blamed(Trouble(findings=silent)) == HOST


def test_a_probe_that_fails_shows_what_is_down_and_is_blamed_where_nothing_else_is() -> None:
    probe, silence = "service:a-probe", FindingKind.MISSING_DATA
    failing = said(probe, "silence", silence, evidence=(Evidence("probe_success"),))
    found = judged(Trouble(findings=(failing, said(FEATURES, "silence", silence, evidence=(Evidence("redis_up"),)))))
    assert found.best is not None
    assert found.best.entity == FEATURES
    assert all(found.best.confidence > 1.5 * cause.confidence for cause in found.causes[1:])
    assert blamed(Trouble(findings=(failing,))) == probe


def test_nothing_strong_enough_is_no_cause_and_says_why() -> None:
    found = judged(Trouble(findings=(said(CHECKOUT, score=0.3),)))
    assert found.causes == ()
    assert found.sentence.startswith("No cause found")


def test_a_change_right_before_is_named_and_one_after_is_not() -> None:
    def change(entity: str, ahead_s: float, kind: ChangeKind = ChangeKind.DEPLOY) -> Change:
        return Change(entity, kind, BEGAN - timedelta(seconds=ahead_s), "mia", "release 7")

    base = Trouble(errors={CHECKOUT: 2.0}, findings=(said(CHECKOUT, "span.errors", score=0.3),))
    without, guilty = judged(base).best, judged(replace(base, changes=(change(CHECKOUT, 60),))).best
    assert without is not None
    assert guilty is not None
    assert guilty.confidence > without.confidence
    assert guilty.change == change(CHECKOUT, 60).id
    for innocent in (change(CHECKOUT, -120), change(CHECKOUT, 60, ChangeKind.REMEDY), change(DISK, 60)):
        unchanged = judged(replace(base, changes=(innocent,))).best
        assert unchanged is not None
        assert unchanged.change == ""


def with_model() -> Graph:
    model, features = "model:fraud", [f"feature:fraud/f{n}" for n in range(4)]
    base = shop()
    entities = [*base.entities.values(), Entity(EntityKind.MODEL, model, "fraud")]
    entities += [Entity(EntityKind.FEATURE, name, name) for name in features]
    edges = [Edge(a, b, EdgeKind.CALLS, EPOCH) for a, b in HEALTHY]
    edges += [Edge(name, HOST, EdgeKind.RUNS_ON, EPOCH) for name in SERVICES]
    edges += [Edge(model, name, EdgeKind.READS, EPOCH) for name in features]
    edges += [Edge(name, FEATURES if n < 3 else CHECKOUT, EdgeKind.FED_BY, EPOCH) for n, name in enumerate(features)]
    return Graph(entities, edges)


def test_drift_after_a_starved_feature_service_is_that_services_doing() -> None:
    drift = [said(f"feature:fraud/f{n}", "psi", FindingKind.DRIFT) for n in range(3)]
    both = replace(
        STARVED,
        graph=with_model(),
        findings=(*STARVED.findings, *drift, said("model:fraud", "score", FindingKind.DRIFT)),
    )
    found = judged(both)
    assert found.best is not None
    assert found.best.entity == FEATURES


def test_drift_alone_accuses_no_source_but_the_world() -> None:
    drift = [said(f"feature:fraud/f{n}", "psi", FindingKind.DRIFT) for n in range(4)]
    causes = judged(Trouble(graph=with_model(), findings=drift)).causes
    assert {cause.entity for cause in causes} == {finding.entity for finding in drift}
    assert {cause.fault for cause in causes} == {Fault.DRIFT}


def test_broken_data_points_at_its_source() -> None:
    nulls = [said(f"feature:fraud/f{n}", "nulls", FindingKind.DATA_QUALITY) for n in range(3)]
    assert blamed(Trouble(graph=with_model(), findings=nulls)) == FEATURES


def test_the_same_case_gives_the_same_diagnosis() -> None:
    first = judged(STARVED)
    shuffled = replace(STARVED, findings=tuple(reversed(list(STARVED.findings))))
    assert encode(judged(STARVED)) == encode(first)
    assert encode(judged(shuffled)) == encode(first)


def test_confidence_is_the_noisy_or_of_the_reasons() -> None:
    best = judged(STARVED).best
    assert best is not None
    innocent = float(np.prod([1 - reason.strength for reason in best.reasons]))
    assert best.confidence == pytest.approx(1 - innocent, abs=1e-5)
    assert sorted(best.reasons, key=lambda r: -r.strength) == list(best.reasons)


def test_no_weight_alone_decides() -> None:
    """Any one clue may be missing, and a starved callee is still named."""
    for dropped in sorted(WEIGHTS):
        weights = {kind: weight for kind, weight in WEIGHTS.items() if kind != dropped}
        found = diagnose(case(STARVED), CLUES, DiagnoseSettings(version="x", weights=weights), NOW)
        assert found.best is not None
        assert (found.best.entity, found.version) == (FEATURES, "x"), dropped


def test_every_clue_has_a_weight() -> None:
    assert {clue.kind for clue in CLUES} == WEIGHTS.keys()


def test_a_weight_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match=r"diagnose.weights.gap: must be at least 0 and less than 1, got 1.0"):
        DiagnoseSettings(weights={"gap": 1.0})


def test_clues_leave_the_case_alone() -> None:
    there = case(STARVED)
    before = [window.values.copy() for window in (there.metrics, there.red, there.exclusive)]
    for clue in CLUES:
        hints = clue.weigh(there)
        assert all(isinstance(hint, Hint) and 0.0 <= hint.strength <= 1.0 for hint in hints.values())
    after = [there.metrics.values, there.red.values, there.exclusive.values]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))


def test_clues_bear_a_case_without_telemetry() -> None:
    there = case(STARVED)
    empty = Window(np.empty(0), np.empty((0, 0)), ())
    nothing = Period(EPOCH, EPOCH, 0, 0)
    bare = replace(there, metrics=empty, red=empty, exclusive=empty, before=nothing, during=nothing)
    found = diagnose(bare, CLUES, DiagnoseSettings(), datetime(2026, 1, 1, tzinfo=UTC))
    assert all(cause.reasons for cause in found.causes)
