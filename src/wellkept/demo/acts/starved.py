"""Act 4: the feature service is starved; the model looks drifted, and is not. Nothing is retrained."""

from __future__ import annotations

from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import cause_of, detected_after, lasted, pages_about, wait_closed, wait_incident
from wellkept.demo.acts.ship import MODEL
from wellkept.demo.observer import Record, now, of_kinds
from wellkept.demo.outcome import Told

FEATURES = "service:shop/features"
SUBJECT = f"model:{MODEL}"
BROKEN = "broken upstream"
RETRAIN = "retrain_model"
ENOUGH = 300
"""Predictions on bad features, after which the neighbour has been noisy enough."""
SERVICE_KINDS = ("anomaly", "missing_data", "slo_burn", "threshold")


class Starved:
    name = "The model's host struggles"
    promise = "A noisy neighbour starves the feature service: one incident, broken upstream, and nothing is retrained."

    def play(self, scene: Scene) -> Told:
        scene.screen.step("a noisy neighbour takes the feature service's CPU")
        fault = now()
        scene.keep("start", "neighbour")
        try:
            detail = wait_incident(scene, "one incident, of the shop and of the model", _holds_both, 90)
            incident = detail["incident"]["id"]
            scene.screen.note(detail["incident"]["title"])
            cause = scene.wait(f"{FEATURES} is named as the cause", lambda: _named(scene, incident), 80)
            scene.wait("whoever is on duty is told", lambda: pages_about(scene, incident), 60)
            verdict = scene.wait(f"the verdict on the model: {BROKEN}", lambda: _broken(scene), 60)
            scene.screen.note(verdict["sentence"])
            scene.wait("the drift of its scores is held in the same incident", lambda: _drift_in(scene, incident), 60)
            scene.wait(f"{ENOUGH} predictions on bad features are listed", lambda: _listed(scene, incident), 60)
        finally:
            scene.keep("stop", "neighbour")
        closed = wait_closed(scene, incident, 120)
        count = _listed(scene, incident)
        retrains = [p for p in scene.observer.plans(SUBJECT, scene.since) if _is_retrain(p)]
        scene.expect(not retrains, "no retraining", f"{len(retrains)} plans to retrain")
        others = [i for i in scene.observer.incidents(scene.since) if i["id"] != incident and _is_ours(i)]
        scene.expect(not others, "one incident", "; ".join(i["title"] for i in [closed["incident"], *others]))
        spans = [lasted(finding, now()) for finding in closed["findings"]]
        scene.outage = min(start for start, _ in spans), max(end for _, end in spans)
        return Told(
            cause=cause,
            action="retraining held",
            result=f"{verdict['judgement']}; one incident, {count} predictions on bad features listed, resolved when "
            "the neighbour left",
            detected_after_s=detected_after(closed, fault),
            evidence={"incident": incident, "verdict": verdict["id"], "predictions": count},
        )


def _holds_both(detail: Record) -> bool:
    """Findings of services and findings of the model's inputs, together."""
    findings = detail["findings"]
    return bool(of_kinds(findings, *SERVICE_KINDS, prefix="service:")) and bool(
        of_kinds(findings, "data_quality", "drift", prefix=f"feature:{MODEL}/")
    )


def _is_ours(incident: Record) -> bool:
    """Whether it is about the shop or the model; this machine may have troubles of its own."""
    ours = ("service:shop/", SUBJECT, f"feature:{MODEL}/")
    return any(member["entity"].startswith(ours) for member in incident["members"])


def _named(scene: Scene, incident: str) -> str:
    """The cause that is named, once it is the feature service."""
    cause = cause_of(scene.observer.incident(incident))
    return cause if cause == FEATURES else ""


def _broken(scene: Scene) -> Record | None:
    verdicts = scene.observer.verdicts(SUBJECT, scene.since)
    return next((verdict for verdict in verdicts if verdict["judgement"] == BROKEN), None)


def _drift_in(scene: Scene, incident: str) -> bool:
    return bool(of_kinds(scene.observer.incident(incident)["findings"], "drift", prefix=SUBJECT))


def _listed(scene: Scene, incident: str) -> int:
    """How many predictions on bad features the incident lists; 0 while they are fewer than enough."""
    found = scene.observer.get(f"/api/v1/incidents/{incident}/predictions", limit=1)
    count: int = sum(model["count"] for model in found["models"])
    return count if count >= ENOUGH else 0


def _is_retrain(plan: Record) -> bool:
    return any(action["name"] == RETRAIN for action in plan["plan"]["actions"])
