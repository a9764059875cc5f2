"""Act 2: a service logs far too much into a directory of limited size, and nobody is woken for it."""

from __future__ import annotations

from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import (
    POLICY,
    cause_of,
    detected_after,
    pages_about,
    wait_closed,
    wait_done,
    wait_incident,
    wait_plan,
)
from wellkept.demo.observer import Record, id_of, now, of_kinds
from wellkept.demo.outcome import Told


class Disk:
    name = "A disk fills overnight"
    promise = "Payments logs too much; the full disk is foreseen, old logs are cleared by themselves, nobody is woken."

    def play(self, scene: Scene) -> Told:
        disk = f"disk:{scene.host}:{scene.layout.payments_logs}"
        scene.screen.step("payments logs at debug level, half a megabyte a second")
        fault = now()
        scene.tell("payments", "/admin/log", {"level": "debug"})
        try:
            detail = wait_incident(
                scene, "the forecast that its disk will be full", lambda d: bool(_forecasts(d, disk)), 90
            )
            finding = _forecasts(detail, disk)[0]
            scene.screen.note(finding["sentence"])
            incident = detail["incident"]["id"]
            proposed = wait_plan(scene, incident, "delete_old_logs", 30)
            plan = wait_done(scene, proposed["id"], 90)
        finally:
            scene.tell("payments", "/admin/log", {"level": "info"})
        by, freed = plan["decision"]["by"], int(plan["results"][0]["details"]["bytes"])
        scene.expect(by == POLICY, "the policy to decide, and no person", f"decided by {by}")
        scene.expect(freed > 0, "old logs to be deleted", plan["results"][0]["sentence"])
        scene.screen.note(plan["results"][0]["sentence"])
        closed = wait_closed(scene, incident, 60)
        cause = cause_of(closed)
        scene.expect(cause == disk, f"{disk} to be named as the cause", cause or "no cause")
        pages = pages_about(scene, incident)
        scene.expect(not pages, "nobody to be woken", f"the pager was told: {', '.join(pages)}")
        when = "before" if _forecasts(closed, disk) else "when"
        return Told(
            cause=cause,
            action=f"{plan['plan']['runbook']}, by itself",
            result=f"{freed / 1e6:.0f} MB of old logs cleared {when} it was full, ticket "
            f"{closed['incident']['ticket']} closed, nobody woken",
            detected_after_s=detected_after(closed, fault),
            evidence={"incident": incident, "finding": id_of(finding), "plan": plan["id"]},
        )


def _forecasts(detail: Record, disk: str) -> list[Record]:
    """What foresees that the disk will be full; once it is, the finding says that instead."""
    return of_kinds(detail["findings"], "forecast", prefix=disk)
