"""Act 5: fraud goes another way; the model is retrained without the outage, and is accurate again."""

from __future__ import annotations

from datetime import datetime, timedelta

from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import POLICY, decide, detected_after, wait_done, wait_incident, wait_plan
from wellkept.demo.acts.ship import MODEL, approver
from wellkept.demo.acts.starved import RETRAIN, SUBJECT
from wellkept.demo.observer import Record, id_of, moment, now, of_kinds
from wellkept.demo.outcome import Told

SHIFT = "real shift"
METRIC = "average_precision"
OURS = ("service:shop/", SUBJECT, f"feature:{MODEL}/")
QUIET_S = 15.0
"""So long nothing may have been wrong before the world changes, so that nobody can mix up the two."""


class Shift:
    name = "The world changes"
    promise = "Fraud changes its ways: a real shift; retrained without the outage, approved, live, accurate again."

    def play(self, scene: Scene) -> Told:
        scene.wait("a quiet stretch, after all that", lambda: _is_quiet(scene), 90)
        scene.screen.step("fraud goes another way: small amounts at terminals opened for it")
        scene.since = fault = now()
        scene.tell("load", "/admin/fraud", {"goes": "new"})
        detail = wait_incident(scene, "the drop of its realised performance", lambda d: bool(_drops(d)), 90)
        finding = _drops(detail)[0]
        scene.screen.note(finding["sentence"])
        verdict = scene.wait(f"the verdict: {SHIFT}", lambda: _shift(scene), 40)
        scene.screen.note(verdict["sentence"])
        retrain = wait_done(scene, wait_plan(scene, SUBJECT, RETRAIN, 90)["id"], 120)
        scene.expect(retrain["decision"]["by"] == POLICY, "the policy to decide", retrain["decision"]["by"])
        version = self.challenger(scene, retrain)
        promotion = wait_plan(scene, SUBJECT, "promote_model", 30)
        decide(scene, promotion["id"])
        wait_done(scene, promotion["id"], 30)
        over = scene.wait("accurate again, by the labels of the new version", lambda: _over(scene, finding), 90)
        worst, promised = over["evidence"][0]["values"]["value"], version["metrics"][METRIC]
        return Told(
            cause=verdict["judgement"],
            action=f"{retrain['plan']['title'].lower()}, by itself; promote version {version['number']}, approved by "
            f"{approver(scene, promotion['id'])}",
            result=f"average precision fell to {worst:.2f}; version {version['number']} has {promised:.2f} on held-out "
            f"rows, and {(moment(over['ends_at']) - fault).total_seconds():.0f} s after the change the drop was over",
            detected_after_s=detected_after(detail, fault),
            evidence={
                "incident": detail["incident"]["id"],
                "finding": id_of(finding),
                "verdict": verdict["id"],
                "plans": [retrain["id"], promotion["id"]],
                "version": version["digest"],
            },
        )

    def challenger(self, scene: Scene, retrain: Record) -> Record:
        """The new version, which must have left the outage out and beaten the champion."""
        result = retrain["results"][0]
        digest = result["details"]["digest"]
        versions = scene.observer.get(f"/api/v1/models/{MODEL}")["versions"]
        version: Record = next(v for v in versions if v["digest"] == digest)
        scene.screen.note(result["sentence"])
        sentences = "; ".join(check["sentence"] for check in version["gate"]["checks"])
        scene.expect(version["state"] == "passed", "the challenger to beat the champion", sentences)
        left_out = [(moment(a), moment(b)) for a, b in retrain["plan"]["actions"][0]["arguments"]["excluded"]]
        scene.expect(
            scene.outage is not None and any(_meet(span, scene.outage) for span in left_out),
            f"the outage of the act before to be left out ({scene.outage})",
            f"left out: {left_out or 'nothing'}",
        )
        scene.expect(version["lineage"].get("excluded"), "the lineage to say what was left out", "it says nothing")
        return version


def _is_quiet(scene: Scene) -> bool:
    """Whether nothing is wrong with the shop or the model, and has not been for a while."""
    found = scene.observer.findings(now() - timedelta(seconds=QUIET_S))
    return not any(finding["entity"].startswith(OURS) for finding in found)


def _drops(detail: Record) -> list[Record]:
    """Open findings of an incident that say that the model predicts worse."""
    found = of_kinds(detail["findings"], "performance", prefix=SUBJECT)
    return [finding for finding in found if finding["ends_at"] is None]


def _shift(scene: Scene) -> Record | None:
    verdicts = scene.observer.verdicts(SUBJECT, scene.since)
    return verdicts[0] if verdicts and verdicts[0]["judgement"] == SHIFT else None


def _over(scene: Scene, finding: Record) -> Record | None:
    """The finding, when it has ended."""
    found = scene.observer.findings(scene.since, SUBJECT)
    return next((f for f in found if f["ends_at"] and id_of(f) == id_of(finding)), None)


def _meet(span: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return span[0] < other[1] and other[0] < span[1]
