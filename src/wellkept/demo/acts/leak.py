"""Act 3: checkout leaks; it is found from the trend, and restarted once a person has approved."""

from __future__ import annotations

from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import (
    POLICY,
    cause_of,
    decide,
    detected_after,
    wait_closed,
    wait_done,
    wait_incident,
    wait_plan,
)
from wellkept.demo.observer import Record, id_of, now, of_kinds
from wellkept.demo.outcome import Told

CHECKOUT = "service:shop/checkout"


class Leak:
    name = "A memory leak"
    promise = "Checkout leaks; the trend gives it away before the limit; a restart is proposed, approved, done once."

    def play(self, scene: Scene) -> Told:
        scene.screen.step("checkout keeps every receipt from now on")
        fault = now()
        scene.tell("checkout", "/admin/configuration", {"keep_receipts": True})
        detail = wait_incident(scene, "the forecast that its memory will run out", lambda d: bool(_forecasts(d)), 100)
        finding = _forecasts(detail)[0]
        evidence = finding["evidence"][0]
        level, limit = evidence["values"]["level"], evidence["limit"]
        scene.screen.note(finding["sentence"])
        scene.expect(level < limit, "the leak to be found before the limit", finding["sentence"])
        incident = detail["incident"]["id"]
        proposed = wait_plan(scene, incident, "restart_service", 40)
        decide(scene, proposed["id"])
        plan = wait_done(scene, proposed["id"], 90)
        scene.screen.note(plan["results"][0]["sentence"])
        closed = wait_closed(scene, incident, 60)
        by, cause = plan["decision"]["by"], cause_of(closed)
        scene.expect(by != POLICY, "a person to decide", f"decided by {by}")
        scene.expect(cause == CHECKOUT, f"{CHECKOUT} to be named as the cause", cause or "no cause")
        times = [entry for entry in scene.observer.audit(plan["id"]) if entry["verb"] == "action.done"]
        scene.expect(len(times) == 1, "the restart to be done exactly once", f"done {len(times)} times")
        return Told(
            cause=cause,
            action=f"{plan['plan']['runbook']}, approved by {by}",
            result=f"found at {level / limit:.0%} of the limit, restarted once, ticket "
            f"{closed['incident']['ticket']} closed",
            detected_after_s=detected_after(closed, fault),
            evidence={"incident": incident, "finding": id_of(finding), "plan": plan["id"]},
        )


def _forecasts(detail: Record) -> list[Record]:
    return of_kinds(detail["findings"], "forecast", "threshold", prefix=CHECKOUT)
