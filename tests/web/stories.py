"""Three incidents: a disk that filled, a memory that leaks, inputs of a model that come too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.web.scene import Scene

from wellkept.kernel.clock import stable_id
from wellkept.kernel.diagnosis import Cause, Diagnosis, Reason
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState, Member, TimelineEntry
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.spine.gate import Gate


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
        reason=f"Likely cause (84%): {leak.sentence}",
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
    found = incident(
        scene,
        "The slowest twentieth of requests of shop/features is unusually high (and 2 more affected)",
        _upstream_findings(scene),
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
    _triage(scene, found)


def _upstream_findings(scene: Scene) -> list[Finding]:
    slow = finding(
        scene,
        "service:shop/features",
        FindingKind.ANOMALY,
        Severity.CRITICAL,
        8,
        "The slowest twentieth of requests of shop/features is 1.5 s, where 81 ms was usual.",
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
    return [slow, failed, drifted, score]


def _triage(scene: Scene, found: Incident) -> None:
    checks = (
        Check("an incident explains it", True, found.id, "one that is live or lately was"),
        Check("drifted inputs fed by the cause", True, "2 of 2", "at least half"),
        Check("share of the window that is sick", True, "27 %", "at most 50 %"),
        Check(
            "upstream is well", False, "host:3d1219c7c4c5404aaa1f6d2a48adfda4; service:shop/features", "nothing unwell"
        ),
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
        reason="Likely cause (88%)",
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
