"""A believable afternoon in a real store: a shop, its hosts, a fraud model, and three incidents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from wellkept.kernel.clock import SettableClock, stable_id, to_nanos
from wellkept.kernel.diagnosis import Cause, Diagnosis, Reason
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState, Member, TimelineEntry
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.sdk.otlp import MetricsBatch, key_values
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.web.deps import WebDeps

TOKEN = "a-token-for-these-tests"
HOST = "host:h1"
SHOP = ("checkout", "payments", "features", "ledger")
CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
description: Is this card payment fraud?
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
    telemetry, state = Telemetry.open(folder / "telemetry"), State.open(folder / "state")
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
    deps = WebDeps(stream, Topology(state), gate, registry, audit, telemetry, clock, TOKEN, ops, ml)
    return Scene(deps, state, telemetry, now, handlers)


def furnish(scene: Scene) -> None:
    """Fill everything."""
    topology(scene)
    metrics(scene)
    spans(scene)
    versions(scene)
    predictions(scene)
    disk_incident(scene)
    leak_incident(scene)
    upstream_incident(scene)


def topology(scene: Scene) -> None:
    now = scene.now
    entities = [Entity(EntityKind.HOST, HOST, "shop-1"), Entity(EntityKind.HOST, "host:h2", "shop-2")]
    entities += [Entity(EntityKind.SERVICE, f"service:shop/{name}", name) for name in SHOP]
    entities += [Entity(EntityKind.SERVICE, "service:wellkept/model-server", "model-server")]
    entities += [Entity(EntityKind.DISK, f"disk:h1:{path}", path) for path in ("/", "/var/log/payments")]
    entities += [Entity(EntityKind.MODEL, "model:fraud", "fraud")]
    entities += [Entity(EntityKind.FEATURE, f"feature:fraud/{name}", name) for name in ("card_age_days", "spend_1h")]
    links = [
        ("service:shop/checkout", "service:shop/payments", EdgeKind.CALLS),
        ("service:shop/checkout", "service:wellkept/model-server", EdgeKind.CALLS),
        ("service:shop/checkout", "service:shop/features", EdgeKind.CALLS),
        ("service:shop/payments", "service:shop/ledger", EdgeKind.CALLS),
        ("service:shop/payments", "disk:h1:/var/log/payments", EdgeKind.READS),
        ("model:fraud", "service:wellkept/model-server", EdgeKind.SERVED_BY),
        ("model:fraud", "feature:fraud/card_age_days", EdgeKind.READS),
        ("model:fraud", "feature:fraud/spend_1h", EdgeKind.READS),
        ("feature:fraud/card_age_days", "service:shop/features", EdgeKind.FED_BY),
        ("feature:fraud/spend_1h", "service:shop/features", EdgeKind.FED_BY),
    ]
    links += [(f"service:shop/{name}", HOST, EdgeKind.RUNS_ON) for name in SHOP]
    scene.deps.topology.observe(entities, [Edge(s, t, kind, now - timedelta(days=2)) for s, t, kind in links], now)


def metrics(scene: Scene) -> None:
    bodies = []
    for index in range(120):
        at = scene.now - timedelta(seconds=30 * (119 - index))
        batch = MetricsBatch("test", to_nanos(at))
        for host, name, busy in (("h1", "shop-1", 0.34), ("h2", "shop-2", 0.12)):
            resource = {"host.id": host, "host.name": name}
            use = busy + 0.08 * np.sin(index / 7) + (0.3 if host == "h1" and index > 95 else 0)
            batch.gauge(resource, "system.cpu.utilization", "1", 1 - use, {"cpu.mode": "idle"})
            batch.gauge(resource, "system.memory.utilization", "1", 0.42 + index / 900, {"system.memory.state": "used"})
            for path, share, size in (("/", 0.41, 80e9), ("/var/log/payments", min(0.94, 0.3 + index / 150), 2e8)):
                where = {"system.filesystem.mountpoint": path}
                batch.gauge(resource, "system.filesystem.utilization", "1", share, where)
                batch.gauge(resource, "system.filesystem.limit", "By", size, where)
        for number, name in enumerate(SHOP):
            resource = {"host.id": "h1", "service.name": name, "service.namespace": "shop"}
            size = 120e6 + 9e6 * number + (2.6e6 * max(0, index - 50) if name == "checkout" else 1e6 * np.sin(index))
            batch.gauge(resource, "process.memory.usage", "By", float(size), {})
        bodies.append(batch.request.SerializeToString())
    scene.telemetry.otlp.insert(Signal.METRICS, bodies, to_nanos(scene.now))


def spans(scene: Scene) -> None:
    request = ExportTraceServiceRequest()
    random = np.random.default_rng(7)
    for number, (space, name) in enumerate([*(("shop", name) for name in SHOP), ("wellkept", "model-server")]):
        block = request.resource_spans.add()
        block.resource.attributes.extend(
            key_values({"service.name": name, "service.namespace": space, "host.id": "h1"})
        )
        scope = block.scope_spans.add()
        for index in range(1800):
            at = scene.now - timedelta(seconds=1800 - index + random.random())
            late = name == "features" and index > 1300
            took = 0.02 + 0.01 * number + random.exponential(0.5 if late else 0.02)
            span = scope.spans.add(
                trace_id=random.bytes(16),
                span_id=random.bytes(8),
                name=f"{name} request",
                kind=Span.SPAN_KIND_SERVER,
                start_time_unix_nano=to_nanos(at),
                end_time_unix_nano=to_nanos(at) + int(took * 1e9),
            )
            if late and random.random() < 0.2:
                span.status.code = Status.STATUS_CODE_ERROR
    scene.telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], to_nanos(scene.now))


def versions(scene: Scene) -> None:
    registry, now = scene.deps.registry, scene.now
    registry.save_contract("fraud", CONTRACT, "sha256:" + "c" * 64, now - timedelta(days=3))
    for number, (precision, ok) in enumerate(((0.702, True), (0.744, True), (0.771, True), (0.512, False)), start=1):
        at = now - timedelta(hours=40 - 9 * number)
        checks = (
            Check("average precision", precision > 0.6, f"{precision:.3f}", "at least 0.600"),
            Check("against the champion", ok, f"{precision - 0.72:+.3f}", "at least +0.000"),
            Check("latency p99", True, "0.4 ms", "at most 5 ms"),
        )
        judgement = Judgement.PASS if ok else Judgement.FAIL
        sentence = "every gate passed" if ok else "worse than the champion on the same rows"
        digest = f"sha256:{stable_id('v', str(number))[2:] * 5}"
        verdict = Verdict(f"ver-gate-{number}", digest, "gate", judgement, at, checks, sentence)
        registry.register(
            ModelVersion(
                model="fraud",
                digest=digest,
                created_at=at,
                artifact=digest,
                format="onnx",
                snapshot=f"sha256:{stable_id('s', str(number))[2:] * 5}",
                lineage={
                    "code": "sha256:3f2a9c01",
                    "window": "2026-11-17 to 2026-11-24",
                    "parent champion": f"v{number - 1}",
                },
                metrics={"average_precision": precision, "roc_auc": 0.93 + number / 300, "brier": 0.031},
                gate=verdict,
                state=VersionState.PASSED if ok else VersionState.REFUSED,
            )
        )
    one, two = registry.version("fraud", "1"), registry.version("fraud", "2")
    registry.set_alias("fraud", CHAMPION, one.digest, expected=None, at=now - timedelta(hours=30), by="ada")
    registry.set_alias("fraud", CHAMPION, two.digest, expected=one.digest, at=now - timedelta(minutes=24), by="ada")
    registry.set_alias("fraud", PREVIOUS, one.digest, expected=None, at=now - timedelta(minutes=24), by="ada")
    scene.deps.gate.propose(promotion(scene))


def promotion(scene: Scene) -> Plan:
    registry = scene.deps.registry
    champion, version = registry.version("fraud", CHAMPION), registry.version("fraud", "3")
    arguments = {"model": "fraud", "digest": version.digest, "expected": champion.digest}
    return Plan(
        id=stable_id("pln", "promote", version.digest),
        subject="model:fraud",
        title="Promote version 3 of fraud",
        reason="every gate passed; average precision 0.771 against 0.744 of the champion on the same rows",
        risk=Risk.HIGH,
        actions=(Action("promote_model", "model:fraud", arguments, "wellkept models rollback fraud"),),
        verification=Verification(sentence="version 3 is live"),
        proposed_at=scene.now - timedelta(minutes=3),
        proposed_by="wellkept",
        effect="Every prediction of fraud comes from version 3 instead of version 2.",
        world={"alias:fraud@champion": champion.digest},
    )


def predictions(scene: Scene) -> None:
    random = np.random.default_rng(11)
    count = 6000
    seconds = np.sort(random.uniform(0, 1800, count))
    times = [scene.now - timedelta(seconds=float(1800 - second)) for second in seconds]
    label = random.random(count) < 0.12
    is_late = seconds > 1300
    score = np.clip(random.normal(np.where(label, np.where(is_late, 0.35, 0.7), 0.2), 0.18), 0, 1)
    ids = [f"p{index}" for index in range(count)]
    features = [
        {"amount": float(amount), "card_age_days": float(age), "spend_1h": None if late else float(spend)}
        for amount, age, spend, late in zip(
            random.exponential(60, count),
            random.exponential(400, count),
            random.exponential(90, count),
            is_late,
            strict=True,
        )
    ]
    rows = {
        "id": ids,
        "time": times,
        "model": ["fraud"] * count,
        "version": ["2"] * count,
        "entity_key": [f"card-{index % 300}" for index in range(count)],
        "trace_id": [""] * count,
        "span_id": [""] * count,
        "score": score.tolist(),
        "decision": np.where(score > 0.5, "block", "pass").tolist(),
        "features": [list(row.items()) for row in features],
        "latency_ms": random.exponential(0.5, count).tolist(),
        "attributes": [[] for _ in range(count)],
    }
    from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS

    scene.telemetry.predictions.write(pa.table(rows, schema=PREDICTIONS))
    known = {"prediction_id": ids, "model": ["fraud"] * count, "time": times, "value": label.astype(float).tolist()}
    scene.telemetry.labels.write(pa.table(known, schema=LABELS))


def finding(
    scene: Scene, entity: str, kind: FindingKind, severity: Severity, minutes: float, sentence: str, evidence: Evidence
) -> Finding:
    """A finding that began some minutes ago, published."""
    found = Finding(
        fingerprint=fingerprint("test", entity, evidence.signal, kind),
        detector={FindingKind.FORECAST: "exhaustion", FindingKind.DRIFT: "drift"}.get(kind, "robust"),
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=severity,
        score=0.82,
        score_meaning="share of the headroom that is used up",
        starts_at=scene.now - timedelta(minutes=minutes),
        sentence=sentence,
        evidence=(evidence,),
    )
    return scene.deps.stream.publish([found], scene.now)[0]


def incident(scene: Scene, title: str, findings: list[Finding], why: str) -> Incident:
    """A live incident of these findings."""
    first = min(finding.starts_at for finding in findings)
    members = tuple(Member(f.id, f.entity, f.starts_at + timedelta(seconds=20), why) for f in findings)
    story = [TimelineEntry(f.starts_at + timedelta(seconds=20), f.detector, f.sentence, f.id) for f in findings]
    identity = stable_id("inc", findings[0].id)
    return Incident(
        id=identity,
        title=title,
        state=IncidentState.OPEN,
        severity=max(f.severity for f in findings),
        opened_at=first,
        updated_at=scene.now,
        members=members,
        timeline=(
            TimelineEntry(
                first + timedelta(seconds=12),
                "correlate",
                "opened because of a finding of kind forecast; ticket TCK-7F3A21 opened",
            ),
            *story,
        ),
        ticket=f"TCK-{identity[4:10].upper()}",
    )


def leak_incident(scene: Scene) -> None:
    entity, now = "service:shop/checkout", scene.now
    evidence = Evidence(
        "process.memory.usage", {}, "By", limit=400e6, values={"seconds_to_limit": 540.0, "low": 420.0, "high": 700.0}
    )
    leak = finding(
        scene,
        entity,
        FindingKind.FORECAST,
        Severity.ERROR,
        14,
        "Memory in use of shop/checkout grows by 5.2 MB a minute: 302 MB of 400 MB, full in 9 min (7 to 12 min).",
        evidence,
    )
    found = incident(
        scene, "Memory of shop/checkout will be exhausted in 9 min", [leak], "the first finding of this incident"
    )
    scene.deps.stream.save_incident(found)
    reasons = (
        Reason("forecast", 0.72, "its memory grows steadily towards its limit"),
        Reason("change", 0.41, "checkout 2.4.1 was deployed 16 min before the onset by ci"),
    )
    other = Cause("host:h1", 0.12, (Reason("headroom", 0.12, "its CPU has little headroom left"),))
    causes = (Cause(entity, 0.835, reasons, "chg-1"), other)
    sentence = "Most likely cause: shop/checkout (84%). Its memory grows steadily towards its limit."
    scene.deps.stream.save_diagnosis(Diagnosis(found.id, now, "1", causes, sentence))
    plan = Plan(
        id=stable_id("pln", found.id),
        subject=found.id,
        title="Restart a service that leaks memory (checkout)",
        reason=f"{entity} is the likely cause (84%): {leak.sentence}",
        risk=Risk.MEDIUM,
        actions=(
            Action(
                "restart_service",
                entity,
                {"service": "shop/checkout", "grace_s": 10},
                "nothing to undo: the service starts as it is installed",
            ),
        ),
        verification=Verification((leak.id,), 300, "recovered: forecast on checkout ended"),
        proposed_at=now - timedelta(minutes=2),
        proposed_by="wellkept",
        runbook="restart-leaking-service",
        effect="Requests in flight get up to 10 s to finish; then the service is away for about 2 s.",
        world={f"incident:{found.id}": "live"},
    )
    scene.deps.gate.propose(plan)
    scene.deps.stream.save_incident(
        found.note(
            now - timedelta(minutes=2),
            "wellkept",
            "plan proposed (waiting): Restart a service that leaks memory (checkout)",
            plan.id,
        )
    )


def upstream_incident(scene: Scene) -> None:
    slow = finding(
        scene,
        "service:shop/features",
        FindingKind.ANOMALY,
        Severity.CRITICAL,
        8,
        "The slowest twentieth of requests of shop/features is 1.5 s, where 81 ms was usual; that is 42 times the usual spread.",
        Evidence(
            "span.duration.p95", {}, "s", expected=(0.02, 0.18), values={"usual": 0.081, "edge": 0.18, "level": 1.5}
        ),
    )
    failed = finding(
        scene,
        "service:shop/features",
        FindingKind.ANOMALY,
        Severity.ERROR,
        7.5,
        "Failed requests per second of shop/features are 0.2 per second, where 0 per second was usual.",
        Evidence(
            "span.errors",
            {},
            "1/s",
            expected=(0.0, 0.05),
            samples=("TimeoutError: store did not answer within 250 ms <script>alert(1)</script>",),
        ),
    )
    drifted = finding(
        scene,
        "feature:fraud/spend_1h",
        FindingKind.DATA_QUALITY,
        Severity.WARNING,
        7,
        "spend_1h has no value in 98 % of predictions, where 1 % was usual.",
        Evidence("feature", {"feature": "spend_1h"}, "", values={"psi": 1.21, "null_share": 0.98}),
    )
    score = finding(
        scene,
        "model:fraud",
        FindingKind.DRIFT,
        Severity.WARNING,
        6.5,
        "The scores of fraud have moved: PSI 0.41 where 0.25 is allowed.",
        Evidence("score", {}, "", values={"psi": 0.41}),
    )
    found = incident(
        scene,
        "The slowest twentieth of requests of shop/features is unusually high (and 2 more affected)",
        [slow, failed, drifted, score],
        "feature:fraud/spend_1h is fed by service:shop/features, 1 hop away, 48 s later",
    )
    scene.deps.stream.save_incident(replace(found, state=IncidentState.ACKNOWLEDGED))
    reasons = (
        Reason("deepest", 0.6, "it is the deepest unwell service that others depend on"),
        Reason("starved", 0.55, "its CPU is throttled: 4 % where 31 % was usual"),
        Reason("feed", 0.5, "it feeds 2 inputs of fraud that changed after it did"),
    )
    causes = (Cause("service:shop/features", 0.91, reasons),)
    scene.deps.stream.save_diagnosis(
        Diagnosis(
            found.id,
            scene.now,
            "1",
            causes,
            "Most likely cause: shop/features (91%). It is the deepest unwell service that others depend on.",
        )
    )
    checks = (
        Check("an incident explains it", True, found.id, "one that is live or lately was"),
        Check("drifted inputs fed by the cause", True, "2 of 2", "at least half"),
        Check("share of the window that is sick", True, "27 %", "at most 50 %"),
    )
    verdict = Verdict(
        "ver-triage-1",
        "model:fraud",
        "triage",
        Judgement.BROKEN_UPSTREAM,
        scene.now - timedelta(minutes=5),
        checks,
        "The drift of fraud is explained by shop/features, which is unwell; retraining is held until it is over.",
        found.id,
    )
    scene.deps.stream.save_verdict(verdict)


def disk_incident(scene: Scene) -> None:
    entity, now = "disk:h1:/var/log/payments", scene.now
    full = finding(
        scene,
        entity,
        FindingKind.FORECAST,
        Severity.ERROR,
        150,
        "Space in use of /var/log/payments grows by 1.1 MB a minute: 181 MB of 200 MB, full in 17 min.",
        Evidence(
            "system.filesystem.usage",
            {},
            "By",
            points=tuple((now.timestamp() - 9600 + 30 * i, 120e6 + i * 5e5) for i in range(60)),
            limit=2e8,
        ),
    )
    scene.deps.stream.close([full.fingerprint], now - timedelta(minutes=120))
    found = incident(
        scene, "Disk of h1:/var/log/payments will be exhausted in 17 min", [full], "the first finding of this incident"
    )
    plan = Plan(
        id=stable_id("pln", found.id),
        subject=found.id,
        title="Clear old log files (/var/log/payments)",
        reason=f"{entity} is the likely cause (88%)",
        risk=Risk.LOW,
        actions=(
            Action(
                "delete_old_logs",
                entity,
                {"directory": "/var/log/payments", "pattern": "*.log.*", "older_than_s": 3600},
            ),
        ),
        verification=Verification((full.id,), 300, "recovered: forecast on /var/log/payments ended"),
        proposed_at=now - timedelta(minutes=149),
        proposed_by="wellkept",
        runbook="clear-old-logs",
        effect="181 MB of rotated logs are gone.",
    )
    scene.deps.stream.save_incident(found)
    gate = scene.deps.gate
    gate.attach(_Now(gate))
    gate.propose(plan)
    gate.tick()
    gate.attach(_Never())
    moved = found
    for to, minutes, why in (
        (IncidentState.MITIGATED, 121, "the remedy was verified"),
        (IncidentState.RESOLVED, 119, "all findings have been over for 60 s"),
        (IncidentState.CLOSED, 100, "ticket closed"),
    ):
        moved = moved.move(to, now - timedelta(minutes=minutes), "correlate", why)
    scene.deps.stream.save_incident(moved)


class _Now:
    """Runs a plan at once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def start(self, plan: str, actions: int) -> None:
        for index in range(actions):
            self._gate.step(plan, index)
        self._gate.settle(plan)


class _Never:
    """Leaves approved plans where they are."""

    def start(self, plan: str, actions: int) -> None:
        """Nothing: the plan stays as running."""
