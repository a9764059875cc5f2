"""What acts have in common: a plan is found, decided, carried out and verified; an incident is opened and closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from wellkept.demo.acts.base import PERSON, Scene
from wellkept.demo.observer import Record, moment, noticed_at
from wellkept.demo.outcome import ActError
from wellkept.kernel.errors import ConflictError

POLICY = "policy"
DEAD = ("failed", "rejected", "expired", "void")
FOREVER_S = float("inf")


def wait_incident(scene: Scene, what: str, fits: Callable[[Record], bool], within_s: float) -> Record:
    """The incident that findings joined since the act began and that fits, with everything about it."""

    def look() -> Record | None:
        details = (scene.observer.incident(i["id"]) for i in scene.observer.incidents(scene.since))
        return next((detail for detail in details if fits(detail)), None)

    return scene.wait(what, look, within_s)


def wait_plan(scene: Scene, subject: str, action: str, within_s: float) -> Record:
    """The plan about a subject whose first action is this one, proposed since the act began."""

    def look() -> Record | None:
        plans = scene.observer.plans(subject, scene.since)
        return next((plan for plan in plans if plan["plan"]["actions"][0]["name"] == action), None)

    return scene.wait(f"a plan to {action.replace('_', ' ')}", look, within_s)


def decide(scene: Scene, plan: str) -> None:
    """Have a plan approved: by a person where one plays along, else by the demo in the person's place."""
    read = scene.observer.plan(plan)
    if read["state"] != "waiting":
        raise ActError(f"plan {plan} to wait for a person", f"it is {read['state']}: {read['sentence']}")
    if scene.by_hand:
        scene.screen.note(f"yours to decide: {scene.layout.address}/approvals, or in another terminal:")
        scene.screen.note(f"wellkept approve {plan} --data {scene.layout.folder / 'data'}")
        scene.wait(
            f"you, to approve: {read['plan']['title']}",
            lambda: scene.observer.plan(plan)["state"] != "waiting",
            FOREVER_S,
        )
        return
    opinion = {"hash": read["hash"], "by": PERSON, "why": "read and approved, as a person on duty would"}
    try:
        scene.observer.post(f"/api/v1/plans/{plan}/approve", opinion)
    except ConflictError:
        # Sent again after the server was away, it may have been taken the first time.
        decision = scene.observer.plan(plan)["decision"]
        if decision is None or not decision["approved"] or decision["plan_hash"] != read["hash"]:
            raise


def wait_done(scene: Scene, plan: str, within_s: float) -> Record:
    """The plan when it has succeeded: carried out, and verified on telemetry."""

    def look() -> Record | None:
        read = scene.observer.plan(plan)
        if read["state"] in DEAD:
            raise ActError(f"plan {plan} to succeed", f"{read['state']}: {read['sentence']}")
        return read if read["state"] == "succeeded" else None

    return scene.wait("carried out and verified", look, within_s)


def wait_closed(scene: Scene, incident: str, within_s: float) -> Record:
    """The incident when it is closed, its ticket too."""

    def look() -> Record | None:
        detail = scene.observer.incident(incident)
        return detail if detail["incident"]["state"] == "closed" else None

    return scene.wait("the incident closes itself, and its ticket", look, within_s)


def pages_about(scene: Scene, incident: str) -> list[str]:
    """What the pager of whoever is on duty was told of an incident."""
    told: list[str] = scene.hear("load", "/admin/pages").get(f"incident:{incident}", [])
    return told


def detected_after(detail: Record, fault: datetime) -> float:
    """Seconds from the fault to the moment at which the platform had an incident for it."""
    return (noticed_at(detail["incident"], fault) - fault).total_seconds()


def cause_of(detail: Record) -> str:
    """The cause that the platform names now; empty where it names none."""
    causes = (detail["diagnosis"] or {}).get("causes") or []
    return str(causes[0]["entity"]) if causes else ""


def lasted(finding: Record, until: datetime) -> tuple[datetime, datetime]:
    """The span of a finding."""
    return moment(finding["starts_at"]), moment(finding["ends_at"]) if finding["ends_at"] else until
