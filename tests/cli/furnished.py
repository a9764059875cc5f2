"""A data folder in which something has happened already: an incident with its cause, two models, plans that wait."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from tests.ml.workshop import CONTRACT, Changes
from tests.ops.correlate.noise.scenes import labelled

from wellkept.app.clock import SystemClock
from wellkept.kernel.diagnosis import Cause, Diagnosis, Exhibit, Look, Pointer, Reason
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.grouping import DecisionKind
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.noise import Held, HeldFinding, HoldReason
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import digest_of
from wellkept.ml.deploy.stage import PromoteModel
from wellkept.ml.reference import make_reference, write_reference
from wellkept.ops.correlate.rules.suggest import suggest
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.noise import NoiseRows
from wellkept.store.state.state import State
from wellkept.store.state.tickets import CallRow, TicketRow, TicketRows

INCIDENT = "inc-1"
PLANS = tuple(f"pln-{number}" for number in range(1, 8))


def furnish(data: Path) -> None:
    """Write the state that a server on this folder starts with."""
    state, now = State.open(data / "state"), datetime.now(UTC)
    stream, registry = Stream(state, Changes()), Registry(state)
    _incident(stream, now)
    _ticket(TicketRows(state), now)
    NoiseRows(state).save_held(_held(now))
    _merged_twice(GroupingDesk(state, Audit(state), SystemClock()))
    _models(registry, _artifact(data), now)
    promote = PromoteModel(registry, stream, SystemClock())
    gate = Gate(state, stream, Audit(state), Actions({promote.name: promote}), Policy(), lambda _: "", SystemClock())
    for number, plan in enumerate(PLANS):
        gate.propose(_plan(plan, now + timedelta(milliseconds=number)))
    state.close()


def digest(number: int) -> str:
    """The digest of a version of the model fraud."""
    return f"sha256:{number:064}"


def _incident(stream: Stream, now: datetime) -> None:
    evidence = Evidence("process.memory.usage")
    leak = Finding(
        "fp-1", "exhaustion", "1", "service:shop/checkout", FindingKind.FORECAST, Severity.ERROR, 0.8, "share",
        now - timedelta(minutes=5), "Memory of shop/checkout is full in 9 min.", evidence=(evidence,),
    )  # fmt: skip
    (found,) = stream.publish([leak], now)
    member = Member(found.id, found.entity, now, "the first finding")
    stream.save_incident(
        Incident(
            INCIDENT, "Memory of shop/checkout leaks", IncidentState.OPEN, Severity.ERROR, now, now, (member,),
            ticket="TCK-1",
        )
    )  # fmt: skip
    cause = Cause("service:shop/checkout", 0.84, (Reason("forecast", 0.8, "its memory grows"),))
    trace = Pointer(Look.TRACE, "4bf92f3577b34da6a3ce929d0e0e4736", "service:shop/checkout")
    shown = (Exhibit("lines", "It says something new.", (), "disk is full"), Exhibit("trace", "It is slow.", (trace,)))
    cause = replace(cause, exhibits=shown)
    stream.save_diagnosis(Diagnosis(INCIDENT, now, "1", (cause,), "Most likely cause: shop/checkout (84%)."))


def _ticket(rows: TicketRows, now: datetime) -> None:
    """One of the incident's in a tracker that is configured no more, with what it was asked."""
    page = "https://board.example/7"
    rows.want([TicketRow(INCIDENT, "board", "m1", now, now, "7", "#7", page, "open", wanted=1, done=1)])
    for status in (0, 201):
        rows.called(CallRow(INCIDENT, "board", now, "POST", "/issues", status, "" if status else "no answer"))


def _held(now: datetime) -> list[HeldFinding]:
    """What is held: an incident until the morning, and a finding until another is over."""
    night = Held(HoldReason.QUIET_HOURS, {}, "quiet hours (night)", datetime(2126, 3, 11, 7, tzinfo=UTC))
    inhibited = Held(HoldReason.INHIBITED, {}, "inhibited by rule node-down")
    return [
        HeldFinding("", "", "service:shop/cart", night, now, incident="inc-9"),
        HeldFinding("fnd-9", "fp-9", "service:shop/cart", inhibited, now),
    ]


def _merged_twice(desk: GroupingDesk) -> None:
    """Two merges of the same sorts of alerts, and a person who does not want the rule that follows."""
    for cluster in ("c1", "c2"):
        left, right = (labelled({"alertname": name, "job": name, "cluster": cluster}) for name in ("Slow", "Full"))
        desk.decide(DecisionKind.MERGE, [left], [right], "ann")
    (found,) = suggest(desk.decisions()[0])
    desk.dismiss(found.rule, "ann")


def _artifact(data: Path) -> str:
    """The digest of an artifact that can be watched (nothing serves it)."""
    with tempfile.TemporaryDirectory() as folder:
        columns = np.linspace(0, 1, 60).reshape(-1, 2)
        write_reference(make_reference(columns, ["amount", "risk"], columns[:, 1]), Path(folder))
        return Artifacts(str(data / "artifacts")).put_tree(Path(folder))


def _models(registry: Registry, artifact: str, now: datetime) -> None:
    registry.save_contract("fraud", CONTRACT, digest_of(CONTRACT.encode()), now)
    registry.save_contract("churn", CONTRACT.replace("fraud", "churn"), "sha256:0", now)
    for number, judgement in ((1, Judgement.PASS), (2, Judgement.PASS), (3, Judgement.FAIL)):
        passed = judgement is Judgement.PASS
        check = Check("roc_auc", passed, "0.9000", ">= 0.7", "roc_auc is 0.900")
        gate = Verdict(f"gate-{number}", digest(number), "gate", judgement, now, (check,), "1 of 1 checks")
        registry.register(
            ModelVersion(
                "fraud", digest(number), now, artifact, "onnx", digest(number), metrics={"roc_auc": 0.9},
                gate=gate, state=VersionState.PASSED if passed else VersionState.REFUSED,
            )
        )  # fmt: skip
    registry.set_alias("fraud", CHAMPION, digest(1), expected=None, at=now, by="ada")


def _plan(name: str, now: datetime) -> Plan:
    """A plan that waits for a person and, approved, changes nothing: the version is live already."""
    arguments = {"model": "fraud", "digest": digest(1), "expected": digest(1)}
    return Plan(
        id=name, subject=INCIDENT, title=f"Promote version 1 ({name})", reason="a test", risk=Risk.HIGH,
        actions=(Action("promote_model", "model:fraud", arguments, "wellkept models rollback fraud"),),
        verification=Verification(sentence="it is live"), proposed_at=now, proposed_by="ada", effect="Nothing.",
    )  # fmt: skip
