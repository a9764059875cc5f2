"""One upstream break that makes many models drift: each is held, and none is retrained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from wellkept.kernel.change import Change
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.entity import Entity, EntityKind, feature_id, model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.ledger import Ledger
from wellkept.ml.retrain.stage import RetrainRunner, Seen
from wellkept.ml.watch.places import places
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.retrains import RetrainRows
from wellkept.store.state.state import State

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FEEDER = "service:shop/features"
MODELS = tuple(f"m{index}" for index in range(40))
CONTRACT = """
name: {name}
task: binary_classification
owner: x
inputs: [{{name: a, source: "{feeder}"}}]
metrics: {{primary: average_precision}}
retrain: {{min_rows: 50}}
"""


class Labels:
    """Plenty of labels."""

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table:
        return pa.table({"at": [0.0] * 2000})

    def labelled_rows(self, model: str, start: datetime, end: datetime, known_by: datetime) -> int:
        return 5000


class Changes:
    """No change of anything."""

    def between(self, *_: Any, **__: Any) -> Sequence[Change]:
        return []

    def __getattr__(self, _: str) -> Any:
        return self.between


class Live:
    """As many champions as models."""

    def contract(self, version: ModelVersion) -> ModelContract:
        return parse_contract(CONTRACT.format(name=version.model, feeder=FEEDER))

    def champions(self) -> list[ModelVersion]:
        made = NOW - timedelta(days=5)
        return [
            ModelVersion(
                name,
                f"sha256:{name}",
                made,
                "a",
                "onnx",
                "s",
                number=1,
                metrics={"average_precision": 0.8},
                state=VersionState.PASSED,
            )
            for name in MODELS
        ]


@dataclass
class World:
    stream: Stream
    topology: Topology
    gate: Gate
    ledger: Ledger
    runner: RetrainRunner


@pytest.fixture
def world(tmp_path: Path) -> World:
    state = State.open(tmp_path / "state")
    registry, audit, clock = Registry(state), Audit(state), SettableClock(NOW)
    stream, topology = Stream(state, Changes()), Topology(state)  # type: ignore[arg-type]
    actions = Actions({"retrain_model": RetrainModel(registry, None)})  # type: ignore[arg-type]
    gate = Gate(state, stream, audit, actions, Policy(automatic_actions=frozenset()), lambda _: "", clock)
    ledger = Ledger(RetrainRows(state), registry, audit)
    live = Live()
    for version in live.champions():
        text = CONTRACT.format(name=version.model, feeder=FEEDER)
        registry.save_contract(version.model, text, "d", NOW)
        topology.observe(*places(live.contract(version), 1, NOW), NOW)
    topology.observe([Entity(EntityKind.SERVICE, FEEDER, "features")], [], NOW)
    runner = RetrainRunner(registry, live, stream, topology, Seen(Labels()), gate, ledger, lambda *_: None)  # type: ignore[arg-type]
    return World(stream, topology, gate, ledger, runner)


def finding(entity: str, kind: FindingKind, cause: str = "") -> Finding:
    evidence = (Evidence("average_precision", values={"value": 0.4, "promised": 0.8}, expected=(0.35, 0.45)),)
    attributes = {"cause": cause} if cause else {}
    return Finding(
        fingerprint=f"{entity} {kind}",
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=Severity.ERROR,
        score=0.9,
        score_meaning="",
        starts_at=NOW - 10 * MINUTE,
        sentence=f"{kind} of {entity}.",
        evidence=evidence if kind is FindingKind.PERFORMANCE else (),
        attributes=attributes,
    )


def worse() -> list[Finding]:
    """What every model's monitors say."""
    drifted = [finding(feature_id(name, "a"), FindingKind.DRIFT) for name in MODELS]
    return [*drifted, *(finding(model_id(name), FindingKind.PERFORMANCE) for name in MODELS)]


def test_one_sick_source_holds_forty_models_and_nothing_is_retrained(world: World) -> None:
    (sick, *_) = world.stream.publish([finding(FEEDER, FindingKind.ANOMALY), *worse()], NOW)
    member = Member(sick.id, FEEDER, sick.starts_at, "the first finding")
    began = sick.starts_at
    world.stream.save_incident(
        Incident("inc-1", "features are slow", IncidentState.OPEN, Severity.ERROR, began, began, (member,))
    )
    world.runner.tick(NOW)
    world.runner.tick(NOW + MINUTE)
    for name in MODELS:
        (kept,) = world.ledger.told(name, 5)
        assert (kept["action"], kept["reason"], kept["incident"]) == ("hold", "upstream", "inc-1")
        assert world.gate.plans(subject=model_id(name)) == []
    assert len(world.stream.incidents(limit=50)) == 1


def test_the_same_without_a_sick_source_is_proposed_for_each(world: World) -> None:
    world.stream.publish(worse(), NOW)
    world.runner.tick(NOW)
    plans = [record for name in MODELS for record in world.gate.plans(subject=model_id(name))]
    assert len(plans) == len(MODELS)
    assert world.ledger.told("m0", 1)[0]["plan"] == plans[0].plan.id


@pytest.mark.parametrize("cause", ["label_feed", "label_storm", "label_clock", "renamed", ""])
def test_broken_data_never_leads_to_a_retrain(world: World, cause: str) -> None:
    broken = replace(finding(model_id("m0"), FindingKind.DATA_QUALITY, cause), fingerprint="broken")
    world.stream.publish([broken, *worse()], NOW)
    world.runner.tick(NOW)
    (kept,) = world.ledger.told("m0", 5)
    assert kept["action"] == "hold"
    assert kept["reason"] == (cause.replace("_", " ") or "data quality")
    assert world.gate.plans(subject=model_id("m0")) == []
