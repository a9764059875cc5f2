"""The shop's telemetry, topology and model versions, in a real store."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.web.scene import CONTRACT, HOST, SHOP, Scene

from wellkept.kernel.clock import stable_id, to_nanos
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ops.detect.patterns.live import Patterns
from wellkept.sdk.otlp import MetricsBatch, key_values
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, VersionState
from wellkept.store.telemetry.otlp.writer import Signal


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
        "categories": [[] for _ in range(count)],
        "latency_ms": random.exponential(0.5, count).tolist(),
        "attributes": [[] for _ in range(count)],
    }
    from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS

    scene.telemetry.predictions.write(pa.table(rows, schema=PREDICTIONS))
    known = {"prediction_id": ids, "model": ["fraud"] * count, "time": times, "value": label.astype(float).tolist()}
    scene.telemetry.labels.write(pa.table(known, schema=LABELS))


def logs(scene: Scene) -> None:
    """Half an hour of lines of a service, whose trouble began ten minutes ago, counted by pattern."""
    rows = []
    for minute in range(30):
        at = scene.now - timedelta(minutes=30 - minute)
        rows += [(at, 9, f"order {minute}{n} of user u-{n * 7919} was paid in {n * 3 + 11} ms") for n in range(8)]
        if minute >= 20:
            rows += [
                (at, 17, f"payment of order {minute}{n} failed: connection to 10.0.0.{n}:5432 refused")
                for n in range(5)
            ]
    moments = pa.array([at for at, _, _ in rows], pa.timestamp("ns", "UTC"))
    named = {"Entity": ["service:shop/checkout"] * len(rows), "ServiceName": ["checkout"] * len(rows)}
    severities = pa.array([severity for _, severity, _ in rows], pa.uint8())
    table = {"Timestamp": moments, "Received": moments, "Body": [body for _, _, body in rows], **named}
    scene.telemetry.engine.insert_arrow("otel_logs", pa.table({**table, "SeverityNumber": severities}))
    patterns = Patterns(scene.telemetry.patterns, 10.0)
    while patterns.tick(scene.now + timedelta(seconds=10)):
        pass
