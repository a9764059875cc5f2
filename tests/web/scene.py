"""A believable afternoon in a real store: a shop, its hosts, a fraud model, and three incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.store.fixtures import state_in, telemetry_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.anomaly import Anomaly
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.explained import Explained
from wellkept.ops.detect.stage import DetectRunner
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.causes import CauseDesk
from wellkept.spine.feedback import FeedbackDesk
from wellkept.spine.gate import Gate
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.policy import Policy
from wellkept.spine.registry import Registry
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.story import Storyteller
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.web.deps import WebDeps

TOKEN = "a-token-for-these-tests"
HOST = "host:h1"
SHOP = ("checkout", "payments", "features", "ledger")
CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
description: Is this card payment fraud? From sha256:6228c4d845e3c6c6acfa9d0b3c8c0c0f5d3a3fb1d7e9aef0a4a2c3a1b5d7e9f0
entity_keys: [card]
inputs:
  - {name: amount, source: request}
  - {name: card_age_days, source: "service:shop/features"}
  - {name: spend_1h, source: "service:shop/features", nullable: true}
metrics: {primary: average_precision, others: [roc_auc]}
"""


class Handler:
    """An action handler whose world is a list."""

    def __init__(self, name: str, risk: Risk, would: str) -> None:
        self.name, self.risk, self._would = name, risk, would
        self.done: list[str] = []

    def preview(self, action: Action) -> str:
        return self._would.format(target=action.target)

    def run(self, action: Action, key: str) -> ActionResult:
        self.done.append(key)
        return ActionResult(True, True, f"{self.name} on {action.target} done")


@dataclass(slots=True)
class Scene:
    """The platform's read side, and the moment that it is."""

    deps: WebDeps
    state: State
    telemetry: Telemetry
    now: datetime
    handlers: dict[str, Handler]

    def close(self) -> None:
        self.telemetry.close()
        self.state.close()


def empty(folder: Path, now: datetime, *, ops: bool = True, ml: bool = True) -> Scene:
    """A platform that has seen nothing yet."""
    telemetry, state = telemetry_in(folder / "telemetry"), state_in(folder / "state")
    clock = SettableClock(now)
    stream, audit, registry = Stream(state, telemetry.changes), Audit(state), Registry(state)
    handlers = {
        handler.name: handler
        for handler in (
            Handler("restart_service", Risk.MEDIUM, "stop {target} (pid 4711) and wait until it answers again"),
            Handler("delete_old_logs", Risk.LOW, "delete 14 files (181 MB) older than 1 h in /var/log/payments"),
            Handler("promote_model", Risk.HIGH, "version 3 of fraud takes the place of version 2 (served as onnx)"),
        )
    }

    def world(key: str) -> str:
        kind, _, name = key.partition(":")
        if kind == "incident":
            incident = stream.incident(name)
            return "live" if incident is not None and incident.state.is_live else "over"
        model, _, alias = name.partition("@")
        return registry.aliases(model).get(alias, "")

    gate = Gate(state, stream, audit, Actions(handlers), Policy(), world, clock)
    topology, desk = Topology(state), FeedbackDesk(state, stream, audit, clock)
    grouping = GroupingDesk(state, audit, clock)
    teller = Storyteller(stream, gate, audit, topology, clock)
    settings = DetectSettings()
    shown = (Anomaly(settings), Exhaustion(settings))
    runner = DetectRunner(telemetry, topology, stream, shown, settings, None, desk)
    deps = WebDeps(
        stream=stream,
        topology=topology,
        gate=gate,
        registry=registry,
        audit=audit,
        book=IncidentBook(state, stream, gate, grouping, teller, clock),
        desk=RegroupingDesk(stream, audit, clock, grouping),
        telemetry=telemetry,
        clock=clock,
        token=TOKEN,
        ops_enabled=ops,
        ml_enabled=ml,
        feedback=desk if ops else None,
        causes=CauseDesk(state, stream, audit, clock) if ops else None,
        detectors=Explained(runner, stream, clock, settings, [MissingData]) if ops else None,
    )
    return Scene(deps, state, telemetry, now, handlers)
