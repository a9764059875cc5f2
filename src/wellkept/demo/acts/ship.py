"""Act 1: a model is trained on the shop's history, passes its gates, is approved, and scores real checkouts."""

from __future__ import annotations

from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import decide, wait_done
from wellkept.demo.observer import Record
from wellkept.demo.outcome import Told

MODEL = "fraud"
ENOUGH = 100
"""Scored checkouts after which it is live for everybody to see."""


class Ship:
    name = "Ship a model"
    promise = "Fraud v1 is trained on the shop's history, passes its gates, is approved, and scores real checkouts."

    def play(self, scene: Scene) -> Told:
        live = [model for model in scene.observer.get("/api/v1/models")["models"] if model["champion"]]
        request = {"project": str(scene.layout.project), "by": "demo"}
        job = scene.observer.post("/api/v1/models/train", request)["job"]
        done = scene.wait("trained on the shop's history, and judged", lambda: _ended(scene, job["id"]), 120)
        details = done["details"]
        checks = [check["sentence"] for check in details.get("checks", ())]
        scene.expect(
            details.get("judgement") == "pass",
            "the version to pass its gates",
            details.get("error") or "; ".join(checks),
        )
        scene.screen.note("; ".join(checks))
        asked = {"by": "demo", "why": "the first version passed its gates"}
        plan = scene.observer.post(f"/api/v1/models/{MODEL}/promote", asked)["id"]
        decide(scene, plan)
        wait_done(scene, plan, 30)
        count = scene.wait("live: it scores checkouts", lambda: _scored(scene, details["digest"]), 30)
        metric = details["metrics"]["average_precision"]
        return Told(
            cause=f"{len(live)} models were live" if live else "no model was live",
            action=f"promote version {details['version']}, approved by {approver(scene, plan)}",
            result=f"version {details['version']} is live (average precision {metric:.2f} on held-out rows), "
            f"{count} checkouts scored",
            evidence={"job": job["id"], "version": details["digest"], "plan": plan},
        )


def approver(scene: Scene, plan: str) -> str:
    """Who decided a plan, by the platform's records."""
    decision = scene.observer.plan(plan)["decision"]
    return str(decision["by"]) if decision else "nobody"


def _ended(scene: Scene, job: str) -> Record | None:
    found: Record = scene.observer.get(f"/api/v1/jobs/{job}")["job"]
    return found if found["state"] != "running" else None


def _scored(scene: Scene, digest: str) -> int | None:
    """Predictions of a version that are stored, when they are enough."""
    count = scene.observer.stored(scene.since)["versions"].get(MODEL, {}).get(digest, 0)
    return count if count >= ENOUGH else None
