"""The pulse of the platform: what of it stands still. No store is asked, for one may be what does not answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellkept.app.children import Child
from wellkept.app.schedule import Job, Loop, Schedule
from wellkept.spine.notify.channels import senders_of
from wellkept.spine.notify.watchdog import Heart, Watchdog
from wellkept.spine.webhooks.send import Transport

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

LOOK_EVERY_S = 2.0
LATELY_S = 60.0
"""A write that failed longer ago says nothing of now."""


class Pulse:
    """Looks whether the work goes on, and has people told where it does not, until it is closed."""

    def __init__(self, platform: Platform, schedules: Sequence[Schedule]) -> None:
        settings = platform.settings.notify
        self._platform, self._schedules, self._patience_s = platform, schedules, settings.watchdog.after_s
        self._full_since: float | None = None
        self.children: Sequence[Child] = ()
        """The processes beside the server, where there are any."""
        transport, beats = Transport(settings.networks, setting="notify.networks"), settings.watchdog.heartbeat
        self._watchdog = Watchdog(
            settings,
            senders_of(settings, platform.secrets, transport, platform.clock),
            Heart(beats, platform.secrets, transport) if beats is not None else None,
            self.standing,
            platform.clock,
            about=platform.settings.state.server or socket.gethostname(),
            url=settings.url or platform.settings.webhooks.url,
            path=platform.settings.data.resolve() / "watchdog.json",
        )
        self._thread = Schedule([Loop("watchdog", LOOK_EVERY_S, [Job("watchdog", self._watchdog.turn)])])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._thread.stop(2.0)

    def standing(self) -> dict[str, str]:
        """What stands still, and in a sentence why; empty where the work goes on."""
        standing: dict[str, str] = {}
        for schedule in self._schedules:
            standing |= schedule.standing(self._patience_s)
        for signal, (seconds, why) in self._platform.ingest.stalled(LATELY_S).items():
            if seconds > self._patience_s:
                standing[f"ingest of {signal}"] = f"has stored nothing of what came for {seconds:.0f} s" + (
                    f": {why}" if why else ""
                )
        for child in self.children:
            seconds, how = child.failing()
            if seconds > self._patience_s:
                standing[child.name] = f"has ended again and again for {seconds:.0f} s: {how}"
        unheard_s = self._platform.leader.unheard_s
        if unheard_s > self._patience_s:
            standing["state"] = f"has not answered for {unheard_s:.0f} s"
        return standing | self._without_room()

    def jobs(self) -> list[Job]:
        """Everything that is done again and again."""
        return [job for schedule in self._schedules for loop in schedule.loops for job in loop.jobs]

    def status(self) -> Mapping[str, Any]:
        """What stands still, and why nobody outside hears the heartbeat."""
        return {"standing": self.standing(), "heartbeat": self._watchdog.silent_because}

    def _without_room(self) -> dict[str, str]:
        space = self._platform.telemetry.engine.space
        if space.has_room():
            self._full_since = None
            return {}
        self._full_since = self._full_since if self._full_since is not None else time.monotonic()
        seconds = time.monotonic() - self._full_since
        if seconds <= self._patience_s:
            return {}
        return {"disk": f"has had no room for telemetry for {seconds:.0f} s: {space.look() >> 20} MiB are free"}
